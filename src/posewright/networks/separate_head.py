"""A head whose maps are seen and decoded apart from those of the other heads."""

from __future__ import annotations

from torch import Tensor, nn

from posewright.networks.decoder import Decoder
from posewright.networks.levels import Backbone


class SeparateHead(nn.Module):
    """A backbone and a decoder of its own, then one convolution of a single cell.

    What it learns never moves what the other heads read, and the other way round.

    Args:
        backbone: as the network's, with weights of its own.
        decoder: up to the stride of the maps.
        outputs: number of maps.
    """

    def __init__(self, backbone: Backbone, decoder: Decoder, outputs: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.decoder = decoder
        self.last = nn.Conv2d(decoder.levels[-1].channels, outputs, 1)

    def forward(self, images: Tensor) -> Tensor:
        """Return ``[batch output height width]`` of images."""
        maps: Tensor = self.last(self.decoder(*self.backbone(images))[self.decoder.levels[-1].stride])
        return maps
