"""What a method's models cost to train, read leniently from their folders (``comparison.md`` rule 5)."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from posewright.files import digest_of, file_digest

PLATEAU = "plateau"  #: the one ending of a training that means it had converged
VAL_LOSS = "val_loss"  #: what chooses weights where nothing else is asked for, or nothing else can decide


def read_budget(models: Sequence[Path], trials: int = 1) -> dict[str, Any]:
    """Return the sum over all networks of a method; None for what a folder does not tell.

    ``trials`` is how many configurations of the method were tried, this one included. ``seconds`` are device-seconds:
    those of every device of a training. ``scales`` are the networks' input scales. Top-down counts both networks.
    ``chosen_by`` tells for each network what chose its weights among the epochs: ``val_loss``, a metric of the whole
    method, or None where it is not known.
    ``converged`` is true if every training ended by its plateau rule, false if one was ended by a cap, None if one does
    not say.
    """
    parts = [_read_training(folder) for folder in models]
    stops = [part.get("stopped_by") for part in parts]
    return {
        "steps": _total(parts, "steps"),
        "seconds": _total(parts, "seconds"),
        "parameters": _total(parts, "parameters"),
        "trials": trials,
        "scales": [read_card(folder).get("preprocess", {}).get("scale") for folder in models],
        "stopped_by": stops,
        "chosen_by": [_chosen_by(part) for part in parts],
        "converged": None if None in stops or not stops else all(stop == PLATEAU for stop in stops),
    }


def _chosen_by(training: Mapping[str, Any]) -> str | None:
    """Return what chose the weights of a training: rule 5 wants one measure for all methods, and told."""
    choice = training.get("choice")
    if isinstance(choice, Mapping):
        return str(choice.get("by"))
    return VAL_LOSS if training.get("val_loss") is not None else None


def models_digest(models: Sequence[Path]) -> str:
    """Return one digest of the models' weights, whatever their order."""
    return digest_of(sorted(_weights_digest(folder) for folder in models))


def _weights_digest(folder: Path) -> str:
    recorded = read_card(folder).get("weights_sha256")
    if isinstance(recorded, str):
        return recorded
    checkpoint = folder / "best.ckpt"
    return file_digest(checkpoint) if checkpoint.is_file() else str(folder)


def read_card(folder: Path) -> dict[str, Any]:
    """Return the content of a model's ``model.json``; empty for a foreign model."""
    try:
        value = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}  # a foreign model folder has none: its budget is unknown, which the comparison says
    return value if isinstance(value, dict) else {}


def _read_training(folder: Path) -> dict[str, Any]:
    training = read_card(folder).get("training")
    known = dict(training) if isinstance(training, dict) else {}
    last = _last_log_row(folder)
    for name in ("steps", "seconds"):
        column = "step" if name == "steps" else name
        if known.get(name) is None and column in last:
            known[name] = last[column]
    if isinstance(seconds := known.get("seconds"), int | float):
        known["seconds"] = seconds * known.get("devices", 1)  # rule 5: device-seconds
    return known


def _last_log_row(folder: Path) -> dict[str, float]:
    """Numbers of the last row of the training log (steps and seconds are counted from the start)."""
    try:
        with (folder / "training_log.csv").open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
    except OSError:
        return {}
    numbers: dict[str, float] = {}
    for name, text in (rows[-1] if rows else {}).items():
        try:
            numbers[name] = float(text)
        except (TypeError, ValueError):
            continue
    return numbers


def _total(parts: Sequence[Mapping[str, Any]], name: str) -> float | int | None:
    values = [value for part in parts if isinstance(value := part.get(name), int | float)]
    return sum(values) if values and len(values) == len(parts) else None
