"""Stage evaluate_method: a method's models on one held-back side -> predictions, metrics and their tables."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np

from posewright.errors import InputError, nearest
from posewright.evaluation.budget import models_digest, read_budget, read_card
from posewright.evaluation.coverage_curve import CURVE_SCHEMA, coverage_curve
from posewright.evaluation.foreign import predictions_digest, read_predictions
from posewright.evaluation.ledger import append_test_evaluation
from posewright.evaluation.oks import DEFAULT_SIGMA
from posewright.evaluation.oracle import oracle_poses, oracle_split
from posewright.evaluation.origins import corrected_instances, training_overlap
from posewright.evaluation.runs import write_run
from posewright.evaluation.scoring import Evaluation, evaluate_poses
from posewright.evaluation.tables import write_table
from posewright.evaluation.tuning import Tuning, tune
from posewright.files import read_json, write_json
from posewright.labels.digest import labels_digest
from posewright.labels.model import LabelSet
from posewright.labels.read import read_side
from posewright.labels.seen import marks_of_models
from posewright.labels.skeleton import Skeleton
from posewright.labels.write import write_predictions
from posewright.prediction.estimator import ModelEstimator, TopDownEstimator, load_estimator, surely_found
from posewright.prediction.labelled import predict_labelled, predict_labelled_each
from posewright.prediction.thresholds import NAME as THRESHOLDS_NAME
from posewright.prediction.thresholds import TUNED, fixed, read_thresholds, thresholds_record
from posewright.samples.store import FrameStore
from posewright.shapes import DecodeOptions, PoseBatch

_RUN = re.compile(r"fold(\d+)(?:_part\d+)?_seed(\d+)")
_LABEL_SOURCES = ("human", "corrected", "model")  #: from the one to trust to the one that forbids a verdict
_OWN_OPTIONS = ("backend", "threads", "batch", "sigma", "tuning", "oracle", "trials", "trained_on", "source")
_TIMED_FRAMES = 64


def evaluate_method(
    *,
    method: str,
    models: Sequence[Path],
    split: Path,
    side: Literal["val", "test"],
    store: Path,
    label_source: str,
    complete: bool,
    out: Path,
    options: Mapping[str, Any],
    labels: Sequence[Path] = (),
    thresholds: Path | None = None,
    ledger: Path | None = None,
    files: Sequence[Mapping[str, Any]] = (),
    predictions: Sequence[Path] = (),
) -> None:
    """Predict the labelled frames of one side, score them, and write the files of an evaluation.

    Thresholds are those of the options; else the tuned ones of ``thresholds``; else they are tuned here, which only
    validation frames may do (rule 6); else the defaults.

    Args:
        method: the user's name for it.
        models: model folders, in any order.
        split: folder with ``<side>.slp`` and ``split.json``.
        side: ``val``, or ``test`` for the final evaluation.
        store: ``store.json`` of the decoded frames.
        label_source: ``human``, ``corrected`` or ``model``.
        complete: every animal in the labelled frames is labelled.
        out: folder ``<method>/fold<k>_seed<s>/<side>``.
        options: ``backend``, ``threads``, ``batch``, ``sigma``, ``tuning`` (see `Tuning`), ``oracle`` (whether to run
            one; on validation frames if not said), ``trials``, ``trained_on``, ``source`` (who fixed the
            thresholds), and the fields of `DecodeOptions`.
        labels: the data set's own label files, which tell corrected labels from others.
        thresholds: ``thresholds.json`` of the same models on validation frames.
        ledger: table that remembers every look at the test set; only ``test`` is written to it.
        files: ``label_source`` and ``complete`` of each label file, where files differ.
        predictions: files of another program's poses, instead of models: they are scored as they stand, and what
            depends on running a model (thresholds, oracle, speed) is not known.
    """
    decode = _decode_options(options)
    truth = read_side(split / f"{side}.slp").with_negatives
    if not truth.frames:
        raise InputError(f"The side {side!r} of {split} has no labelled frame; give it a larger part in `split`.")
    record = read_json(split / "split.json")
    keys = [frame.key for frame in truth.frames]
    units = units_of(record, keys)
    declared = declared_of(record, side, files) or [{"label_source": label_source, "complete": complete}]
    label_source = max((str(one["label_source"]) for one in declared), key=_LABEL_SOURCES.index)
    complete = all(bool(one["complete"]) for one in declared)
    batch, sigma = int(options.get("batch", 8)), float(options.get("sigma", DEFAULT_SIGMA))

    frames = FrameStore(store)
    estimator = None
    if predictions:
        poses, names = read_predictions(predictions, truth)
        lowest, chosen = poses, thresholds_record("file", dict.fromkeys(TUNED))
    else:
        estimator = load_estimator(models, decode, options.get("backend", "auto"), options.get("threads"))
        given, readings = _readings(decode, options, side, thresholds)
        read = predict_labelled_each(estimator, frames, keys, readings, batch)
        in_order = [in_node_order(found, estimator.skeleton, truth.skeleton) for found in read]
        chosen = given or tune(
            truth, list(zip(readings, in_order, strict=True)), Tuning.from_json(options["tuning"]), complete
        )
        decode = replace(decode, **{name: chosen[name] for name in TUNED})
        place = next(i for i, reading in enumerate(readings) if reading.peak_threshold == decode.peak_threshold)
        poses, lowest = surely_found(in_order[place], decode), in_order[0]
        estimator = estimator.reading(decode)
        names = poses.class_names(estimator.classes) if estimator.classes else None
    corrected = corrected_instances(labels, truth) if labels else None
    evaluation = evaluate_poses(
        truth, poses, units=units, predicted_tracks=names, complete=complete, sigma=sigma, corrected=corrected
    )
    curve = coverage_curve(evaluate_poses(truth, lowest, units=units, complete=complete, sigma=sigma).keypoints)
    test_digest = labels_digest(split / f"{side}.slp")
    weights = predictions_digest(predictions) if predictions else models_digest(models)
    fold, seed = _run_of(out, record)
    facts = {
        "method": method,
        "fold": fold,
        "seed": seed,
        "side": side,
        "label_source": label_source,
        "test_digest": test_digest,
        "models_digest": weights,
        "thresholds": {name: chosen.get(name) for name in (*TUNED, "source", "objective")},
        "training_data": training_overlap(
            [read_card(folder) for folder in models] or [{}],
            record.get("digest"),
            truth,
            options.get("trained_on"),
            marks_of_models(models, side) if models else None,
        ),
        "oracle": _oracle(estimator, truth, frames, evaluation, sigma, batch)
        if estimator is not None and options.get("oracle", side == "val")
        else None,
        "split": _split_facts(record, truth, units),
        "budget": read_budget(models, options.get("trials")),
        "throughput": None if estimator is None else _throughput(estimator, frames, keys[:_TIMED_FRAMES], batch),
    }
    write_predictions(out / "predictions.slp", truth.skeleton, truth.videos, keys, poses, names)
    write_json(out / THRESHOLDS_NAME, chosen)
    write_table(out / "curve.parquet", curve, CURVE_SCHEMA)
    if side == "test" and ledger is not None:
        append_test_evaluation(ledger, test_digest=test_digest, method=method, models_digest=weights)
    write_run(out, evaluation, facts)


def declared_of(record: Mapping[str, Any], side: str, files: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return what is declared of the label files that a side's frames come from; the strictest of it holds for all.

    With several folds the validation side is every frame that validates in one of them, so that all folds are scored
    under one declaration. A split that does not name files may hold frames of any.
    """
    if not files or "files" not in record:
        return list(files)
    file_of = {(int(video), int(frame)): int(file) for video, frame, file in record["files"]}
    sides = {side, "train"} if side == "val" and record.get("folds", 1) > 1 else {side}
    used = {file_of.get((int(video), int(frame)), 0) for video, frame, _, own in record["units"] if own in sides}
    return [files[index] for index in sorted(used)]


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


def _oracle(
    estimator: ModelEstimator | TopDownEstimator,
    truth: LabelSet,
    store: FrameStore,
    evaluation: Evaluation,
    sigma: float,
    batch: int,
) -> dict[str, Any] | None:
    told = oracle_poses(estimator, truth, store, batch)
    if told is None:
        return None
    kind, poses = told
    poses = in_node_order(poses, estimator.skeleton, truth.skeleton)
    return oracle_split(evaluation.keypoints, truth, kind, poses, sigma)


def _throughput(
    estimator: ModelEstimator | TopDownEstimator, store: FrameStore, keys: Sequence[tuple[int, int]], batch: int
) -> dict[str, Any]:
    """Time one more run over some frames: the one before read the maps at every threshold."""
    started = time.perf_counter()
    predict_labelled(estimator, store, keys, batch)
    seconds = time.perf_counter() - started
    return {
        "frames_per_s": len(keys) / seconds,
        "frames": len(keys),
        "seconds": seconds,
        "measured": "labelled frames from the store, models loaded and warm, one run",
    }


def units_of(record: Mapping[str, Any], keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], str]:
    """Return the unit of inference of each labelled frame, as ``split.json`` decided it."""
    known = {(int(video), int(frame)): str(group) for video, frame, group, *_ in record["units"]}
    missing = [key for key in keys if key not in known]
    if missing:
        raise InputError(
            f"{len(missing)} labelled frames (first: video {missing[0][0]}, frame {missing[0][1]}) are not in "
            "split.json; make the split again."
        )
    return {key: known[key] for key in keys}


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


def _decode_options(options: Mapping[str, Any]) -> DecodeOptions:
    known = [field.name for field in fields(DecodeOptions)]
    for name in options:
        if name not in known and name not in _OWN_OPTIONS:
            raise InputError(f"Unknown evaluation option {name!r}; {nearest(name, [*known, *_OWN_OPTIONS])}")
    # "auto" leaves a threshold at its default
    chosen = {name: value for name, value in options.items() if name in known and value != "auto"}
    return DecodeOptions(**chosen)


def _run_of(out: Path, record: Mapping[str, Any]) -> tuple[int, int]:
    """Fold and seed from the folder's name, the place where the workflow keeps them."""
    found = _RUN.fullmatch(out.parent.name)
    return (int(found[1]), int(found[2])) if found else (int(record.get("fold", 0)), 0)


def _split_facts(record: Mapping[str, Any], truth: LabelSet, units: Mapping[tuple[int, int], str]) -> dict[str, Any]:
    """What a comparison must know of the split: unit, numbers of frames, and how many recordings the side has."""
    sides = [entry[3] for entry in record["units"]]
    return {
        "digest": record.get("digest"),
        "by": record.get("by"),
        "unit": record.get("unit"),
        "folds": record.get("folds", 1),
        "n_units": len(set(units.values())),
        "n_videos": len({truth.videos[frame.video].path for frame in truth.frames}),
        "frames": {side: sides.count(side) for side in ("train", "val", "test")},
    }
