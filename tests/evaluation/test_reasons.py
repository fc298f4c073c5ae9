"""Error classes, oracles, calibration and strata: why a method errs, and on what (rules 12 and 14)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from posewright.evaluation.calibration import reliability
from posewright.evaluation.errors import CLASSES, error_classes, scales_px2
from posewright.evaluation.oracle import grouped_by_truth, oracle_split
from posewright.evaluation.scoring import evaluate_poses
from posewright.evaluation.strata import covered, in_stratum
from posewright.labels.model import LabeledFrame
from posewright.shapes import PoseBatch

SIGMA = 0.025


def classes_of(found: np.ndarray[Any, Any], truth: np.ndarray[Any, Any]) -> list[str | None]:
    return error_classes(truth, 0, found, scales_px2(truth, SIGMA, 100.0))


def test_each_kind_of_error_is_told_by_where_the_node_lies(make_truth: Any) -> None:
    """The box is 100 x 25, so 0.5 alike is 2.9 px and 0.85 alike 1.4 px."""
    truth = make_truth(n_frames=1).frames[0].points
    found = truth[0].copy()
    assert classes_of(found, truth) == ["good"] * 4
    found[0] += [2.0, 0.0]
    found[1] = truth[0, 2]  # the body on its own tail
    found[2] = truth[1, 2]  # the tail on the other's tail
    found[3] += [0.0, 60.0]  # the wing in the empty
    assert classes_of(found, truth) == ["jitter", "inversion", "swap", "miss"]
    tail_exact = scales_px2(truth, np.array([SIGMA, SIGMA, SIGMA / 100, SIGMA]), 100.0)
    found[1] += [1.0, 0.0]  # alike the tail's place by the tail's own sigma
    assert classes_of(found, truth)[1] == "inversion" and error_classes(truth, 0, found, tail_exact)[1] == "miss"
    found[3] = np.nan
    hidden = truth.copy()
    hidden[0, 0] = np.nan
    assert classes_of(found, hidden)[0] is None and classes_of(found, hidden)[3] == "miss"


def test_shares_are_of_all_visible_nodes_and_add_up(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth(hidden=0.2)
    poses = make_poses(truth, jitter_px=3.0)
    missed = evaluate_poses(truth, poses.rows(np.arange(len(poses)) != 3))
    errors = missed.metrics["errors"]
    assert sum(errors[name] for name in CLASSES) == pytest.approx(1.0)
    assert errors["denominator"] == missed.metrics["coverage"]["denominator"]
    assert errors["not_found"] == pytest.approx(1 - missed.metrics["coverage"]["value"])
    assert errors["miss"] >= errors["not_found"] > 0


def test_calibration_by_hand() -> None:
    scores = np.array([0.95, 0.92, 0.11, 0.15, np.nan])
    table = reliability(scores, np.array([True, False, False, False, True]), "here")
    assert [(entry["n"], entry["share_right"]) for entry in table["bins"]] == [(2, 0.0), (2, 0.5)]
    assert table["ece"] == pytest.approx((2 * 0.13 + 2 * 0.435) / 4)
    assert table["denominator"] == 4
    assert reliability(np.zeros(0), np.zeros(0, bool), "here")["ece"] is None


def test_scores_that_mean_what_they_say_have_no_calibration_error() -> None:
    random = np.random.default_rng(0)
    scores = random.random(20000)
    right = random.random(20000) < scores
    assert reliability(scores, right, "here")["ece"] < 0.02
    assert reliability(scores, right & (random.random(20000) < 0.5), "here")["ece"] == pytest.approx(0.25, abs=0.02)


def test_strata_come_from_the_truth(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth(n_frames=8, hidden=0.3, apart_px=60.0)
    good = evaluate_poses(truth, make_poses(truth)).instances
    poor = evaluate_poses(truth, make_poses(truth, jitter_px=9.0).rows(np.arange(16) % 3 != 0)).instances
    columns = ["frame", "true_instance", "crowding", "visible_share", "n_covered", "speed"]
    tables = [one[one["kind"] != "extra"].sort_values(["frame", "true_instance"])[columns] for one in (good, poor)]
    assert tables[0].reset_index(drop=True).equals(tables[1].reset_index(drop=True))
    for one, other in (("apart", "crowded"), ("clear", "covered"), ("whole", "partial"), ("slow", "fast")):
        assert (in_stratum(good, one) ^ in_stratum(good, other)).all()
        assert in_stratum(good, one).any() or in_stratum(good, other).any()


def test_covered_nodes_lie_in_another_animals_box() -> None:
    truth = np.array([[[0.0, 0.0], [10.0, 10.0]], [[8.0, 8.0], [30.0, 30.0]]])
    assert covered(truth).tolist() == [[False, True], [True, False]]


def test_speed_is_measured_in_lengths_per_frame(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth(n_frames=1)
    first = truth.frames[0]
    moved = [
        LabeledFrame(0, frame, first.points + np.array([step * 20.0, 0.0]), ("ann", None))
        for step, frame in enumerate((0, 2, 4, 40))
    ]
    truth = replace(truth, frames=tuple(moved))
    table = evaluate_poses(truth, make_poses(truth)).instances.set_index(["frame", "true_instance"])["speed"]
    assert [table[frame, 0] for frame in (0, 2, 4)] == pytest.approx([0.1] * 3)  # 20 px in 2 frames, length 100 px
    assert np.isnan(table[40, 0]) and np.isnan(table[0, 1])  # too far from any other; a name nobody gave


def test_true_grouping_gives_each_node_its_nearest_peak() -> None:
    truth = np.array([[[0.0, 0.0], [10.0, 0.0]], [[50.0, 0.0], [np.nan, np.nan]]])
    peaks = np.full((4, 2, 2), np.nan)
    peaks[0, 0], peaks[1, 0], peaks[2, 1], peaks[3, 1] = (49.0, 0.0), (1.0, 0.0), (12.0, 0.0), (300.0, 0.0)
    found = grouped_by_truth(peaks, truth, reach_px=30.0)
    np.testing.assert_array_equal(found[0], [[1.0, 0.0], [12.0, 0.0]])
    np.testing.assert_array_equal(found[1], [[49.0, 0.0], [np.nan, np.nan]])


def test_an_oracle_divides_errors_into_detection_localisation_and_assignment(make_truth: Any, make_poses: Any) -> None:
    """Of 8 nodes: one missed with its animal's stage, one off, one on the other animal, one spoilt by the oracle."""
    truth = make_truth(n_frames=1)
    plain, told = make_poses(truth), make_poses(truth)
    plain.points[0, 0] = np.nan  # right in the true crop
    plain.points[0, 1] = told.points[0, 1] = truth.frames[0].points[0, 1] + [0.0, 8.0]
    plain.points[0, 3] = told.points[0, 3] = truth.frames[0].points[1, 2]
    told.points[1, 1] += [0.0, 9.0]
    oracle = PoseBatch(told.points, told.frame, 1)
    keypoints = evaluate_poses(truth, plain).keypoints
    split = oracle_split(keypoints, truth, "true centroids", oracle, SIGMA)
    assert {name: split[name] * 8 for name in ("wrong", "detection", "localisation", "assignment", "spoilt")} == {
        "wrong": 3,
        "detection": 1,
        "localisation": 2,
        "assignment": 1,
        "spoilt": 1,
    }
    grouping = oracle_split(keypoints, truth, "true grouping", oracle, SIGMA)
    assert (grouping["assignment"] * 8, grouping["localisation"] * 8, grouping["detection"] * 8) == (1, 3, 0)
