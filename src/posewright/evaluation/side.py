"""One held-back side of a split as scoring needs it: the truth, its units, and what is declared of its labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from posewright.errors import InputError
from posewright.files import read_json
from posewright.labels.model import LabelSet
from posewright.labels.read import read_side

LABEL_SOURCES = ("human", "corrected", "model")  #: from the one to trust to the one that forbids a verdict


@dataclass(frozen=True)
class ScoredSide:
    """The frames that a method is scored on.

    Attributes:
        side: ``val`` or ``test``.
        truth: their labels.
        units: unit of inference of each of them.
        label_source: ``human``, ``corrected`` or ``model``.
        complete: every animal in them is labelled.
        record: content of ``split.json``.
    """

    side: Literal["val", "test"]
    truth: LabelSet
    units: Mapping[tuple[int, int], str]
    label_source: str
    complete: bool
    record: Mapping[str, Any]

    @property
    def keys(self) -> list[tuple[int, int]]:
        """(video, frame) of each frame, in the order of the truth."""
        return [frame.key for frame in self.truth.frames]

    @classmethod
    def read(
        cls,
        split: Path,
        side: Literal["val", "test"],
        label_source: str,
        complete: bool,
        files: Sequence[Mapping[str, Any]] = (),
    ) -> Self:
        """Read a side from the folder of a split; the other sides are not opened.

        Args:
            split: folder with ``<side>.slp`` and ``split.json``.
            side: ``val``, or ``test`` for the final evaluation.
            label_source: of the data set.
            complete: of the data set.
            files: ``label_source`` and ``complete`` of each label file, where files differ.

        Raises:
            InputError: the side is empty.
        """
        truth = read_side(split / f"{side}.slp").with_negatives
        if not truth.frames:
            raise InputError(f"The side {side!r} of {split} has no labelled frame; give it a larger part in `split`.")
        record = read_json(split / "split.json")
        declared = declared_of(record, side, files) or [{"label_source": label_source, "complete": complete}]
        return cls(
            side=side,
            truth=truth,
            units=units_of(record, [frame.key for frame in truth.frames]),
            label_source=max((str(one["label_source"]) for one in declared), key=LABEL_SOURCES.index),
            complete=all(bool(one["complete"]) for one in declared),
            record=record,
        )

    def split_facts(self) -> dict[str, Any]:
        """Return what a comparison must know of the split: unit, numbers of frames and of recordings."""
        sides = [entry[3] for entry in self.record["units"]]
        return {
            "digest": self.record.get("digest"),
            "by": self.record.get("by"),
            "unit": self.record.get("unit"),
            "folds": self.record.get("folds", 1),
            "n_units": len(set(self.units.values())),
            "n_videos": len({self.truth.videos[frame.video].path for frame in self.truth.frames}),
            "frames": {side: sides.count(side) for side in ("train", "val", "test")},
        }


def declared_of(record: Mapping[str, Any], side: str, files: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return what is declared of the label files that a side's frames come from; the strictest of it holds for all.

    With several folds the validation side is every frame that validates in one of them, so that all folds are scored
    under one declaration. A split that does not name files may hold frames of any.
    """
    if not files or "files" not in record:
        return list(files)
    file_of = {(int(video), int(frame)): int(file) for video, frame, file in record["files"]}
    sides = {side, "train"} if side == "val" and record.get("folds", 1) > 1 else {side}
    used = {file_of.get((int(video), int(frame)), 0) for video, frame, _, own in record["units"] if own in sides}
    return [files[index] for index in sorted(used)]


def units_of(record: Mapping[str, Any], keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """Return the unit of inference of each labelled frame, as ``split.json`` decided it."""
    known = {(int(video), int(frame)): str(group) for video, frame, group, *_ in record["units"]}
    missing = [key for key in keys if key not in known]
    if missing:
        raise InputError(
            f"{len(missing)} labelled frames (first: video {missing[0][0]}, frame {missing[0][1]}) are not in "
            "split.json; make the split again."
        )
    return {key: known[key] for key in keys}
