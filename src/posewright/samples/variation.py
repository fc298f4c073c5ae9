"""How each training sample is varied: drawn once, as numbers, from (seed, step, position) alone.

Drawing is apart from applying (`augment`), so that the n-th sample of a training is the same whether it is the first
run, a resumed one, or one with other workers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from posewright.config.data import Augmentation, Geometric, Intensity
from posewright.shapes import Size


@dataclass(frozen=True)
class Variation:
    """One sample's draw.

    Attributes:
        matrix: ``[2 3]`` from pixels of the output to pixels of the source image.
        brightness: factor of all values.
        contrast: factor about middle gray.
        noise: standard deviation of Gaussian noise, as part of full scale.
        noise_mean: its mean.
        uniform: half-open range (low, high) of uniform noise that is added, as part of full scale.
        mirrored: whether the matrix mirrors, so that nodes change names.
        erased: left, top, right and bottom of the area that turns black, in pixels of the output; the first two belong
            to it, the last two do not.
    """

    matrix: NDArray[np.float32]
    brightness: float = 1.0
    contrast: float = 1.0
    noise: float = 0.0
    noise_mean: float = 0.0
    uniform: tuple[float, float] = (0.0, 0.0)
    mirrored: bool = False
    erased: tuple[int, int, int, int] = (0, 0, 0, 0)


def sample_generator(seed: int, step: int, position: int) -> np.random.Generator:
    """Return the random numbers of one sample: a pure function of the training's seed, the step and the place in it."""
    return np.random.Generator(np.random.Philox(key=[seed & (2**64 - 1), (step << 24) + position]))


def no_variation(centre_source: tuple[float, float], centre_output: tuple[float, float]) -> Variation:
    """Return the draw that only moves: the two centres (x, y) coincide."""
    return Variation(_matrix(0.0, 1.0, centre_source, centre_output))


def draw_variation(
    settings: Augmentation,
    rng: np.random.Generator,
    size: Size,
    centre_source: tuple[float, float],
    centre_output: tuple[float, float],
    content: Size,
    jitter_px: float = 0.0,
) -> Variation:
    """Draw mirror image, rotation, scale, translation about a centre, intensities, and an area to erase.

    Args:
        settings: the recipe's ranges and probabilities.
        rng: the sample's generator; the same number of draws is made whatever the settings.
        size: the image that translations are parts of.
        centre_source: (x, y) of the centre in the source image, in pixels.
        centre_output: where it lies in the output when nothing is translated.
        content: the part of the output, from the top left, that shows the image: what is erased lies in it.
        jitter_px: largest extra shift of a crop per axis: what the centroid may be off by.
    """
    draws = rng.random(21)
    geometric = settings.geometric or _STILL
    shift = (_between(-jitter_px, jitter_px, draws[0]), _between(-jitter_px, jitter_px, draws[1]))
    degrees, factor, moved = _geometric(geometric, draws[2:9], size)
    output = (centre_output[0] + shift[0] + moved[0], centre_output[1] + shift[1] + moved[1])
    mirrored = bool(draws[15] < geometric.flip_p)
    matrix = _matrix(degrees, factor, centre_source, output, mirrored)
    varied = _with_intensity(matrix, settings.intensity or _PLAIN, draws[9:15])
    return replace(varied, mirrored=mirrored, erased=_erased(geometric, draws[16:21], content))


_STILL = Geometric(rotation_p=0.0, scale_p=0.0, translate_p=0.0)
_PLAIN = Intensity()


def _geometric(settings: Geometric, draws: NDArray[np.float64], size: Size) -> tuple[float, float, tuple[float, float]]:
    """Return degrees, magnification and shift (x, y); ``affine_p`` governs all three where no probability is given."""
    whether_turned, turn, whether_scaled, scale, whether_moved, right, down = draws
    together = settings.rotation_p is None and settings.scale_p is None and settings.translate_p is None

    def happens(probability: float | None, draw: float) -> bool:
        return bool(whether_turned < settings.affine_p if together else draw < (probability or 0.0))

    degrees = _between(settings.rotation_min, settings.rotation_max, turn)
    factor = _between(settings.scale_min, settings.scale_max, scale)
    shift = (
        settings.translate_width * size.width * _between(-1.0, 1.0, right),
        settings.translate_height * size.height * _between(-1.0, 1.0, down),
    )
    return (
        degrees if happens(settings.rotation_p, whether_turned) else 0.0,
        factor if happens(settings.scale_p, whether_scaled) else 1.0,
        shift if happens(settings.translate_p, whether_moved) else (0.0, 0.0),
    )


def _between(low: float, high: float, draw: float) -> float:
    return low + (high - low) * float(draw)


def _with_intensity(matrix: NDArray[np.float32], settings: Intensity, draws: NDArray[np.float64]) -> Variation:
    whether_contrast, contrast_at, whether_bright, bright_at, whether_noisy, whether_uniform = draws
    contrast = _between(settings.contrast_min, settings.contrast_max, contrast_at)
    brightness = _between(settings.brightness_min, settings.brightness_max, bright_at)
    noisy = whether_noisy < settings.gaussian_noise_p
    uniform = (settings.uniform_noise_min, settings.uniform_noise_max)
    return Variation(
        matrix=matrix,
        brightness=brightness if whether_bright < settings.brightness_p else 1.0,
        contrast=contrast if whether_contrast < settings.contrast_p else 1.0,
        noise=settings.gaussian_noise_std if noisy else 0.0,
        noise_mean=settings.gaussian_noise_mean if noisy else 0.0,
        uniform=uniform if whether_uniform < settings.uniform_noise_p else (0.0, 0.0),
    )


def _erased(settings: Geometric, draws: NDArray[np.float64], content: Size) -> tuple[int, int, int, int]:
    """Return the area that is erased, wholly inside: its part of the image, then its shape, then its place."""
    whether, area_at, ratio_at, right, down = draws
    if whether >= settings.erase_p:
        return (0, 0, 0, 0)
    area_px = _between(settings.erase_scale_min, settings.erase_scale_max, area_at) * content.height * content.width
    # evenly on a logarithmic scale, so that upright and lying areas are equally likely
    ratio = math.exp(_between(math.log(settings.erase_ratio_min), math.log(settings.erase_ratio_max), ratio_at))
    width = min(max(1, round(math.sqrt(area_px / ratio))), content.width)
    height = min(max(1, round(math.sqrt(area_px * ratio))), content.height)
    left, top = int(right * (content.width - width + 1)), int(down * (content.height - height + 1))
    return (left, top, left + width, top + height)


def _matrix(
    degrees: float,
    factor: float,
    centre_source: tuple[float, float],
    centre_output: tuple[float, float],
    mirrored: bool = False,
) -> NDArray[np.float32]:
    """Return the map from output to source pixels.

    The output shows the source mirrored left to right, if at all, then turned by ``degrees`` and magnified.
    """
    angle = math.radians(degrees)
    cosine, sine = math.cos(angle) / factor, math.sin(angle) / factor
    turn = np.array([[cosine, sine], [-sine, cosine]])
    if mirrored:
        turn[0] = -turn[0]
    offset = np.asarray(centre_source) - turn @ np.asarray(centre_output)
    return np.concatenate([turn, offset[:, None]], axis=1).astype(np.float32)
