"""The checkpoints of a training: where it goes on after an interruption, and the best weights so far.

Checkpoints are written between two optimiser steps, every few minutes and at the start of each epoch. They are not
written at an epoch's end, where Lightning writes its own: there the epoch is counted as done, but schedules that watch
the validation loss have not moved yet, so a resumed training would miss one of their moves. Nor after an epoch's last
step, since Lightning would go on without validating. A training that is killed there repeats a few steps.
"""

from __future__ import annotations

import math
import os
import time
from pathlib import Path
from typing import Any

import lightning
from lightning.pytorch.callbacks import Checkpoint

from posewright.files import atomic_path
from posewright.samples.dataset import TrainingOrder
from posewright.training.candidates import KeptEpochs
from posewright.training.interruption import StopRequest

LAST = "last.ckpt"
BEST = "best-epoch.ckpt"


class Checkpoints(Checkpoint):
    """Writes both checkpoints, and ends the training when it was asked to stop.

    Args:
        folder: the work folder of the training.
        minutes: of training between two checkpoints.
        order: of the training samples, which a resumed training enters where it left it.
        stop: whether the training should end.
        keeps_last: the weights of the last epoch count, whatever their loss.
        candidates: the epochs to keep besides; None for none.
    """

    def __init__(
        self,
        folder: Path,
        minutes: float,
        order: TrainingOrder,
        stop: StopRequest,
        keeps_last: bool = False,
        candidates: KeptEpochs | None = None,
    ) -> None:
        self._folder = folder
        self._seconds = 60 * minutes
        self._order = order
        self._stop = stop
        self._keeps_last = keeps_last
        self._candidates = candidates
        self._best = math.inf
        self._steps_seen = 0
        self._begun_step = 0
        self._saved_step = 0
        self._saved_at = time.monotonic()
        self._between_epochs = False

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Say where the training begins; from here on a signal waits for the end of the step."""
        self._stop.defer()
        self._saved_at = time.monotonic()
        self._steps_seen = self._saved_step = self._begun_step = trainer.global_step
        if trainer.global_step and trainer.is_global_zero:
            print(f"goes on from step {trainer.global_step}", flush=True)

    def on_train_batch_end(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, outputs: Any, batch: Any, index: int
    ) -> None:
        """Write a checkpoint if it is time to, after an optimiser step that does not end the epoch."""
        # To the end of the epoch that was resumed, Lightning would leave out the move of schedules that watch the loss.
        # Its own setter would say True where steps are counted, and then later validations see a part of their batches.
        trainer.fit_loop._restarting = False
        trainer.fit_loop.epoch_loop.restarting = False
        has_stepped = trainer.global_step > self._steps_seen
        self._steps_seen = trainer.global_step
        is_last = trainer.is_last_batch or trainer.should_stop or trainer.global_step == trainer.max_steps
        if is_last or not has_stepped:
            return
        is_asked = self._is_asked(trainer)
        if is_asked or trainer.strategy.reduce_boolean_decision(self._is_due(), all=False):
            self._save_last(trainer)
        if is_asked:
            self._end(trainer)

    def on_validation_batch_start(
        self,
        trainer: lightning.Trainer,
        module: lightning.LightningModule,
        batch: Any,
        index: int,
        dataloader_idx: int = 0,
    ) -> None:
        """End the training here too: validating is repeated, with the steps since the last checkpoint."""
        if self._is_asked(trainer):
            self._end(trainer)

    def on_train_epoch_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Write a checkpoint of the finished epoch."""
        if trainer.global_step > self._saved_step:
            self._between_epochs = True
            self._save_last(trainer)
            self._between_epochs = False
        if self._is_asked(trainer):
            self._end(trainer)

    def on_train_epoch_end(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Keep the weights if none before had a lower validation loss, or if the last ones count; and candidates."""
        loss = float(trainer.callback_metrics["val/loss"])
        path = self._folder / BEST
        is_best = self._keeps_last or loss < self._best or not path.is_file()
        if is_best:
            self._best = math.inf if math.isnan(loss) else loss
            self._save(trainer, path)
        if self._candidates is not None:
            self._save(trainer, self._candidates.path(trainer.current_epoch))
            if trainer.is_global_zero:
                self._candidates.keep(trainer.current_epoch, is_best=is_best)

    def state_dict(self) -> dict[str, Any]:
        """Return the lowest validation loss so far, and the epochs that are kept for having lowered it."""
        return {"best": self._best, **({"improved": self._candidates.improved} if self._candidates else {})}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where a checkpoint was written."""
        self._best = state["best"]
        if self._candidates is not None:
            self._candidates.improved = list(state["improved"])

    def on_save_checkpoint(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Say of a new epoch that none of its batches was had; at its start Lightning still counts the last one's."""
        if not self._between_epochs:
            return
        loops = checkpoint["loops"]["fit_loop"]
        loops["epoch_loop.batch_progress"]["is_last_batch"] = False
        for progress in ("batch_progress", "scheduler_progress"):
            current = loops[f"epoch_loop.{progress}"]["current"]
            loops[f"epoch_loop.{progress}"]["current"] = dict.fromkeys(current, 0)

    def on_load_checkpoint(
        self, trainer: lightning.Trainer, module: lightning.LightningModule, checkpoint: dict[str, Any]
    ) -> None:
        """Enter the epoch after the batches it has had; Lightning would begin its data anew."""
        loops = checkpoint["loops"]["fit_loop"]
        batches, epochs = loops["epoch_loop.batch_progress"], loops["epoch_progress"]["current"]
        is_within = epochs["started"] > epochs["processed"]
        self._order.resume(epochs["processed"], batches["current"]["ready"] if is_within else 0)

    def _is_asked(self, trainer: lightning.Trainer) -> bool:
        """Return whether any device's process was asked to stop; all hear the same answer."""
        return bool(trainer.strategy.reduce_boolean_decision(self._stop.asked, all=False))

    def _is_due(self) -> bool:
        return time.monotonic() - self._saved_at >= self._seconds

    def _save_last(self, trainer: lightning.Trainer) -> None:
        self._save(trainer, self._folder / LAST)
        self._saved_step = trainer.global_step
        self._saved_at = time.monotonic()

    def _save(self, trainer: lightning.Trainer, path: Path) -> None:
        """Write a checkpoint whole or not at all; every device's process takes part, the first writes."""
        if not trainer.is_global_zero:
            trainer.save_checkpoint(path)
            return
        with atomic_path(path) as temporary:
            trainer.save_checkpoint(temporary)
            with temporary.open("rb") as stream:
                os.fsync(stream.fileno())

    def _end(self, trainer: lightning.Trainer) -> None:
        place = f"interrupted at step {trainer.global_step}, saved at step {self._saved_step}"
        raise self._stop.interruption(place, has_gained=self._saved_step > self._begun_step)
