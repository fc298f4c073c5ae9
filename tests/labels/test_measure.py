"""The crop around an animal, as the checks and the training measure it."""

from __future__ import annotations

import numpy as np

from posewright.labels.measure import crop_fault, measured_crop_px, node_reach_px

from .make_labels import make_labels


def test_reach_is_the_larger_axis_from_the_anchor() -> None:
    labels = make_labels([(0, 1)])
    reach = node_reach_px(labels, 0)
    points = labels.frames[0].points
    np.testing.assert_allclose(reach[0, :3], np.abs(points[0, :3] - points[0, 0]).max(axis=-1))
    assert np.isnan(reach[0, 3])
    assert node_reach_px(labels.only([]), None).shape == (0, 4)


def test_a_measured_crop_holds_the_animals_and_a_margin() -> None:
    reach = np.full((1000, 2), 50.0)
    reach[0] = 500.0  # one wrong label
    assert measured_crop_px(reach, 16) == 112  # 100 + a tenth, rounded up
    assert measured_crop_px(reach, 16, padding_px=40) == 144
    assert measured_crop_px(reach, 32, padding_px=0, least_px=200) == 224
    assert measured_crop_px(reach[:0], 16, least_px=100) == 112


def test_a_crop_may_cut_off_a_few_nodes_only() -> None:
    reach = np.concatenate([np.full(96, 30.0), np.full(4, 80.0), [np.nan]])[:, None]
    assert crop_fault(reach, 60) is None
    assert crop_fault(reach, 58) == "58 px is smaller than the animals: 100% of their visible nodes lie outside"
