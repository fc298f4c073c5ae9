"""Object keypoint similarity (OKS): how alike a predicted and a true animal are, 0 to 1.

Axis words: ``true`` and ``predicted`` instances of one frame, ``node``, ``xy``. Missing is NaN.

Two forms. *COCO*: the formula as pycocotools computes it, with an area given from outside. *Customary*: the same one
with the area of the truth's visible bounding box (what pose tools for animals report), and, where that box has no area,
a similarity that falls linearly with the mean distance. Formula: the COCO keypoint evaluation; Ronchi & Perona 2017.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Float = NDArray[np.float64]
Sigmas = Float | float  #: spread of the labels of each node, or of all, as a part of the square root of the area

DEFAULT_SIGMA = 0.025  #: for every node, as pose tools for animals customarily assume; `repeats` measures better ones
AREA_NAME = "bounding box of the truth's visible nodes"
_DEGENERATE_AREA_PX2 = 1e-9
_DEGENERATE_REACH_PX = 50.0


def seen(points: Float) -> NDArray[np.bool_]:
    """Return which points ``[... xy]`` are present."""
    return np.asarray(~np.isnan(points).any(axis=-1), dtype=np.bool_)


def box_sides(points: Float) -> Float:
    """Return width and height ``[row xy]`` of the boxes around the visible nodes of ``[row node xy]``; NaN if none."""
    none = ~seen(points).any(axis=-1)
    low = np.where(np.isnan(points), np.inf, points).min(axis=-2, initial=np.inf)
    high = np.where(np.isnan(points), -np.inf, points).max(axis=-2, initial=-np.inf)
    low[none] = high[none] = np.nan
    return np.asarray(high - low, dtype=np.float64)


def box_area(points: Float) -> Float:
    """Return the areas ``[row]`` of the boxes around the visible nodes; NaN where no node is visible."""
    return np.asarray(np.prod(box_sides(points), axis=-1), dtype=np.float64)


def squared_distances(truth: Float, predicted: Float) -> Float:
    """Return squared distances ``[true predicted node]``, NaN where either side lacks the node."""
    difference = truth[:, None] - predicted[None, :]
    return np.asarray((difference**2).sum(axis=-1), dtype=np.float64)


def coco_oks(truth: Float, predicted: Float, area: Float, sigmas: Sigmas = DEFAULT_SIGMA) -> Float:
    """Return OKS ``[true predicted]`` by COCO's formula.

    A visible node that the prediction lacks contributes 0; a node the truth lacks does not count at all. A truth
    without visible nodes is like nothing (0).

    Args:
        truth: ``[true node xy]``.
        predicted: ``[predicted node xy]``.
        area: ``[true]``, square pixels.
        sigmas: of each node, or of all.
    """
    spread = (2 * np.broadcast_to(np.asarray(sigmas, dtype=np.float64), truth.shape[1:2])) ** 2
    exponent = squared_distances(truth, predicted) / spread / (area[:, None, None] + np.spacing(1)) / 2
    similarity = np.where(np.isnan(exponent), 0.0, np.exp(-exponent))
    n_visible = seen(truth).sum(axis=-1)[:, None]
    return np.asarray(similarity.sum(axis=-1) / np.maximum(n_visible, 1), dtype=np.float64)


def customary_oks(truth: Float, predicted: Float, sigmas: Sigmas = DEFAULT_SIGMA) -> Float:
    """Return OKS ``[true predicted]`` in the customary form (see the module)."""
    area = box_area(truth)
    similarity = coco_oks(truth, predicted, area, sigmas)
    degenerate = area < _DEGENERATE_AREA_PX2
    if degenerate.any():
        similarity[degenerate] = _distance_similarity(truth[degenerate], predicted)
    return similarity


def has_area(truth: Float) -> NDArray[np.bool_]:
    """Return which instances have a box with an area, so that OKS means something for them."""
    return np.asarray(box_area(truth) >= _DEGENERATE_AREA_PX2, dtype=np.bool_)


def mean_distance(truth: Float, predicted: Float) -> Float:
    """Return the mean distance over the nodes both have, ``[true predicted]``, NaN where they share none."""
    distance = np.sqrt(squared_distances(truth, predicted))
    shared = ~np.isnan(distance)
    total = np.where(shared, distance, 0.0).sum(axis=-1)
    number = shared.sum(axis=-1)
    return np.where(number > 0, total / np.maximum(number, 1), np.nan)


def _distance_similarity(truth: Float, predicted: Float) -> Float:
    """Similarity of instances whose box has no area: 1 at distance 0, falling to 0 at 50 px (as the peer does)."""
    closeness = 1.0 - mean_distance(truth, predicted) / _DEGENERATE_REACH_PX
    return np.where(np.isnan(closeness), 0.0, np.maximum(closeness, 0.0))
