"""A head whose maps are seen and decoded apart from those of the other heads."""

from __future__ import annotations

from torch import Tensor, nn

from posewright.networks.decoder import Decoder
from posewright.networks.levels import Backbone


class SeparateHead(nn.Module):
    """A backbone and a decoder of its own, then fully connected layers with ReLU within each cell, then one without.

    What it learns never moves what the other heads read, and the other way round.

    Args:
        backbone: as the network's, with weights of its own.
        decoder: up to the stride of the maps.
        hidden: units of each layer with ReLU.
        outputs: number of maps.
    """

    def __init__(self, backbone: Backbone, decoder: Decoder, hidden: tuple[int, ...], outputs: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.decoder = decoder
        inputs, layers = decoder.levels[-1].channels, list[nn.Module]()
        for units in hidden:
            layers += [nn.Conv2d(inputs, units, 1), nn.ReLU()]
            inputs = units
        self.layers = nn.Sequential(*layers)
        self.last = nn.Conv2d(inputs, outputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return ``[batch output height width]`` of images."""
        features = self.decoder(*self.backbone(images))[self.decoder.levels[-1].stride]
        maps: Tensor = self.last(self.layers(features))
        return maps
