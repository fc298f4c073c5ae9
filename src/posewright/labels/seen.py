"""Which frames a model has seen, as marks that outlive the split it was trained on.

A release is scored on labels of today, its models were trained on those of then; whether the two share frames is told
by the marks in the models' records. A mark is made of a video's base name and a frame's number, as people move videos.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from posewright.files import read_json

_RECORD = "provenance.json"


def frame_mark(video: str, frame: int) -> str:
    """Return the mark of a frame; ``video`` is a base name."""
    return sha256(f"{video}\0{frame}".encode()).hexdigest()[:12]


def marks_of_split(split: Path) -> dict[str, list[str]]:
    """Return the marks of the frames that a training learns from, and of those that choose its weights."""
    return {side: _marks(split, (side,)) for side in ("train", "val")}


def marks_of_all_sides(split: Path) -> dict[str, list[str]]:
    """Return the marks of the frames that a refit learns from, those of the test side too; none choose its weights."""
    return {"train": _marks(split, ("train", "val", "test")), "val": []}


def _marks(split: Path, sides: Sequence[str]) -> list[str]:
    record = read_json(split)
    names = [str(path).replace("\\", "/").rpartition("/")[2] for path in record["videos"]]
    units = record["units"]
    return sorted({frame_mark(names[int(video)], int(frame)) for video, frame, _, own in units if own in sides})


def marks_of_models(models: Sequence[Path], side: str) -> set[str] | None:
    """Return the marks that any of the models has seen, None where one of them does not tell.

    Args:
        models: model folders, of trainings here or unpacked from a bundle.
        side: which side is scored: frames that a model was chosen by count as seen where test frames are.
    """
    told = [_recorded(folder) for folder in models]
    sides = ("train", "val") if side == "test" else ("train",)
    known = [one for one in told if one is not None]
    return {mark for one in known for name in sides for mark in one[name]} if len(known) == len(told) else None


def _recorded(folder: Path) -> Mapping[str, Sequence[str]] | None:
    """Return what a model's record says it has seen; in a bundle the records of all its models stand in one file."""
    own, joint = _read(folder / _RECORD), _read(folder.parent / _RECORD)
    record = own or (joint.get("models") or {}).get(folder.name) or {}
    seen = record.get("seen")
    return seen if isinstance(seen, dict) and {"train", "val"} <= set(seen) else None


def _read(path: Path) -> dict[str, Any]:
    try:
        value = read_json(path)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
