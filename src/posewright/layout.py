"""Where the pieces of a project lie, as rules, console and library name them alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from posewright.config.sheet import VideoRow, read_sheet


def release_file(dataset: str, release: str) -> str:
    """Return the path of a release's one file that rules name."""
    return f"results/{dataset}/releases/{release}/release.json"


def plan_file(dataset: str, fold: int | str) -> str:
    """Return the path of what the training labels of a fold suggest."""
    return f"results/{dataset}/plan/fold{fold}/plan.json"


def groups_file(dataset: str) -> str:
    """Return the path of the table that remembers where each group of the split stands; it outlives all splits."""
    return f"results/{dataset}/split/groups.tsv"


def repeats_file(dataset: str) -> str:
    """Return the path of what frames that were labelled once more tell of the labels."""
    return f"results/{dataset}/repeats/repeats.json"


def speed_file(dataset: str) -> str:
    """Return the path of what the methods' speed was measured to be."""
    return f"results/{dataset}/speed/speed.json"


def curve_file(dataset: str) -> str:
    """Return the path of what fewer labels would have given."""
    return f"results/{dataset}/learning_curve/summary.json"


def read_rows(sheet: Path, datasets: Sequence[str] | None = None) -> list[VideoRow]:
    """Read the sheet of videos; relative paths in it begin at its own folder, so a folder of videos moves as one."""
    return [replace(row, path=str(sheet.parent / row.path)) for row in read_sheet(sheet, datasets)]


def read_rows_of(sheet: Path, dataset: str) -> list[VideoRow]:
    """Read the rows of one dataset; a sheet that names none is all about it."""
    return [row for row in read_rows(sheet) if row.dataset in (None, dataset)]
