"""Stage evaluate_method: a method's models on one held-back side -> predictions, metrics and their tables."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from posewright.evaluation.budget import models_digest, read_budget, read_card
from posewright.evaluation.coverage_curve import CURVE_SCHEMA, coverage_curve
from posewright.evaluation.foreign import predictions_digest, read_predictions
from posewright.evaluation.ledger import append_test_evaluation
from posewright.evaluation.oks import DEFAULT_SIGMA, Float
from posewright.evaluation.oracle import oracle_poses, oracle_split
from posewright.evaluation.origins import corrected_instances, training_overlap
from posewright.evaluation.reading import Reading, batch_of, decode_options, in_node_order, read_side_with
from posewright.evaluation.repeats import read_sigmas
from posewright.evaluation.runs import write_run
from posewright.evaluation.scoring import Evaluation, evaluate_poses
from posewright.evaluation.side import ScoredSide
from posewright.evaluation.tables import write_table
from posewright.files import read_json, write_json
from posewright.labels.digest import labels_digest
from posewright.labels.model import LabelSet
from posewright.labels.seen import marks_of_models
from posewright.labels.write import write_predictions
from posewright.prediction.estimator import ModelEstimator, TopDownEstimator
from posewright.prediction.labelled import predict_labelled
from posewright.prediction.thresholds import NAME as THRESHOLDS_NAME
from posewright.prediction.thresholds import TUNED, thresholds_record
from posewright.samples.store import FrameStore

_RUN = re.compile(r"fold(\d+)(?:_part\d+)?_seed(\d+)")
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
    question: str | None = None,
    files: Sequence[Mapping[str, Any]] = (),
    predictions: Sequence[Path] = (),
    repeats: Path | None = None,
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
        options: ``backend``, ``threads``, ``batch``, ``tuning`` (see `Tuning`), ``oracle`` (whether to run one;
            on validation frames if not said), ``trials``, ``trained_on``, ``source`` (who fixed the
            thresholds), and the fields of `DecodeOptions`.
        labels: the data set's own label files, which tell corrected labels from others.
        thresholds: ``thresholds.json`` of the same models on validation frames.
        ledger: table that remembers every look at the test set; only ``test`` is written to it.
        question: digest of what the comparison asks now (rule 11), for the ledger.
        files: ``label_source`` and ``complete`` of each label file, where files differ.
        predictions: files of another program's poses, instead of models: they are scored as they stand, and what
            depends on running a model (thresholds, oracle, speed) is not known.
        repeats: ``repeats.json`` with the OKS sigmas, where frames were labelled once more.
    """
    decode_options(options)  # a slip is an error before anything runs
    held = ScoredSide.read(split, side, label_source, complete, files)
    truth, units, complete = held.truth, held.units, held.complete
    batch, sigmas = batch_of(options), read_sigmas(repeats, truth.skeleton.nodes)
    frames = FrameStore(store)
    if predictions:
        found, names = read_predictions(predictions, truth)
        read = Reading(found, found, thresholds_record("file", dict.fromkeys(TUNED)), None, names)
    else:
        read = read_side_with(models, held, frames, options, thresholds)
    poses, chosen, estimator = read.poses, read.thresholds, read.estimator
    corrected = corrected_instances(labels, truth) if labels else None
    evaluation = evaluate_poses(
        truth,
        poses,
        units=units,
        predicted_tracks=read.names,
        classes=estimator.classes if estimator is not None and estimator.classes else None,
        complete=complete,
        sigmas=sigmas,
        corrected=corrected,
    )
    curve = coverage_curve(evaluate_poses(truth, read.lowest, units=units, complete=complete, sigmas=sigmas).keypoints)
    test_digest = labels_digest(split / f"{side}.slp")
    weights = predictions_digest(predictions) if predictions else models_digest(models)
    fold, seed = _run_of(out, held.record)
    facts = {
        "method": method,
        "fold": fold,
        "seed": seed,
        "side": side,
        "label_source": held.label_source,
        "test_digest": test_digest,
        "models_digest": weights,
        "thresholds": {name: chosen.get(name) for name in (*TUNED, "source", "objective")},
        "training_data": training_overlap(
            [read_card(folder) for folder in models] or [{}],
            held.record.get("digest"),
            truth,
            options.get("trained_on"),
            marks_of_models(models, side) if models else None,
        ),
        **({"repeats": read_json(repeats)} if repeats else {}),
        "oracle": _oracle(estimator, truth, frames, evaluation, sigmas, batch)
        if estimator is not None and options.get("oracle", side == "val")
        else None,
        "split": held.split_facts(),
        "budget": read_budget(models, options.get("trials", 1)),
        "throughput": None if estimator is None else _throughput(estimator, frames, held.keys[:_TIMED_FRAMES], batch),
    }
    write_predictions(out / "predictions.slp", truth.skeleton, truth.videos, held.keys, poses, read.names)
    write_json(out / THRESHOLDS_NAME, chosen)
    write_table(out / "curve.parquet", curve, CURVE_SCHEMA)
    if side == "test" and ledger is not None:
        append_test_evaluation(ledger, test_digest=test_digest, method=method, models_digest=weights, question=question)
    write_run(out, evaluation, facts)


def _oracle(
    estimator: ModelEstimator | TopDownEstimator,
    truth: LabelSet,
    store: FrameStore,
    evaluation: Evaluation,
    sigmas: Float | None,
    batch: int,
) -> dict[str, Any] | None:
    told = oracle_poses(estimator, truth, store, batch)
    if told is None:
        return None
    kind, poses = told
    poses = in_node_order(poses, estimator.skeleton, truth.skeleton)
    return oracle_split(evaluation.keypoints, truth, kind, poses, DEFAULT_SIGMA if sigmas is None else sigmas)


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


def _run_of(out: Path, record: Mapping[str, Any]) -> tuple[int, int]:
    """Fold and seed from the folder's name, the place where the workflow keeps them."""
    found = _RUN.fullmatch(out.parent.name)
    return (int(found[1]), int(found[2])) if found else (int(record.get("fold", 0)), 0)
