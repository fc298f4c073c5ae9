"""A method's networks on one held-back side, read at its thresholds: poses that can be scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np

from posewright.errors import InputError, nearest
from posewright.evaluation.side import ScoredSide
from posewright.evaluation.tuning import Tuning, tune
from posewright.files import read_json
from posewright.labels.skeleton import Skeleton
from posewright.prediction.estimator import ModelEstimator, TopDownEstimator, load_estimator, surely_found
from posewright.prediction.labelled import predict_labelled_each
from posewright.prediction.thresholds import NAME as THRESHOLDS_NAME
from posewright.prediction.thresholds import TUNED, fixed, read_thresholds
from posewright.samples.store import FrameStore
from posewright.shapes import DecodeOptions, PoseBatch

_OWN_OPTIONS = ("backend", "threads", "batch", "tuning", "oracle", "trials", "trained_on", "source")


@dataclass(frozen=True)
class Reading:
    """What a method finds on a side.

    Attributes:
        poses: at its thresholds, in the truth's node order.
        lowest: at the lowest threshold that was tried, for the curve that needs none.
        thresholds: content of ``thresholds.json``.
        estimator: the networks, reading maps at these thresholds; None for poses that came as files.
        names: of each pose, where the method names animals.
    """

    poses: PoseBatch
    lowest: PoseBatch
    thresholds: Mapping[str, Any]
    estimator: ModelEstimator | TopDownEstimator | None
    names: list[str | None] | None


def read_side_with(
    models: Sequence[Path],
    side: ScoredSide,
    frames: FrameStore,
    options: Mapping[str, Any],
    thresholds: Path | None = None,
) -> Reading:
    """Run a method's networks once over a side, and read their maps at its thresholds.

    Thresholds are those of the options; else the tuned ones of ``thresholds``; else they are tuned here, which only
    validation frames may do (rule 6); else the defaults.

    Args:
        models: model folders, in any order.
        side: the frames.
        frames: their pixels.
        options: see `posewright.evaluation.evaluate.evaluate_method`.
        thresholds: ``thresholds.json`` of the same models on validation frames.
    """
    decode, truth = decode_options(options), side.truth
    estimator = load_estimator(models, decode, options.get("backend", "auto"), options.get("threads"))
    given, readings = _readings(decode, options, side.side, thresholds)
    read = predict_labelled_each(estimator, frames, side.keys, readings, batch_of(options))
    in_order = [in_node_order(found, estimator.skeleton, truth.skeleton) for found in read]
    chosen = given or tune(
        truth, list(zip(readings, in_order, strict=True)), Tuning.from_json(options["tuning"]), side.complete
    )
    decode = replace(decode, **{name: chosen[name] for name in TUNED})
    place = next(i for i, reading in enumerate(readings) if reading.peak_threshold == decode.peak_threshold)
    poses = surely_found(in_order[place], decode)
    names = poses.class_names(estimator.classes) if estimator.classes else None
    return Reading(poses, in_order[0], chosen, estimator.reading(decode), names)


def batch_of(options: Mapping[str, Any]) -> int:
    """Return how many frames go through the networks at once."""
    return int(options.get("batch", 8))


def _readings(
    decode: DecodeOptions, options: Mapping[str, Any], side: str, thresholds: Path | None
) -> tuple[dict[str, Any] | None, list[DecodeOptions]]:
    """Return the thresholds, None where they are to be tuned, and the ways to read the maps, lowest threshold first."""
    tuning = Tuning.from_json(options["tuning"]) if options.get("tuning") else None
    tried = tuning.readings(decode) if tuning else []
    chosen: dict[str, Any]
    if options.get("peak_threshold", "auto") != "auto":
        chosen = fixed(decode, options.get("source", "config"))
    elif thresholds is not None:
        told = read_json(thresholds)
        chosen = {**fixed(replace(decode, **read_thresholds(thresholds)), told["source"])}
        chosen["objective"] = told.get("objective")
    elif tuning is None:
        chosen = fixed(decode, "default")
    elif side == "val":
        return None, tried
    else:  # rule 6: test frames choose nothing
        raise InputError(
            "Thresholds are tuned on validation frames only; evaluate the method there first and name its "
            f"{THRESHOLDS_NAME}, or set predict.peak_threshold."
        )
    own = replace(decode, peak_threshold=chosen["peak_threshold"], min_instance_score=0.0)
    return chosen, [reading for reading in tried[:1] if reading.peak_threshold < own.peak_threshold] + [own]


def decode_options(options: Mapping[str, Any]) -> DecodeOptions:
    """Return how maps are read; an option that nobody knows is an error.

    Raises:
        InputError: it is neither a field of `DecodeOptions` nor one of the evaluation's own.
    """
    known = [field.name for field in fields(DecodeOptions)]
    for name in options:
        if name not in known and name not in _OWN_OPTIONS:
            raise InputError(f"Unknown evaluation option {name!r}; {nearest(name, [*known, *_OWN_OPTIONS])}")
    # "auto" leaves a threshold at its default
    chosen = {name: value for name, value in options.items() if name in known and value != "auto"}
    return DecodeOptions(**chosen)


def in_node_order(poses: PoseBatch, theirs: Skeleton, ours: Skeleton) -> PoseBatch:
    """Return the poses with the nodes of ``ours``, in its order; nodes the model does not know are NaN."""
    if theirs.nodes == ours.nodes:
        return poses
    if not set(theirs.nodes) & set(ours.nodes):
        raise InputError(
            f"The model knows the nodes {', '.join(theirs.nodes)}; the labels have {', '.join(ours.nodes)}. "
            "They share none; evaluate with labels of the same skeleton."
        )
    points = np.full((len(poses), len(ours.nodes), 2), np.nan)
    scores = np.full(points.shape[:2], np.nan)
    for column, node in enumerate(ours.nodes):
        if node in theirs.nodes:
            points[:, column] = poses.points[:, theirs.nodes.index(node)]
            if poses.node_scores is not None:
                scores[:, column] = poses.node_scores[:, theirs.nodes.index(node)]
    return replace(poses, points=points, node_scores=None if poses.node_scores is None else scores)
