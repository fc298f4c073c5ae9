"""Optimisers and learning-rate schedules, by the peer's keys."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from torch import nn, optim
from torch.optim import lr_scheduler

from posewright.config.trainer import CosineAnnealingWarmup, LinearWarmupLinearDecay, StepLR, TrainerConfig


def make_optimiser(parameters: Iterable[nn.Parameter], settings: TrainerConfig) -> optim.Optimizer:
    """Return Adam or AdamW."""
    kind = optim.AdamW if settings.optimizer_name == "AdamW" else optim.Adam
    return kind(parameters, lr=settings.optimizer.lr, amsgrad=settings.optimizer.amsgrad)


def make_schedule(optimiser: optim.Optimizer, settings: TrainerConfig, steps_per_epoch: int) -> dict[str, Any] | None:
    """Return the schedule in Lightning's terms, with what steps it; None for a constant rate.

    The two with a warm-up change with every optimiser step and have the peer's values where epochs begin; the peer
    keeps those for a whole epoch, so that at its default the first one learns nothing.

    Args:
        optimiser: whose rate is scheduled.
        settings: with the schedule; of several the first of cosine, linear, step, plateau counts.
        steps_per_epoch: optimiser steps an epoch.
    """
    schedule = settings.lr_scheduler.counting if settings.lr_scheduler is not None else None
    if schedule is None:
        return None
    if isinstance(schedule, CosineAnnealingWarmup | LinearWarmupLinearDecay):
        peak, max_epochs = settings.optimizer.lr, schedule.max_epochs or settings.max_epochs

        def factor(step: int) -> float:
            return warm_rate(schedule, peak, max_epochs, step / steps_per_epoch) / peak

        return {"scheduler": lr_scheduler.LambdaLR(optimiser, factor), "interval": "step"}
    if isinstance(schedule, StepLR):
        return {"scheduler": lr_scheduler.StepLR(optimiser, schedule.step_size, schedule.gamma)}
    lowering = lr_scheduler.ReduceLROnPlateau(
        optimiser,
        factor=schedule.factor,
        patience=schedule.patience,
        threshold=schedule.threshold,
        threshold_mode=schedule.threshold_mode,
        cooldown=schedule.cooldown,
        min_lr=schedule.min_lr,
    )
    return {"scheduler": lowering, "monitor": "val/loss"}


def replayed(optimiser: optim.Optimizer, rates: Sequence[float]) -> optim.lr_scheduler.LambdaLR:
    """Return the schedule that gives each epoch the rate that another training had there."""
    peak = optimiser.param_groups[0]["lr"]
    return lr_scheduler.LambdaLR(optimiser, lambda epoch: rates[min(epoch, len(rates) - 1)] / peak)


def warm_rate(
    schedule: CosineAnnealingWarmup | LinearWarmupLinearDecay, peak: float, max_epochs: int, epoch: float
) -> float:
    """Return the learning rate at a time in epochs: a line up to ``peak``, then a cosine or a line down, then level.

    Args:
        schedule: warm-up and both ends.
        peak: the rate between rise and fall.
        max_epochs: where the fall ends.
        epoch: the time, also between epochs.
    """
    if epoch < schedule.warmup_epochs:
        start = schedule.warmup_start_lr
        return start + (peak - start) * epoch / schedule.warmup_epochs
    fallen = min(1.0, (epoch - schedule.warmup_epochs) / max(max_epochs - schedule.warmup_epochs, 1))
    if isinstance(schedule, CosineAnnealingWarmup):
        return schedule.eta_min + (peak - schedule.eta_min) * (1 + math.cos(math.pi * fallen)) / 2
    return peak + (schedule.end_lr - peak) * fallen
