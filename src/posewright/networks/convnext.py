"""ConvNeXt (Liu et al. 2022) from torchvision as an encoder."""

from __future__ import annotations

from torch import nn
from torchvision.models.convnext import CNBlockConfig
from torchvision.models.convnext import ConvNeXt as TorchvisionConvNeXt

from posewright.config.model import ConvNeXt, ConvNeXtArchitecture
from posewright.networks.staged import StagedEncoder

_ARCHITECTURES = {
    "tiny": ConvNeXtArchitecture(depths=(3, 3, 9, 3), channels=(96, 192, 384, 768)),
    "small": ConvNeXtArchitecture(depths=(3, 3, 27, 3), channels=(96, 192, 384, 768)),
    "base": ConvNeXtArchitecture(depths=(3, 3, 27, 3), channels=(128, 256, 512, 1024)),
    "large": ConvNeXtArchitecture(depths=(3, 3, 27, 3), channels=(192, 384, 768, 1536)),
}


def convnext_encoder(settings: ConvNeXt, in_channels: int) -> StagedEncoder:
    """Return the encoder of a recipe's ``convnext`` section, with torchvision's own random first weights."""
    arch = settings.arch or _ARCHITECTURES[settings.model_type]
    following = (*arch.channels[1:], None)
    blocks = [CNBlockConfig(*level) for level in zip(arch.channels, following, arch.depths, strict=True)]
    stages: nn.Sequential = TorchvisionConvNeXt(blocks, num_classes=1).features
    stem = nn.Conv2d(
        in_channels, arch.channels[0], settings.stem_patch_kernel, stride=settings.stem_patch_stride, padding=1
    )
    nn.init.trunc_normal_(stem.weight, std=0.02)  # as torchvision draws every other layer
    nn.init.zeros_(stem.bias)  # type: ignore[arg-type]
    stages[0][0] = stem  # type: ignore[operator]
    return StagedEncoder(
        stages,
        last=nn.Identity(),
        channels=arch.channels,
        settings=settings,
        in_channels=in_channels,
    )
