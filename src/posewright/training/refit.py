"""A model trained once more on all labels, for as long as the evaluated one learnt until its weights were chosen.

Nothing is left to choose by, so nothing is chosen: steps and learning rates are those of the evaluated training, epochs
have as many steps, and the last weights count. No score is computed; what is known of the recipe are the scores of the
evaluated model.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import isnan
from pathlib import Path
from typing import Any, Self

from posewright.config.recipe import Recipe, load_recipe
from posewright.config.trainer import ReduceLROnPlateau
from posewright.errors import InputError
from posewright.files import read_json
from posewright.labels.model import LabelSet
from posewright.labels.read import read_side

SIDES = ("train", "val", "test")


@dataclass(frozen=True)
class Refit:
    """What is taken over from the evaluated training.

    Attributes:
        steps: optimiser steps until its weights were chosen.
        epoch_steps: optimiser steps of an epoch.
        rates: learning rate of each epoch, for a schedule that watched the validation loss; else none.
        of_weights: digest of the evaluated weights.
    """

    steps: int
    epoch_steps: int
    rates: tuple[float, ...]
    of_weights: str

    @classmethod
    def of(cls, model: Path) -> Self:
        """Read it from the evaluated model's folder.

        Raises:
            InputError: the folder does not tell how the model was trained.
        """
        try:
            with (model / "training_log.csv").open(newline="", encoding="utf-8") as stream:
                rows = [{name: float(row[name]) for name in ("epoch", "step", "val/loss", "learning_rate")}
                        for row in csv.DictReader(stream)]  # fmt: skip
            best = chosen_row(read_json(model / "model.json"), rows)
        except (OSError, KeyError, ValueError, StopIteration) as fault:
            raise InputError(
                f"{model}: its training_log.csv does not tell how it was trained ({fault}); train the model again."
            ) from None
        schedule = load_recipe(read_json(model / "model.json")["recipe"]).trainer_config.lr_scheduler
        watched = schedule is not None and isinstance(schedule.counting, ReduceLROnPlateau)
        return cls(
            steps=int(rows[best]["step"]),
            epoch_steps=int(rows[0]["step"]),
            rates=tuple(row["learning_rate"] for row in rows[: best + 1]) if watched else (),
            of_weights=str(read_json(model / "model.json")["weights_sha256"]),
        )

    def recipe(self, recipe: Recipe) -> Recipe:
        """Return the evaluated model's recipe without anything that ends a training but the number of steps."""
        tree = recipe.to_json()
        tree["trainer_config"] |= {"early_stopping": None, "train_steps_per_epoch": self.epoch_steps}
        tree["posewright"] |= {"max_steps": self.steps, "max_minutes": None}
        return load_recipe(tree)

    def to_json(self) -> dict[str, Any]:
        """Return what a model says of it."""
        return {"steps": self.steps, "rates": list(self.rates), "of_weights": self.of_weights}


def chosen_row(card: Mapping[str, Any], rows: Sequence[Mapping[str, float]]) -> int:
    """Return the place of the epoch whose weights count: the chosen one of ``model.json``, else that of lowest loss."""
    choice = card["training"].get("choice")
    if choice is None:
        return min(range(len(rows)), key=lambda index: (isnan(loss := rows[index]["val/loss"]), loss))
    return next(index for index, row in enumerate(rows) if row["epoch"] == choice["epoch"])


def all_labels(recipe: Recipe, split: Path) -> LabelSet:
    """Return the labels of all sides of a split; frames in the gaps between them, which no side has, stay out."""
    sides = [read_side(split / f"{side}.slp") for side in SIDES]
    if recipe.data_config.use_negative_frames:
        sides = [side.with_negatives for side in sides]
    frames = sorted((frame for side in sides for frame in side.frames), key=lambda frame: frame.key)
    negatives = sorted(key for side in sides for key in side.negatives)
    return replace(sides[0], frames=tuple(frames), negatives=tuple(negatives))
