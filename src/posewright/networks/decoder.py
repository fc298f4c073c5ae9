"""From the bottom of a backbone back up to the stride that the heads want."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from posewright.networks.levels import Backbone, Level
from posewright.networks.unet import convolutions


class UpBlock(nn.Module):
    """Double the resolution, join the skip of that stride (skip first), refine with two convolutions.

    Where the backbone has no skip, one convolution refines: there is nothing to be merged.

    Args:
        inputs: channels of the coarser features.
        skip: channels of the skip, 0 for none.
        outputs: channels of the result.
        kernel_size: of the refining convolutions.
        interpolate: bilinear upsampling, else a transposed convolution.
    """

    def __init__(self, inputs: int, skip: int, outputs: int, kernel_size: int, interpolate: bool) -> None:
        super().__init__()
        self.up: nn.Module
        if interpolate:
            self.up = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        else:
            transposed = nn.ConvTranspose2d(inputs, outputs, 3, stride=2, padding=1, output_padding=1)
            self.up = nn.Sequential(transposed, nn.ReLU())
        upsampled = inputs if interpolate else outputs
        self.refine = convolutions(skip + upsampled, outputs, 2 if skip else 1, kernel_size)

    def forward(self, features: Tensor, skip: Tensor | None) -> Tensor:
        """Return features at half the stride."""
        upsampled = self.up(features)
        refined: Tensor = self.refine(upsampled if skip is None else torch.cat([skip, upsampled], dim=1))
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
        skip_channels = {skip.stride: skip.channels for skip in backbone.skips}
        self.blocks = nn.ModuleList()
        while levels[-1].stride > output_stride:
            stride = levels[-1].stride // 2
            outputs = backbone.decoder_channels(stride)
            skip = skip_channels.get(stride, 0)
            self.blocks.append(UpBlock(levels[-1].channels, skip, outputs, kernel_size, interpolate))
            levels.append(Level(stride, outputs))
        self.levels = tuple(levels)

    def forward(self, skips: list[Tensor], bottom: Tensor) -> dict[int, Tensor]:
        """Return features by stride, the bottom's among them."""
        features = {self.levels[0].stride: bottom}
        current = bottom
        # a block finer than every skip gets none; a skip finer than every block is left out
        with_none = [*reversed(skips), *[None] * len(self.blocks)]
        for block, level, skip in zip(self.blocks, self.levels[1:], with_none, strict=False):
            current = block(current, skip)
            features[level.stride] = current
        return features
