"""What watches a training: the log, the clock, and why it ended."""

from __future__ import annotations

import csv
import math
import time
from pathlib import Path
from typing import Any

import lightning
import torch
from lightning.pytorch.callbacks import Callback

from posewright.errors import InputError
from posewright.files import atomic_path


class TrainingLog(Callback):
    """Writes ``training_log.csv``, a row an epoch, and says each row in a line.

    The rows are part of the checkpoint, so a resumed training writes the same file as an uninterrupted one (but for the
    seconds). So are the sums behind the epoch's mean losses, of which Lightning keeps none over an interruption.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._sums: dict[str, torch.Tensor] = {}
        self._batches = 0
        self.rows: list[dict[str, float]] = []
        self._seconds_before = 0.0
        self._begun = 0.0

    @property
    def seconds(self) -> float:
        """Seconds of training so far, those of interrupted runs included up to their last checkpoint."""
        return self._seconds_before + time.monotonic() - self._begun

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Start the clock."""
        self._begun = time.monotonic()

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        """Add the batch's losses, the mean over all devices; batches are of one size."""
        losses = outputs["losses"]
        means = trainer.strategy.reduce(torch.stack([value.float() for value in losses.values()]), reduce_op="mean")
        for name, value in zip(losses, means, strict=True):
            self._sums[name] = self._sums[name].to(value.device) + value if name in self._sums else value
        self._batches += 1

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Write the epoch's row; validation has run before."""
        values = {name: float(value) for name, value in trainer.callback_metrics.items() if "/" in name}
        values |= {name: float(value) / self._batches for name, value in self._sums.items()}
        self._sums, self._batches = {}, 0
        for name in sorted(values):
            if name.startswith("train/") and not math.isfinite(values[name]):
                raise InputError(
                    f"{name} is {values[name]} in epoch {trainer.current_epoch}; lower the learning rate "
                    "(trainer_config.optimizer.lr) or set posewright.gradient_clip"
                )
        row = {
            "epoch": trainer.current_epoch,
            "step": trainer.global_step,
            **{name: values[name] for name in sorted(values)},
            "learning_rate": trainer.optimizers[0].param_groups[0]["lr"],
            "seconds": round(self.seconds, 2),
        }
        self.rows.append(row)
        if not trainer.is_global_zero:
            return
        with atomic_path(self._path) as temporary, temporary.open("w", newline="") as stream:
            writer = csv.DictWriter(stream, fieldnames=list(row))
            writer.writeheader()
            writer.writerows(self.rows)
        print(
            f"epoch {row['epoch']}: step {row['step']}, train/loss {row['train/loss']:.3e}, "
            f"val/loss {row.get('val/loss', math.nan):.3e}, learning rate {row['learning_rate']:.1e}, "
            f"{row['seconds']:.0f} s",
            flush=True,
        )

    def state_dict(self) -> dict[str, Any]:
        """Return rows, clock, and the sums of the epoch so far."""
        return {"rows": self.rows, "seconds": self.seconds, "sums": self._sums, "batches": self._batches}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where a checkpoint was written."""
        self.rows = list(state["rows"])
        self._seconds_before = state["seconds"]
        self._sums, self._batches = dict(state["sums"]), state["batches"]


class StepBudget(Callback):
    """Ends the training with the step that uses up ``max_steps``; else a part epoch would end without validation."""

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        """Stop after this batch when it was the last; Lightning still validates and saves."""
        if trainer.global_step == trainer.max_steps:
            trainer.should_stop = True


class TimeBudget(Callback):
    """Ends the training at the end of the epoch in which the budget is used up, or sooner if an epoch is long."""

    def __init__(self, log: TrainingLog, minutes: float) -> None:
        self._log = log
        self._seconds = 60 * minutes
        self.used_up = False

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        """Stop after this batch when the time is over; Lightning still validates and saves."""
        if trainer.strategy.reduce_boolean_decision(self._log.seconds >= self._seconds, all=False):
            self.used_up = True
            trainer.should_stop = True
