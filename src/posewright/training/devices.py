"""Which devices a training runs on, checked before anything is read."""

from __future__ import annotations

import os
import subprocess

import lightning
import torch
from lightning.pytorch.accelerators import CUDAAccelerator

from posewright.config.trainer import TrainerConfig
from posewright.errors import InputError
from posewright.networks.cards import require_card

_PATIENCE_S = 10.0  #: so long the other processes may take for an end of their own


def local_rank() -> int:
    """Return which of a training's processes this is; Lightning starts all but the first, and says so to them."""
    return int(os.environ.get("LOCAL_RANK", 0))


def device_count(settings: TrainerConfig) -> int:
    """Return the number of devices that a recipe asks for here; ``auto`` is every GPU that the job was given.

    Raises:
        InputError: there are fewer, or one of them is of a kind that this torch cannot run on.
    """
    wanted = settings.trainer_devices or 1
    uses_cards = settings.trainer_accelerator in ("auto", "gpu") and CUDAAccelerator.is_available()
    if not uses_cards:
        return 1 if wanted == "auto" else wanted
    found = torch.cuda.device_count()
    count = found if wanted == "auto" else wanted
    if count > found:
        raise InputError(
            f"trainer_config.trainer_devices is {count}, but this job sees {found} GPU(s); ask the scheduler for more "
            "(config/site.yaml, train_model), or lower trainer_devices"
        )
    for index in range(count):
        require_card(index)
    return count


def end_other_processes(trainer: lightning.Trainer) -> None:
    """End the processes that Lightning started for the other devices, when the first one fails or is stopped.

    Lightning leaves them waiting for it. After a stop that all agreed on they end by themselves.
    """
    for process in getattr(trainer.strategy.launcher, "procs", ()):
        try:
            process.wait(timeout=_PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
