"""What marks an individual: its size, the shade of its coat and skin, and one of five patterns."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from posewright.synthetic.animal import TAIL_STATION

Floats = NDArray[np.float64]
Image = NDArray[np.float32]

_COAT_SHAPE = (160, 41)  # texture cells along and across the body
_MIDDLE_SHADE = 92.0  # darker coats have light marks and pale skin, lighter ones dark marks and dark skin


@dataclass(frozen=True)
class Individual:
    """One animal that can be told from others.

    Attributes:
        name: its identity, the track name in labels.
        length_px: nose to tail tip.
        coat: ``[along across]`` gray levels of the fur, nose to tail tip and left to right.
        skin_gray: ears, paws and tail.
    """

    name: str
    length_px: float
    coat: Image
    skin_gray: float


def make_individual(index: int, length_px: float, rng: np.random.Generator) -> Individual:
    """Draw individual number ``index``: its pattern goes round five kinds and its shade between dark and light."""
    shade = 52.0 + 70.0 * ((index * 0.618 + 0.1) % 1.0) + rng.uniform(-6, 6)
    contrast = 62.0 if shade < _MIDDLE_SHADE else -58.0
    pattern = _PATTERNS[index % len(_PATTERNS)](rng)
    grain = cv2.GaussianBlur(rng.standard_normal(_COAT_SHAPE).astype(np.float32), (0, 0), sigmaX=0.8, sigmaY=2.5)
    coat = shade + contrast * pattern + 5.0 * grain / grain.std()
    skin_gray = float(rng.uniform(188, 212) if shade < _MIDDLE_SHADE else rng.uniform(26, 44))
    along = np.linspace(0, 1, _COAT_SHAPE[0])[:, None]
    tail = np.clip((along - TAIL_STATION + 0.01) / 0.03, 0, 1)
    snout = np.clip(1 - along / 0.05, 0, 1)
    coat = coat * (1 - tail) + skin_gray * tail
    coat = coat * (1 - 0.7 * snout) + skin_gray * 0.7 * snout
    return Individual(
        name=f"animal_{index + 1}",
        length_px=length_px * float(rng.uniform(0.94, 1.06)),
        coat=np.clip(coat, 12, 243).astype(np.float32),
        skin_gray=skin_gray,
    )


def _trunk_grid() -> tuple[Floats, Floats]:
    """Return along (0 to 1) and across (-1 to 1) of each texture cell."""
    along, across = np.meshgrid(np.linspace(0, 1, _COAT_SHAPE[0]), np.linspace(-1, 1, _COAT_SHAPE[1]), indexing="ij")
    return along, across


def _bands(rng: np.random.Generator) -> Floats:
    """Bands across the trunk."""
    along, across = _trunk_grid()
    phase, count = rng.uniform(0, 2 * np.pi), rng.uniform(5.0, 7.0)
    wave = np.sin(2 * np.pi * count * (along + 0.03 * across**2) / 0.63 + phase)
    return _soft(wave, 0.25) * (along > 0.2)


def _saddle(rng: np.random.Generator) -> Floats:
    """One large patch over the back."""
    along, across = _trunk_grid()
    centre, reach = rng.uniform(0.42, 0.5), rng.uniform(0.09, 0.12)
    return _soft(1 - np.hypot((along - centre) / reach, across / 0.85), 0.12)


def _dorsal_stripe(rng: np.random.Generator) -> Floats:
    """A stripe along the back, from the neck to the rump."""
    along, across = _trunk_grid()
    width = rng.uniform(0.28, 0.4)
    return _soft(width - np.abs(across), 0.1) * _soft(along - 0.14, 0.02)


def _spots(rng: np.random.Generator) -> Floats:
    """A handful of spots of different sizes."""
    along, across = _trunk_grid()
    pattern = np.zeros(_COAT_SHAPE)
    for centre in np.linspace(0.24, 0.6, 6):
        shift, radius = rng.uniform(-0.55, 0.55), rng.uniform(0.022, 0.036)
        inside = 1 - np.hypot((along - centre) / radius, (across - shift) * 0.09 / radius)
        pattern = np.maximum(pattern, _soft(inside, 0.2))
    return pattern


def _hood(rng: np.random.Generator) -> Floats:
    """Head and shoulders of another shade than the rest."""
    along, across = _trunk_grid()
    edge = rng.uniform(0.25, 0.3)
    return _soft(edge - along + 0.03 * across**2, 0.015)


def _soft(inside: Floats, softness: float) -> Floats:
    """Return 0 outside and 1 inside, with a soft step over ``softness`` to both sides of the edge."""
    pattern: Floats = np.clip(0.5 + inside / (2 * softness), 0.0, 1.0)
    return pattern


_PATTERNS = (_bands, _hood, _spots, _dorsal_stripe, _saddle)
