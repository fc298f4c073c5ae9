"""What one label file says, before files are joined."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posewright.labels.model import LabeledFrame, VideoRef
from posewright.labels.skeleton import Skeleton

Identity = tuple[str, ...]  #: equal for two mentions of one video, whichever files mention it
Mark = tuple[NDArray[np.float64], str | None]  #: points ``[node xy]`` of one instance and its track's name


@dataclass(frozen=True)
class Part:
    """One label file.

    Attributes:
        file: the file.
        skeleton: of its instances, in the names of the data set.
        videos: its videos with their identities.
        frames: its labelled frames.
        negatives: (video, frame) of frames that it marks as without any animal.
        predicted: number of predicted instances in it, which do not count.
        tracks: names of all tracks it declares, whether or not a labelled animal is in them.
    """

    file: Path
    skeleton: Skeleton
    videos: list[tuple[Identity, VideoRef]]
    frames: list[LabeledFrame]
    negatives: list[tuple[int, int]] = field(default_factory=list)
    predicted: int = 0
    tracks: tuple[str, ...] = ()


def make_frames(marks: dict[tuple[int, int], list[Mark]]) -> list[LabeledFrame]:
    """Return the frames of (video, frame) -> instances, sorted; frames without a marked point are left out."""
    frames = (_frame(key, instances) for key, instances in sorted(marks.items()))
    return [frame for frame in frames if frame is not None]


def _frame(key: tuple[int, int], instances: list[Mark]) -> LabeledFrame | None:
    """Make a frame of its instances; those without a single point are none, and a copy counts once.

    A copy of a named instance is none itself if it has no name or the same one.
    """
    kept: dict[int, Mark] = {}
    for number, (points, track) in sorted(enumerate(instances), key=lambda entry: entry[1][1] is None):
        is_copy = any(
            track in (None, other) and np.array_equal(points, seen, equal_nan=True) for seen, other in kept.values()
        )
        if not np.isnan(points).all() and not is_copy:
            kept[number] = (points, track)
    if not kept:
        return None
    chosen = [kept[number] for number in sorted(kept)]
    return LabeledFrame(*key, np.stack([points for points, _ in chosen]), tuple(track for _, track in chosen))
