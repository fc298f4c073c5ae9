"""What one label file says, before files are joined."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posewright.errors import InputError
from posewright.labels.model import LabeledFrame, VideoRef
from posewright.labels.skeleton import Skeleton

Identity = tuple[str, ...]  #: equal for two mentions of one video, whichever files mention it
Mark = tuple[NDArray[np.float64], str | None]  #: points ``[node xy]`` of one instance and its track's name


@dataclass(frozen=True)
class Part:
    """One label file: its skeleton, its videos with their identities, and its labelled frames."""

    file: Path
    skeleton: Skeleton
    videos: list[tuple[Identity, VideoRef]]
    frames: list[LabeledFrame]


def make_frames(marks: dict[tuple[int, int], list[Mark]]) -> list[LabeledFrame]:
    """Return the frames of (video, frame) -> instances, sorted; frames without a marked point are left out."""
    frames = (_frame(key, instances) for key, instances in sorted(marks.items()))
    return [frame for frame in frames if frame is not None]


def _frame(key: tuple[int, int], instances: list[Mark]) -> LabeledFrame | None:
    """Make a frame of its instances; those without a single point are none, and an exact copy counts once."""
    kept: list[Mark] = []
    for points, track in instances:
        is_copy = any(track == other and np.array_equal(points, seen, equal_nan=True) for seen, other in kept)
        if not np.isnan(points).all() and not is_copy:
            kept.append((points, track))
    if not kept:
        return None
    return LabeledFrame(*key, np.stack([points for points, _ in kept]), tuple(track for _, track in kept))


def require_same_nodes(first: Skeleton, other: Skeleton, first_file: str, other_file: str) -> None:
    """Refuse two skeletons that name different nodes; another order is no difference."""
    if set(first.nodes) != set(other.nodes):
        raise InputError(
            f"The skeletons differ: {first_file} has {list(first.nodes)}, {other_file} has {list(other.nodes)}; "
            "label with one skeleton, or make a dataset of each."
        )
