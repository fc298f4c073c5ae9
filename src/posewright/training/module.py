"""The one LightningModule: it serves every model type, since it only calls network, encode and loss."""

from __future__ import annotations

from typing import Any

import lightning
import numpy as np
import torch
from torch import Tensor

from posewright.config.trainer import TrainerConfig
from posewright.model_types.base import ModelType
from posewright.networks.network import Network
from posewright.samples.augment import Batch, augmented
from posewright.training.optimisers import make_optimiser, make_schedule


class PoseModule(lightning.LightningModule):
    """Augment, encode, forward, compare; on the device, a whole batch at a time."""

    def __init__(
        self, network: Network, model_type: ModelType, settings: TrainerConfig, channels_last: bool, seed: int
    ) -> None:
        super().__init__()
        memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self.network: Network = network.to(memory_format=memory_format)
        self._memory_format = memory_format
        self._model_type = model_type
        self._settings = settings
        self._seed = seed

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
        images, poses = augmented(batch)
        targets = self._model_type.encode(poses, batch.output)
        outputs = self.network(images.contiguous(memory_format=self._memory_format))
        losses = self._model_type.loss(outputs, targets)
        named = {f"{side}/{name}": value for name, value in losses.items()}
        self.log_dict(named, on_step=False, on_epoch=True, batch_size=len(images), prog_bar=True)
        total: Tensor = losses["loss"]
        return total

    def transfer_batch_to_device(self, batch: Batch, device: torch.device, dataloader_idx: int) -> Batch:
        """Move a batch."""
        return batch.to(device)

    def configure_optimizers(self) -> Any:
        """Return the optimiser and its schedule in Lightning's terms."""
        optimiser = make_optimiser(self.network.parameters(), self._settings)
        schedule = make_schedule(optimiser, self._settings)
        if schedule is None:
            return optimiser
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "monitor": "val/loss"}}
