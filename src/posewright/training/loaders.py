"""What a training reads: the batches of both sides, in an order that nothing but the seed decides."""

from __future__ import annotations

import torch
from torch.utils.data import DataLoader

from posewright.config.recipe import Recipe
from posewright.labels.model import LabelSet
from posewright.model_types.plan import ModelPlan
from posewright.samples.augment import Batch
from posewright.samples.dataset import Batches, Sources, TrainingOrder, in_order
from posewright.samples.store import FrameStore
from posewright.training.interruption import leave_signals_to_the_training
from posewright.training.planning import sources_for


def train_loader(
    plan: ModelPlan, labels: LabelSet, store: FrameStore, rank: int = 0, n_devices: int = 1
) -> tuple[DataLoader[Batch], TrainingOrder]:
    """Return the training batches of one of several devices, and their order."""
    settings = plan.recipe.trainer_config.train_data_loader
    varied = plan.recipe.augmentation
    sources = _training_sources(plan, labels, store)
    jitter = plan.recipe.posewright.crop_jitter * sources.content.width if plan.preprocess.crop_size_px else 0.0
    size, whole = settings.batch_size, settings.batch_size * n_devices
    steps = _steps_per_epoch(plan.recipe, len(sources), whole)
    order = TrainingOrder(len(sources), size, steps, plan.seed, rank, n_devices, settings.shuffle)
    n_workers = settings.num_workers if isinstance(settings.num_workers, int) else 2
    loader = DataLoader(
        Batches(sources, varied, plan.seed, jitter, rank * size, whole),
        sampler=order,
        batch_size=None,
        num_workers=n_workers,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=n_workers > 0,
        worker_init_fn=leave_signals_to_the_training,
    )
    return loader, order


def val_loader(plan: ModelPlan, labels: LabelSet, store: FrameStore) -> DataLoader[Batch]:
    """Return the validation batches; several devices each read them all, so that all know the same loss."""
    sources = sources_for(plan.model_type, plan.preprocess, labels, store)
    keys = in_order(len(sources), plan.recipe.trainer_config.val_data_loader.batch_size)
    return DataLoader(Batches(sources, None, plan.seed), sampler=keys, batch_size=None)


def _training_sources(plan: ModelPlan, labels: LabelSet, store: FrameStore) -> Sources:
    """Return the samples, crops with room for what the augmentation shows of their surroundings."""
    varied = plan.recipe.augmentation
    geometric = varied.geometric if varied else None
    # turning by 45 degrees and shrinking show the most of the source
    reach = (1.4143 if geometric else 1.1) + 2 * plan.recipe.shift
    if geometric:
        reach /= min(1.0, geometric.scale_min)
    return sources_for(plan.model_type, plan.preprocess, labels, store, reach if varied else 1.0)


def _steps_per_epoch(recipe: Recipe, n_samples: int, whole_batch: int) -> int:
    """Return the optimiser steps of an epoch: never more than there are in all."""
    settings = recipe.trainer_config
    steps = settings.train_steps_per_epoch or max(settings.min_train_steps_per_epoch, -(-n_samples // whole_batch))
    return min(steps, recipe.posewright.max_steps or steps)
