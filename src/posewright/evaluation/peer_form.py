"""The numbers sleap-nn's evaluator gives (0.3.5), oddities included: for like-for-like comparisons, never for verdicts.

Oddities kept on purpose: predictions without a pair enter no precision; frames absent from the prediction file are
skipped with their truth; PCK counts nodes that the truth lacks as misses, so truth against itself stays below 1; any
OKS above 0 makes a pair, and the best-scored prediction chooses first. A test holds each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np

from posewright.evaluation.average_precision import OKS_THRESHOLDS, interpolated_precision
from posewright.evaluation.matching import match_by_score
from posewright.evaluation.oks import DEFAULT_SIGMA, Float, Sigmas, customary_oks, seen

PCK_THRESHOLDS_PX: Float = np.linspace(1.0, 10.0, 10)


@dataclass(frozen=True)
class PeerFrame:
    """One labelled frame: truth ``[true node xy]``, and ``predicted [predicted node xy]`` with ``scores [predicted]``.

    ``predicted`` None: the prediction file has no such frame. An empty array: it has it, without instances.
    """

    truth: Float
    predicted: Float | None
    scores: Float | None = None


@dataclass(frozen=True)
class PeerForm:
    """The peer's numbers; NaN where it gives NaN.

    Attributes:
        map: ``oks_voc.mAP``.
        mar: ``oks_voc.mAR``.
        mean_oks: ``mOKS``.
        mean_pck: ``mPCK``, thresholds 1 to 10 px.
        pck_5px: ``PCK@5``.
        pck_10px: ``PCK@10``.
        mean_px: mean distance (``avg``).
        p50_px: median distance.
        p75_px: 75th percentile.
        p90_px: 90th percentile.
        p95_px: 95th percentile.
        p99_px: 99th percentile.
        visibility_precision: of the nodes found, the part that the truth shows.
        visibility_recall: of the nodes the truth shows, the part found, in matched instances.
        matched: pairs.
        missed: truth without a pair in frames that the prediction file has.
    """

    map: float
    mar: float
    mean_oks: float
    mean_pck: float
    pck_5px: float
    pck_10px: float
    mean_px: float
    p50_px: float
    p75_px: float
    p90_px: float
    p95_px: float
    p99_px: float
    visibility_precision: float
    visibility_recall: float
    matched: int
    missed: int


def peer_form(frames: Sequence[PeerFrame], sigmas: Sigmas = DEFAULT_SIGMA) -> PeerForm:
    """Count ``frames`` as the peer does."""
    oks: list[float] = []
    scores: list[float] = []
    true_points: list[Float] = []
    predicted_points: list[Float] = []
    missed = 0
    for frame in frames:
        if frame.predicted is None or frame.scores is None:
            continue
        similarity = customary_oks(frame.truth, frame.predicted, sigmas)
        pairs = match_by_score(similarity, frame.scores)
        missed += len(frame.truth) - len(pairs)
        for true, predicted in pairs:
            oks.append(float(similarity[true, predicted]))
            scores.append(float(frame.scores[predicted]))
            true_points.append(frame.truth[true])
            predicted_points.append(frame.predicted[predicted])
    return _numbers(np.array(oks), np.array(scores), true_points, predicted_points, missed)


def _numbers(
    oks: Float, scores: Float, true_points: Sequence[Float], predicted_points: Sequence[Float], missed: int
) -> PeerForm:
    """The peer's numbers of all pairs."""
    nan = float("nan")
    if not len(oks):
        names = [field.name for field in fields(PeerForm) if field.name not in ("map", "mar", "matched", "missed")]
        return PeerForm(map=0.0, mar=0.0, matched=0, missed=missed, **dict.fromkeys(names, nan))
    truth, found = np.stack(true_points), np.stack(predicted_points)
    mean_ap, mean_recall = _average_precision(oks, scores, len(oks) + missed)
    distance = np.linalg.norm(found - truth, axis=-1)
    hits = np.where(np.isnan(distance), np.inf, distance)[..., None] < PCK_THRESHOLDS_PX
    measured = distance[~np.isnan(distance)]
    p50, p75, p90, p95, p99 = np.percentile(measured, (50, 75, 90, 95, 99)) if len(measured) else [nan] * 5
    precision, recall = _visibility(truth, found)
    return PeerForm(
        map=mean_ap,
        mar=mean_recall,
        mean_oks=float(np.mean(oks)),
        mean_pck=float(hits.mean()),
        pck_5px=float(hits[..., 4].mean()),
        pck_10px=float(hits[..., 9].mean()),
        mean_px=float(measured.mean()) if len(measured) else nan,
        p50_px=float(p50),
        p75_px=float(p75),
        p90_px=float(p90),
        p95_px=float(p95),
        p99_px=float(p99),
        visibility_precision=precision,
        visibility_recall=recall,
        matched=len(oks),
        missed=missed,
    )


def _average_precision(oks: Float, scores: Float, n_true: int) -> tuple[float, float]:
    """Mean over the thresholds; every pair is a hit (OKS at or above the threshold) or a fault, nothing else counts."""
    ranked = oks[np.argsort(-scores, kind="stable")]
    curves = [interpolated_precision(ranked >= threshold, n_true) for threshold in OKS_THRESHOLDS]
    return float(np.mean([ap for ap, _ in curves])), float(np.mean([recall for _, recall in curves]))


def _visibility(truth: Float, found: Float) -> tuple[float, float]:
    visible, present = seen(truth), seen(found)
    both = float((visible & present).sum())
    n_present, n_visible = float(present.sum()), float(visible.sum())
    return both / n_present if n_present else float("nan"), both / n_visible if n_visible else float("nan")
