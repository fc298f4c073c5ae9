"""Which points a body covers, and where on the coat they lie: one rule for drawing and for what hides what."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from posewright.synthetic.animal import STATIONS, Body

Plane = NDArray[np.float32]

# Radii as parts of the animal's length, never below what a pixel can show.
_LEG, _PAW, _EAR, _EYE = 0.021, 0.031, 0.034, 0.014
_SMALLEST_PX = 0.8
_TINY = np.float32(1e-9)  # keeps pieces without length, where a tail is pushed against a wall, from dividing by zero


@dataclass(frozen=True)
class Silhouette:
    """How much of each point, 0 to 1, the parts of a body cover, and the coat below the points.

    Attributes:
        limbs: legs and paws, which lie under the trunk.
        trunk: everything along the spine, with the tail.
        ears: on top of the trunk.
        eyes: on top of the trunk.
        along: station of the nearest place on the spine, 0 to 1.
        across: distance from the spine in half widths, negative to the left of the animal.
    """

    limbs: Plane
    trunk: Plane
    ears: Plane
    eyes: Plane
    along: Plane
    across: Plane

    @property
    def whole(self) -> Plane:
        """How much of each point the animal covers."""
        bare: Plane = (1 - self.limbs) * (1 - self.trunk) * (1 - self.ears)
        return 1 - bare


def silhouette(body: Body, x: Plane, y: Plane) -> Silhouette:
    """Return the silhouette at the points (x, y), arrays of one shape."""
    shape = x.shape
    x, y = x.ravel(), y.ravel()
    distance, place, side = _nearest_on_chain(body.spine.astype(np.float32), x, y)
    corners = np.arange(len(STATIONS))
    half_width = np.interp(place, corners, body.half_widths).astype(np.float32)
    limbs = np.zeros_like(x)
    for socket, paw in zip(body.sockets, body.paws, strict=True):
        leg_distance, _, _ = _nearest_on_chain(np.stack([socket, paw]).astype(np.float32), x, y)
        limbs = np.maximum(limbs, _filled(_radius(body, _LEG) - leg_distance))
    parts = {
        "limbs": np.maximum(limbs, _discs(body.paws, _radius(body, _PAW), x, y)),
        "trunk": _filled(half_width - distance),
        "ears": _discs(body.ears, _radius(body, _EAR), x, y),
        "eyes": _discs(body.eyes, _radius(body, _EYE), x, y),
        "along": np.interp(place, corners, STATIONS).astype(np.float32),
        "across": side * distance / half_width,
    }
    return Silhouette(**{name: part.reshape(shape) for name, part in parts.items()})


def _nearest_on_chain(chain: Plane, x: Plane, y: Plane) -> tuple[Plane, Plane, Plane]:
    """Return for each point its distance to a chain of corners, the corner number with fraction, and the side.

    The side is -1 to the left and 1 to the right of an animal whose chain runs from nose to tail.
    """
    least, place, side = np.full_like(x, np.inf), np.zeros_like(x), np.zeros_like(x)
    for number, (start, end) in enumerate(pairwise(chain)):  # one piece at a time stays in the processor's cache
        along_x, along_y = end - start
        from_x, from_y = x - start[0], y - start[1]
        part = np.clip((from_x * along_x + from_y * along_y) / (along_x**2 + along_y**2 + _TINY), 0, 1)
        square = (from_x - part * along_x) ** 2 + (from_y - part * along_y) ** 2
        nearer = square < least
        np.copyto(least, square, where=nearer)
        np.copyto(place, number + part, where=nearer)
        np.copyto(side, along_y * from_x - along_x * from_y, where=nearer)
    return np.sqrt(least), place, np.where(side < 0, np.float32(-1), np.float32(1))


def _discs(centres: NDArray[np.float64], radius: float, x: Plane, y: Plane) -> Plane:
    covered = np.zeros_like(x)
    for centre_x, centre_y in centres.astype(np.float32):
        covered = np.maximum(covered, _filled(radius - np.hypot(x - centre_x, y - centre_y)))
    return covered


def _filled(inside_px: Plane) -> Plane:
    """Return the part of a pixel that lies inside an edge ``inside_px`` away: a ramp one pixel wide."""
    covered: Plane = np.clip(inside_px + np.float32(0.5), 0, 1)
    return covered


def _radius(body: Body, part_of_length: float) -> float:
    return max(part_of_length * body.length_px, _SMALLEST_PX)
