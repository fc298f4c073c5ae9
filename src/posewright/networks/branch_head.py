"""A head whose maps are decoded apart from those of the other heads."""

from __future__ import annotations

from torch import Tensor, nn

from posewright.networks.decoder import Decoder


class BranchHead(nn.Module):
    """A decoder of its own, then one convolution of a single cell.

    Args:
        decoder: up to the stride of the maps.
        outputs: number of maps.
    """

    def __init__(self, decoder: Decoder, outputs: int) -> None:
        super().__init__()
        self.decoder = decoder
        self.last = nn.Conv2d(decoder.levels[-1].channels, outputs, 1)

    def forward(self, skips: list[Tensor], bottom: Tensor) -> Tensor:
        """Return ``[batch output height width]`` of what a backbone gives."""
        maps: Tensor = self.last(self.decoder(skips, bottom)[self.decoder.levels[-1].stride])
        return maps
