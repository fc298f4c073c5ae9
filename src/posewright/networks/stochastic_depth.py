"""Stochastic depth (Huang et al. 2016) of batches that go through a network in parts."""

from __future__ import annotations

from torch import Tensor, empty, nn


class StochasticDepth(nn.Module):
    """Leaves out a block for some images while training, as torchvision's layer in its mode "row".

    It draws for the whole batch, also where a part of it goes through the network: from the same random state an image
    keeps or loses the block whatever part it is in.

    Args:
        rate: of images without the block, below 1.

    Attributes:
        place: the first image of the part that goes through, and how many images the batch has; None for whole ones.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate
        self.place: tuple[int, int] | None = None

    def forward(self, features: Tensor) -> Tensor:
        """Return the block's ``features [image ...]``, 0 where it is left out."""
        if not self.training or self.rate == 0.0:
            return features
        first, n_images = self.place or (0, len(features))
        size = [n_images] + [1] * (features.ndim - 1)
        kept = empty(size, dtype=features.dtype, device=features.device).bernoulli_(1.0 - self.rate)
        return features * kept.div_(1.0 - self.rate)[first : first + len(features)]
