"""A whole network: backbone, decoder, heads."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor, nn

from posewright.config.recipe import Recipe
from posewright.errors import InputError
from posewright.networks.convnext import convnext_encoder
from posewright.networks.decoder import Decoder
from posewright.networks.imagenet import cached_weights, load_into
from posewright.networks.levels import Backbone
from posewright.networks.separate_head import SeparateHead
from posewright.networks.staged import StagedEncoder
from posewright.networks.swint import swin_encoder
from posewright.networks.unet import unet_encoder
from posewright.shapes import Heads, HeadSpec

_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "none": lambda output: output,
    "sigmoid": torch.sigmoid,
    "softmax": lambda output: torch.softmax(output, dim=1),
}
_HEAD_STD = 0.01  #: standard deviation of the heads' first weights

#: from a recipe's section and the channels of its images to the encoder, by the section's key in ``backbone_config``
_ENCODERS: dict[str, Callable[[Any, int], Backbone]] = {
    "unet": unet_encoder,
    "convnext": convnext_encoder,
    "swint": swin_encoder,
}


class Network(nn.Module):
    """Images ``[batch channel height width]`` in 0 to 1 to maps by head name.

    Height and width must be multiples of ``max_stride``.

    Args:
        encoder: builds a backbone; called once, and once more for each separate head.
        decoder_to: builds the decoder of a backbone down to a stride.
        heads: the outputs wanted, separate ones last, so that all others begin, and learn, as if these were not there.
    """

    def __init__(
        self, encoder: Callable[[], Backbone], decoder_to: Callable[[Backbone, int], Decoder], heads: Heads
    ) -> None:
        super().__init__()
        self.backbone = encoder()
        deepest = self.backbone.bottom
        shared = [head.stride for head in heads if not head.separate]
        self.decoder = decoder_to(self.backbone, min(shared, default=deepest.stride))
        channels = {level.stride: level.channels for level in self.decoder.levels}

        def built(head: HeadSpec) -> nn.Module:
            if head.separate:
                with torch.random.fork_rng(devices=[]):  # the shared parts' first weights stay what they are without it
                    backbone = encoder()
                    return SeparateHead(backbone, decoder_to(backbone, head.stride), head.hidden, head.channels)
            return nn.Conv2d(channels[head.stride], head.channels, 1)

        self.heads = nn.ModuleDict({head.name: built(head) for head in heads})
        self.strides = {head.name: head.stride for head in heads}
        self.activations = {head.name: _ACTIVATIONS[head.activation] for head in heads}
        self.max_stride = deepest.stride

    @property
    def separate_heads(self) -> dict[str, SeparateHead]:
        """The heads with a backbone and a decoder of their own, by name."""
        return {name: head for name, head in self.heads.items() if isinstance(head, SeparateHead)}

    @property
    def learning_apart(self) -> list[list[nn.Parameter]]:
        """The weights of each part that shares nothing with the others: that of most heads, then each separate head."""
        separate = [list(head.parameters()) for head in self.separate_heads.values()]
        of_heads = {id(weight) for weights in separate for weight in weights}
        return [[weight for weight in self.parameters() if id(weight) not in of_heads], *separate]

    @property
    def backbones(self) -> list[Backbone]:
        """The shared backbone, and those of separate heads."""
        return [self.backbone, *(head.backbone for head in self.separate_heads.values())]

    @property
    def decoders(self) -> list[Decoder]:
        """The shared decoder, and those of separate heads."""
        return [self.decoder, *(head.decoder for head in self.separate_heads.values())]

    def forward(self, images: Tensor) -> dict[str, Tensor]:
        """Return by head name maps ``[batch channel height/stride width/stride]``.

        These are the numbers that losses compare, before any activation.
        """
        features = self.decoder(*self.backbone(images))
        return {
            name: head(images) if isinstance(head, SeparateHead) else head(features[self.strides[name]])
            for name, head in self.heads.items()
        }

    def predict(self, images: Tensor) -> dict[str, Tensor]:
        """Return the same after each head's activation: what decoding reads."""
        return {name: self.activations[name](output) for name, output in self(images).items()}


def build_network(recipe: Recipe, heads: Heads, in_channels: int) -> Network:
    """Build the network of a recipe for the heads of its model type.

    Raises:
        InputError: a head's stride is no power of two up to the backbone's ``max_stride``.
    """
    for head in heads:
        if head.stride > recipe.max_stride or head.stride.bit_count() != 1:
            raise InputError(
                f"the head {head.name!r} has output_stride {head.stride}, but the backbone offers powers of two up to "
                f"its max_stride {recipe.max_stride}; choose one of these, or raise max_stride"
            )
    settings = recipe.backbone_settings
    encoder = partial(_ENCODERS[recipe.backbone], settings, in_channels)
    decoder_to = partial(Decoder, kernel_size=settings.kernel_size, interpolate=settings.up_interpolate)
    return Network(encoder, decoder_to, heads)


def initialise(network: Network, how: Literal["he", "xavier", "default"]) -> None:
    """Draw the first weights; ``he`` keeps the signal's size through ReLU layers (He et al. 2015).

    With ``he`` the heads begin near zero, which is the right answer for nearly every cell: heads that begin at full
    size spend their first steps on shrinking and take the layers below with them. On flies-pair crops, 300 steps, this
    gave a validation loss of 1.4e-3 where torch's own first weights gave 2.7e-3. Identities, which count only where
    animals are and have no such answer, begin at full size: from near zero those of crops were not learnt in 1320
    steps. ``xavier`` and ``default`` are the peer's two choices, ``default`` being torch's own. Of a backbone only what
    it leaves to us is drawn.
    """
    if how == "default":
        return
    small = {head for name, head in network.heads.items() if network.activations[name] is _ACTIVATIONS["none"]}
    drawn = {module for backbone in network.backbones for module in backbone.to_draw()}
    kept = {module for backbone in network.backbones for module in backbone.modules()} - drawn
    for module in network.modules():
        if module in kept or not isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            continue
        if how == "xavier":
            nn.init.xavier_uniform_(module.weight)
        elif module in small:
            nn.init.normal_(module.weight, std=_HEAD_STD)
        else:
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def load_pretrained(network: Network, recipe: Recipe) -> None:
    """Replace the first weights of each backbone's stages by those that ``pre_trained_weights`` names, if any.

    Raises:
        InputError: they are not in the torch hub cache.
    """
    name = getattr(recipe.backbone_settings, "pre_trained_weights", None)
    if name is not None:
        weights = cached_weights(name)
        for backbone in network.backbones:
            assert isinstance(backbone, StagedEncoder), "only these have weights by name"
            load_into(backbone.stages, backbone.last, weights)
