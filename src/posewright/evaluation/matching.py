"""Which predicted instance stands for which true one: one rule for all methods, frame by frame.

Our rule is symmetric and blind to scores, so no method gains by how it ranks its instances: the assignment (Hungarian)
that makes the sum of closeness greatest, where closeness is the mean over the truth's visible nodes of a value that
falls from 1 at distance 0 to 0 at ``reach_px``, a missing node giving 0. ``reach_px`` is one animal's length in this
truth, so it is the same for all methods. A pair further apart than that on the average is no pair.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from posewright.evaluation.oks import Float, box_sides, mean_distance, seen, squared_distances

Pairs = list[tuple[int, int]]  #: (true, predicted) indices in one frame

REACH_WITHOUT_SIZE_PX = 50.0  #: for truth that has no extent, such as one-node skeletons; the peer's distance too


def animal_length_px(truths: Iterable[Float]) -> float:
    """Return the median longer side of the boxes around true instances with an extent, or 50 px if none has any."""
    sides = [box_sides(points).max(axis=-1) for points in truths if len(points)]
    lengths = np.concatenate([np.zeros(0), *sides])
    lengths = lengths[lengths > 0]
    return float(np.median(lengths)) if len(lengths) else REACH_WITHOUT_SIZE_PX


def closeness(truth: Float, predicted: Float, reach_px: float) -> Float:
    """Return closeness ``[true predicted]`` in 0 to 1 (see the module)."""
    distance = np.sqrt(squared_distances(truth, predicted))
    near = np.where(np.isnan(distance), 0.0, np.maximum(1.0 - distance / reach_px, 0.0))
    n_visible = seen(truth).sum(axis=-1)[:, None]
    return np.asarray(near.sum(axis=-1) / np.maximum(n_visible, 1), dtype=np.float64)


def match_nearest(truth: Float, predicted: Float, reach_px: float) -> Pairs:
    """Return our pairs of one frame, sorted by true instance."""
    if not len(truth) or not len(predicted):
        return []
    eligible = np.nan_to_num(mean_distance(truth, predicted), nan=np.inf) <= reach_px
    gain = np.where(eligible, closeness(truth, predicted, reach_px), 0.0)
    rows, columns = linear_sum_assignment(gain, maximize=True)
    return [(int(row), int(column)) for row, column in zip(rows, columns, strict=True) if gain[row, column] > 0]


def match_by_score(oks: Float, scores: Float) -> Pairs:
    """Return the customary pairs of one frame, in order of falling score: each prediction takes the best free truth.

    Any OKS above 0 makes a pair, and a prediction that comes too late is forgotten: the peer's rule, kept for
    like-for-like numbers only.

    Args:
        oks: ``[true predicted]``.
        scores: ``[predicted]``.
    """
    free: NDArray[np.float64] = oks.copy()
    pairs: Pairs = []
    for predicted in np.argsort(-scores, kind="stable"):
        if not len(free):
            break
        true = int(np.argmax(free[:, predicted]))
        if free[true, predicted] > 0:
            pairs.append((true, int(predicted)))
            free[true] = -1.0
    return pairs
