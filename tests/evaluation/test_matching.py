"""Laws of the two matching rules."""

from __future__ import annotations

import numpy as np

from posewright.evaluation.matching import animal_length_px, match_by_score, match_nearest

ANIMAL = np.array([[0.0, 0.0], [40.0, 0.0], [80.0, 0.0]])


def test_nearest_pairs_whatever_the_order() -> None:
    truth = np.stack([ANIMAL, ANIMAL + 100.0, ANIMAL + 300.0])
    found = truth[[2, 0, 1]] + 3.0
    assert match_nearest(truth, found, 80.0) == [(0, 1), (1, 2), (2, 0)]


def test_the_sum_decides_not_the_first_come() -> None:
    """A prediction between two animals goes where the other prediction cannot."""
    truth = np.stack([ANIMAL, ANIMAL + np.array([30.0, 0.0])])
    found = np.stack([ANIMAL + np.array([14.0, 0.0]), ANIMAL + np.array([-20.0, 0.0])])
    assert match_nearest(truth, found, 80.0) == [(0, 1), (1, 0)]


def test_too_far_is_no_pair() -> None:
    truth = ANIMAL[None]
    assert match_nearest(truth, truth + np.array([81.0, 0.0]), 80.0) == []
    assert match_nearest(truth, truth + np.array([79.0, 0.0]), 80.0) == [(0, 0)]


def test_a_partial_prediction_on_the_animal_is_a_pair() -> None:
    found = ANIMAL[None].copy()
    found[0, 1:] = np.nan
    assert match_nearest(ANIMAL[None], found, 80.0) == [(0, 0)]


def test_predictions_and_truth_without_common_nodes_are_no_pair() -> None:
    truth, found = ANIMAL[None].copy(), ANIMAL[None].copy()
    truth[0, 0] = found[0, 1:] = np.nan
    assert match_nearest(truth, found, 80.0) == []


def test_no_animals_no_pairs() -> None:
    none = np.zeros((0, 3, 2))
    assert match_nearest(none, ANIMAL[None], 80.0) == match_nearest(ANIMAL[None], none, 80.0) == []


def test_length_is_the_median_longer_side_or_the_fallback() -> None:
    assert animal_length_px([np.stack([ANIMAL, 2 * ANIMAL, 3 * ANIMAL])]) == 160.0
    assert animal_length_px([np.array([[[1.0, 2.0]]]), np.zeros((0, 1, 2))]) == 50.0


def test_by_score_the_loudest_chooses_first() -> None:
    """A confident prediction takes the truth it is near to, though another lies exactly on it."""
    assert match_by_score(np.array([[0.3, 1.0]]), np.array([0.9, 0.8])) == [(0, 0)]
    assert match_by_score(np.array([[0.0, 1.0]]), np.array([0.9, 0.8])) == [(0, 1)]
