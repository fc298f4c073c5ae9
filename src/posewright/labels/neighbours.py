"""How near the animals of a frame come to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_TOUCHING = 0.05  #: body lengths between the nearest nodes of two animals
_OVERLAPPING = 0.1  #: intersection over union of the two boxes about the nodes


@dataclass(frozen=True)
class Neighbours:
    """Measures over all animals that share their frame with another one.

    Attributes:
        frames: with at least two animals.
        animals: in these frames.
        touching: part of the animals with a node within a twentieth of a body length of another animal's node.
        overlapping: part of the animals whose box overlaps another one's by more than a tenth (of their union).
        in_contact: part of the animals that touch or overlap.
        nearest_p05: 5th percentile of the distance to the nearest other middle, in body lengths.
        nearest_p50: median of the same.
    """

    frames: int
    animals: int
    touching: float
    overlapping: float
    in_contact: float
    nearest_p05: float
    nearest_p50: float


def neighbours_in(frames: Sequence[NDArray[np.float64]], length_px: float) -> Neighbours | None:
    """Measure frames of ``[animal node xy]``; None where no frame has two animals.

    Args:
        frames: the animals of each frame, each with a visible node.
        length_px: the usual body length.
    """
    shared = [points for points in frames if len(points) > 1]
    if not shared:
        return None
    rows = np.concatenate([_nearest(points) for points in shared])
    touching = rows[:, 0] < _TOUCHING * length_px
    overlapping = rows[:, 1] > _OVERLAPPING
    apart = rows[:, 2] / max(length_px, 1.0)
    return Neighbours(
        frames=len(shared),
        animals=len(rows),
        touching=float(touching.mean()),
        overlapping=float(overlapping.mean()),
        in_contact=float((touching | overlapping).mean()),
        nearest_p05=float(np.quantile(apart, 0.05)),
        nearest_p50=float(np.median(apart)),
    )


def _nearest(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return per animal: px to the nearest node of another one, largest overlap, px to the nearest other middle."""
    count = len(points)
    low, high = np.nanmin(points, axis=1), np.nanmax(points, axis=1)
    middle = np.nanmean(points, axis=1)
    area = (high - low).prod(axis=-1)
    sides = np.minimum(high[:, None], high[None]) - np.maximum(low[:, None], low[None])
    shared = sides.clip(0.0).prod(axis=-1)
    overlap = shared / np.maximum(area[:, None] + area[None] - shared, 1e-9)
    apart = np.linalg.norm(middle[:, None] - middle[None], axis=-1)
    rows = np.zeros((count, 3))
    for own in range(count):  # one animal at a time: frames may hold dozens
        others = np.delete(points, own, axis=0).reshape(-1, 2)
        seen = points[own][~np.isnan(points[own]).any(axis=-1)]
        gaps = np.linalg.norm(seen[:, None] - others[None], axis=-1)
        rest = np.arange(count) != own
        rows[own] = np.nanmin(gaps), overlap[own, rest].max(), apart[own, rest].min()
    return rows
