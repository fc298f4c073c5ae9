"""Who trains, who validates, who is tested: a split that is decided once per group and kept when labels are added.

One split file serves all methods, seeds and folds (``comparison.md`` rule 2).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from posewright.discretion import publishable
from posewright.errors import InputError
from posewright.files import digest_of, write_json
from posewright.labels.duplicates import Frames
from posewright.labels.gap import measured_gap
from posewright.labels.model import LabelSet
from posewright.labels.recordings import as_recordings, group_names, video_names
from posewright.labels.settle import settle
from posewright.labels.sides import Dealer, Place, Side, side_in
from posewright.labels.write import write_labels

SIDES: tuple[Side, ...] = ("train", "val", "test")
By = Literal["animal", "session", "video", "block", "file"]


@dataclass(frozen=True)
class Split:
    """Three sides of one label set, and how they came about.

    Attributes:
        train: frames to learn from.
        val: frames to choose with.
        test: frames for the final evaluation only.
        groups: group -> (side, number of labelled frames).
        places: group -> where it stands in all folds alike; what has to be remembered.
        units: (video, frame, group, side) of every labelled frame, those without animals too; ``dropped`` in a gap.
        dropped: (video, frame) keys in a gap between blocks of different sides.
        gap_frames: width of the gap; 0 without blocks, None where it is still to be measured.
        gap_reason: how that width came about.
        settings: by, fold, folds, seed and what else was asked for.
        notes: sentences about groups that do not stand where their hash says.
        digest: of the membership, nothing else.
        files: (video, frame) -> index of its label file, of the frames that are not from the first.
    """

    train: LabelSet
    val: LabelSet
    test: LabelSet
    groups: dict[str, tuple[Side, int]]
    places: dict[str, Place]
    units: tuple[tuple[int, int, str, str], ...]
    dropped: tuple[tuple[int, int], ...]
    gap_frames: int | None
    gap_reason: str
    settings: dict[str, Any]
    notes: tuple[str, ...]
    digest: str
    files: dict[tuple[int, int], int] = field(default_factory=dict)


def split_labels(
    labels: LabelSet,
    *,
    by: By,
    val: float,
    test: float,
    folds: int = 1,
    fold: int = 0,
    block_frames: int = 50,
    gap_frames: int | Literal["auto"] = "auto",
    seed: int = 0,
    groups: Mapping[int, str] | None = None,
    remembered: Mapping[str, Place] | None = None,
    frames: Frames | None = None,
) -> Split:
    """Divide labelled frames into train, val and test so that no group has frames on two sides.

    A group's place comes from a seeded hash of its name (blocks: from a seeded deal of each run of blocks). Where a
    wanted side stays empty, the group nearest to it is moved there, and a note says so. A group whose place is
    remembered keeps it, so adding labels moves no group.

    Args:
        labels: all labels of a dataset.
        by: what a group is. ``block``: ``block_frames`` consecutive frame numbers of a video; ``video``: a video; else
            what ``groups`` says.
        val: part of the groups for validation; with several folds, each non-test group validates in one fold instead.
        test: part of the groups for the test, the same in all folds.
        folds: number of folds.
        fold: which of them.
        block_frames: length of a block.
        gap_frames: training frames so near to a block of another side are dropped; ``auto`` is measured from
            the autocorrelation of the pictures (`posewright.labels.gap`).
        seed: of the hash.
        groups: video index -> group (``animal``, ``session``), or -> train, val, test (``file``).
        remembered: group -> place in an earlier split with the same settings (`posewright.labels.memory`).
        frames: pictures of all labelled frames; without them an ``auto`` gap is not measured and nothing is dropped,
            while every group has the place that it will have.

    Raises:
        InputError: a side is empty and no group can be spared for it, or a video belongs to no group.
    """
    _check_settings(by, val, test, folds, fold)
    gap, gap_reason = _gap(labels, by, block_frames, gap_frames, frames)
    known = remembered or {}
    of_key = group_names(labels, by, groups, block_frames)
    of_frame = {frame.key: of_key[frame.key] for frame in labels.frames}
    dealer = Dealer(by=by, val=val, test=test, folds=folds, seed=seed)
    counts = Counter(of_frame.values())
    places, notes = settle(sorted(counts), dealer, known, _remedy(by, labels, block_frames))
    sides = {name: side_in(place, fold) for name, place in places.items()}
    names = video_names(labels.videos)

    def side_near(video: int, frame: int) -> Side:
        name = f"{names[video]}/b{frame // block_frames}"
        return side_in(places.get(name) or known.get(name) or dealer.place(name), fold)

    def side_of(key: tuple[int, int], name: str) -> str:
        side = sides.get(name) or side_in(known.get(name) or dealer.place(name), fold)
        if not gap or side != "train":
            return side
        near = {side_near(key[0], other) for other in _touched(key[1], gap, block_frames)}
        return "train" if near == {"train"} else "dropped"

    final = {key: side_of(key, name) for key, name in of_key.items()}
    parts = {side: labels.only([key for key, own in final.items() if own == side]) for side in SIDES}
    if not parts["train"].frames:
        raise InputError(
            f"No frame is left to train on: the gap of {gap} frames between blocks of {block_frames} takes all; "
            "lower split.gap_frames or raise split.block_frames."
        )
    settings = {
        "by": by,
        "val": val,
        "test": test,
        "folds": folds,
        "fold": fold,
        "block_frames": block_frames,
        "seed": seed,
    }
    return Split(
        train=parts["train"],
        val=parts["val"],
        test=parts["test"],
        groups={name: (sides[name], counts[name]) for name in sorted(counts)},
        places=places,
        units=tuple((*key, of_key[key], final[key]) for key in sorted(final)),
        dropped=tuple(key for key in sorted(final) if final[key] == "dropped"),
        gap_frames=gap,
        gap_reason=gap_reason,
        settings=settings,
        notes=tuple(notes),
        digest=digest_of(sorted([names[video], frame, side] for (video, frame), side in final.items())),
        files={frame.key: frame.file for frame in labels.frames if frame.file},
    )


def write_split(split: Split, folder: Path, looks: Mapping[str, Any] | None = None) -> None:
    """Write ``train.slp``, ``val.slp``, ``test.slp`` and, last, ``split.json``.

    Args:
        split: the split.
        folder: where to.
        looks: what `posewright.labels.duplicates` found; None if nobody looked.

    Raises:
        InputError: the gap has not been measured.
    """
    if split.gap_frames is None:
        raise InputError(
            "split.gap_frames: auto is measured from the decoded frames; give the frame store, or a number of frames."
        )
    for side in SIDES:
        write_labels(getattr(split, side), folder / f"{side}.slp")
    negatives = {side: len(getattr(split, side).negatives) for side in SIDES}
    write_json(
        folder / "split.json",
        {
            "schema": 1,
            "digest": split.digest,
            **split.settings,
            "unit": split.settings["by"],
            "groups": [
                {"group": name, "side": side, "frames": frames} for name, (side, frames) in split.groups.items()
            ],
            "videos": [publishable(video.path) for video in split.train.videos],
            "units": [list(unit) for unit in split.units],
            "gap_frames": split.gap_frames,
            "gap_reason": split.gap_reason,
            "dropped_frames": len(split.dropped),
            "leakage": {**leakage(split), **({} if looks is None else {"near_duplicates": dict(looks)})},
            "files": [[*key, file] for key, file in sorted(split.files.items())],
            **({"frames_without_animals": negatives} if any(negatives.values()) else {}),
            "notes": list(split.notes),
        },
    )


def leakage(split: Split) -> dict[str, Any]:
    """Return what could leak: groups on two sides, and how near training comes to the others within a video."""
    of_group: dict[str, set[str]] = {}
    for _, _, group, side in split.units:
        of_group.setdefault(group, set()).add(side)
    on_two = sorted(group for group, sides in of_group.items() if len(sides - {"dropped"}) > 1)
    train = as_recordings(split.train)
    nearest = {side: _nearest_frames(train, as_recordings(getattr(split, side))) for side in ("val", "test")}
    return {"groups_on_two_sides": on_two, "nearest_train_frame": nearest}


def _nearest_frames(first: LabelSet, second: LabelSet) -> int | None:
    """Return the smallest difference of frame numbers within a video; None where no video is on both sides."""
    found = []
    for video in range(len(first.videos)):
        marks = sorted(
            [(frame.frame, 0) for frame in first.frames if frame.video == video]
            + [(frame.frame, 1) for frame in second.frames if frame.video == video]
        )
        found += [later[0] - earlier[0] for earlier, later in pairwise(marks) if earlier[1] != later[1]]
    return min(found, default=None)


def _touched(frame: int, gap: int, block_frames: int) -> list[int]:
    """Return one frame of each block within ``gap`` frames of ``frame``."""
    first, last = max(frame - gap, 0) // block_frames, (frame + gap) // block_frames
    return [block * block_frames for block in range(first, last + 1)]


def _gap(
    labels: LabelSet, by: By, block_frames: int, gap_frames: int | Literal["auto"], frames: Frames | None
) -> tuple[int | None, str]:
    """Return the width of the gap, and a sentence on where it comes from."""
    if by != "block":
        return 0, f"no gap: the groups are not blocks of one video (split.by: {by})"
    if gap_frames != "auto":
        return gap_frames, "as split.gap_frames says"
    if frames is None:
        return None, "not measured yet: the gap is measured from the decoded frames when the split is made"
    return measured_gap(labels, frames, block_frames)


def _remedy(by: By, labels: LabelSet, block_frames: int) -> str | None:
    """Say what gives more groups; None where each frame number is one already."""
    if by != "block":
        return "split.by: block divides within a video"
    if block_frames == 1:
        return None
    spans = [frame.frame for frame in labels.frames]
    return f"lower split.block_frames ({block_frames}; the labels span {max(spans) - min(spans) + 1} frame numbers)"


def _check_settings(by: By, val: float, test: float, folds: int, fold: int) -> None:
    if not (0 <= val < 1 and 0 <= test < 1 and val + test < 1):
        raise InputError(f"split.val {val} and split.test {test} leave nothing to train on; their sum must be below 1.")
    if not 0 <= fold < folds:
        raise InputError(f"Fold {fold} does not exist; split.folds is {folds}, counted from 0.")
    if val == 0 and folds == 1 and by != "file":
        raise InputError(
            "split.val is 0, but every training needs a validation side to know when to stop and which weights to "
            "keep; set split.val to 0.1, or split.folds to 2 or more, where each group validates once."
        )
