"""Each metric by hand, with its denominator."""

from __future__ import annotations

import numpy as np
import pytest

from posewright.evaluation.pose_metrics import (
    NodeOutcomes,
    capped_distance_summary,
    coverage,
    distance_summary,
    identity,
    pck,
    visibility,
)

NAN = np.nan

# animal 0: distances 1 and 4, one node invented; animal 1: one node found of two; animal 2: missed, three nodes visible
OUTCOMES = NodeOutcomes(
    distance_px=np.array([[1.0, 4.0, NAN], [2.0, NAN, NAN], [NAN, NAN, NAN]]),
    visible=np.array([[True, True, False], [True, True, False], [True, True, True]]),
    found=np.array([[True, True, True], [True, False, False], [False, False, False]]),
    matched=np.array([True, True, False]),
)
NOTHING = NodeOutcomes(np.zeros((0, 3)), np.zeros((0, 3), bool), np.zeros((0, 3), bool), np.zeros(0, bool))


def test_distances_are_of_what_was_found_and_coverage_says_how_much() -> None:
    summary = distance_summary(OUTCOMES)
    assert (summary["mean"], summary["p50"], summary["denominator"]) == (pytest.approx(7 / 3), 2.0, 3)
    covered = coverage(OUTCOMES)
    assert (covered["value"], covered["denominator"]) == (pytest.approx(3 / 7), 7)
    assert (covered["instances"], covered["instances_denominator"]) == (pytest.approx(2 / 3), 3)


def test_capped_distances_count_misses_at_the_cap() -> None:
    summary = capped_distance_summary(OUTCOMES, 3.0)
    assert (summary["mean"], summary["denominator"]) == (pytest.approx((1 + 3 + 2 + 4 * 3) / 7), 7)


def test_pck_is_over_visible_nodes_with_misses() -> None:
    result = pck(OUTCOMES, (2, 5))
    assert result == {"2": pytest.approx(1 / 7), "5": pytest.approx(3 / 7), "denominator": 7}


def test_visibility_is_over_nodes_of_matched_animals() -> None:
    result = visibility(OUTCOMES)
    assert result["precision"] == pytest.approx(3 / 4)
    assert result["recall"] == pytest.approx(3 / 4)
    assert result["hallucinated"] == pytest.approx(1 / 2)
    assert result["denominator"] == {"precision": 4, "recall": 4, "hallucinated": 2}


def test_identity_counts_pairs_with_two_names() -> None:
    assert identity(["a", "b", None, "a"], ["a", "a", "b", None]) == {"accuracy": 0.5, "denominator": 2}


def test_nothing_counted_is_none_not_zero() -> None:
    assert distance_summary(NOTHING)["p50"] is None
    assert coverage(NOTHING)["value"] is None
    assert pck(NOTHING)["5"] is None
    assert visibility(NOTHING)["precision"] is None
    assert identity([], [])["accuracy"] is None
