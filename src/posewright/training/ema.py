"""A running mean of the weights that is validated and kept in their place."""

from __future__ import annotations

from functools import partial

import lightning
import torch
from lightning.pytorch.callbacks import WeightAveraging
from torch import Tensor


class RunningMean(WeightAveraging):
    """After each optimiser step ``mean = decay * mean + (1 - decay) * weights``, buffers included.

    Lightning validates with the mean, saves it under ``state_dict``, and keeps the weights themselves and the number of
    steps beside it, so that a resumed training goes on with both. In the n-th step the decay is at most
    (1 + n) / (10 + n), as in TensorFlow's ExponentialMovingAverage: a short training does not keep its first weights.

    Args:
        decay: the part of the mean that stays.
    """

    def __init__(self, decay: float) -> None:
        super().__init__(use_buffers=True, multi_avg_fn=partial(_average, decay))

    def on_train_start(self, trainer: lightning.Trainer, module: lightning.LightningModule) -> None:
        """Follow the module to its device: Lightning makes the copy before it moves the module there."""
        assert self._average_model is not None, "made before training starts"
        self._average_model.to(module.device)


def _average(decay: float, means: list[Tensor], values: list[Tensor], n_steps: Tensor | int) -> None:
    """Move the means of one kind of number a step on; what is no floating-point number, such as a table, is taken over.

    A weight that does not change, since it is frozen, stays as it is to the bit.
    """
    if means[0].is_floating_point():
        n = float(n_steps)
        torch._foreach_lerp_(means, values, 1.0 - min(decay, (1 + n) / (10 + n)))
    else:
        torch._foreach_copy_(means, values)
