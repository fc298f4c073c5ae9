"""Swin transformer (Liu et al. 2021) from torchvision as an encoder."""

from __future__ import annotations

from functools import partial

from torch import nn
from torchvision.models.swin_transformer import SwinTransformer, SwinTransformerBlock

from posewright.config.model import SwinArchitecture, SwinT
from posewright.networks.staged import StagedEncoder
from posewright.networks.stochastic_depth import StochasticDepth
from posewright.networks.windows import WindowAttention

_ARCHITECTURES = {
    "tiny": SwinArchitecture(embed=96, depths=(2, 2, 6, 2), num_heads=(3, 6, 12, 24)),
    "small": SwinArchitecture(embed=96, depths=(2, 2, 18, 2), num_heads=(3, 6, 12, 24)),
    "base": SwinArchitecture(embed=128, depths=(2, 2, 18, 2), num_heads=(4, 8, 16, 32)),
}


def swin_encoder(settings: SwinT, in_channels: int) -> StagedEncoder:
    """Return the encoder of a recipe's ``swint`` section, with torchvision's own random first weights."""
    arch = settings.arch or _ARCHITECTURES[settings.model_type]
    swin = SwinTransformer(
        patch_size=[settings.patch_size] * 2,
        embed_dim=arch.embed,
        depths=list(arch.depths),
        num_heads=list(arch.num_heads),
        window_size=[settings.window_size] * 2,
        num_classes=1,
        block=partial(SwinTransformerBlock, attn_layer=WindowAttention),
    )
    stages: nn.Sequential = swin.features
    stages[0][0] = nn.Conv2d(  # type: ignore[operator]
        in_channels, arch.embed, settings.patch_size, stride=settings.stem_patch_stride, padding=1
    )
    for block in stages.modules():
        if isinstance(block, SwinTransformerBlock):
            block.stochastic_depth = StochasticDepth(block.stochastic_depth.p)
    return StagedEncoder(
        stages,
        last=swin.norm,
        channels=[arch.embed * 2**level for level in range(4)],
        settings=settings,
        in_channels=in_channels,
        channels_last=True,
    )
