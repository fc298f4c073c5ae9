"""The console: ``posewright check | run | status | explain | init``."""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posewright import __version__, door
from posewright.driving import drive
from posewright.errors import InputError
from posewright.files import read_json
from posewright.status import failed_fraction, read_status, summary

CONFIG = Path("config/config.yaml")
STATUS = Path("results/status.tsv")
TOO_MANY_FAILED = 3  #: exit code of ``status`` when a video gave nothing


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the console; faults of the inputs end as sentences."""
    door.main(lambda: _command(arguments))


def _command(arguments: Sequence[str] | None) -> int:
    parser = argparse.ArgumentParser(prog="posewright", description="Animal poses, and which method finds them best.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")

    check = commands.add_parser("check", help="name all problems of the inputs at once")
    check.add_argument("--config", type=Path, default=CONFIG, help="the project's config (default: %(default)s)")

    commands.add_parser(
        "run",
        help="run the workflow, and go on after a run that died; all further words go to snakemake",
        add_help=False,
    )

    commands.add_parser(
        "explain",
        help="what a run would do and why, before it does; all further words go to snakemake",
        add_help=False,
    )

    status = commands.add_parser("status", help="how far the run has come, and what became of every video")
    status.add_argument("--table", type=Path, default=STATUS, help="the table (default: %(default)s)")
    status.add_argument("--config", type=Path, default=CONFIG, help="the project's config (default: %(default)s)")

    init = commands.add_parser("init", help="write a project folder to start from")
    init.add_argument("folder", type=Path)

    given, rest = parser.parse_known_args(arguments)
    if given.command == "run":
        return run(rest)
    if given.command == "explain":
        return explain_run(rest)
    if rest:
        parser.error(f"unknown words: {' '.join(rest)}")
    if given.command == "check":
        return check_project(given.config)
    if given.command == "status":
        return show_status(given.table, given.config)
    return init_project(given.folder)


def check_project(config: Path) -> int:
    """Check every dataset of a project and say what was found."""
    from posewright.check import check_inputs  # reads labels and videos: heavy, and needed here only
    from posewright.config.project import load_project
    from posewright.plan import groups_file

    project = load_project(config)
    with tempfile.TemporaryDirectory() as folder:  # the workflow's own check.json is not touched: models depend on it
        for name in project.datasets:
            out = Path(folder) / f"{name}.json"
            check_inputs(project, name, out, Path(groups_file(name)))
            print(f"{name}: {_found(read_json(out))}")
    print("No problems found.")
    return 0


def _found(facts: Mapping[str, Any]) -> str:
    labels = facts["labels"]
    videos = f"{facts['sheet']['videos']} videos to predict"
    return f"{labels['frames']} labelled frames, {labels['instances']} instances, {videos}" if labels else videos


def run(words: Sequence[str]) -> int:
    """Run Snakemake on this checkout's workflow, and go on where a run that died has stopped."""
    return drive(words, checkout())


def explain_run(words: Sequence[str]) -> int:
    """Print what a run would do and why."""
    from posewright.explain import explain  # reads the config: needed here only

    return explain(words, checkout())


def show_status(table: Path, config: Path) -> int:
    """Print how far the run has come and what became of the videos; the exit code says whether all gave poses."""
    from posewright.progress import progress  # reads the config: needed here only

    lines = progress(Path(), config) if config.exists() else []
    print("\n".join(lines), end="\n" if lines else "")
    if lines and not table.exists():
        return 0  # a run that has not come so far
    rows = read_status(table)
    print(summary(rows))
    return TOO_MANY_FAILED if failed_fraction(rows) > 0 else 0


def init_project(folder: Path) -> int:
    """Write a project folder: config, an empty sheet, and a copy of the recipes to change."""
    from posewright.start import write_project

    write_project(folder, checkout() / "config" / "recipes")
    print(f"Project written to {folder}. Next: edit {folder / CONFIG}, then: cd {folder} && posewright check")
    return 0


def checkout() -> Path:
    """Return the folder with the workflow: the package is installed from it with ``pip install -e``."""
    root = Path(__file__).resolve().parents[2]
    if not (root / "workflow" / "Snakefile").is_file():
        raise InputError("The workflow is not beside the package; install posewright with pip install -e <checkout>.")
    return root
