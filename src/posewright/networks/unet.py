"""The encoder of a U-Net (Ronneberger et al. 2015) in the peer's proportions: convolutions, no normalisation layers."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from posewright.config.model import UNet
from posewright.networks.levels import Backbone, Level


def convolutions(inputs: int, outputs: int, count: int, kernel_size: int) -> nn.Sequential:
    """Return ``count`` convolutions of equal width with ReLU, sizes kept by zero padding."""
    layers: list[nn.Module] = []
    for index in range(count):
        layers += [nn.Conv2d(inputs if index == 0 else outputs, outputs, kernel_size, padding="same"), nn.ReLU()]
    return nn.Sequential(*layers)


def unet_encoder(settings: UNet, in_channels: int) -> UNetEncoder:
    """Return the encoder of a recipe's ``unet`` section."""
    return UNetEncoder(
        in_channels,
        settings.filters,
        settings.filters_rate,
        settings.max_stride,
        settings.convs_per_block,
        settings.kernel_size,
    )


class UNetEncoder(Backbone):
    """Blocks of convolutions at strides 1, 2, …, then a bottom at ``max_stride``.

    Args:
        in_channels: channels of the input.
        filters: channels at stride 1.
        filters_rate: factor of the channels from one stride to the next (rounded down; peer: 3.1).
        max_stride: stride of the bottom, a power of two of at least 2.
        convs_per_block: convolutions in each block, the bottom included.
        kernel_size: of every convolution.
    """

    def __init__(
        self,
        in_channels: int,
        filters: int = 32,
        filters_rate: float = 1.5,
        max_stride: int = 16,
        convs_per_block: int = 2,
        kernel_size: int = 3,
    ) -> None:
        super().__init__()
        depth = max_stride.bit_length() - 1
        widths = [int(filters * filters_rate**level) for level in range(depth + 1)]
        inputs = [in_channels, *widths[:-1]]
        self.blocks = nn.ModuleList(
            convolutions(inputs[level], widths[level], convs_per_block, kernel_size) for level in range(depth)
        )
        self.middle = convolutions(widths[depth - 1], widths[depth], convs_per_block, kernel_size)
        self.pool = nn.MaxPool2d(2)
        self.skips = tuple(Level(2**level, widths[level]) for level in range(depth))
        self.bottom = Level(max_stride, widths[depth])

    def decoder_channels(self, stride: int) -> int:
        """Return the channels of this encoder at ``stride``: the decoder mirrors it."""
        return next(level.channels for level in self.skips if level.stride == stride)

    def to_draw(self) -> Iterator[nn.Module]:
        """Return every module."""
        return self.modules()

    def forward(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the features of each block before pooling, and the bottom."""
        skips = []
        features = images
        for block in self.blocks:
            features = block(features)
            skips.append(features)
            features = self.pool(features)
        return skips, self.middle(features)
