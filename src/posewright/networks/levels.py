"""What a backbone promises: feature maps by stride, each with its number of channels."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass

from torch import Tensor, nn


@dataclass(frozen=True)
class Level:
    """One resolution of features: input pixels per cell, and channels."""

    stride: int
    channels: int


class Backbone(nn.Module, ABC):
    """An encoder. The decoder is built from these facts and never from a backbone's name."""

    skips: tuple[Level, ...]  #: from the finest to the coarsest; what the decoder may join. Finer strides have none
    bottom: Level  #: the coarsest features; inputs must be multiples of its stride

    @abstractmethod
    def decoder_channels(self, stride: int) -> int:
        """Return how many channels the decoder should have at ``stride``, be there a skip or not."""

    @abstractmethod
    def to_draw(self) -> Iterable[nn.Module]:
        """Return the modules whose first weights are ours to draw; the others have been drawn as they should be."""

    @abstractmethod
    def forward(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the skips and the bottom features of images ``[batch channel height width]`` in 0 to 1."""
