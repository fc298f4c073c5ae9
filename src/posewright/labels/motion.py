"""How far animals move between two labelled frames."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posewright.labels.model import LabeledFrame


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
