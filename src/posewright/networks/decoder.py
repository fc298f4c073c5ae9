"""From the bottom of a backbone back up to the stride that the heads want."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from posewright.networks.levels import Backbone, Level
from posewright.networks.unet import convolutions


class UpBlock(nn.Module):
    """Double the resolution, join the skip of that stride (skip first), refine with two convolutions."""

    def __init__(self, inputs: int, skip: int, outputs: int, kernel_size: int, interpolate: bool) -> None:
        super().__init__()
        self.up: nn.Module
        if interpolate:
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        else:
            transposed = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
            self.up = nn.Sequential(transposed, nn.ReLU())
        self.refine = convolutions(skip + (inputs if interpolate else outputs), outputs, 2, kernel_size)

    def forward(self, features: Tensor, skip: Tensor) -> Tensor:
        """Return features at half the stride."""
        refined: Tensor = self.refine(torch.cat([skip, self.up(features)], dim=1))
        return refined


class Decoder(nn.Module):
    """Up-blocks from a backbone's bottom to ``output_stride``; every stride on the way can be read.

    Args:
        backbone: what is decoded; only its levels are looked at.
        output_stride: the finest stride wanted.
        kernel_size: of every convolution.
        interpolate: bilinear upsampling, else transposed convolutions.
    """

    def __init__(self, backbone: Backbone, output_stride: int, kernel_size: int = 3, interpolate: bool = True) -> None:
        super().__init__()
        levels = [backbone.bottom]
        skips = [level for level in reversed(backbone.skips) if level.stride >= output_stride]
        self.blocks = nn.ModuleList()
        for skip in skips:
            outputs = backbone.decoder_channels(skip.stride)
            self.blocks.append(UpBlock(levels[-1].channels, skip.channels, outputs, kernel_size, interpolate))
            levels.append(Level(skip.stride, outputs))
        self.levels = tuple(levels)

    def forward(self, skips: list[Tensor], bottom: Tensor) -> dict[int, Tensor]:
        """Return features by stride, the bottom's among them."""
        features = {self.levels[0].stride: bottom}
        current = bottom
        for block, level, skip in zip(self.blocks, self.levels[1:], reversed(skips), strict=False):
            current = block(current, skip)
            features[level.stride] = current
        return features
