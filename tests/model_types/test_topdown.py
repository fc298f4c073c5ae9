"""Top-down composes its two stages without a bias: what lies where does not depend on where the crop begins.

The stages stand in for perfect networks: they render the maps of the true animals with the real codecs and read them
with the real decoders. Images are maps of themselves (each pixel holds its own column, row and frame, plus one), so
the second stage learns from its crop alone where that lies, and a crop cut wrongly cannot go unnoticed.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from posewright.geometry import cut
from posewright.model_types.centered_instance import CenteredInstance
from posewright.model_types.centroid import Centroid
from posewright.model_types.topdown import TopDown
from posewright.shapes import DecodeOptions, PoseBatch, Size

from . import laws

SIZE = Size(150, 180)
CROP_PX = 64
ANCHOR = 2
EXACT_PX = 0.02
SHIFTS = [(0.0, 0.0), (0.25, -0.4), (0.5, 0.5), (-0.49, 0.51), (0.9, -0.1), (1.0, 2.0)]

shifts = pytest.mark.parametrize("shift", SHIFTS)


def stages(truth: PoseBatch, stride: int = 2, sigma: float = 1.5, min_nodes: int = 1, side: int = CROP_PX) -> TopDown:
    """Return top-down with stages that know the truth."""
    centroid = Centroid(laws.SKELETON, ANCHOR, stride, sigma)
    instance = CenteredInstance(laws.SKELETON, ANCHOR, stride, sigma)
    anchors = centroid.anchors(truth).points[:, 0]

    def locate(images: NDArray[np.uint8]) -> PoseBatch:
        shown = [truth.of_frame(int(image[0, 0, 2]) - 1) for image in images]
        parts = [centroid.encode(poses, Size(*images.shape[1:3]))["confmaps"] for poses in shown]
        return centroid.decode({"confmaps": np.concatenate(parts)}, DecodeOptions())

    def describe(crops: NDArray[np.uint8]) -> PoseBatch:
        assert crops.shape[1:] == (side, side, 3)
        found = []
        for crop in crops:
            corner, frame = place_of(crop)
            away = np.linalg.norm(anchors - corner - side // 2, axis=1)
            away[truth.frame != frame] = np.inf
            found.append(truth.points[away.argmin()] - np.float32(corner))
        points = np.array(found, np.float32).reshape(-1, truth.n_nodes, 2)
        own = PoseBatch(points, np.arange(len(points)), len(points))
        return instance.decode(instance.encode(own, Size(side, side)), DecodeOptions())

    return TopDown(locate, describe, side, min_nodes)


def place_of(crop: NDArray[np.uint8]) -> tuple[NDArray[np.int64], int]:
    """Return the corner of a crop and its frame, from the pixels that lie inside the image; outside all is black."""
    rows, columns = np.nonzero(crop[..., 2])
    values = crop[rows, columns].astype(np.int64) - 1
    corners = values[:, :2] - np.stack([columns, rows], axis=1)
    assert (corners == corners[0]).all()
    assert (values[:, 2] == values[0, 2]).all()
    assert not crop[crop[..., 2] == 0].any()
    return corners[0], int(values[0, 2])


def images_of(n_frames: int, size: Size = SIZE) -> NDArray[np.uint8]:
    """Return images whose pixels hold their own column, row and frame, each plus one."""
    images = np.empty((n_frames, size.height, size.width, 3), np.uint8)
    images[..., 0] = np.arange(size.width)[None, None, :] + 1
    images[..., 1] = np.arange(size.height)[None, :, None] + 1
    images[..., 2] = np.arange(n_frames)[:, None, None] + 1
    return images


def animals(n_frames: int = 4) -> PoseBatch:
    """Return animals well inside their crops."""
    return laws.animals(11, n_frames, 3, SIZE, apart_px=24, inside_px=6)


def one_animal(x: float, y: float) -> PoseBatch:
    """Return one small whole animal about a place."""
    points = np.float32([x, y]) + 6 * laws.SHAPE.astype(np.float32)
    return PoseBatch(points[None], np.zeros(1, np.int64), 1)


@shifts
@pytest.mark.parametrize("stride", [1, 2, 4])
def test_animals_that_move_by_less_than_a_pixel_are_found_moved_by_just_that(
    shift: tuple[float, float], stride: int
) -> None:
    poses = animals()
    still = stages(poses, stride).predict(images_of(4))
    moved = poses.with_points(poses.points + np.float32(shift))
    found = stages(moved, stride).predict(images_of(4))
    laws.assert_same(found, moved, EXACT_PX)
    laws.assert_same(found.with_points(found.points - np.float32(shift)), still, EXACT_PX)


@pytest.mark.parametrize("side", [63, 64])
def test_moving_the_crop_alone_moves_nothing(side: int) -> None:
    poses = one_animal(90.3, 70.6)
    plain = stages(poses, side=side)
    expected = plain.predict(images_of(1)).points
    for shift in SHIFTS:

        def elsewhere(images: NDArray[np.uint8], shift: tuple[float, float] = shift) -> PoseBatch:
            centroids = plain.locate(images)
            return centroids.with_points(centroids.points + np.float32(shift))

        found = TopDown(elsewhere, plain.describe, side).predict(images_of(1)).points
        np.testing.assert_allclose(found, expected, atol=EXACT_PX, rtol=0)


@shifts
@pytest.mark.parametrize("corner", [(0, 0), (1, 0), (0, 1), (1, 1)])
def test_crops_over_the_border_are_black_outside_and_move_nothing(
    shift: tuple[float, float], corner: tuple[int, int]
) -> None:
    x = 14 + corner[0] * (SIZE.width - 29) + shift[0]
    y = 14 + corner[1] * (SIZE.height - 29) + shift[1]
    poses = one_animal(x, y)
    laws.assert_same(stages(poses).predict(images_of(1)), poses, EXACT_PX)


def test_crops_larger_than_the_image_are_filled_up() -> None:
    poses, size = one_animal(20.2, 19.7), Size(40, 44)
    laws.assert_same(stages(poses).predict(images_of(1, size)), poses, EXACT_PX)


def test_every_crop_is_the_part_of_its_own_image() -> None:
    images = images_of(2)
    frame, corners = np.array([1, 0, 1]), np.array([[-20, -30], [100, 100], [170, 3]])
    crops = stages(animals()).crops(images, frame, corners)
    for crop, image, (left, top) in zip(crops, images[frame], corners.tolist(), strict=True):
        np.testing.assert_array_equal(crop, cut(image, left, top, Size(CROP_PX, CROP_PX)))


@pytest.mark.parametrize("n_frames", [1, 3])
def test_no_animals_give_an_empty_result_of_the_right_shape(n_frames: int) -> None:
    none = animals().rows(np.zeros(len(animals()), bool))
    found = stages(none).predict(images_of(n_frames))
    assert found.points.shape == (0, len(laws.SKELETON.nodes), 2)
    assert found.node_scores is not None and found.node_scores.shape == (0, len(laws.SKELETON.nodes))
    assert found.raw_scores is not None and found.raw_scores.shape == (0,)
    assert found.instance_scores.shape == (0,)
    assert found.frame.shape == (0,)
    assert found.n_frames == n_frames


def test_a_batch_is_its_frames_one_by_one() -> None:
    poses, images = animals(6), images_of(6)
    topdown = stages(poses)
    together = topdown.predict(images)
    assert together.n_frames == 6
    assert len(together) == len(poses)
    for index in range(6):
        alone = topdown.predict(images[index : index + 1])
        part = together.of_frame(index)
        for name in ("points", "node_scores", "raw_scores", "frame"):
            np.testing.assert_array_equal(getattr(alone, name), getattr(part, name))


def test_scores_are_those_of_the_nodes_and_of_the_centroid() -> None:
    poses = animals()
    topdown = stages(poses)
    found, centroids = topdown.predict(images_of(4)), topdown.locate(images_of(4))
    np.testing.assert_array_equal(found.raw_scores, centroids.raw_scores)
    assert found.node_scores is not None
    np.testing.assert_array_equal(np.isnan(found.node_scores), np.isnan(found.points[..., 0]))
    assert np.nanmax(found.node_scores) <= 1


def test_instances_with_fewer_nodes_than_asked_are_dropped() -> None:
    poses = animals()
    seen = (~np.isnan(poses.points[..., 0])).sum(axis=1)
    assert 0 < (seen >= 6).sum() < len(poses)
    kept = poses.rows(seen >= 6)
    laws.assert_same(stages(poses, min_nodes=6).predict(images_of(4)), kept, EXACT_PX)


def test_an_instance_without_nodes_is_none() -> None:
    topdown = stages(animals())

    def describe_nothing(crops: NDArray[np.uint8]) -> PoseBatch:
        found = topdown.describe(crops)
        return found.with_points(np.full_like(found.points, np.nan))

    nothing = TopDown(topdown.locate, describe_nothing, CROP_PX, min_nodes=0)
    assert len(nothing.predict(images_of(4))) == 0
