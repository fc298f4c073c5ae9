"""What labels say of the animals' size and number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from posewright.geometry import anchor_points
from posewright.labels.model import LabelSet


def animal_extents_px(labels: LabelSet, anchor: int | None) -> NDArray[np.float64]:
    """Return the crop each animal needs: twice the largest distance, per axis, of a visible node from its anchor."""
    away = [np.abs(frame.points - anchor_points(frame.points, anchor)[:, None, :]) for frame in labels.frames]
    return np.concatenate([np.zeros(0), *(2 * np.nanmax(distances, axis=(1, 2)) for distances in away)])


def most_animals(labels: LabelSet) -> int:
    """Return the largest number of animals in one frame."""
    return max((len(frame.points) for frame in labels.frames), default=0)
