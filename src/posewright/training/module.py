"""The one LightningModule: it serves every model type, since it only calls network, encode and loss."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor
from torch.optim import Optimizer

from posewright.config.recipe import Recipe
from posewright.model_types.base import ModelType
from posewright.networks.network import Network
from posewright.samples.augment import Batch, augmented
from posewright.shapes import PoseBatch
from posewright.training.memory import in_parts
from posewright.training.optimisers import make_optimiser, make_schedule, replayed


class PoseModule(lightning.LightningModule):
    """Augment, encode, forward, compare; on the device, a whole batch at a time.

    Args:
        network: what is trained.
        model_type: what its outputs mean.
        recipe: how it is trained.
        seed: of the training.
        steps_per_epoch: optimiser steps an epoch.
        micro_batch: at most so many images go through the network at once; None for whole batches.
        rates: learning rate of each epoch, in place of the recipe's schedule; empty for that one.
    """

    def __init__(
        self,
        network: Network,
        model_type: ModelType,
        recipe: Recipe,
        seed: int,
        steps_per_epoch: int,
        micro_batch: int | None = None,
        rates: Sequence[float] = (),
    ) -> None:
        super().__init__()
        own = recipe.posewright
        self._memory_format = torch.channels_last if own.channels_last else torch.contiguous_format
        self.network: Network = network.to(memory_format=self._memory_format)
        if own.compile:
            self.network.compile()
        self._model_type = model_type
        self._settings = recipe.trainer_config
        self._negative_weight = recipe.data_config.negative_loss_weight
        self._seed = seed
        self._steps_per_epoch = steps_per_epoch
        self._micro_batch = micro_batch
        self._rates = tuple(rates)

    def training_step(self, batch: Batch, index: int) -> dict[str, Any]:
        """Return the loss of a batch, and under ``losses`` all that it is made of, by their names in the log.

        What layers draw, such as the stochastic depth of Swin, is a function of seed and step too (and of the device,
        where there are several), so that a resumed training draws the same.
        """
        place = [self._seed, self.global_step, index, *([self.global_rank] if self.global_rank else [])]
        drawn = np.random.SeedSequence(place).generate_state(1, np.uint64)
        torch.manual_seed(int(drawn[0]))
        losses = self._step(batch, "train")
        self.log("train/loss", losses["train/loss"], on_step=True, on_epoch=False, prog_bar=True, logger=False)
        everything = sum((losses[f"train/{head}"] for head in self.network.separate_heads), losses["train/loss"])
        return {"loss": everything, "losses": {name: value.detach() for name, value in losses.items()}}

    def validation_step(self, batch: Batch, index: int) -> None:
        """Log the loss of a batch; several devices take their mean, so that all choose alike by it."""
        losses, size, shared = self._step(batch, "val"), len(batch.images), self.trainer.world_size > 1
        self.log_dict(
            losses, on_step=False, on_epoch=True, batch_size=size, prog_bar=True, logger=False, sync_dist=shared
        )

    def _step(self, batch: Batch, side: str) -> dict[str, Tensor]:
        with torch.autocast(self.device.type, enabled=False):  # half the digits are too few for where points lie
            images, poses = augmented(batch)
            targets = self._model_type.encode(poses, batch.output)
        images = images.contiguous(memory_format=self._memory_format)
        outputs = in_parts(self.network, images, self._micro_batch)
        with torch.autocast(self.device.type, enabled=False):
            mining = self._settings.online_hard_keypoint_mining if side == "train" else None
            weights = self._frame_weights(poses) if side == "train" else None
            losses = self._model_type.loss(outputs, targets, weights, mining)
        return {f"{side}/{name}": value for name, value in losses.items()}

    def _frame_weights(self, poses: PoseBatch) -> Tensor | None:
        """Return the weight of each frame, that of the recipe where no animal is labelled; None where all are 1."""
        if self._negative_weight == 1.0:
            return None
        weights = torch.full((poses.n_frames,), self._negative_weight, device=self.device)
        weights[poses.frame] = 1.0
        return weights

    def configure_gradient_clipping(
        self,
        optimizer: Optimizer,
        gradient_clip_val: float | None = None,
        gradient_clip_algorithm: str | None = None,
    ) -> None:
        """Bound the norm of the gradient, of each part of the network that learns apart by itself."""
        if gradient_clip_val is not None:
            for weights in self.network.learning_apart:
                torch.nn.utils.clip_grad_norm_(weights, gradient_clip_val)

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move a batch."""
        return batch.to(device)

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its schedule in Lightning's terms."""
        optimiser = make_optimiser(self.network.parameters(), self._settings)
        if self._rates:
            return {"optimizer": optimiser, "lr_scheduler": replayed(optimiser, self._rates)}
        schedule = make_schedule(optimiser, self._settings, self._steps_per_epoch)
        return optimiser if schedule is None else {"optimizer": optimiser, "lr_scheduler": schedule}
