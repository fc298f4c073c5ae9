"""Average precision and recall of ranked predictions, as COCO counts them.

Unmatched predictions are false positives, truth may be ignored (crowds, nothing visible, outside an area range), and
at most so many predictions a frame count. Equal to pycocotools (a test compares them); matching is COCO's: by falling
score, each prediction takes the free truth of highest OKS at or above the threshold, ignored truth only if no other
fits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posewright.evaluation.oks import Float, Sigmas, box_area, coco_oks, seen

Bool = NDArray[np.bool_]

OKS_THRESHOLDS: Float = np.linspace(0.5, 0.95, 10)
RECALL_POINTS: Float = np.linspace(0.0, 1.0, 101)
MAX_DETECTIONS = 20
EVERY_AREA = (0.0, 1e10)


@dataclass(frozen=True)
class RankedFrame:
    """One frame's true and predicted instances, compared.

    Attributes:
        oks: ``[true predicted]``.
        true_area: ``[true]``, square pixels.
        ignored: ``[true]``, truth that neither counts as found nor as missed.
        crowd: ``[true]``, regions that may absorb any number of predictions.
        scores: ``[predicted]``.
        predicted_area: ``[predicted]``, square pixels.
    """

    oks: Float
    true_area: Float
    ignored: Bool
    crowd: Bool
    scores: Float
    predicted_area: Float


@dataclass(frozen=True)
class AveragePrecision:
    """Precision (mean over 101 recall points) and recall at each OKS threshold; NaN where no truth counts."""

    precision: Float
    recall: Float

    @property
    def mean_precision(self) -> float:
        """Mean over the thresholds (mAP)."""
        return float(self.precision.mean())

    @property
    def mean_recall(self) -> float:
        """Mean over the thresholds (mAR)."""
        return float(self.recall.mean())


def rank_frame(
    truth: Float,
    predicted: Float,
    scores: Float,
    *,
    true_area: Float,
    sigmas: Sigmas,
    crowd: Bool | None = None,
    ignored: Bool | None = None,
    boxes: Float | None = None,
) -> RankedFrame:
    """Compare one frame in COCO's form.

    Args:
        truth: ``[true node xy]``, NaN where COCO's visibility flag is 0.
        predicted: ``[predicted node xy]``.
        scores: ``[predicted]``.
        true_area: ``[true]``, COCO's annotated area or a stand-in for it.
        sigmas: see `coco_oks`.
        crowd: ``[true]``; none if not given.
        ignored: ``[true]``, beside crowds and truth without visible nodes, which are always ignored.
        boxes: ``[true 4]`` left, top, width, height; needed where truth without visible nodes is to absorb predictions.
    """
    nothing = np.zeros(len(truth), dtype=np.bool_)
    crowd = nothing if crowd is None else crowd
    ignored = nothing if ignored is None else ignored
    blank = ~seen(truth).any(axis=-1)
    oks = coco_oks(truth, predicted, true_area, sigmas)
    if boxes is not None and blank.any():
        oks[blank] = _region_oks(boxes[blank], predicted, true_area[blank], sigmas)
    area = np.nan_to_num(box_area(predicted))
    return RankedFrame(oks, true_area, ignored | crowd | blank, crowd, scores, area)


def average_precision(
    frames: Sequence[RankedFrame],
    area_range: tuple[float, float] = EVERY_AREA,
    max_detections: int = MAX_DETECTIONS,
    thresholds: Float = OKS_THRESHOLDS,
) -> AveragePrecision:
    """Return COCO's average precision and recall over ``frames``, for truth whose area lies in ``area_range``."""
    n_true = sum(int((~_ignored(frame, area_range)).sum()) for frame in frames)
    if n_true == 0:
        undefined = np.full(len(thresholds), np.nan)
        return AveragePrecision(undefined, undefined)
    curves = [_at_threshold(frames, float(threshold), area_range, max_detections, n_true) for threshold in thresholds]
    return AveragePrecision(np.array([ap for ap, _ in curves]), np.array([recall for _, recall in curves]))


def interpolated_precision(hits: Bool, n_true: int) -> tuple[float, float]:
    """Return (mean precision over the recall points, final recall) of ``hits`` in rank order."""
    if len(hits) == 0:
        return 0.0, 0.0
    true_positives = np.cumsum(hits)
    recall = true_positives / n_true
    precision = true_positives / (np.arange(1, len(hits) + 1) + np.spacing(1))
    precision = np.maximum.accumulate(precision[::-1])[::-1]
    at = np.searchsorted(recall, RECALL_POINTS, side="left")
    read = np.where(at < len(hits), precision[np.minimum(at, len(hits) - 1)], 0.0)
    return float(read.mean()), float(recall[-1])


def _at_threshold(
    frames: Sequence[RankedFrame], threshold: float, area_range: tuple[float, float], max_detections: int, n_true: int
) -> tuple[float, float]:
    scores, hits = [], []
    for frame in frames:
        order = np.argsort(-frame.scores, kind="stable")[:max_detections]
        hit, counts = _match(frame, order, _ignored(frame, area_range), threshold, area_range)
        scores.append(frame.scores[order][counts])
        hits.append(hit[counts])
    rank = np.argsort(-np.concatenate(scores), kind="stable")
    return interpolated_precision(np.concatenate(hits)[rank], n_true)


def _match(
    frame: RankedFrame, order: NDArray[np.intp], ignored: Bool, threshold: float, area_range: tuple[float, float]
) -> tuple[Bool, Bool]:
    """Return (hit, counts), both ``[ranked]``: which predictions found truth, and which count as right or wrong."""
    free = np.ones(len(ignored), dtype=np.bool_)
    hit = np.zeros(len(order), dtype=np.bool_)
    counts = np.ones(len(order), dtype=np.bool_)
    for rank, row in enumerate(order):
        true = _best_true(frame.oks[:, row], free | frame.crowd, ignored, min(threshold, 1 - 1e-10))
        if true is None:
            area = frame.predicted_area[row]
            counts[rank] = area_range[0] <= area <= area_range[1]
            continue
        free[true] = False
        hit[rank] = counts[rank] = not ignored[true]
    return hit, counts


def _best_true(oks: Float, free: Bool, ignored: Bool, threshold: float) -> int | None:
    """Return the free truth of highest OKS, counted truth before ignored truth; of equals the last, as COCO does."""
    for group in (~ignored, ignored):
        fits = np.flatnonzero(group & free & (oks >= threshold))
        if len(fits):
            best = fits[oks[fits] == oks[fits].max()]
            return int(best[-1])
    return None


def _ignored(frame: RankedFrame, area_range: tuple[float, float]) -> Bool:
    outside: Bool = (frame.true_area < area_range[0]) | (frame.true_area > area_range[1])
    return frame.ignored | outside


def _region_oks(boxes: Float, predicted: Float, area: Float, sigmas: Sigmas) -> Float:
    """Similarity to regions without labelled nodes: each node's distance to the box grown by its size on all sides."""
    low = boxes[:, :2] - boxes[:, 2:]
    high = boxes[:, :2] + 2 * boxes[:, 2:]
    nearest = np.clip(predicted[None], low[:, None, None], high[:, None, None])
    squared = ((predicted[None] - nearest) ** 2).sum(axis=-1)
    spread = (2 * np.broadcast_to(np.asarray(sigmas, dtype=np.float64), predicted.shape[1:2])) ** 2
    similarity = np.exp(-squared / spread / (area[:, None, None] + np.spacing(1)) / 2)
    return np.asarray(np.nan_to_num(similarity).mean(axis=-1), dtype=np.float64)
