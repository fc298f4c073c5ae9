"""One recording as a scene: who is where at any time, who lies on top, and which nodes are hidden by what."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from posewright.synthetic.animal import SKELETON, Bodies, Body, Floor, bodies
from posewright.synthetic.individual import Individual, make_individual
from posewright.synthetic.motion import Posture, Walk, simulate
from posewright.synthetic.silhouette import Plane, silhouette
from posewright.synthetic.spec import ArenaSpec

Floats = NDArray[np.float64]

VISIBLE = -1  #: in ``Truth.hidden_by``; other values are the number of an animal, or of the hut
_ARENA_MARGIN = 0.04  # of the shorter side of the image
_ROOM_FOR_NOSE = 0.38  # of the animal length: the thorax keeps this far from walls
_HUT_HALF = 0.27  # of the animal length
_HUT_ROUNDING_PX = 4.0
_CLEAR = 0.26  # lengths between the spines and paws of two animals: farther apart they cannot touch
_SWAP_CHANCE = 0.2  # in a frame, for neighbours in height that are clear of each other

# Numbers of the independent random streams of one seed.
_STREAM_INDIVIDUAL, _STREAM_SCENE, _STREAM_WALK, _STREAM_DEPTH = range(4)


@dataclass(frozen=True)
class Hut:
    """A shelter seen from above: a square roof with round corners that hides what is under it."""

    centre: Floats
    half_px: float

    def coverage(self, x: Plane, y: Plane) -> Plane:
        """Return how much of each point the roof covers, 0 to 1."""
        inner = self.half_px - _HUT_ROUNDING_PX
        beyond_x = np.abs(x - np.float32(self.centre[0])) - np.float32(inner)
        beyond_y = np.abs(y - np.float32(self.centre[1])) - np.float32(inner)
        outside = np.hypot(np.maximum(beyond_x, 0), np.maximum(beyond_y, 0))
        distance = outside + np.minimum(np.maximum(beyond_x, beyond_y), 0) - np.float32(_HUT_ROUNDING_PX)
        covered: Plane = np.clip(np.float32(0.5) - distance, 0, 1)
        return covered


@dataclass(frozen=True)
class Truth:
    """What is really there, in every frame, seen or not.

    Attributes:
        points: ``[frame animal node xy]`` exact positions in pixels at the middle of the exposure.
        hidden_by: ``[frame animal node]`` ``VISIBLE``, the number of the animal above, or the number of animals
            for the hut.
    """

    points: Floats
    hidden_by: NDArray[np.int64]

    @property
    def visible(self) -> NDArray[np.bool_]:
        """``[frame animal node]``, whether a camera sees the node."""
        visible: NDArray[np.bool_] = self.hidden_by == VISIBLE
        return visible

    def seen(self) -> Floats:
        """Return the points with NaN where a node is hidden: what a person can label."""
        return np.where(self.visible[..., None], self.points, np.nan)


@dataclass(frozen=True)
class Scene:
    """One recording, complete but not drawn.

    Attributes:
        spec: what the data set is made of.
        recording: its number in the data set.
        floor: where animals walk.
        hut: the shelter, if there is one.
        individuals: the animals.
        postures: what each animal does.
        heights: ``[frame animal]``, ranks from the bottom (0) up.
    """

    spec: ArenaSpec
    recording: int
    floor: Floor
    hut: Hut | None
    individuals: tuple[Individual, ...]
    postures: tuple[Posture, ...]
    heights: NDArray[np.int64]

    def bodies_at(self, frames: Floats) -> list[Bodies]:
        """Return the body of each animal at the given frame times."""
        animals = zip(self.individuals, self.postures, strict=True)
        return [bodies(posture.at(frames), animal.length_px, self.floor) for animal, posture in animals]

    def truth(self) -> Truth:
        """Return exact points and what hides them, in all frames."""
        everybody = self.bodies_at(np.arange(self.spec.n_frames, dtype=float))
        points = np.stack([each.nodes() for each in everybody], axis=1)
        hidden_by = np.full(points.shape[:3], VISIBLE)
        for frame in range(self.spec.n_frames):
            self._hide(points[frame], [each.at(frame) for each in everybody], self.heights[frame], hidden_by[frame])
        return Truth(points, hidden_by)

    def _hide(
        self, points: Floats, present: list[Body], heights: NDArray[np.int64], hidden_by: NDArray[np.int64]
    ) -> None:
        """Fill in ``hidden_by [animal node]`` of one frame; the uppermost cover is the one named."""
        x, y = points[..., 0].astype(np.float32), points[..., 1].astype(np.float32)
        for upper in np.argsort(heights):
            lower = heights < heights[upper]
            if not lower.any() or not self._near(points, int(upper), lower):
                continue
            covered = silhouette(present[upper], x, y).whole > 0.5
            hidden_by[covered & lower[:, None]] = upper
        if self.hut is not None:
            hidden_by[self.hut.coverage(x, y) > 0.5] = len(points)

    def _near(self, points: Floats, upper: int, lower: NDArray[np.bool_]) -> bool:
        """Say whether any lower animal is near enough to be touched at all."""
        thorax = points[:, SKELETON.index("thorax")]
        gaps = np.linalg.norm(thorax[lower] - thorax[upper], axis=1)
        return bool(gaps.min() < 2 * self.spec.animal_length_px)


def make_scene(spec: ArenaSpec, recording: int) -> Scene:
    """Return recording number ``recording`` of a data set: the same for the same spec, whatever else is made."""
    rng = np.random.default_rng([spec.seed, _STREAM_SCENE, recording])
    floor = _floor(spec)
    low = floor.clip(np.array([-np.inf, -np.inf]), _ROOM_FOR_NOSE * spec.animal_length_px)
    high = floor.clip(np.array([np.inf, np.inf]), _ROOM_FOR_NOSE * spec.animal_length_px)
    corner = np.array([low, high])[rng.integers(2, size=2), [0, 1]]
    hut = Hut(corner, _HUT_HALF * spec.animal_length_px) if spec.hut else None
    walk = Walk(low, high, spec.animal_length_px, spec.crowding, None if hut is None else hut.centre)
    walk_rng = np.random.default_rng([spec.seed, _STREAM_WALK, recording])
    postures = tuple(simulate(walk, spec.n_animals, spec.n_frames, spec.fps, walk_rng))
    lying_flat = np.zeros((spec.n_frames, spec.n_animals), np.int64)
    scene = Scene(spec, recording, floor, hut, individuals_of(spec, recording), postures, lying_flat)
    depth_rng = np.random.default_rng([spec.seed, _STREAM_DEPTH, recording])
    return replace(scene, heights=_heights(scene.bodies_at(np.arange(spec.n_frames, dtype=float)), spec, depth_rng))


def individuals_of(spec: ArenaSpec, recording: int) -> tuple[Individual, ...]:
    """Return the animals of a recording; they are numbered through the data set, so a name is one identity."""
    first = 0 if spec.same_individuals else recording * spec.n_animals
    return tuple(
        make_individual(number, spec.animal_length_px, np.random.default_rng([spec.seed, _STREAM_INDIVIDUAL, number]))
        for number in range(first, first + spec.n_animals)
    )


def _floor(spec: ArenaSpec) -> Floor:
    margin = round(_ARENA_MARGIN * min(spec.size.height, spec.size.width))
    return Floor(margin, margin, spec.size.width - 1 - margin, spec.size.height - 1 - margin)


def _heights(everybody: list[Bodies], spec: ArenaSpec, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return ranks ``[frame animal]`` that change at random, but never between animals that might touch.

    Only neighbours in rank swap, so a swap changes who is above for one pair and no other.
    """
    outlines = np.stack([np.concatenate([each.spine, each.paws], axis=1) for each in everybody], axis=1)
    clear_px = _CLEAR * spec.animal_length_px
    from_bottom = list(rng.permutation(spec.n_animals))
    heights = np.empty((spec.n_frames, spec.n_animals), np.int64)
    for frame in range(spec.n_frames):
        for rank in range(spec.n_animals - 1):
            lower, upper = from_bottom[rank : rank + 2]
            gaps_px = np.linalg.norm(outlines[frame, lower][:, None] - outlines[frame, upper], axis=-1)
            if rng.random() < _SWAP_CHANCE and gaps_px.min() > clear_px:
                from_bottom[rank : rank + 2] = upper, lower
        heights[frame, from_bottom] = np.arange(spec.n_animals)
    return heights
