"""Optimisers and learning-rate schedules, by the peer's keys."""

from __future__ import annotations

from collections.abc import Iterator

from torch import nn, optim
from torch.optim import lr_scheduler

from posewright.config.trainer import TrainerConfig
from posewright.errors import InputError


def make_optimiser(parameters: Iterator[nn.Parameter], settings: TrainerConfig) -> optim.Optimizer:
    """Return Adam or AdamW."""
    kind = optim.AdamW if settings.optimizer_name == "AdamW" else optim.Adam
    return kind(parameters, lr=settings.optimizer.lr, amsgrad=settings.optimizer.amsgrad)


def make_schedule(
    optimiser: optim.Optimizer, settings: TrainerConfig
) -> lr_scheduler.LRScheduler | lr_scheduler.ReduceLROnPlateau | None:
    """Return the schedule, stepped once an epoch; None for a constant rate.

    Raises:
        InputError: the recipe asks for a schedule that is not available yet.
    """
    schedule = settings.lr_scheduler
    if schedule is None:
        return None
    if schedule.cosine_annealing_warmup or schedule.linear_warmup_linear_decay:
        raise InputError("lr_scheduler: warm-up schedules are not available yet; use step_lr or reduce_lr_on_plateau")
    if schedule.step_lr is not None:
        return lr_scheduler.StepLR(optimiser, schedule.step_lr.step_size, schedule.step_lr.gamma)
    plateau = schedule.reduce_lr_on_plateau
    if plateau is None:
        return None
    return lr_scheduler.ReduceLROnPlateau(
        optimiser,
        factor=plateau.factor,
        patience=plateau.patience,
        threshold=plateau.threshold,
        threshold_mode=plateau.threshold_mode,
        cooldown=plateau.cooldown,
        min_lr=plateau.min_lr,
    )
