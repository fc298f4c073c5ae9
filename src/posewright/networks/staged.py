"""An encoder from torchvision in the peer's proportions: its eight stages, a pool below them, a middle block."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from torch import Tensor, nn

from posewright.config.model import ConvNeXt, SwinT
from posewright.networks.imagenet import ImageNetNormalisation
from posewright.networks.levels import Backbone, Level
from posewright.networks.unet import convolutions

_SKIPS = (0, 2, 4, 6)  #: the stem and the layers that halve the resolution; the stages of blocks stand between them


class StagedEncoder(Backbone):
    """Stem, blocks, halving, blocks, … as torchvision's ConvNeXt and Swin have them.

    The skips leave before the blocks of their resolution, and the last blocks are pooled once more (peer: 3.2), so the
    bottom has 16 times the stride of the stem.

    Args:
        stages: torchvision's ``features``, the stem already of the stride wanted.
        last: what is applied to the last stage alone, in the order of the stages' axes.
        channels: of the four resolutions.
        settings: the recipe's section; images are normalised where it names ImageNet weights.
        in_channels: of the images.
        channels_last: whether the stages' features are ``[batch height width channel]``.
    """

    def __init__(
        self,
        stages: nn.Sequential,
        last: nn.Module,
        channels: Sequence[int],
        settings: ConvNeXt | SwinT,
        in_channels: int,
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        self.normalisation = ImageNetNormalisation(in_channels) if settings.pre_trained_weights else nn.Identity()
        self.stages = stages
        self.last = last
        self.pool = nn.MaxPool2d(2)
        widest = int(channels[-1] * settings.filters_rate)
        self.middle = convolutions(channels[-1], widest, settings.convs_per_block, settings.kernel_size)
        finest = settings.stem_patch_stride
        self.skips = tuple(Level(finest * 2**level, width) for level, width in enumerate(channels))
        self.bottom = Level(2 * self.skips[-1].stride, widest)
        self._filters_rate = settings.filters_rate
        self._channels_last = channels_last

    def decoder_channels(self, stride: int) -> int:
        """Return the stem's channels at the stem's stride and finer, growing by the rate with each coarser stride."""
        stem = self.skips[0]
        coarser = max(0, (stride // stem.stride).bit_length() - 1)
        return int(stem.channels * self._filters_rate**coarser)

    def to_draw(self) -> Iterator[nn.Module]:
        """Return the middle block's layers: torchvision has drawn the stages in their own ways."""
        return self.middle.modules()

    def forward(self, images: Tensor) -> tuple[list[Tensor], Tensor]:
        """Return the features of the stem and of each halving, and the bottom."""
        skips = []
        features = self.normalisation(images)
        for index, stage in enumerate(self.stages):
            features = stage(features)
            if index in _SKIPS:
                skips.append(self._as_maps(features))
        return skips, self.middle(self.pool(self._as_maps(self.last(features))))

    def _as_maps(self, features: Tensor) -> Tensor:
        """Return features as ``[batch channel height width]``."""
        return features.permute(0, 3, 1, 2) if self._channels_last else features
