"""How animals walk: goals, walls and company, integrated in small steps from a seed.

Lengths in this module are animal lengths and times are seconds, except positions, which are pixels. Every animal walks
to a goal: a place, or another animal. Crowding is the chance that the goal is an animal, and the lack of shyness: at 0
animals give way to each other early, at 1 they walk over one another.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STEPS_PER_FRAME = 4  #: kept in a posture series
WARM_UP_S = 4.0  #: walked before the first frame, so that its postures are like all others

_LONGEST_STEP_S = 0.0125  # longer ones would swing
_CRUISE = 1.1  # lengths per second
_STRIDE = 0.24  # lengths walked in one gait cycle
_MAX_TURN = 5.0  # radians per second
_REACH = 0.22  # a goal this near is reached
_HURRY = 1.35  # times the cruising pace, behind another animal
_SHYNESS = 6.0  # pull away from others, where a goal pulls with 1
_SHY_FROM = 1.25  # others nearer than this repel a shy animal
_WALL_FROM = 0.3  # walls nearer than this turn an animal away
_SHELTER_CHANCE = 0.25  #: of goals that are no animal


@dataclass(frozen=True)
class Posture:
    """What one animal does, ``[time]`` along the first axis.

    Attributes:
        position: ``[time xy]`` of the thorax, pixels.
        heading: direction of the thorax, radians, growing from x towards y (clockwise on the screen), unwrapped.
        head_yaw: turn of the nose against the thorax.
        bend: turn of the tail base against the thorax.
        gait_phase: radians, one turn per stride.
        gait_gain: 0 at rest to 1 in full stride.
        tail_phase: radians of the tail's wave.
    """

    position: Floats
    heading: Floats
    head_yaw: Floats
    bend: Floats
    gait_phase: Floats
    gait_gain: Floats
    tail_phase: Floats

    def at(self, frames: Floats) -> Posture:
        """Return the postures at the middle of frames; fractions lie around it, between steps on straight lines."""
        steps = (frames + 0.5) * STEPS_PER_FRAME
        grid = np.arange(len(self.heading))
        position = np.stack([np.interp(steps, grid, self.position[:, axis]) for axis in (0, 1)], axis=-1)
        angles = {
            field.name: np.interp(steps, grid, getattr(self, field.name))
            for field in fields(self)
            if field.name != "position"
        }
        return Posture(position=position, **angles)


@dataclass(frozen=True)
class Walk:
    """The room and the manners of all animals of a recording.

    Attributes:
        low: ``[xy]`` smallest thorax position, pixels.
        high: ``[xy]`` largest thorax position, pixels.
        length_px: an animal length.
        crowding: 0 to 1.
        shelter: ``[xy]`` of a place animals like to visit, or None.
    """

    low: Floats
    high: Floats
    length_px: float
    crowding: float
    shelter: Floats | None


def simulate(walk: Walk, n_animals: int, n_frames: int, fps: float, rng: np.random.Generator) -> list[Posture]:
    """Return one posture series per animal, ``STEPS_PER_FRAME`` steps a frame and one to close the last frame."""
    kept_step_s = 1.0 / (fps * STEPS_PER_FRAME)
    parts = math.ceil(kept_step_s / _LONGEST_STEP_S)
    walkers = _Walkers(walk, n_animals, rng)
    for _ in range(math.ceil(WARM_UP_S / _LONGEST_STEP_S)):
        walkers.advance(_LONGEST_STEP_S)
    history = [walkers.snapshot()]
    for _ in range(n_frames * STEPS_PER_FRAME):
        for _ in range(parts):
            walkers.advance(kept_step_s / parts)
        history.append(walkers.snapshot())
    return [
        Posture(**{name: np.array([row[name][animal] for row in history]) for name in history[0]})
        for animal in range(n_animals)
    ]


class _Walkers:
    """The moving state of all animals, ``[animal]`` along the first axis."""

    def __init__(self, walk: Walk, n_animals: int, rng: np.random.Generator) -> None:
        self.walk, self.rng, self.n = walk, rng, n_animals
        self.position = rng.uniform(walk.low, walk.high, (n_animals, 2))
        self.heading = rng.uniform(-np.pi, np.pi, n_animals)
        self.speed = np.zeros(n_animals)
        self.turn = np.zeros(n_animals)
        self.wander = np.zeros(n_animals)
        self.glance = np.zeros(n_animals)
        self.bend = np.zeros(n_animals)
        self.gait_phase = rng.uniform(0, 2 * np.pi, n_animals)
        self.tail_phase = rng.uniform(0, 2 * np.pi, n_animals)
        self.cruise = _CRUISE * rng.uniform(0.8, 1.2, n_animals)
        self.goal_animal = np.full(n_animals, -1)
        self.goal_place = self.position.copy()
        self.goal_left_s = np.zeros(n_animals)
        self.rest_left_s = np.zeros(n_animals)

    def snapshot(self) -> dict[str, Floats]:
        """Return copies of what makes a posture."""
        return {
            "position": self.position.copy(),
            "heading": self.heading.copy(),
            "head_yaw": np.clip(0.16 * self.turn + self.glance, -0.9, 0.9),
            "bend": self.bend.copy(),
            "gait_phase": self.gait_phase.copy(),
            "gait_gain": np.tanh(2.5 * self.speed),
            "tail_phase": self.tail_phase.copy(),
        }

    def advance(self, step_s: float) -> None:
        """Move everybody on by one step."""
        self._choose_goals(step_s)
        error = self._steering_error()
        self._turn_and_walk(error, step_s)
        self.glance += -self.glance * step_s / 0.5 + 0.45 * np.sqrt(step_s) * self.rng.standard_normal(self.n)
        self.bend += (0.17 * self.turn - self.bend) * step_s / 0.2
        self.gait_phase += 2 * np.pi * self.speed / _STRIDE * step_s
        self.tail_phase += 2 * np.pi * (0.35 + 0.5 * self.speed) * step_s

    def _choose_goals(self, step_s: float) -> None:
        self.rest_left_s = np.maximum(self.rest_left_s - step_s, 0)
        self.goal_left_s -= step_s
        chases = self.goal_animal >= 0
        self.goal_place[chases] = self.position[self.goal_animal[chases]]
        away = np.linalg.norm(self.goal_place - self.position, axis=1) / self.walk.length_px
        for animal in np.flatnonzero((self.goal_left_s <= 0) | (away < _REACH)):
            if away[animal] < _REACH and self.rng.random() < 0.5:
                self.rest_left_s[animal] = self.rng.uniform(0.1, 0.8)
            self._choose_goal(int(animal))

    def _choose_goal(self, animal: int) -> None:
        self.goal_left_s[animal] = patience_s = self.rng.uniform(2.0, 5.0)
        self.goal_animal[animal] = -1
        if self.n > 1 and self.rng.random() < self.walk.crowding and not self._beside_another(animal):
            other = self.rng.integers(self.n - 1)
            self.goal_animal[animal] = other + (other >= animal)
            return
        self.goal_left_s[animal] = patience_s * (1 - 0.7 * self.walk.crowding)  # then company calls again
        if self.walk.shelter is not None and self.rng.random() < _SHELTER_CHANCE:
            self.goal_place[animal] = self.walk.shelter
            return
        self.goal_place[animal] = self._free_place(animal)

    def _beside_another(self, animal: int) -> bool:
        """Say whether the animal has just met someone: it then goes elsewhere, so that meetings end."""
        return bool(self._distances()[animal].min() < 0.5)

    def _free_place(self, animal: int) -> Floats:
        """Return a place to go to; the shyer the animals, the farther from the others."""
        tries = 1 + round(4 * (1 - self.walk.crowding))
        places: Floats = self.rng.uniform(self.walk.low, self.walk.high, (tries, 2))
        others = np.delete(self.position, animal, axis=0)
        gaps = np.linalg.norm(places[:, None] - others, axis=2).min(axis=1, initial=np.inf)
        freest: Floats = places[gaps.argmax()]
        return freest

    def _distances(self) -> Floats:
        """Return distances ``[animal animal]`` in lengths, infinite to oneself."""
        apart_px = np.linalg.norm(self.position[:, None] - self.position, axis=2)
        distances: Floats = apart_px / self.walk.length_px
        np.fill_diagonal(distances, np.inf)
        return distances

    def _steering_error(self) -> Floats:
        """Return the angle from each heading to where goal, walls and shyness pull."""
        wish = self.goal_place - self.position
        wish /= np.linalg.norm(wish, axis=1, keepdims=True) + 1e-9
        reach_px = _WALL_FROM * self.walk.length_px
        wish += 1.5 * np.clip(1 - (self.position - self.walk.low) / reach_px, 0, 1)
        wish -= 1.5 * np.clip(1 - (self.walk.high - self.position) / reach_px, 0, 1)
        nearness = np.clip(_SHY_FROM - self._distances(), 0, None)
        apart = self.position[:, None] - self.position
        apart /= np.linalg.norm(apart, axis=2, keepdims=True) + 1e-9
        wish += _SHYNESS * (1 - self.walk.crowding) ** 3 * (nearness[..., None] * apart).sum(axis=1)
        error = np.arctan2(wish[:, 1], wish[:, 0]) - self.heading
        wrapped: Floats = (error + np.pi) % (2 * np.pi) - np.pi
        return wrapped

    def _turn_and_walk(self, error: Floats, step_s: float) -> None:
        self.wander += -self.wander * step_s / 0.4 + 3.0 * np.sqrt(step_s) * self.rng.standard_normal(self.n)
        awake = np.where(self.rest_left_s > 0, 0.25, 1.0)
        wish = np.clip(3.5 * error + self.wander, -_MAX_TURN, _MAX_TURN) * awake
        self.turn += (wish - self.turn) * step_s / 0.15
        self.heading += self.turn * step_s
        cruise = self.cruise * np.where(self.goal_animal >= 0, _HURRY, 1.0)
        pace = np.where(self.rest_left_s > 0, 0.0, cruise) * np.clip(np.cos(error), 0.3, 1.0)
        self.speed += (pace - self.speed) * step_s / 0.25
        forward = np.stack([np.cos(self.heading), np.sin(self.heading)], axis=1)
        moved = self.position + self.speed[:, None] * forward * self.walk.length_px * step_s
        self.position = np.clip(moved, self.walk.low, self.walk.high)
