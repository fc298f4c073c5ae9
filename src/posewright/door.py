"""What every script's front door shares: input faults end as their own sentence, not as a traceback."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

from posewright.errors import InputError

INPUT_FAULT = 2  #: exit code of a run that the inputs made impossible; anything else non-zero is ours or the machine's


def main(door: Callable[[], int | None]) -> None:
    """Run ``door`` and leave the process with its exit code; an `InputError` is printed as it stands."""
    try:
        code = door()
    except InputError as error:
        print(error, file=sys.stderr)
        sys.exit(INPUT_FAULT)
    sys.exit(code or 0)


def mapping(text: str) -> dict[str, Any]:
    """Read a JSON object from a command line word; the name is what argparse says when it is none."""
    value = json.loads(text)
    if not isinstance(value, dict):
        raise ValueError(f"a JSON object is wanted, found {text}")
    return value
