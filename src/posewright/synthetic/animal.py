"""The animal: its skeleton, and how a posture becomes a body.

Lengths are parts of the animal's own length from nose to tail tip unless a name ends in ``_px``. A *station* is a place
along the spine, 0 at the nose and 1 at the tail tip; the spine is a chain of straight pieces through ``STATIONS``, and
nodes are corners of that chain or centres of paws, so their truth is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from posewright.labels.skeleton import Skeleton
from posewright.synthetic.motion import Posture

Floats = NDArray[np.float64]

SKELETON = Skeleton(
    nodes=(
        *("nose", "head", "thorax", "tail_base", "tail_tip"),
        *("forepaw_left", "forepaw_right", "hindpaw_left", "hindpaw_right"),
    ),
    edges=((2, 1), (1, 0), (2, 3), (3, 4), (2, 5), (2, 6), (3, 7), (3, 8)),  # a tree that radiates from the thorax
    symmetries=((5, 6), (7, 8)),
    name="synthetic animal",
)

_STOPS = (0.0, 0.16, 0.33, 0.63, 1.0)  # stations of nose, head, thorax, tail base and tail tip
_PIECES = (4, 4, 6, 6)  # of the spine from each stop to the next
_HEAD, _THORAX, _TAIL_BASE = 4, 8, 14  # corners of the spine, counted in pieces
STATIONS: Floats = np.concatenate(
    [np.linspace(*ends, n, endpoint=False) for ends, n in zip(pairwise(_STOPS), _PIECES, strict=True)] + [[1.0]]
)
_THORAX_STATION, TAIL_STATION = STATIONS[_THORAX], STATIONS[_TAIL_BASE]

# Half the width of the body along the spine: snout, cheeks, neck, belly, rump, and a thin tail.
_WIDTH_STATIONS = np.array([0.0, 0.04, 0.10, 0.16, 0.22, 0.31, 0.42, 0.51, 0.57, 0.61, 0.64, 0.70, 1.0])
_HALF_WIDTHS = np.array([0.014, 0.033, 0.054, 0.064, 0.060, 0.076, 0.096, 0.100, 0.085, 0.057, 0.026, 0.017, 0.009])
_THINNEST_PX = 0.8  # a thinner tail would break into dots

# Limbs: forepaw left, forepaw right, hindpaw left, hindpaw right.
_SOCKET_CORNERS = np.array([7, 7, 12, 12])
_SIDES = np.array([1.0, -1.0, 1.0, -1.0])
_PAW_OUT = np.array([0.135, 0.135, 0.155, 0.155])
_PAW_AHEAD = np.array([0.045, 0.045, -0.015, -0.015])
_PAW_SWING = np.array([0.055, 0.055, 0.065, 0.065])
_GAIT_PHASES = np.array([0.0, np.pi, np.pi, 0.0])  # a trot: diagonal limbs swing together

_EYES = 2  # corner of the spine
_EYE_OUT, _EAR_OUT = 0.036, 0.062
_TAIL_WAVE = 3.0  # radians of phase from tail base to tip


@dataclass(frozen=True)
class Bodies:
    """Where one animal's body lies at several times, in pixels.

    Attributes:
        spine: ``[time station xy]`` from nose to tail tip.
        sockets: ``[time limb xy]``, where limbs leave the trunk.
        paws: ``[time limb xy]``.
        half_widths: ``[station]`` half the width of the body.
        length_px: the animal's length.
    """

    spine: Floats
    sockets: Floats
    paws: Floats
    half_widths: Floats
    length_px: float

    def nodes(self) -> Floats:
        """Return the exact points ``[time node xy]`` in the order of ``SKELETON``."""
        return np.concatenate([self.spine[:, [0, _HEAD, _THORAX, _TAIL_BASE, -1]], self.paws], axis=1)

    def at(self, time: int) -> Body:
        """Return the body at one of the times."""
        spine = self.spine[time]
        ahead = spine[[_EYES - 1, _HEAD - 1]] - spine[[_EYES + 1, _HEAD + 1]]
        ahead /= np.linalg.norm(ahead, axis=-1, keepdims=True) + 1e-9
        left = np.stack([ahead[:, 1], -ahead[:, 0]], axis=-1)
        eye, ear = _EYE_OUT * self.length_px * left[0], _EAR_OUT * self.length_px * left[1]
        return Body(
            spine=spine,
            half_widths=self.half_widths,
            sockets=self.sockets[time],
            paws=self.paws[time],
            eyes=spine[_EYES] + np.stack([eye, -eye]),
            ears=spine[_HEAD] + np.stack([ear, -ear]),
            length_px=self.length_px,
        )


@dataclass(frozen=True)
class Body:
    """One animal's body at one time, in pixels: ``spine [station xy]``, the rest ``[part xy]``."""

    spine: Floats
    half_widths: Floats
    sockets: Floats
    paws: Floats
    eyes: Floats
    ears: Floats
    length_px: float


@dataclass(frozen=True)
class Floor:
    """The part of the image animals walk on, as inclusive pixel bounds."""

    left: float
    top: float
    right: float
    bottom: float

    def clip(self, points: Floats, inset: float = 0.0) -> Floats:
        """Return ``points [... xy]`` moved to the nearest place at least ``inset`` inside."""
        low = np.array([self.left + inset, self.top + inset])
        high = np.array([self.right - inset, self.bottom - inset])
        return np.clip(points, low, high)


def bodies(posture: Posture, length_px: float, floor: Floor) -> Bodies:
    """Return the body of an animal in the given postures; a tail that meets a wall slides along it."""
    directions = _spine_directions(posture)
    steps = np.diff(STATIONS)[:, None] * length_px * np.stack([np.cos(directions), np.sin(directions)], axis=-1)
    chain = np.concatenate([np.zeros_like(steps[:, :1]), np.cumsum(-steps, axis=1)], axis=1)  # from nose to tail
    spine = chain - chain[:, [_THORAX]] + posture.position[:, None]
    spine = floor.clip(spine, inset=1.0)
    along = directions[:, _SOCKET_CORNERS]
    forward = np.stack([np.cos(along), np.sin(along)], axis=-1)
    left = np.stack([forward[..., 1], -forward[..., 0]], axis=-1)  # y points down, so left of (1, 0) is (0, -1)
    sockets = spine[:, _SOCKET_CORNERS]
    phases = posture.gait_phase[:, None] + _GAIT_PHASES
    ahead = _PAW_AHEAD + _PAW_SWING * posture.gait_gain[:, None] * np.sin(phases)
    out = _PAW_OUT - 0.012 * posture.gait_gain[:, None] * np.cos(phases)
    paws = sockets + length_px * (ahead[..., None] * forward + (out * _SIDES)[..., None] * left)
    half_widths = np.maximum(np.interp(STATIONS, _WIDTH_STATIONS, _HALF_WIDTHS) * length_px, _THINNEST_PX)
    return Bodies(spine, sockets, floor.clip(paws, inset=1.0), half_widths, length_px)


def _spine_directions(posture: Posture) -> Floats:
    """Return the direction ``[time piece]`` each piece of the spine points, towards the nose."""
    middles = (STATIONS[:-1] + STATIONS[1:]) / 2
    before = np.clip((_THORAX_STATION - middles) / _THORAX_STATION, 0.0, 1.0)
    trunk = np.clip((middles - _THORAX_STATION) / (TAIL_STATION - _THORAX_STATION), 0.0, 1.0)
    tail = np.clip((middles - TAIL_STATION) / (1.0 - TAIL_STATION), 0.0, 1.0)
    wave = np.sin(posture.tail_phase[:, None] - _TAIL_WAVE * tail) * tail**0.5
    directions: Floats = posture.heading[:, None] + posture.head_yaw[:, None] * before
    directions += 0.45 * wave - posture.bend[:, None] * (trunk + 0.8 * tail)
    return directions
