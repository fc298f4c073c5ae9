"""From truth and predicted poses to metrics and tables; pure, no model and no file."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posewright.evaluation import pose_metrics
from posewright.evaluation.average_precision import AveragePrecision, average_precision, rank_frame
from posewright.evaluation.calibration import calibration
from posewright.evaluation.errors import error_summary
from posewright.evaluation.frames import FrameMatch, match_frames
from posewright.evaluation.oks import AREA_NAME, DEFAULT_SIGMA, Float, Sigmas, box_area, has_area, seen
from posewright.evaluation.peer_form import PeerForm, PeerFrame, peer_form
from posewright.evaluation.tables import instance_table, keypoint_table
from posewright.labels.model import LabelSet
from posewright.shapes import PoseBatch

METRICS_SCHEMA = 2
NOT_COMPUTED_IF_INCOMPLETE = ("counts.extra", "oks.map_coco")


@dataclass(frozen=True)
class Evaluation:
    """One method's poses, scored.

    Attributes:
        metrics: the content of ``metrics.json`` that truth and poses determine; None where nothing was measured.
        instances: one row per matched, missed and extra instance.
        keypoints: one row per node of every matched or missed true instance.
    """

    metrics: dict[str, Any]
    instances: pd.DataFrame
    keypoints: pd.DataFrame


def evaluate_poses(
    truth: LabelSet,
    predicted: PoseBatch,
    *,
    units: Mapping[tuple[int, int], str] | None = None,
    predicted_tracks: Sequence[str | None] | None = None,
    classes: Collection[str] | None = None,
    complete: bool = True,
    sigmas: Float | None = None,
    corrected: Mapping[tuple[int, int], NDArray[np.bool_]] | None = None,
) -> Evaluation:
    """Score ``predicted`` against ``truth``.

    Args:
        truth: labelled frames.
        predicted: NumPy poses in the truth's node order; ``frame`` ``i`` belongs to the ``i``-th labelled frame.
        units: unit of inference of each (video, frame); the video if not given.
        predicted_tracks: a name for each predicted row, if the method names animals.
        classes: the individuals that the method was to know; the names it gives to others are not judged. None: all.
        complete: every animal in the labelled frames is labelled, so unmatched predictions are faults.
        sigmas: OKS sigmas ``[node]`` of repeated labels; None: nobody measured them, and the default stands for all.
        corrected: which true instances of each (video, frame) began as a model's prediction; None if nobody knows.
    """
    used: Sigmas = DEFAULT_SIGMA if sigmas is None else sigmas
    frames, reach_px = match_frames(truth, predicted, predicted_tracks, used, classes)
    unit_of = dict(units) if units is not None else {frame.key: f"v{frame.video}" for frame in truth.frames}
    instances = instance_table(frames, truth.videos, unit_of, reach_px)
    instances["corrected"] = _corrected(instances, corrected)
    keypoints = keypoint_table(frames, truth.skeleton.nodes, unit_of, reach_px, used)
    outcomes = node_outcomes(frames, len(truth.skeleton.nodes))
    peer = _peer_form(frames, DEFAULT_SIGMA)
    told = DEFAULT_SIGMA if sigmas is None else dict(zip(truth.skeleton.nodes, map(float, sigmas), strict=True))
    metrics = {
        "schema": METRICS_SCHEMA,
        "complete": complete,
        "counts": _counts(frames, truth),
        "coverage": pose_metrics.coverage(outcomes),
        "oks": _oks(frames, sigmas, told, peer),
        "pck": pose_metrics.pck(outcomes),
        "distance_px": pose_metrics.distance_summary(outcomes),
        "distance_capped_px": pose_metrics.capped_distance_summary(outcomes, reach_px),
        "visibility": pose_metrics.visibility(outcomes),
        "identity": _identity(frames),
        "errors": error_summary(keypoints["error_class"], keypoints["distance_px"].notna().to_numpy(), told),
        "corrected": _corrected_share(instances),
        "calibration": calibration(keypoints, instances, complete),
        "matching": {"rule": "assignment of greatest closeness, frame by frame", "reach_px": reach_px},
        "peer_form": {name: none_if_nan(value) for name, value in asdict(peer).items()},
        "not_computed": [],
    }
    return Evaluation(metrics if complete else _without_false_positives(metrics), instances, keypoints)


def node_outcomes(frames: Sequence[FrameMatch], n_nodes: int) -> pose_metrics.NodeOutcomes:
    """Return what became of every node of every true instance, frames in order."""
    visible = np.concatenate([np.zeros((0, n_nodes), bool), *(seen(frame.truth) for frame in frames)])
    predicted = np.concatenate([np.zeros((0, n_nodes, 2)), *(_predicted_for_truth(frame) for frame in frames)])
    truth = np.concatenate([np.zeros((0, n_nodes, 2)), *(frame.truth for frame in frames)])
    matched = [np.isin(np.arange(len(frame.truth)), [true for true, _ in frame.pairs]) for frame in frames]
    return pose_metrics.NodeOutcomes(
        distance_px=np.linalg.norm(predicted - truth, axis=-1),
        visible=visible,
        found=seen(predicted),
        matched=np.concatenate([np.zeros(0, bool), *matched]),
    )


def none_if_nan(value: float) -> float | None:
    """Return JSON's word for missing where ``value`` is NaN."""
    return None if np.isnan(value) else value


def _predicted_for_truth(frame: FrameMatch) -> np.ndarray[Any, np.dtype[np.float64]]:
    points = np.full_like(frame.truth, np.nan)
    for true, predicted in frame.pairs:
        points[true] = frame.predicted[predicted]
    return points


def _counts(frames: Sequence[FrameMatch], truth: LabelSet) -> dict[str, int]:
    n_true = sum(len(frame.truth) for frame in frames)
    n_predicted = sum(len(frame.predicted) for frame in frames)
    matched = sum(len(frame.pairs) for frame in frames)
    return {
        "frames": len(frames),
        "true": n_true,
        "predicted": n_predicted,
        "matched": matched,
        "missed": n_true - matched,
        "extra": n_predicted - matched,
        "true_without_visible_nodes": truth.n_instances - n_true,
    }


def _oks(
    frames: Sequence[FrameMatch], sigmas: Float | None, told: float | Mapping[str, float], peer: PeerForm
) -> dict[str, Any]:
    """OKS in both forms; at half and twice the default sigma too, where nobody measured it (rule 9)."""
    coco = _coco(frames, DEFAULT_SIGMA if sigmas is None else sigmas)
    customary = peer if sigmas is None else _peer_form(frames, sigmas)
    per_truth = [frame.oks[pair] for frame in frames for pair in frame.pairs]
    n_true = sum(len(frame.truth) for frame in frames)
    half, twice = 0.5 * DEFAULT_SIGMA, 2 * DEFAULT_SIGMA
    return {
        "map": customary.map,
        "mar": customary.mar,
        "map_coco": none_if_nan(coco.mean_precision),
        "mar_coco": none_if_nan(coco.mean_recall),
        "mean": pose_metrics.ratio(float(np.sum(per_truth)), n_true),
        "sigma": told,
        "area": AREA_NAME,
        "denominator": n_true,
        "ignored_without_area": sum(int((~has_area(frame.truth)).sum()) for frame in frames),
        "by_sigma": {
            f"{half:g}": _at_sigma(_peer_form(frames, half), _coco(frames, half)),
            f"{DEFAULT_SIGMA:g}": _at_sigma(peer, coco),
            f"{twice:g}": _at_sigma(_peer_form(frames, twice), _coco(frames, twice)),
        }
        if sigmas is None
        else {},
    }


def _at_sigma(peer: PeerForm, coco: AveragePrecision) -> dict[str, float | None]:
    return {"map": peer.map, "map_coco": none_if_nan(coco.mean_precision)}


def _coco(frames: Sequence[FrameMatch], sigmas: Sigmas) -> AveragePrecision:
    """COCO's form; truth without an area is ignored, as its OKS means nothing."""
    ranked = [
        rank_frame(
            frame.truth,
            frame.predicted,
            frame.scores,
            true_area=box_area(frame.truth),
            sigmas=sigmas,
            ignored=~has_area(frame.truth),
        )
        for frame in frames
    ]
    return average_precision(ranked)


def _peer_form(frames: Sequence[FrameMatch], sigmas: Sigmas) -> PeerForm:
    """The peer's numbers; a frame without predictions stays in, so its truth counts as missed."""
    return peer_form([PeerFrame(frame.truth, frame.predicted, frame.scores) for frame in frames], sigmas)


def _corrected(instances: pd.DataFrame, corrected: Mapping[tuple[int, int], NDArray[np.bool_]] | None) -> pd.Series:
    """Whether each true instance was corrected, as 1, 0 or, where nobody knows, NaN."""
    known = corrected or {}
    keys = zip(instances["video"], instances["frame"], instances["true_instance"], strict=True)
    values = [
        float(known[video, frame][instance]) if instance >= 0 and (video, frame) in known else np.nan
        for video, frame, instance in keys
    ]
    return pd.Series(values, index=instances.index, dtype=np.float64)


def _corrected_share(instances: pd.DataFrame) -> dict[str, Any]:
    """The part of the true instances that are a model's output corrected by a person (rule 10)."""
    known = instances["corrected"].dropna()
    return {"share": none_if_nan(float(known.mean())) if len(known) else None, "denominator": len(known)}


def _identity(frames: Sequence[FrameMatch]) -> dict[str, Any]:
    true = [frame.true_tracks[a] for frame in frames for a, _ in frame.pairs]
    predicted = [frame.predicted_tracks[b] for frame in frames for _, b in frame.pairs]
    return pose_metrics.identity(true, predicted)


def _without_false_positives(metrics: dict[str, Any]) -> dict[str, Any]:
    """Blank what an unlabelled animal would spoil (rule 8: incomplete labels)."""
    for name in NOT_COMPUTED_IF_INCOMPLETE:
        section, key = name.split(".")
        metrics[section][key] = None
    for entry in metrics["oks"]["by_sigma"].values():
        entry["map_coco"] = None
    return {**metrics, "not_computed": list(NOT_COMPUTED_IF_INCOMPLETE)}
