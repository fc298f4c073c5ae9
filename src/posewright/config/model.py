"""``model_config`` of a recipe: the network's backbone and the heads that make a model type."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationInfo, field_validator, model_validator

from posewright.config.auto import OrAuto
from posewright.config.data import Count, NotNegative, Positive
from posewright.config.sections import Section

Names = Annotated[tuple[str, ...], Field(strict=False)]
Pairs = Annotated[tuple[Annotated[tuple[str, str], Field(strict=False)], ...], Field(strict=False)]
Stride = Literal[1, 2, 4, 8, 16, 32, 64, 128]
DeepestStride = Literal[2, 4, 8, 16, 32, 64, 128]
StemStride = Literal[2, 4]
OF_CROPS = ("centered_instance", "multi_class_topdown")  #: model types that see a crop of each animal
FourCounts = Annotated[tuple[Count, Count, Count, Count], Field(strict=False)]


def _exactly_one(section: Section, noun: str) -> None:
    given = [name for name in type(section).model_fields if getattr(section, name) is not None]
    if len(given) != 1:
        known = ", ".join(type(section).model_fields)
        raise ValueError(f"exactly one {noun} is needed out of {known}; found {', '.join(given) or 'none'}")


def _custom_has_levels(model_type: str, arch: Section | None) -> None:
    if (model_type == "custom") != (arch is not None):
        raise ValueError("arch and model_type: custom go together; give both, or neither")


def _stem_halves_exactly(key: str, kernel: int, stride: int) -> None:
    """Refuse a first convolution that, padded by one, does not divide the size by its stride."""
    if not 3 <= kernel <= stride + 2:
        raise ValueError(f"{key} {kernel} does not fit stem_patch_stride {stride}; use 3 to {stride + 2}")


def _as_pretrained(section: Section, weights: str, wanted: Mapping[str, object]) -> None:
    """Refuse a network whose weights would have other shapes than those of a name."""
    for key, value in wanted.items():
        if getattr(section, key) != value:
            raise ValueError(f"pre_trained_weights {weights} are for {key} {value}, not {getattr(section, key)}")


_CONVNEXT_SIZES = {f"ConvNeXt_{size.title()}_Weights": size for size in ("tiny", "small", "base", "large")}
_SWIN_SIZES = {f"Swin_{size[0].upper()}_Weights": size for size in ("tiny", "small", "base")}


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
    max_stride: Annotated[DeepestStride, OrAuto()] = 16
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


class StagedBackbone(Section):
    """What encoders from torchvision have in common."""

    stem_patch_stride: StemStride = 2
    """Stride of the first convolution, and so of the finest features of the encoder."""
    in_channels: Count = 1
    """Channels of the input; always replaced by those of the training images."""
    kernel_size: Count = 3
    """Side of the convolutions of middle block and decoder."""
    filters_rate: Positive = 2.0
    """Factor of the channels into the middle block, and in the decoder from level to level."""
    convs_per_block: Count = 2
    """Convolutions of the middle block; the decoder always has two per level."""
    up_interpolate: bool = True
    """Upsampling by interpolation; false: by transposed convolution."""
    output_stride: Stride = 1
    """Always replaced by the smallest stride of the heads."""
    max_stride: Annotated[Stride, Field(validate_default=True)] = 32
    """Always 16 times `stem_patch_stride`."""

    @field_validator("max_stride")
    @classmethod
    def _from_stem(cls, value: int, info: ValidationInfo) -> int:
        return 16 * int(info.data.get("stem_patch_stride", 2))


class ConvNeXtArchitecture(Section):
    """Levels of a ConvNeXt of one's own."""

    depths: FourCounts
    """Blocks per level."""
    channels: FourCounts
    """Channels per level."""


class SwinArchitecture(Section):
    """Levels of a Swin transformer of one's own."""

    embed: Count
    """Channels of the first level."""
    depths: FourCounts
    """Blocks per level."""
    num_heads: FourCounts
    """Attention heads per level; each divides its level's channels, which double from level to level."""

    @model_validator(mode="after")
    def _heads_divide(self) -> Self:
        for level, heads in enumerate(self.num_heads):
            channels = self.embed * 2**level
            if channels % heads:
                raise ValueError(f"num_heads {heads} does not divide the {channels} channels of level {level}")
        return self


class ConvNeXt(StagedBackbone):
    """ConvNeXt encoder with a UNet decoder."""

    pre_trained_weights: (
        Literal["ConvNeXt_Tiny_Weights", "ConvNeXt_Small_Weights", "ConvNeXt_Base_Weights", "ConvNeXt_Large_Weights"]
        | None
    ) = None
    """Name of ImageNet weights of that size, found in the torch hub cache; null: none. Gray images stay gray."""
    model_type: Literal["tiny", "small", "base", "large", "custom"] = "tiny"
    """Size of the encoder; `custom`: that of `arch`."""
    arch: ConvNeXtArchitecture | None = None
    """Levels of a `custom` encoder."""
    stem_patch_kernel: Count = 4
    """Side of the first convolution: 3 or 4, with a stride of 4 up to 6."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _custom_has_levels(self.model_type, self.arch)
        _stem_halves_exactly("stem_patch_kernel", self.stem_patch_kernel, self.stem_patch_stride)
        if self.pre_trained_weights is not None:
            wanted = {"model_type": _CONVNEXT_SIZES[self.pre_trained_weights], "stem_patch_kernel": 4}
            _as_pretrained(self, self.pre_trained_weights, wanted)
        return self


class SwinT(StagedBackbone):
    """Swin transformer encoder with a UNet decoder."""

    pre_trained_weights: Literal["Swin_T_Weights", "Swin_S_Weights", "Swin_B_Weights"] | None = None
    """Name of ImageNet weights of that size, found in the torch hub cache; null: none. Gray images stay gray."""
    model_type: Literal["tiny", "small", "base", "custom"] = "tiny"
    """Size of the encoder; `custom`: that of `arch`."""
    arch: SwinArchitecture | None = None
    """Levels of a `custom` encoder."""
    patch_size: Count = 4
    """Side of the first convolution: 3 or 4, with a stride of 4 up to 6."""
    window_size: Count = 7
    """Side of the attention windows."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _custom_has_levels(self.model_type, self.arch)
        _stem_halves_exactly("patch_size", self.patch_size, self.stem_patch_stride)
        if self.pre_trained_weights is not None:
            wanted = {"model_type": _SWIN_SIZES[self.pre_trained_weights], "patch_size": 4, "window_size": 7}
            _as_pretrained(self, self.pre_trained_weights, wanted)
        return self


class BackboneConfig(Section):
    """The network's body: exactly one of them."""

    unet: UNet | None = None
    """UNet."""
    convnext: ConvNeXt | None = None
    """ConvNeXt."""
    swint: SwinT | None = None
    """Swin transformer."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        _exactly_one(self, "backbone")
        return self


class ConfidenceMaps(Section):
    """One map per node, or per centroid: a bump where it lies."""

    part_names: Names | None = None
    """Nodes; null: all of the skeleton, in its order (no other choice is allowed)."""
    anchor_part: Annotated[str | None, OrAuto()] = None
    """Node at the centre of an animal; null, or where it is not visible: the mean of the visible nodes."""
    sigma: Annotated[Positive, OrAuto()] = 5.0
    """Width of the bump (standard deviation), in cells of the map."""
    output_stride: Annotated[Stride, OrAuto()] = 1
    """Input pixels per cell of the map: a power of two, at most the backbone's `max_stride`."""
    loss_weight: NotNegative | None = None
    """Weight of this map in the loss; null: 1."""


class PartAffinityFields(Section):
    """Two maps per edge: the direction of the limb along it."""

    edges: Pairs | None = None
    """Edges; null: all of the skeleton, in its order (no other choice is allowed)."""
    sigma: Annotated[Positive, OrAuto()] = 15.0
    """Width of the field across the limb, in squared pixels as the peer counts it (15: half maximum at 4.2 px)."""
    output_stride: Annotated[Stride, OrAuto()] = 1
    """Input pixels per cell of the field: a power of two, at most the backbone's `max_stride`."""
    loss_weight: NotNegative | None = None
    """Weight of this field in the loss; null: 1."""


class ClassMaps(Section):
    """One map per identity."""

    classes: Names | None = None
    """Identities in order; null: the track names, sorted."""
    sigma: Annotated[Positive, OrAuto()] = 5.0
    """Width of the bump (standard deviation), in cells of the map."""
    output_stride: Annotated[Stride, OrAuto()] = 1
    """Input pixels per cell of the map."""


class ClassVectors(Section):
    """One probability per identity for each crop: the mean of those at its nodes, by the heights of their peaks."""

    classes: Names | None = None
    """Identities in order; null: the track names, sorted."""
    num_fc_layers: Count = 1
    """Fully connected layers, which each cell goes through by itself."""
    num_fc_units: Count = 64
    """Units per layer."""
    global_pool: bool = True
    """Whether a crop has one vector, of all its nodes; only true is available."""
    output_stride: Stride = 1
    """Without effect, as with the peer, which takes the backbone's `max_stride`."""


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
    pafs: PartAffinityFields | None = None
    """Part affinity fields, which help to learn the nodes (where the skeleton has edges) and group nothing; null: none,
    as with the peer."""
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
