"""Drawn poses lie where their points are, missing points leave no mark, and a view holds what it must show."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewright.labels.skeleton import Skeleton
from posewright.report.overlays import ANIMAL_COLOURS, draw_poses, jpeg_uri, view_around
from posewright.shapes import Size

STICK = Skeleton(("a", "b"), ((0, 1),))
GRAY = np.full((60, 80, 1), 128, np.uint8)


def _changed(picture: np.ndarray, before: int = 128) -> np.ndarray:
    return (picture != before).any(axis=-1)


@pytest.mark.parametrize("shape", [(60, 80), (60, 80, 1), (60, 80, 3)])
def test_gray_and_colour_frames_become_rgb_of_the_scaled_size(shape: tuple[int, ...]) -> None:
    picture = draw_poses(np.full(shape, 128, np.uint8), STICK, None, None, 2.5)
    assert picture.shape == (150, 200, 3)
    assert picture.dtype == np.uint8
    assert not _changed(picture).any()


def test_missing_points_leave_no_mark() -> None:
    nothing = np.full((2, 2, 2), np.nan)
    assert not _changed(draw_poses(GRAY, STICK, nothing, nothing, paired=True)).any()


def test_the_frame_itself_is_not_drawn_on() -> None:
    draw_poses(GRAY, STICK, None, np.array([[[10.0, 10.0], [30.0, 30.0]]]))
    assert (GRAY == 128).all()


def test_marks_are_centred_on_their_points_at_every_scale() -> None:
    lone = Skeleton(("a",))
    for scale in (1.0, 2.0, 3.5):
        picture = draw_poses(GRAY, lone, None, np.array([[[41.25, 20.5]]]), scale)
        rows, columns = np.nonzero(_changed(picture))
        weight = np.abs(picture[rows, columns].astype(float) - 128).sum(axis=-1)
        centre = np.array([np.average(columns, weights=weight), np.average(rows, weights=weight)])
        np.testing.assert_allclose(centre, (np.array([41.25, 20.5]) + 0.5) * scale - 0.5, atol=0.15)


def test_each_animal_has_its_colour_and_truth_has_none() -> None:
    poses = np.array([[[20.0, 20.0], [20.0, 40.0]], [[60.0, 20.0], [60.0, 40.0]]])
    picture = draw_poses(GRAY, STICK, None, poses)
    assert tuple(picture[30, 20]) == ANIMAL_COLOURS[0]
    assert tuple(picture[30, 60]) == ANIMAL_COLOURS[1]
    truth = draw_poses(GRAY, STICK, poses, None)
    assert (truth[..., 0] == truth[..., 1]).all()
    assert (truth[..., 1] == truth[..., 2]).all()


def test_a_point_far_outside_harms_nothing() -> None:
    picture = draw_poses(GRAY, STICK, None, np.array([[[1e9, -1e9], [1e30, 5.0]]]))
    assert picture.shape == (60, 80, 3)


@given(
    points=st.lists(st.tuples(st.floats(-50, 250), st.floats(-50, 250)), min_size=0, max_size=6),
    height=st.integers(1, 200),
    width=st.integers(1, 200),
)
def test_a_view_lies_in_the_frame_and_holds_the_points_that_do(
    points: list[tuple[float, float]], height: int, width: int
) -> None:
    array = np.array(points, float).reshape(-1, 2)
    rows, columns = view_around(array, Size(height, width))
    assert 0 <= rows.start < rows.stop <= height
    assert 0 <= columns.start < columns.stop <= width
    for x, y in array:
        if 0 <= x <= width - 1 and 0 <= y <= height - 1:
            assert columns.start - 0.5 <= x <= columns.stop - 0.5
            assert rows.start - 0.5 <= y <= rows.stop - 0.5


def test_a_picture_becomes_a_jpeg_inside_the_page() -> None:
    assert jpeg_uri(draw_poses(GRAY, STICK, None, None)).startswith("data:image/jpeg;base64,/9j/")
