"""Laws of object keypoint similarity."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewright.evaluation.oks import box_area, coco_oks, customary_oks

SQUARE = np.array([[[0.0, 0.0], [100.0, 0.0], [0.0, 100.0], [100.0, 100.0]]])


def test_equal_poses_are_one_and_distant_ones_zero() -> None:
    assert customary_oks(SQUARE, SQUARE)[0, 0] == pytest.approx(1.0)
    assert customary_oks(SQUARE, SQUARE + 1e5)[0, 0] == pytest.approx(0.0)


def test_the_formula_by_hand() -> None:
    """Area 10 000, every node 5 px off: exp(-25 / (0.05^2 * 2 * 10000)) = exp(-0.5)."""
    moved = SQUARE + np.array([3.0, 4.0])
    assert customary_oks(SQUARE, moved)[0, 0] == pytest.approx(np.exp(-0.5))
    assert coco_oks(SQUARE, moved, np.array([1e4]))[0, 0] == pytest.approx(np.exp(-0.5))


def test_a_node_not_found_counts_zero_and_one_not_labelled_does_not_count() -> None:
    partial = SQUARE.copy()
    partial[0, 3] = np.nan
    assert customary_oks(SQUARE, partial)[0, 0] == pytest.approx(0.75)
    assert customary_oks(partial, SQUARE)[0, 0] == pytest.approx(1.0)


def test_truth_without_an_area_falls_linearly_over_50_px() -> None:
    point = np.array([[[10.0, 10.0]]])
    assert customary_oks(point, point + np.array([0.0, 20.0]))[0, 0] == pytest.approx(0.6)
    assert customary_oks(point, point + 60.0)[0, 0] == 0.0


def test_truth_without_nodes_is_like_nothing() -> None:
    blank = np.full_like(SQUARE, np.nan)
    assert np.isnan(box_area(blank)).all()
    assert customary_oks(blank, SQUARE)[0, 0] == 0.0


@given(st.integers(0, 10**6), st.floats(0.1, 10.0), st.floats(-500, 500))
def test_oks_knows_neither_scale_nor_place_nor_node_order(seed: int, scale: float, shift: float) -> None:
    random = np.random.default_rng(seed)
    truth, found = random.uniform(0, 100, (2, 5, 2)), random.uniform(0, 100, (3, 5, 2))
    before = customary_oks(truth, found)
    order = random.permutation(5)
    moved = customary_oks(truth[:, order] * scale + shift, found[:, order] * scale + shift)
    np.testing.assert_allclose(moved, before, atol=1e-6)
