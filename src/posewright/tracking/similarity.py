"""How alike two sets of instances are: every measure takes points and gives a matrix in 0 to 1.

All take ``points [row node xy]`` and ``others [other node xy]`` (NaN where a node is missing) and return
``[row other]``. What cannot be compared (no node in common) has similarity 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Similarity = Callable[[Floats, Floats], Floats]

#: Distance, in units of an animal's own size, at which a node is still 0.6 alike. Far wider than in an evaluation:
#: between two frames an animal may move by half its length.
_OKS_WIDTH = 0.5
#: Smallest size an instance is taken to have, in pixels: a single node has no extent of its own.
_MIN_EXTENT_PX = 10.0


def oks(points: Floats, others: Floats) -> Floats:
    """Object keypoint similarity: mean over common nodes of a Gaussian of their distance, in units of the size.

    The size is that of the other instance: the root mean square of its box's sides, which turning changes little.
    """
    low, high = _boxes(others)
    square = np.nan_to_num(np.mean((high - low) ** 2, axis=-1))
    variance = np.maximum(square, _MIN_EXTENT_PX**2) * _OKS_WIDTH**2
    distance2 = np.sum((points[:, None] - others[None]) ** 2, axis=-1)
    alike = np.exp(-0.5 * distance2 / variance[None, :, None])
    common = np.count_nonzero(~np.isnan(distance2), axis=-1)
    return np.asarray(np.nansum(alike, axis=-1) / np.maximum(common, 1))


def centroid(points: Floats, others: Floats) -> Floats:
    """1 / (1 + distance of the centroids in pixels)."""
    distance = np.linalg.norm(centroids(points)[:, None] - centroids(others)[None], axis=-1)
    return np.asarray(np.nan_to_num(1.0 / (1.0 + distance)))


def iou(points: Floats, others: Floats) -> Floats:
    """Intersection over union of the boxes around the nodes, each grown by half a pixel all around."""
    low_a, high_a = _boxes(points)
    low_b, high_b = _boxes(others)
    shared = np.minimum(high_a[:, None], high_b[None]) - np.maximum(low_a[:, None], low_b[None]) + 1.0
    intersection = np.prod(np.maximum(shared, 0.0), axis=-1)
    area_a, area_b = np.prod(high_a - low_a + 1.0, axis=-1), np.prod(high_b - low_b + 1.0, axis=-1)
    return np.asarray(np.nan_to_num(intersection / (area_a[:, None] + area_b[None] - intersection)))


SIMILARITIES: dict[str, Similarity] = {"oks": oks, "centroid": centroid, "iou": iou}


def centroids(points: Floats) -> Floats:
    """Return the mean ``[row xy]`` of the nodes that are there; NaN where there are none."""
    count = np.count_nonzero(~np.isnan(points[..., 0]), axis=-1)
    total = np.nansum(points, axis=-2)
    return np.where(count[:, None] > 0, total / np.maximum(count, 1)[:, None], np.nan)


def _boxes(points: Floats) -> tuple[Floats, Floats]:
    """Return the lower and upper corner ``[row xy]`` of each box; NaN where an instance has no nodes."""
    missing = np.isnan(points)
    low = np.min(np.where(missing, np.inf, points), axis=-2)
    high = np.max(np.where(missing, -np.inf, points), axis=-2)
    empty = np.all(missing, axis=-2)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)
