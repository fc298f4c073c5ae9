"""Drawing: a textured arena in uneven light, animals with shadows one above the other, motion blur and sensor noise.

A frame is the mean of pictures taken evenly around the middle of its exposure, so that blur is symmetric about the
true position of a node.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from posewright.shapes import Size
from posewright.synthetic.animal import Bodies, Body, Floor
from posewright.synthetic.individual import Individual
from posewright.synthetic.scene import Scene
from posewright.synthetic.silhouette import Plane, silhouette

_MOST_PICTURES = 6  # in one exposure
_SHADOW_PX = (2.0, 3.0)
_SHADOW_DEPTH = 0.38
_LIGHT = np.array([-0.55, -0.83])  # light comes from the upper left
_SOFT_FOCUS_PX = 0.55
_EYE_GRAY = 14.0

_STREAM_ARENA, _STREAM_NOISE = 16, 17


class Renderer:
    """Draws the frames of one scene; any frame alone or all in order give the same pixels."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        rng = np.random.default_rng([scene.spec.seed, _STREAM_ARENA, scene.recording])
        size = scene.spec.size
        self._arena = _draw_arena(size, scene.floor, rng)
        self._light = _draw_light(size, rng)
        rows, columns = np.mgrid[: size.height, : size.width].astype(np.float32)
        self._x, self._y = columns, rows
        self._roof = None
        if scene.hut is not None:
            coverage = scene.hut.coverage(columns, rows)
            self._roof = coverage, _shadow(coverage), _draw_roof(size, rng)

    def frames(self) -> Iterator[NDArray[np.uint8]]:
        """Yield all frames ``[height width]`` in order."""
        for frame in range(self.scene.spec.n_frames):
            yield self.frame(frame)

    def frame(self, frame: int) -> NDArray[np.uint8]:
        """Draw one frame ``[height width]``."""
        order = np.argsort(self.scene.heights[frame])
        moments = self._moments(frame)
        everybody = self.scene.bodies_at(moments)
        exposure = np.zeros_like(self._arena)
        for moment in range(len(moments)):
            exposure += self._picture([(everybody[a].at(moment), self.scene.individuals[a]) for a in order])
        return self._develop(exposure / np.float32(len(moments)), frame)

    def _moments(self, frame: int) -> NDArray[np.float64]:
        """Return times within the exposure, about one for each pixel that any part of an animal moves."""
        half = self.scene.spec.blur / 2
        ends = self.scene.bodies_at(np.array([frame - half, frame + half]))
        count = min(max(1, math.ceil(max(_moved_px(each) for each in ends))), _MOST_PICTURES)
        return frame + half * (2 * np.arange(count) + 1 - count) / count

    def _picture(self, animals: list[tuple[Body, Individual]]) -> Plane:
        """Draw the arena at one moment, the lowest animal first."""
        canvas = self._arena.copy()
        for body, individual in animals:
            self._draw_animal(canvas, body, individual)
        if self._roof is not None:
            coverage, shadow, roof = self._roof
            canvas *= shadow
            _blend(canvas, coverage, roof)
        return canvas

    def _draw_animal(self, canvas: Plane, body: Body, individual: Individual) -> None:
        window = _window(body, canvas.shape[0], canvas.shape[1])
        shape = silhouette(body, self._x[window], self._y[window])
        part = canvas[window]
        part *= _shadow(shape.whole)
        _blend(part, shape.limbs, np.float32(individual.skin_gray - 10))
        _blend(part, shape.trunk, _lit_coat(body, individual, shape.along, shape.across))
        _blend(part, shape.ears, np.float32(individual.skin_gray))
        _blend(part, shape.eyes, np.float32(_EYE_GRAY))

    def _develop(self, picture: Plane, frame: int) -> NDArray[np.uint8]:
        """Return what the sensor reads: light, lens, and noise that grows with brightness."""
        spec = self.scene.spec
        picture = _blurred(picture * self._light, _SOFT_FOCUS_PX)
        if spec.noise_gray > 0:
            rng = np.random.default_rng([spec.seed, _STREAM_NOISE, self.scene.recording, frame])
            strength = np.float32(spec.noise_gray) * np.sqrt(np.float32(0.5) + np.clip(picture, 0, 255) / 255)
            picture = picture + strength * rng.standard_normal(picture.shape, dtype=np.float32)
        return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def _moved_px(ends: Bodies) -> float:
    """Return how far any node moves between two times."""
    nodes = ends.nodes()
    return float(np.linalg.norm(nodes[1] - nodes[0], axis=-1).max())


def _window(body: Body, height: int, width: int) -> tuple[slice, slice]:
    """Return the part of the image the animal and its shadow can touch."""
    points = np.concatenate([body.spine, body.paws])
    reach = body.half_widths.max() + 12
    left, top = np.floor(points.min(axis=0) - reach).astype(int)
    right, bottom = np.ceil(points.max(axis=0) + reach).astype(int)
    return slice(max(top, 0), min(bottom, height)), slice(max(left, 0), min(right, width))


def _lit_coat(body: Body, individual: Individual, along: Plane, across: Plane) -> Plane:
    """Return the gray of the trunk: the coat wrapped round the body, rounded by the light."""
    rows, columns = individual.coat.shape
    sideways = np.clip(across, -1, 1)
    coat = cv2.remap(individual.coat, (sideways + 1) / 2 * (columns - 1), along * (rows - 1), cv2.INTER_LINEAR)
    ahead = body.spine[0] - body.spine[len(body.spine) // 2]
    right = np.array([-ahead[1], ahead[0]]) / (np.linalg.norm(ahead) + 1e-9)
    towards_light = np.float32(0.16 * right @ _LIGHT)
    lit: Plane = coat * (0.60 + 0.42 * np.sqrt(1 - 0.98 * sideways**2) + towards_light * sideways)
    return lit


def _shadow(coverage: Plane) -> Plane:
    """Return how much light is left beside a body: it falls short to the lower right."""
    shift = np.array([[1, 0, _SHADOW_PX[0]], [0, 1, _SHADOW_PX[1]]], np.float32)
    moved = np.asarray(cv2.warpAffine(coverage, shift, coverage.shape[::-1]), np.float32)
    return 1 - np.float32(_SHADOW_DEPTH) * _blurred(moved, 2.0)


def _blurred(picture: Plane, sigma_px: float) -> Plane:
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma_px), np.float32)


def _blend(canvas: Plane, coverage: Plane, gray: Plane | np.float32) -> None:
    canvas += coverage * (gray - canvas)


def _draw_arena(size: Size, floor: Floor, rng: np.random.Generator) -> Plane:
    """Return bedding within walls: noise of several grains, and chips lying in all directions."""
    gray = np.full((size.height, size.width), rng.uniform(128, 150), np.float32)
    for grain_px, depth in ((1.0, 6.0), (3.0, 7.0), (12.0, 8.0), (40.0, 8.0)):
        gray += _cloud(size, grain_px, depth, rng)
    gray += _draw_chips(size, rng)
    wall = np.float32(rng.uniform(60, 80)) + _cloud(size, 6.0, 3.0, rng)
    rows, columns = np.mgrid[: size.height, : size.width].astype(np.float32)
    inside = np.minimum(
        np.minimum(columns - floor.left, floor.right - columns), np.minimum(rows - floor.top, floor.bottom - rows)
    ).astype(np.float32)
    gray *= 1 - 0.35 * np.exp(-np.maximum(inside, 0) / np.float32(5))  # dim at the foot of the walls
    on_floor = np.clip(inside + np.float32(1), 0, 1)
    return np.asarray(gray * on_floor + wall * (1 - on_floor), np.float32)


def _draw_chips(size: Size, rng: np.random.Generator) -> Plane:
    """Return short anti-aliased strokes, brighter or darker than the bedding they lie on."""
    layers = np.zeros((2, size.height, size.width), np.uint8)  # OpenCV anti-aliases lines in bytes only
    for _ in range(size.height * size.width // 160):
        centre = rng.uniform((0, 0), (size.width, size.height))
        angle, half_px, depth = rng.uniform(0, np.pi), rng.uniform(1.5, 5.0), rng.normal(0, 26)
        reach = half_px * np.array([np.cos(angle), np.sin(angle)])
        start, end = np.rint(16 * np.stack([centre - reach, centre + reach])).astype(int).tolist()
        cv2.line(layers[int(depth < 0)], start, end, min(abs(depth), 255.0), lineType=cv2.LINE_AA, shift=4)
    return _blurred(layers[0].astype(np.float32) - layers[1], 0.5)


def _cloud(size: Size, grain_px: float, depth: float, rng: np.random.Generator) -> Plane:
    """Return smooth noise of the given grain and standard deviation."""
    noise = _blurred(rng.standard_normal((size.height, size.width), dtype=np.float32), grain_px)
    return noise * np.float32(depth / noise.std())


def _draw_light(size: Size, rng: np.random.Generator) -> Plane:
    """Return how bright each pixel is lit: brighter on one side, darker in the corners."""
    rows, columns = np.mgrid[-1 : 1 : size.height * 1j, -1 : 1 : size.width * 1j]
    angle, slope = rng.uniform(0, 2 * np.pi), rng.uniform(0.05, 0.14)
    tilt = slope * (np.cos(angle) * columns + np.sin(angle) * rows)
    return np.asarray(rng.uniform(0.9, 1.08) * (1 + tilt - 0.07 * (rows**2 + columns**2)), np.float32)


def _draw_roof(size: Size, rng: np.random.Generator) -> Plane:
    """Return planks with grain, for all of the image; the hut shows a part."""
    grain = _cloud(size, 1.2, 1.0, rng)
    planks = np.asarray(cv2.GaussianBlur(grain, (0, 0), sigmaX=9.0, sigmaY=0.7))
    joints = (np.arange(size.height) % 11 == 0).astype(np.float32)[:, None]
    return np.asarray(rng.uniform(92, 112) + 14 * planks / planks.std() - 30 * joints, np.float32)
