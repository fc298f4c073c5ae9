"""Why a method errs: a second run that is told the truth about one stage (``comparison.md`` rule 14).

Top-down is given the true anchors, so its crops are right and what is still wrong is the second network's. Bottom-up is
given the true grouping: every peak goes to the true animal it lies nearest to, so what is still wrong are the peaks.
Errors of the plain run are divided into

- *detection*: not found, or wrong only because the animal was not found where it is;
- *localisation*: found, but off;
- *assignment*: found, but given to another animal.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import linear_sum_assignment

from posewright.evaluation.calibration import RIGHT_PX
from posewright.evaluation.errors import error_classes, scales_px2
from posewright.evaluation.matching import animal_length_px
from posewright.evaluation.oks import Float, Sigmas, seen, squared_distances
from posewright.geometry import anchor_points, crop_corner
from posewright.labels.model import LabelSet
from posewright.labels.skeleton import Skeleton
from posewright.prediction.estimator import ModelEstimator, TopDownEstimator
from posewright.prediction.labelled import stacks
from posewright.samples.store import FrameStore
from posewright.shapes import PoseBatch

_NODE = ["video", "frame", "true_instance", "node"]
_MEANINGS = {
    "true centroids": {
        "detection": "right with true centroids, or not found in the true crop",
        "localisation": "wrong in the true crop, and on no other animal",
        "assignment": "on another animal even in the true crop",
    },
    "true grouping": {
        "detection": "no peak near the node that the grouping could use",
        "localisation": "a peak, but off",
        "assignment": "right with true grouping",
    },
}


def oracle_poses(
    estimator: ModelEstimator | TopDownEstimator, truth: LabelSet, store: FrameStore, batch: int
) -> tuple[str, PoseBatch] | None:
    """Return the kind of oracle and, in the nodes of the model, one row for every true instance, frame by frame.

    None for methods without a second stage: they detect and localise in one.
    """
    if isinstance(estimator, ModelEstimator) and estimator.plan.model_type.name not in (
        "bottomup",
        "multi_class_bottomup",
    ):
        return None
    reach_px = animal_length_px(frame.points for frame in truth.frames)
    rows: list[Float] = []
    start = 0
    for images in stacks(store, [frame.key for frame in truth.frames], batch):
        true = [
            in_nodes(frame.points, truth.skeleton, estimator.skeleton)
            for frame in truth.frames[start : start + len(images)]
        ]
        start += len(images)
        if isinstance(estimator, TopDownEstimator):
            rows += _with_true_centroids(estimator, images, true)
        else:
            peaks = estimator.peaks(images)
            for index, points in enumerate(true):
                rows.append(grouped_by_truth(peaks.points[peaks.frame == index], points, reach_px))
    kind = "true centroids" if isinstance(estimator, TopDownEstimator) else "true grouping"
    frame = np.repeat(np.arange(len(truth.frames)), [len(one.points) for one in truth.frames])
    points = np.concatenate([np.zeros((0, len(estimator.skeleton.nodes), 2)), *rows])
    return kind, PoseBatch(points, frame, len(truth.frames))


def in_nodes(points: Float, ours: Skeleton, theirs: Skeleton) -> Float:
    """Return ``[instance node xy]`` in the nodes of ``theirs``; NaN for nodes that ``ours`` lacks."""
    moved = np.full((len(points), len(theirs.nodes), 2), np.nan)
    for column, node in enumerate(theirs.nodes):
        if node in ours.nodes:
            moved[:, column] = points[:, ours.nodes.index(node)]
    return moved


def grouped_by_truth(peaks: Float, truth: Float, reach_px: float) -> Float:
    """Return the peaks ``[true node xy]`` that lie nearest to the truth's nodes, one peak a node, within a length.

    Args:
        peaks: ``[peak node xy]``, each with one node only.
        truth: ``[true node xy]``.
        reach_px: a peak further away stands for nothing.
    """
    found = np.full(truth.shape, np.nan)
    for node in range(truth.shape[1]):
        own = peaks[seen(peaks[:, node]), node]
        shown = np.flatnonzero(seen(truth[:, node]))
        if not len(own) or not len(shown):
            continue
        distance = np.linalg.norm(truth[shown, None, node] - own[None], axis=-1)
        gain = np.maximum(1.0 - distance / reach_px, 0.0)
        for row, column in zip(*linear_sum_assignment(gain, maximize=True), strict=True):
            if gain[row, column] > 0:
                found[shown[row], node] = own[column]
    return found


def oracle_split(
    keypoints: pd.DataFrame, truth: LabelSet, kind: str, oracle: PoseBatch, sigmas: Sigmas
) -> dict[str, Any]:
    """Return the shares of the visible nodes that are wrong for each reason; they add up to wrong plus spoilt.

    Args:
        keypoints: rows of the plain run (`tables.keypoint_table`).
        truth: the labelled frames.
        kind: which oracle.
        oracle: its poses in the truth's nodes, a row for every true instance.
        sigmas: of the similarity that tells another animal's node.
    """
    told = _oracle_rows(truth, oracle, sigmas).set_index(_NODE)
    plain = keypoints[keypoints["true_x"].notna()].set_index(_NODE)
    told = told.loc[plain.index]
    wrong = ~(plain["distance_px"] < RIGHT_PX).to_numpy()
    still = ~(told["distance_px"] < RIGHT_PX).to_numpy()
    absent = told["distance_px"].isna().to_numpy()
    elsewhere = (told["error_class"] == "swap").to_numpy()
    cured = wrong & ~still
    if kind == "true centroids":
        parts = {
            "detection": cured | (still & absent),
            "localisation": still & ~absent & ~elsewhere,
            "assignment": still & ~absent & elsewhere,
        }
    else:
        parts = {"detection": still & absent, "localisation": still & ~absent, "assignment": cured}
    n = len(plain)
    shares = {"wrong": wrong, "wrong_with_oracle": still, "spoilt": still & ~wrong, **parts}
    return {
        "kind": kind,
        "wrong_from_px": RIGHT_PX,
        "denominator": n,
        **{name: float(mask.sum()) / n if n else None for name, mask in shares.items()},
        "meaning": _MEANINGS[kind],
    }


def _with_true_centroids(
    estimator: TopDownEstimator, images: np.ndarray[Any, np.dtype[np.uint8]], true: Sequence[Float]
) -> list[Float]:
    """Return ``[true node xy]`` of each image, found in crops around the true anchors."""
    anchor = estimator.instance.plan.model_type.crop_anchor
    assert anchor is not None, "the second stage of top-down sees crops"
    points = np.concatenate(true)
    frame = np.repeat(np.arange(len(true)), [len(one) for one in true])
    at = anchor_points(points, anchor.node)
    shown = np.flatnonzero(seen(at))
    corners = crop_corner(at[shown], estimator.topdown.crop_size_px)
    crops = estimator.topdown.crops(images, frame[shown], corners)
    found = np.full(points.shape, np.nan)
    found[shown] = estimator.instance.predict_crops(crops).points + corners[:, None]
    return [found[frame == index] for index in range(len(true))]


def _oracle_rows(truth: LabelSet, oracle: PoseBatch, sigmas: Sigmas) -> pd.DataFrame:
    length_px = animal_length_px(frame.points for frame in truth.frames)
    parts = []
    for index, frame in enumerate(truth.frames):
        found = np.asarray(oracle.points[oracle.frame == index], np.float64)
        shown = np.flatnonzero(seen(frame.points).any(axis=-1))
        points = np.asarray(frame.points[shown], np.float64)
        scales = scales_px2(points, sigmas, length_px)
        for row, instance in enumerate(shown):
            distance = np.sqrt(squared_distances(points[row : row + 1], found[instance : instance + 1])[0, 0])
            parts.append(
                pd.DataFrame(
                    {
                        "video": frame.video,
                        "frame": frame.frame,
                        "true_instance": instance,
                        "node": truth.skeleton.nodes,
                        "distance_px": distance,
                        "error_class": error_classes(points, row, found[instance], scales),
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)
