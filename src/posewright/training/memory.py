"""Batches that do not fit into the device's memory: the network sees them in parts, and learns the same.

Only the forward pass is done in parts, each of which is computed again for the backward pass (gradient checkpointing,
Chen et al. 2016, along the batch). The loss is that of the whole batch whatever it averages over, and so are optimiser
steps, sample order, augmentation, and what layers draw. It costs one more forward pass.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from posewright.errors import InputError
from posewright.files import read_json, write_json
from posewright.networks.network import Network
from posewright.networks.stochastic_depth import StochasticDepth

_SIGNS = ("out of memory", "can't allocate memory", "not enough memory", "CUBLAS_STATUS_ALLOC_FAILED")


def in_parts(network: Network, images: Tensor, most: int | None) -> dict[str, Tensor]:
    """Return the network's outputs for a batch, at most ``most`` images at a time; None for all at once."""
    if most is None or len(images) <= most:
        outputs: dict[str, Tensor] = network(images)
        return outputs
    device = images.device
    generator: Any = torch if device.type == "cpu" else torch.get_device_module(device)
    state: Tensor = generator.get_rng_state()
    layers = [one for one in network.modules() if isinstance(one, StochasticDepth)]

    def part(first: int) -> dict[str, Tensor]:
        generator.set_rng_state(state)
        for layer in layers:
            layer.place = first, len(images)
        found: dict[str, Tensor] = network(images[first : first + most])
        for layer in layers:
            layer.place = None
        return found

    parts = [
        checkpoint(part, first, use_reentrant=False) if torch.is_grad_enabled() else part(first)
        for first in range(0, len(images), most)
    ]
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}


def is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether a fault says that a device's memory was used up; torch has a class for CUDA's alone."""
    return isinstance(error, torch.OutOfMemoryError) or any(sign in str(error) for sign in _SIGNS)


@dataclass(frozen=True)
class MicroBatch:
    """How many images the network sees at once, remembered in the work folder.

    Attributes:
        path: where it is remembered.
        largest: the largest batch of the recipe.
        most: images at once; None for whole batches.
    """

    path: Path
    largest: int
    most: int | None = None

    @classmethod
    def remembered(cls, folder: Path, largest: int, at_first: int | None = None) -> MicroBatch:
        """Return what an earlier run in this folder found to fit; before that, ``at_first``."""
        path = folder / "micro_batch.json"
        return cls(path, largest, read_json(path)["micro_batch"] if path.is_file() else at_first)

    def halved(self) -> MicroBatch:
        """Return half as many, and remember it.

        Raises:
            InputError: a single image does not fit.
        """
        before = self.most or self.largest
        if before == 1:
            raise InputError(
                "one image at a time does not fit into the device's memory; lower data_config.preprocessing.scale or "
                "crop_size, the backbone's filters, or trainer_config.train_data_loader.batch_size (the targets of a "
                "whole batch are kept), raise the heads' output_stride, or use a device with more memory"
            )
        print(f"a batch of {before} does not fit into memory; goes on with {before // 2} images at a time", flush=True)
        write_json(self.path, {"micro_batch": before // 2})
        return MicroBatch(self.path, self.largest, before // 2)
