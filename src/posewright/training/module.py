"""The one LightningModule: it serves every model type, since it only calls network, encode and loss."""

from __future__ import annotations

from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor

from posewright.config.recipe import Recipe
from posewright.model_types.base import ModelType
from posewright.networks.network import Network
from posewright.samples.augment import Batch, augmented
from posewright.shapes import PoseBatch
from posewright.training.optimisers import make_optimiser, make_schedule


class PoseModule(lightning.LightningModule):
    """Augment, encode, forward, compare; on the device, a whole batch at a time.

    Args:
        network: what is trained.
        model_type: what its outputs mean.
        recipe: how it is trained.
        seed: of the training.
        steps_per_epoch: optimiser steps an epoch.
    """

    def __init__(
        self, network: Network, model_type: ModelType, recipe: Recipe, seed: int, steps_per_epoch: int
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

    def training_step(self, batch: Batch, index: int) -> Tensor:
        """Return the loss of a batch.

        What layers draw, such as the stochastic depth of Swin, is a function of seed and step too, so that a resumed
        training draws the same.
        """
        drawn = np.random.SeedSequence([self._seed, self.global_step, index]).generate_state(1, np.uint64)
        torch.manual_seed(int(drawn[0]))
        return self._step(batch, "train")

    def validation_step(self, batch: Batch, index: int) -> None:
        """Log the loss of a batch."""
        self._step(batch, "val")

    def _step(self, batch: Batch, side: str) -> Tensor:
        with torch.autocast(self.device.type, enabled=False):  # half the digits are too few for where points lie
            images, poses = augmented(batch)
            targets = self._model_type.encode(poses, batch.output)
        outputs = self.network(images.contiguous(memory_format=self._memory_format))
        with torch.autocast(self.device.type, enabled=False):
            mining = self._settings.online_hard_keypoint_mining if side == "train" else None
            weights = self._frame_weights(poses) if side == "train" else None
            losses = self._model_type.loss(outputs, targets, weights, mining)
        named = {f"{side}/{name}": value for name, value in losses.items()}
        self.log_dict(named, on_step=False, on_epoch=True, batch_size=len(images), prog_bar=True)
        total: Tensor = losses["loss"]
        return total

    def _frame_weights(self, poses: PoseBatch) -> Tensor | None:
        """Return the weight of each frame, that of the recipe where no animal is labelled; None where all are 1."""
        if self._negative_weight == 1.0:
            return None
        weights = torch.full((poses.n_frames,), self._negative_weight, device=self.device)
        weights[poses.frame] = 1.0
        return weights

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move a batch."""
        return batch.to(device)

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its schedule in Lightning's terms."""
        optimiser = make_optimiser(self.network.parameters(), self._settings)
        schedule = make_schedule(optimiser, self._settings, self._steps_per_epoch)
        return optimiser if schedule is None else {"optimizer": optimiser, "lr_scheduler": schedule}
