"""Make a synthetic data set: ``python -m posewright.synthetic OUT --n-animals 2 --crowding 0.8``."""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Sequence
from dataclasses import fields
from pathlib import Path

from posewright.errors import InputError
from posewright.shapes import Size
from posewright.synthetic.dataset import make_dataset
from posewright.synthetic.spec import ArenaSpec


def main(arguments: Sequence[str] | None = None) -> int:
    """Read the command line, make the data set, and say where it lies."""
    given = vars(_parser().parse_args(arguments))
    folder = given.pop("folder")
    given["size"] = Size(given.pop("height"), given.pop("width"))
    try:
        make_dataset(ArenaSpec(**given), folder)
    except InputError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"Synthetic data set written to {folder}.")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m posewright.synthetic",
        description="Make recordings of synthetic animals with labels and exact truth.",
        epilog=inspect.getdoc(ArenaSpec),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", type=Path, metavar="OUT", help="folder to write to")
    for field in fields(ArenaSpec):
        option, usual = f"--{field.name.replace('_', '-')}", field.default
        if isinstance(usual, Size):
            parser.add_argument("--height", type=int, default=usual.height, help=f"pixels, usually {usual.height}")
            parser.add_argument("--width", type=int, default=usual.width, help=f"pixels, usually {usual.width}")
        elif isinstance(usual, bool):
            help_text = "usually yes" if usual else "usually no"
            parser.add_argument(option, action=argparse.BooleanOptionalAction, default=usual, help=help_text)
        else:
            parser.add_argument(option, type=type(usual), default=usual, metavar="N", help=f"usually {usual}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
