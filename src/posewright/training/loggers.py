"""Where the rows of ``training_log.csv`` go besides: TensorBoard, Weights & Biases."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import TensorBoardLogger, WandbLogger

from posewright.config.recipe import Recipe
from posewright.config.trainer import WandB
from posewright.errors import InputError
from posewright.training.callbacks import TrainingLog


class SendRows(Callback):
    """Sends each epoch's row to the loggers, so that they show what the log says; comes after the log."""

    def __init__(self, log: TrainingLog) -> None:
        self._log = log

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Send the last row."""
        row = dict(self._log.rows[-1])
        step = int(row.pop("step"))
        for logger in trainer.loggers:
            logger.log_metrics(row, step=step)


def make_loggers(recipe: Recipe, folder: Path) -> list[Any]:
    """Return the loggers a recipe asks for.

    Args:
        recipe: with ``posewright.tensorboard`` and ``trainer_config.use_wandb``.
        folder: of the unfinished training; both write below it.

    Raises:
        InputError: a package is not installed, or Weights & Biases cannot be reached.
    """
    loggers: list[Any] = []
    if recipe.posewright.tensorboard:
        _require("tensorboard", "posewright.tensorboard")
        loggers.append(TensorBoardLogger(folder, name="tensorboard", version=""))
    settings = recipe.trainer_config.wandb or WandB()
    if recipe.trainer_config.use_wandb and settings.wandb_mode != "disabled":
        _require("wandb", "trainer_config.use_wandb")
        loggers.append(_wandb(settings, folder))
    return loggers


def _wandb(settings: WandB, folder: Path) -> Any:
    """Return a started run; the training's own key names it, so that a resumed training goes on in it."""
    mode = settings.wandb_mode or os.environ.get("WANDB_MODE", "online")
    try:
        logger = WandbLogger(
            name=settings.name,
            save_dir=folder,
            id=folder.name,
            resume="allow" if mode == "online" else None,
            project=settings.project or "posewright",
            offline=mode == "offline",
            entity=settings.entity,
            group=settings.group,
        )
        _ = logger.experiment  # starts the run
    except Exception as fault:  # its errors have no common class below Exception
        raise InputError(
            f"trainer_config.use_wandb: Weights & Biases cannot be reached ({fault}); run `wandb login`, or set "
            "trainer_config.wandb.wandb_mode to offline."
        ) from None
    return logger


def _require(package: str, key: str) -> None:
    if importlib.util.find_spec(package) is None:
        raise InputError(f"{key} is true, but {package} is not installed: pip install 'posewright[{package}]'.")
