"""Where each group of a split stands, remembered in a small table: labels that are added later move no group.

The table lies beside the splits of all folds and is no output of the workflow, so it outlives them. Its content does
not depend on the fold: folds that are made at the same time write the same table, whole or not at all.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Mapping
from pathlib import Path

from posewright.config.labels import SplitConfig
from posewright.errors import InputError
from posewright.files import digest_of, write_text
from posewright.labels.sides import Place

_COLUMNS = ("settings", "group", "place")
_PLACE = re.compile(r"train|val|test|fold\d+")
_Rows = dict[tuple[str, str], Place]  # (digest of the settings, group) -> place


def recall_groups(table: Path, settings: SplitConfig) -> dict[str, Place]:
    """Return group -> place as remembered for these settings; nothing where there is no table."""
    key = _key(settings)
    return {group: place for (other, group), place in _read(table).items() if other == key}


def remember_groups(table: Path, settings: SplitConfig, places: Mapping[str, Place]) -> None:
    """Add groups to the table; those it knows stay as they are, also where they have no labels now.

    Sides that a person gives by a file are not remembered: the file is their memory.
    """
    if settings.by == "file":
        return
    known = _read(table)
    key = _key(settings)
    rows = {(key, group): place for group, place in places.items()} | known
    if rows == known:
        return
    stream = io.StringIO()
    writer = csv.writer(stream, delimiter="\t", lineterminator="\n")
    writer.writerow(_COLUMNS)
    writer.writerows([*names, place] for names, place in sorted(rows.items()))
    write_text(table, stream.getvalue())


def _key(settings: SplitConfig) -> str:
    """Return a digest of all that gives a group its place; other settings deal all groups anew."""
    names = ["by", "seed", "val", "test", "folds", *(["block_frames"] if settings.by == "block" else [])]
    return digest_of({name: getattr(settings, name) for name in names})[:16]


def _read(table: Path) -> _Rows:
    if not table.exists():
        return {}
    with table.open(newline="", encoding="utf-8") as stream:
        lines = list(csv.reader(stream, delimiter="\t"))
    if not lines or tuple(lines[0]) != _COLUMNS or not all(map(_is_row, lines[1:])):
        raise InputError(
            f"{table}: the table of remembered groups is damaged; restore it, or remove it to deal all groups anew."
        )
    return {(key, group): place for key, group, place in lines[1:]}


def _is_row(line: list[str]) -> bool:
    return len(line) == len(_COLUMNS) and _PLACE.fullmatch(line[-1]) is not None
