"""``model_config`` of a recipe: the network's backbone and the heads that make a model type."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from posewright.config.data import Count, NotNegative, Positive
from posewright.config.sections import Section

Names = Annotated[tuple[str, ...], Field(strict=False)]
Pairs = Annotated[tuple[Annotated[tuple[str, str], Field(strict=False)], ...], Field(strict=False)]
Stride = Literal[1, 2, 4, 8, 16, 32, 64, 128]


def _exactly_one(section: Section, noun: str) -> None:
    given = [name for name in type(section).model_fields if getattr(section, name) is not None]
    if len(given) != 1:
        known = ", ".join(type(section).model_fields)
        raise ValueError(f"exactly one {noun} is needed out of {known}; found {', '.join(given) or 'none'}")


class UNet(Section):
    """Encoder and decoder with skip connections."""

    in_channels: Count = 1
    """Channels of the input; always replaced by those of the training images."""
    kernel_size: Count = 3
    """Side of the convolutions, odd."""
    filters: Count = 32
    """Channels of the first level."""
    filters_rate: Positive = 1.5
    """Factor by which channels grow from level to level."""
    max_stride: Stride = 16
    """Input pixels per cell at the deepest level, a power of two; sets how far the network sees around a pixel."""
    stem_stride: int | None = None
    """Stride of a stem before the encoder; only null is available."""
    middle_block: bool = True
    """Whether the deepest level has its own block; only true is available."""
    up_interpolate: bool = True
    """Upsampling by interpolation; false: by transposed convolution."""
    stacks: Count = 1
    """Encoder and decoder pairs one after the other; only 1 is available."""
    convs_per_block: Count = 2
    """Convolutions per level of the encoder; the decoder always has two."""
    output_stride: Stride = 1
    """Always replaced by the smallest stride of the heads."""


class ConvNeXtArchitecture(Section):
    """Levels of a ConvNeXt of one's own."""

    depths: Annotated[tuple[int, ...], Field(strict=False)]
    """Blocks per level."""
    channels: Annotated[tuple[int, ...], Field(strict=False)]
    """Channels per level."""


class SwinArchitecture(Section):
    """Levels of a Swin transformer of one's own."""

    embed: Count
    """Channels of the first level."""
    depths: Annotated[tuple[int, ...], Field(strict=False)]
    """Blocks per level."""
    num_heads: Annotated[tuple[int, ...], Field(strict=False)]
    """Attention heads per level."""


class ConvNeXt(Section):
    """ConvNeXt encoder with a UNet decoder."""

    pre_trained_weights: str | None = None
    """Name of ImageNet weights; null: none."""
    model_type: Literal["tiny", "small", "base", "large"] = "tiny"
    """Size of the encoder."""
    arch: ConvNeXtArchitecture | None = None
    """Levels; null: those of `model_type`."""
    stem_patch_kernel: Count = 4
    """Side of the first convolution."""
    stem_patch_stride: Stride = 2
    """Stride of the first convolution."""
    in_channels: Count = 1
    """Channels of the input; always replaced by those of the training images."""
    kernel_size: Count = 3
    """Side of the decoder's convolutions."""
    filters_rate: Positive = 2.0
    """Factor by which the decoder's channels shrink."""
    convs_per_block: Count = 2
    """Convolutions per level of the decoder."""
    up_interpolate: bool = True
    """Upsampling by interpolation; false: by transposed convolution."""
    output_stride: Stride = 1
    """Always replaced by the smallest stride of the heads."""
    max_stride: Stride = 32
    """Always 16 times `stem_patch_stride`."""


class SwinT(Section):
    """Swin transformer encoder with a UNet decoder."""

    pre_trained_weights: str | None = None
    """Name of ImageNet weights; null: none."""
    model_type: Literal["tiny", "small", "base"] = "tiny"
    """Size of the encoder."""
    arch: SwinArchitecture | None = None
    """Levels; null: those of `model_type`."""
    patch_size: Count = 4
    """Side of the first convolution."""
    stem_patch_stride: Stride = 2
    """Stride of the first convolution."""
    window_size: Count = 7
    """Side of the attention windows."""
    in_channels: Count = 1
    """Channels of the input; always replaced by those of the training images."""
    kernel_size: Count = 3
    """Side of the decoder's convolutions."""
    filters_rate: Positive = 2.0
    """Factor by which the decoder's channels shrink."""
    convs_per_block: Count = 2
    """Convolutions per level of the decoder."""
    up_interpolate: bool = True
    """Upsampling by interpolation; false: by transposed convolution."""
    output_stride: Stride = 1
    """Always replaced by the smallest stride of the heads."""
    max_stride: Stride = 32
    """Always 16 times `stem_patch_stride`."""


class BackboneConfig(Section):
    """The network's body: exactly one of them."""

    unet: UNet | None = None
    """UNet."""
    convnext: ConvNeXt | None = None
    """ConvNeXt; not available yet."""
    swint: SwinT | None = None
    """Swin transformer; not available yet."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        _exactly_one(self, "backbone")
        return self


class ConfidenceMaps(Section):
    """One map per node, or per centroid: a bump where it lies."""

    part_names: Names | None = None
    """Nodes; null: all of the skeleton, in its order (no other choice is allowed)."""
    anchor_part: str | None = None
    """Node at the centre of an animal; null, or where it is not visible: the mean of the visible nodes."""
    sigma: Positive = 5.0
    """Width of the bump (standard deviation), in cells of the map."""
    output_stride: Stride = 1
    """Input pixels per cell of the map: a power of two, at most the backbone's `max_stride`."""
    loss_weight: NotNegative | None = None
    """Weight of this map in the loss; null: 1."""


class PartAffinityFields(Section):
    """Two maps per edge: the direction of the limb along it."""

    edges: Pairs | None = None
    """Edges; null: all of the skeleton, in its order (no other choice is allowed)."""
    sigma: Positive = 15.0
    """Width of the field across the limb, in squared pixels as the peer counts it (15: half maximum at 4.2 px)."""
    output_stride: Stride = 1
    """Input pixels per cell of the field: a power of two, at most the backbone's `max_stride`."""
    loss_weight: NotNegative | None = None
    """Weight of this field in the loss; null: 1."""


class ClassMaps(Section):
    """One map per identity."""

    classes: Names | None = None
    """Identities in order; null: the track names, sorted."""
    sigma: Positive = 5.0
    """Width of the bump (standard deviation), in cells of the map."""
    output_stride: Stride = 1
    """Input pixels per cell of the map."""
    loss_weight: NotNegative | None = None
    """Weight of these maps in the loss; null: 1."""


class ClassVectors(Section):
    """One probability per identity for each crop."""

    classes: Names | None = None
    """Identities in order; null: the track names, sorted."""
    num_fc_layers: Count = 1
    """Fully connected layers."""
    num_fc_units: Count = 64
    """Units per layer."""
    global_pool: bool = True
    """Whether the deepest level is pooled before; only true is available."""
    output_stride: Stride = 1
    """Always replaced by the backbone's `max_stride`."""
    loss_weight: NotNegative | None = None
    """Weight of the identities in the loss; null: 1."""


class ConfidenceMapHead(Section):
    """A type with confidence maps alone."""

    confmaps: ConfidenceMaps = ConfidenceMaps()
    """Confidence maps."""


class BottomUpHead(Section):
    """Nodes of all animals, grouped by the limbs between them."""

    confmaps: ConfidenceMaps = ConfidenceMaps()
    """Confidence maps."""
    pafs: PartAffinityFields = PartAffinityFields()
    """Part affinity fields."""


class MultiClassBottomUpHead(Section):
    """Nodes of all animals, grouped by identity."""

    confmaps: ConfidenceMaps = ConfidenceMaps()
    """Confidence maps."""
    class_maps: ClassMaps = ClassMaps()
    """Identity maps."""


class MultiClassTopDownHead(Section):
    """Nodes and identity of one animal in a crop."""

    confmaps: ConfidenceMaps = ConfidenceMaps()
    """Confidence maps."""
    class_vectors: ClassVectors = ClassVectors()
    """Identity of the crop."""


class HeadConfigs(Section):
    """The model type: exactly one of them."""

    single_instance: ConfidenceMapHead | None = None
    """One animal per frame."""
    centroid: ConfidenceMapHead | None = None
    """The first half of top-down: where animals are."""
    centered_instance: ConfidenceMapHead | None = None
    """The second half of top-down: the nodes of the animal in the middle of a crop."""
    bottomup: BottomUpHead | None = None
    """All nodes of all animals at once, then grouping."""
    multi_class_bottomup: MultiClassBottomUpHead | None = None
    """Nodes of all animals at once, grouped by identity: the same individuals in every video."""
    multi_class_topdown: MultiClassTopDownHead | None = None
    """The second half of top-down with identities: nodes of the animal in the middle of a crop, and who it is."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        _exactly_one(self, "model type")
        return self


class Network(Section):
    """Backbone and heads."""

    init_weights: Literal["default", "xavier"] = "default"
    """First weights: `default` (see `posewright.init`) or `xavier` (uniform, biases 0)."""
    pretrained_backbone_weights: str | None = None
    """Checkpoint whose backbone the training starts from; null: none."""
    pretrained_head_weights: str | None = None
    """Checkpoint whose heads the training starts from; null: none."""
    backbone_config: BackboneConfig
    """The network's body."""
    head_configs: HeadConfigs
    """The model type."""


def chosen(section: Section) -> str:
    """Return the name of the one entry that is set."""
    return next(name for name in type(section).model_fields if getattr(section, name) is not None)
