"""How long labelled frames of one video stay alike, measured from how far the animals have moved in between."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from posewright.labels.model import LabeledFrame, LabelSet

_ENOUGH_PAIRS = 20  #: fewer pairs of frames at a lag say nothing
_MOST_PAIRS = 200  #: more of them cost time and change little

Pairs = list[tuple[LabeledFrame, LabeledFrame]]


def measured_gap(labels: LabelSet, block_frames: int) -> tuple[int, str]:
    """Return how many frames labelled poses stay alike, and a sentence on how that was found.

    It is the smallest lag at which the median displacement of an animal reaches half of that between frames far apart,
    from 1 frame to half a block. All labels count, whatever their side: the gap is there before the sides are.
    """
    most, fallback = max(1, block_frames // 2), max(1, block_frames // 10)
    far_px = _moved_px(_far_pairs(labels, block_frames))
    if len(far_px) < _ENOUGH_PAIRS:
        return (
            fallback,
            f"a tenth of a block: too few labelled frames lie {block_frames} frames or more apart to measure",
        )
    plateau_px = float(np.median(far_px))
    of_key = {frame.key: frame for frame in labels.frames}
    is_measured = False
    for lag in range(1, most + 1):
        pairs = [
            (frame, of_key[frame.video, frame.frame + lag])
            for frame in labels.frames
            if (frame.video, frame.frame + lag) in of_key
        ]
        near_px = _moved_px(pairs)
        if len(near_px) < _ENOUGH_PAIRS:
            continue
        is_measured = True
        moved_px = float(np.median(near_px))
        if moved_px >= plateau_px / 2:
            return lag, (
                f"measured: animals {lag} frames apart have moved {moved_px:.3g} px (median of {len(near_px)}), "
                f"half or more of the {plateau_px:.3g} px between frames far apart"
            )
    if is_measured:
        return most, (
            f"half a block, the longest gap: animals move less than half of {plateau_px:.3g} px, "
            "the median between frames far apart, in that time"
        )
    return fallback, f"a tenth of a block: too few labelled frames lie within {most} frames of each other to measure"


def _far_pairs(labels: LabelSet, least_frames: int) -> Pairs:
    """Return each frame with the one that half of its video's labelled frames lie between, where that is far."""
    pairs: Pairs = []
    for video in range(len(labels.videos)):
        frames = [frame for frame in labels.frames if frame.video == video]
        pairs += zip(frames, frames[len(frames) // 2 :], strict=False)
    return [(early, late) for early, late in pairs if late.frame - early.frame >= least_frames]


def _moved_px(pairs: Sequence[tuple[LabeledFrame, LabeledFrame]]) -> NDArray[np.float64]:
    """Return how far each animal has moved, for at most `_MOST_PAIRS` pairs spread evenly over all."""
    chosen = np.linspace(0, len(pairs) - 1, min(len(pairs), _MOST_PAIRS)).astype(int)
    moved = [displacements_px(*pairs[index]) for index in chosen]
    return np.concatenate([np.zeros(0), *moved])


def displacements_px(early: LabeledFrame, late: LabeledFrame) -> NDArray[np.float64]:
    """Return the mean distance of the nodes seen in both frames: to the same track, else to the nearest instance."""
    apart = np.linalg.norm(early.points[:, None] - late.points[None], axis=-1)
    seen = ~np.isnan(apart)
    mean = np.where(seen, apart, 0.0).sum(axis=-1) / np.maximum(seen.sum(axis=-1), 1)
    mean[~seen.any(axis=-1)] = np.inf  # no node in common
    moved = [
        row[late.tracks.index(track)] if track is not None and track in late.tracks else row.min(initial=np.inf)
        for row, track in zip(mean, early.tracks, strict=True)
    ]
    return np.array([distance for distance in moved if np.isfinite(distance)])
