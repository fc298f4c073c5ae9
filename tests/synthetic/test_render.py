"""Drawn is where the truth says: tested with animals painted in even grays, without noise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posewright.synthetic.animal import SKELETON
from posewright.synthetic.render import Renderer
from posewright.synthetic.scene import Scene, make_scene
from posewright.synthetic.silhouette import silhouette
from posewright.synthetic.spec import ArenaSpec

QUIET = ArenaSpec(n_animals=1, n_frames=60, noise_gray=0.0, blur=0.0, hut=False, seed=2)


def painted(scene: Scene, gray: float, animal: int = 0) -> Scene:
    """The same scene with one animal in one even gray."""
    plain = scene.individuals[animal]
    even = replace(plain, coat=np.full_like(plain.coat, gray), skin_gray=gray)
    return replace(scene, individuals=(*scene.individuals[:animal], even, *scene.individuals[animal + 1 :]))


def drawn_cover(spec: ArenaSpec, frame: int) -> np.ndarray:
    """How much of each pixel of a frame changes with the paint of the animal, about 0 to 1."""
    scene = make_scene(spec, 0)
    bright, dark = (Renderer(painted(scene, gray)).frame(frame).astype(float) for gray in (220, 20))
    return (bright - dark) / 200


def centre(weights: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: weights.shape[0], : weights.shape[1]]
    return np.array([(weights * x).sum(), (weights * y).sum()]) / weights.sum()


def edge_strength(image: np.ndarray) -> float:
    return float(sum((np.diff(image, axis=axis) ** 2).sum() for axis in (0, 1)))


@pytest.mark.parametrize("frame", [0, 25, 59])
def test_a_body_is_drawn_where_the_truth_says(frame: int) -> None:
    scene = make_scene(QUIET, 0)
    drawn = drawn_cover(QUIET, frame) > 0.3
    y, x = np.mgrid[:256, :256].astype(np.float32)
    shape = silhouette(scene.bodies_at(np.array([float(frame)]))[0].at(0), x, y)
    true = shape.whole * (1 - shape.eyes) > 0.5  # eyes keep their own gray
    assert centre(drawn) == pytest.approx(centre(true), abs=0.3)
    tips = scene.truth().points[frame, 0]
    whites = np.argwhere(drawn)[:, ::-1]
    for name in ("nose", "tail_tip", "forepaw_left", "hindpaw_right"):
        assert np.linalg.norm(whites - tips[SKELETON.index(name)], axis=1).min() < 1.0
    thorax, tail_tip = tips[SKELETON.index("thorax")], tips[SKELETON.index("tail_tip")]
    farthest = whites[np.linalg.norm(whites - thorax, axis=1).argmax()]
    assert np.linalg.norm(farthest - tail_tip) < 2.5


def test_blur_spreads_a_moving_animal_about_its_true_place() -> None:
    points = make_scene(QUIET, 0).truth().points[:, 0, SKELETON.index("thorax")]
    fastest = int(np.linalg.norm(points[2:] - points[:-2], axis=-1).argmax()) + 1
    sharp, blurred = drawn_cover(QUIET, fastest), drawn_cover(replace(QUIET, blur=1.0), fastest)
    assert centre(blurred) == pytest.approx(centre(sharp), abs=0.5)
    assert edge_strength(blurred) < 0.85 * edge_strength(sharp)


def test_a_node_called_hidden_cannot_be_seen() -> None:
    scene = make_scene(replace(QUIET, n_animals=2, crowding=1.0, n_frames=150), 1)
    truth = scene.truth()
    plain = Renderer(scene)
    change: dict[bool, list[float]] = {True: [], False: []}
    for frame in np.flatnonzero((~truth.visible).sum(axis=(1, 2)) >= 3)[:12]:
        lower = int(scene.heights[frame].argmin())
        changed = np.abs(Renderer(painted(scene, 250, lower)).frame(int(frame)).astype(int) - plain.frame(int(frame)))
        for (x, y), visible in zip(truth.points[frame, lower], truth.visible[frame, lower], strict=True):
            change[bool(visible)].append(changed[round(y), round(x)])
    assert len(change[False]) > 20
    assert np.median(change[False]) <= 1
    assert np.percentile(change[True], 10) > 40


def test_frames_are_the_same_bits_again_alone_or_in_order() -> None:
    spec = ArenaSpec(n_frames=6, n_labeled=2, crowding=1.0, seed=11)
    in_order = list(Renderer(make_scene(spec, 0)).frames())
    again = Renderer(make_scene(spec, 0))
    assert len(in_order) == 6
    for frame in (5, 0, 3):
        assert np.array_equal(in_order[frame], again.frame(frame))
    assert in_order[0].dtype == np.uint8
    assert in_order[0].shape == (256, 256)
    other = Renderer(make_scene(replace(spec, seed=12), 0)).frame(0)
    assert not np.array_equal(in_order[0], other)


def test_noise_is_as_strong_as_asked() -> None:
    noisy = Renderer(make_scene(replace(QUIET, noise_gray=6.0), 0)).frame(0).astype(float)
    clean = Renderer(make_scene(QUIET, 0)).frame(0).astype(float)
    middle = (clean > 118) & (clean < 138)
    assert (noisy - clean)[middle].std() == pytest.approx(6.0, rel=0.1)


def test_animals_stand_out_from_the_arena_but_not_trivially() -> None:
    scene = make_scene(replace(QUIET, n_animals=2, seed=0), 0)
    frame = Renderer(scene).frame(0).astype(float)
    y, x = np.mgrid[:256, :256].astype(np.float32)
    floor = frame[30:-30, 30:-30]
    for everything in scene.bodies_at(np.array([0.0])):
        inside = frame[silhouette(everything.at(0), x, y).trunk > 0.9]
        assert inside.mean() < floor.mean() - 15
        assert np.percentile(inside, 90) > np.percentile(floor, 2)  # no threshold cuts the animal out
