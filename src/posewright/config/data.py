"""``data_config`` of a recipe: how images are prepared and varied before the network sees them."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, ValidationInfo, model_validator

from posewright.config.auto import OrAuto, is_planned
from posewright.config.sections import Section

Probability = Annotated[float, Field(ge=0.0, le=1.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Positive = Annotated[float, Field(gt=0.0)]
Count = Annotated[int, Field(ge=1)]
Part = Annotated[float, Field(ge=0.0, lt=1.0)]
Texts = Annotated[tuple[str, ...], Field(strict=False)]
GEOMETRIC = "data_config.augmentation_config.geometric"  #: where a recipe has the `Geometric` section


def _in_order(section: Section, *names: str) -> None:
    """Refuse a range whose end lies before its beginning."""
    for name in names:
        low, high = getattr(section, f"{name}_min"), getattr(section, f"{name}_max")
        if low > high:
            raise ValueError(f"{name}_min {low} lies above {name}_max {high}")


class Preprocessing(Section):
    """Channels, size and crop of every image, in training and prediction alike."""

    ensure_rgb: bool = False
    """Repeat one channel to three."""
    ensure_grayscale: bool = False
    """Reduce three channels to one (luma weights)."""
    max_height: Count | None = None
    """Height in pixels all frames are matched to; null: that of the largest training frame."""
    max_width: Count | None = None
    """Width in pixels all frames are matched to; null: that of the largest training frame."""
    scale: Annotated[Positive, OrAuto()] = 1.0
    """Factor by which images are resized before the network."""
    crop_size: Annotated[Count | None, OrAuto()] = None
    """Side of the square crop around each animal, in pixels before `scale`; null: measured from the training labels."""
    min_crop_size: Count | None = 100
    """Lower bound of a measured crop size, in pixels; null: none."""
    crop_padding: Annotated[int, Field(ge=0)] | None = None
    """Pixels added to a measured crop size; null: a tenth of the animals' size."""

    @model_validator(mode="after")
    def _one_colour(self) -> Self:
        if self.ensure_rgb and self.ensure_grayscale:
            raise ValueError("ensure_rgb and ensure_grayscale cannot both be true")
        return self


class Intensity(Section):
    """Changes of brightness, one after the other in this order; every `*_p` is the probability for an image."""

    uniform_noise_min: Probability = 0.0
    """Smallest uniform noise, as part of full scale."""
    uniform_noise_max: Probability = 0.04
    """Largest uniform noise, as part of full scale."""
    uniform_noise_p: Probability = 0.0
    """Probability of uniform noise."""
    gaussian_noise_mean: float = 0.0
    """Mean of the Gaussian noise, as part of full scale."""
    gaussian_noise_std: NotNegative = 0.02
    """Standard deviation of the Gaussian noise, as part of full scale."""
    gaussian_noise_p: Probability = 0.0
    """Probability of Gaussian noise."""
    contrast_min: NotNegative = 0.9
    """Smallest contrast factor (about middle gray)."""
    contrast_max: NotNegative = 1.1
    """Largest contrast factor."""
    contrast_p: Probability = 0.0
    """Probability of a contrast change."""
    brightness_min: NotNegative = 0.9
    """Smallest brightness factor."""
    brightness_max: Annotated[float, Field(ge=0.0, le=2.0)] = 1.1
    """Largest brightness factor, at most 2."""
    brightness_p: Probability = 0.0
    """Probability of a brightness change."""

    @model_validator(mode="after")
    def _ranges(self) -> Self:
        _in_order(self, "uniform_noise", "contrast", "brightness")
        return self


class Geometric(Section):
    """Movements of image and points together, in one resampling; every `*_p` is the probability for an image."""

    rotation_min: Annotated[float, OrAuto()] = -15.0
    """Smallest rotation, in degrees."""
    rotation_max: Annotated[float, OrAuto()] = 15.0
    """Largest rotation, in degrees."""
    rotation_p: Probability | None = 1.0
    """Probability of a rotation."""
    scale_min: Annotated[Positive, OrAuto()] = 0.9
    """Smallest magnification."""
    scale_max: Annotated[Positive, OrAuto()] = 1.1
    """Largest magnification."""
    scale_p: Probability | None = 1.0
    """Probability of a magnification."""
    translate_width: NotNegative = 0.0
    """Largest shift to either side, as part of the width."""
    translate_height: NotNegative = 0.0
    """Largest shift up or down, as part of the height."""
    translate_p: Probability | None = None
    """Probability of a shift; null: none."""
    affine_p: Probability = 0.0
    """One probability for all three; only used when the three `*_p` above are null."""
    erase_scale_min: NotNegative = 1e-4
    """Smallest erased area, as part of the network's input. It turns black; what it hides is still to be found."""
    erase_scale_max: NotNegative = 0.01
    """Largest erased area, as part of the network's input."""
    erase_ratio_min: Positive = 1.0
    """Smallest height to width ratio of the erased area."""
    erase_ratio_max: Positive = 1.0
    """Largest height to width ratio of the erased area."""
    erase_p: Probability = 0.0
    """Probability of erasing an area."""
    flip_p: Annotated[Probability, OrAuto()] = 0.0
    """Probability of a mirror image, left to right; nodes change names by the skeleton's symmetries."""

    @model_validator(mode="after")
    def _ranges(self, info: ValidationInfo) -> Self:
        names = ("rotation", "scale", "erase_scale", "erase_ratio")
        given = [n for n in names if not is_planned(info, f"{GEOMETRIC}.{n}_min", f"{GEOMETRIC}.{n}_max")]
        _in_order(self, *given)
        return self


class Augmentation(Section):
    """Variation of the training images. Giving only `intensity` leaves `geometric` on, as the peer does."""

    intensity: Intensity | None = None
    """Changes of brightness; null: none."""
    geometric: Geometric | None = Geometric()
    """Movements; null: none."""


class DataConfig(Section):
    """Images and their variation."""

    preprocessing: Preprocessing = Preprocessing()
    """Channels, size and crop."""
    use_augmentations_train: bool = True
    """Whether `augmentation_config` applies."""
    augmentation_config: Augmentation | None = Augmentation()
    """Variation of the training images; null: none."""
    use_negative_frames: bool = False
    """Whether models of whole frames also learn from frames that are marked as without animals in the labels:
    that nothing is there. Evaluation always counts what is found on them."""
    negative_loss_weight: NotNegative = 1.0
    """Weight of such a frame in the training loss."""
