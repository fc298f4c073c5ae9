"""Where points lie: transforms invert and compose, crops do not move anything, resizing keeps pixel areas."""

from __future__ import annotations

import numpy as np
import pytest

from posewright.geometry import Transform, anchor_points, crop_corner, cut, outside, scaled_size
from posewright.samples.preprocess import Preprocess, resized, with_channels
from posewright.shapes import Size

POINTS = np.array([[0.0, 0.0], [10.25, 3.5], [np.nan, np.nan], [63.0, 47.0]])


@pytest.mark.parametrize(
    "transform",
    [
        Transform(),
        Transform.crop(-7, 12),
        Transform.resize(Size(48, 64), Size(24, 32)),
        Transform.crop(5, -3).then(Transform.resize(Size(31, 33), Size(62, 20))),
    ],
)
def test_a_transform_undoes_itself_and_keeps_nan(transform: Transform) -> None:
    moved = transform.apply(POINTS)
    assert np.isnan(moved[2]).all()
    np.testing.assert_allclose(transform.inverse().apply(moved), POINTS, atol=1e-9)


def test_then_applies_one_after_the_other() -> None:
    first, second = Transform.crop(3, 4), Transform.resize(Size(40, 40), Size(20, 10))
    np.testing.assert_allclose(first.then(second).apply(POINTS), second.apply(first.apply(POINTS)))


@pytest.mark.parametrize("scale", [0.5, 0.4, 0.75, 1.0, 2.0])
def test_a_blob_lies_where_the_transform_says_after_resizing(scale: float) -> None:
    """The centre of mass of a smooth blob moves as points do: no half-pixel error at any scale."""
    size, centre = Size(90, 120), np.array([57.3, 41.8])
    y, x = np.mgrid[: size.height, : size.width]
    blob = 250 * np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * 5.0**2))
    image = np.rint(blob).astype(np.uint8)[..., None]
    new = scaled_size(size, scale)
    small = resized(image, new)[..., 0].astype(float)
    y, x = np.mgrid[: new.height, : new.width]
    found = np.array([(small * x).sum(), (small * y).sum()]) / small.sum()
    np.testing.assert_allclose(found, Transform.resize(size, new).apply(centre), atol=0.02)


def test_a_crop_shows_the_pixels_it_says_and_black_outside() -> None:
    image = np.arange(20, dtype=np.uint8).reshape(4, 5, 1)
    out = cut(image, -1, 2, Size(3, 4))
    np.testing.assert_array_equal(out[..., 0], [[0, 10, 11, 12], [0, 15, 16, 17], [0, 0, 0, 0]])
    assert not cut(image, 50, 50, Size(2, 2)).any()


def test_the_pixel_in_the_middle_of_a_crop_is_the_one_nearest_to_the_centre() -> None:
    centres = np.array([[10.0, 10.0], [10.49, 9.51], [10.5, 10.51]])
    np.testing.assert_array_equal(crop_corner(centres, 8) + 4, [[10, 10], [10, 10], [11, 11]])


def test_outside_counts_pixel_areas_and_not_nan() -> None:
    points = np.array([[-0.4, 0.0], [-0.6, 0.0], [9.4, 4.4], [9.6, 0.0], [np.nan, np.nan]])
    np.testing.assert_array_equal(outside(points, Size(5, 10)), [False, True, False, True, False])


def test_gray_by_luma_and_colour_by_repetition() -> None:
    colour = np.array([[[255, 0, 0], [0, 255, 0], [9, 9, 9]]], np.uint8)
    np.testing.assert_array_equal(with_channels(colour, 1)[0, :, 0], [76, 150, 9])
    np.testing.assert_array_equal(with_channels(with_channels(colour, 1), 3)[0, 2], [9, 9, 9])


def test_a_preprocessed_batch_is_padded_at_right_and_bottom_only() -> None:
    images = np.full((2, 30, 50, 1), 200, np.uint8)
    out, transform = Preprocess(channels=1, scale=0.5, multiple=16).batch(images)
    assert out.shape == (2, 16, 32, 1)
    assert (out[:, :15, :25] == 200).all()
    assert not out[:, 15:].any()
    assert not out[:, :, 25:].any()
    assert transform == Transform.resize(Size(30, 50), Size(15, 25))


def test_anchor_points_take_the_node_or_the_mean() -> None:
    points = np.array([[[1.0, 2.0], [3.0, 6.0]], [[np.nan, np.nan], [5.0, 5.0]]])
    np.testing.assert_array_equal(anchor_points(points, 0), [[1, 2], [5, 5]])
    np.testing.assert_array_equal(anchor_points(points, None), [[2, 4], [5, 5]])
