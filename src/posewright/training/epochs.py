"""Epochs of as many steps as those of another training: fewer labels are not to mean fewer steps."""

from __future__ import annotations

import csv
from pathlib import Path

from posewright.config.recipe import Recipe
from posewright.errors import InputError


def with_epochs_of(recipe: Recipe, model: Path) -> Recipe:
    """Return the recipe with epochs of as many optimiser steps as those of a finished training.

    All that is counted in epochs (length, patience, schedule) then lasts as many steps as there, however few images
    there are to be seen again.

    Args:
        recipe: what to train.
        model: ``model.json`` of the training; its log beside it tells the steps of its first epoch.

    Raises:
        InputError: there is no log.
    """
    log = model.with_name("training_log.csv")
    try:
        with log.open(encoding="utf-8", newline="") as stream:
            steps = int(float(next(csv.DictReader(stream))["step"]))
    except (OSError, StopIteration, KeyError, ValueError):
        raise InputError(f"{log} does not tell how many steps an epoch had; train that model again.") from None
    return recipe.filled({"trainer_config.train_steps_per_epoch": steps})
