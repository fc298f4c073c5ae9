"""A head that says one thing of the whole image, such as who is in it."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class VectorHead(nn.Module):
    """The highest value of each channel anywhere, then fully connected layers with ReLU, then one without.

    Args:
        inputs: channels of the features.
        hidden: units of each layer with ReLU.
        outputs: length of the vector.
    """

    def __init__(self, inputs: int, hidden: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for units in hidden:
            layers += [nn.Linear(inputs, units), nn.ReLU()]
            inputs = units
        self.layers = nn.Sequential(*layers)
        self.last = nn.Linear(inputs, outputs)

    def forward(self, features: Tensor) -> Tensor:
        """Return ``[batch output]`` of features ``[batch channel height width]``."""
        vector: Tensor = self.last(self.layers(torch.amax(features, dim=(2, 3))))
        return vector
