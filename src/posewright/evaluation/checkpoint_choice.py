"""Stage choose_checkpoint: of a model's epochs the one with which its method does best (``comparison.md`` rule 5).

Only where the config asks for it; otherwise the weights of lowest loss stand. Every candidate runs as part of the
method, with the method's other model beside it, on validation frames: thresholds are tuned for it as the evaluation
does it (rule 6), and the measure that decides between methods, its mean over units as in the comparison, decides here
too. The models of a method are chosen one after the other in the order of its recipes, each beside those chosen before
it and the lowest-loss weights of those that come after: so the pairs that are tried stay few.
"""

from __future__ import annotations

import math
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from posewright.evaluation.budget import VAL_LOSS
from posewright.evaluation.oks import Float
from posewright.evaluation.reading import read_side_with
from posewright.evaluation.repeats import read_sigmas
from posewright.evaluation.runs import run_of, with_units
from posewright.evaluation.scoring import evaluate_poses
from posewright.evaluation.side import ScoredSide
from posewright.evaluation.unit_metrics import Metric, metric_named
from posewright.files import atomic_path, place, read_json, write_json
from posewright.networks.weights import weights_digest
from posewright.prediction.thresholds import TUNED
from posewright.samples.store import FrameStore
from posewright.training.candidates import NAME as CANDIDATES
from posewright.training.candidates import Candidate, read_candidates

_TAKEN_OVER = ("training_config.yaml", "training_log.csv", "curves.png")


@dataclass(frozen=True)
class Tried:
    """A candidate as part of its method.

    Attributes:
        candidate: the weights.
        value: of the measure that decides, mean over units; NaN where it has none.
        thresholds: that it was read at.
    """

    candidate: Candidate
    value: float
    thresholds: Mapping[str, Any]

    def to_json(self) -> dict[str, Any]:
        """Return what a model tells of it."""
        one = self.candidate
        known = {"val_loss": _known(one.val_loss), "value": _known(self.value)}
        return {"epoch": one.epoch, "step": one.step, **known, **{name: self.thresholds[name] for name in TUNED}}


def choose_checkpoint(
    *,
    model: Path,
    partners: Sequence[Path],
    split: Path,
    store: Path,
    label_source: str,
    complete: bool,
    options: Mapping[str, Any],
    primary: str,
    out: Path,
    files: Sequence[Mapping[str, Any]] = (),
    repeats: Path | None = None,
) -> None:
    """Try a model's candidates and write the folder of the model with the weights that were chosen.

    Args:
        model: folder of the trained model, with its ``candidates.ckpt``.
        partners: folders of the method's other models.
        split: folder of the split; its validation side alone is read.
        store: ``store.json`` of the decoded frames.
        label_source: ``human``, ``corrected`` or ``model``.
        complete: every animal in the labelled frames is labelled.
        options: how maps are read, see `posewright.evaluation.evaluate.evaluate_method`.
        primary: name of the measure that decides.
        out: the model folder to write.
        files: ``label_source`` and ``complete`` of each label file, where files differ.
        repeats: ``repeats.json`` with the OKS sigmas, where frames were labelled once more and they decide.
    """
    held = ScoredSide.read(split, "val", label_source, complete, files)  # rule 1: test frames choose nothing
    frames, metric, card = FrameStore(store), metric_named(primary), read_json(model / "model.json")
    sigmas = read_sigmas(repeats, held.truth.skeleton.nodes)
    tried = []
    for candidate in read_candidates(model / CANDIDATES):
        with tempfile.TemporaryDirectory() as folder:
            alone = Path(folder)
            _write_weights(alone, candidate)
            write_json(alone / "model.json", {**card, "weights_sha256": weights_digest(candidate.weights)})
            tried.append(_tried(candidate, [alone, *partners], held, frames, options, metric, sigmas))
        told = f"{metric.name} {tried[-1].value:.4f}, validation loss {candidate.val_loss:.3e}"
        print(f"after epoch {candidate.epoch}: {told}", flush=True)
    chosen = best_of(tried, metric)
    choice = {
        "by": VAL_LOSS if math.isnan(chosen.value) else primary,
        **chosen.to_json(),
        "frames": len(held.truth.frames),
        "beside": [read_json(partner / "model.json").get("weights_sha256") for partner in partners],
        "candidates": [one.to_json() for one in tried],
    }
    out.mkdir(parents=True, exist_ok=True)
    _write_weights(out, chosen.candidate)
    for name in _TAKEN_OVER:
        place(model / name, out / name)
    training = {**card["training"], "val_loss": _known(chosen.candidate.val_loss), "choice": choice}
    digest = weights_digest(chosen.candidate.weights)
    write_json(out / "model.json", {**card, "weights_sha256": digest, "training": training})


def best_of(tried: Sequence[Tried], metric: Metric) -> Tried:
    """Return the candidate of the best value; of equal ones, and where none has a value, the one of lowest loss.

    Args:
        tried: the candidate of lowest loss first.
        metric: the measure that decides.
    """
    known = [one for one in tried if not math.isnan(one.value)]
    if not known:
        return tried[0]
    return max(known, key=lambda one: one.value if metric.higher_is_better else -one.value)  # max takes the first


def _tried(
    candidate: Candidate,
    models: Sequence[Path],
    held: ScoredSide,
    frames: FrameStore,
    options: Mapping[str, Any],
    metric: Metric,
    sigmas: Float | None,
) -> Tried:
    """Run a method on the validation frames and score it as an evaluation would."""
    read = read_side_with(models, held, frames, options)
    evaluation = evaluate_poses(held.truth, read.poses, units=held.units, complete=held.complete, sigmas=sigmas)
    if metric.false_positives and not held.complete:  # rule 8: animals nobody labelled would decide
        return Tried(candidate, math.nan, read.thresholds)
    facts = {"method": "candidate", "fold": 0, "seed": 0, "split": held.split_facts()}
    run = run_of({**evaluation.metrics, **facts}, evaluation.keypoints, evaluation.instances)
    return Tried(candidate, float(with_units([run])[0].per_unit(metric).mean()), read.thresholds)


def _write_weights(folder: Path, candidate: Candidate) -> None:
    with atomic_path(folder / "best.ckpt") as temporary:
        torch.save({"state_dict": dict(candidate.weights)}, temporary)


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
