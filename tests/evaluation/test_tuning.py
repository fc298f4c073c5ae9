"""Thresholds: the objective counts what it says, the best of the grid is chosen, and the curve needs no threshold.

These are rules 6 and 7 of ``comparison.md``.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posewright.config.comparison import CompareConfig
from posewright.config.sections import validate
from posewright.errors import InputError
from posewright.evaluation.coverage_curve import coverage_curve
from posewright.evaluation.scoring import evaluate_poses
from posewright.evaluation.tuning import Counts, Tuning, node_counts, tune
from posewright.files import write_json
from posewright.prediction.estimator import surely_found
from posewright.prediction.thresholds import fixed, read_thresholds
from posewright.shapes import DecodeOptions, PoseBatch

TUNING = Tuning("pck_5px", (0.4, 0.1, 0.2), (0.0, 0.3))


def with_ghosts(truth: Any, poses: PoseBatch, score: float) -> PoseBatch:
    """Add to each frame an animal that is not there, with the given score."""
    ghosts = poses.rows(np.arange(0, len(poses), 2))
    both = [
        np.concatenate([getattr(poses, name), part])
        for name, part in (
            ("points", ghosts.points + 3000.0),
            ("frame", ghosts.frame),
            ("node_scores", np.full(ghosts.points.shape[:2], score)),
            ("raw_scores", np.full(len(ghosts), score)),
        )
    ]
    order = np.argsort(both[1], kind="stable")
    return PoseBatch(both[0][order], both[1][order], len(truth.frames), both[2][order], both[3][order])


def test_counts_by_hand(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth(n_frames=3)
    poses = with_ghosts(truth, make_poses(truth), 0.2)
    poses.points[0, 1] += 7.0
    poses.points[1, 2] -= 150.0  # on the animal beside it, farther off than a miss is counted at
    truth.frames[0].points[0, 3] = np.nan
    assert node_counts(truth, poses, 100.0, 5.0, complete=True) == Counts(21, 23, 24 + 12, 2 + 12)
    assert node_counts(truth, poses, 100.0, 5.0, complete=False) == Counts(21, 23, 24, 2)  # rule 8


def test_the_instance_threshold_that_drops_ghosts_is_chosen(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth()
    poses = with_ghosts(truth, make_poses(truth), 0.2)
    read = [(reading, poses) for reading in TUNING.readings(DecodeOptions())]
    chosen = tune(truth, read, TUNING, complete=True)
    assert (chosen["min_instance_score"], chosen["peak_threshold"], chosen["value"]) == (0.3, 0.2, 1.0)
    assert len(chosen["table"]) == 6
    unknown = tune(truth, read, TUNING, complete=False)  # nobody knows whether they are ghosts
    assert unknown["min_instance_score"] == 0.0


def test_the_peak_threshold_with_most_right_nodes_is_chosen(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth()
    good, poor = make_poses(truth), make_poses(truth, jitter_px=9.0)
    read = [(reading, good if reading.peak_threshold == 0.4 else poor) for reading in TUNING.readings(DecodeOptions())]
    assert [reading.peak_threshold for reading, _ in read] == [0.1, 0.2, 0.4]
    assert tune(truth, read, TUNING, complete=True)["peak_threshold"] == 0.4


def test_inexact_nodes_cost_nothing_and_invented_ones_a_right_one_each() -> None:
    exact, loose = Counts(right=80, shown=100, found=80), Counts(right=82, shown=100, found=95)
    inventive = Counts(right=82, shown=100, found=98, invented=3)
    pck, f1 = (Tuning(name, (0.2,), (0.0,)).value for name in ("pck_5px", "f1_5px"))
    assert pck(loose) > pck(exact) > pck(inventive)
    assert (pck(loose), pck(inventive)) == (0.82, 0.79)
    assert f1(exact) > f1(loose)  # why F1 is not what decides by default
    assert (f1(Counts()), pck(Counts()), pck(Counts(found=2, invented=2))) == (0.0, 0.0, -2.0)


def test_the_objective_follows_the_metric_that_decides() -> None:
    def objective(**settings: Any) -> str:
        return validate(CompareConfig, settings, "here").declared_tuning.objective

    assert objective() == "pck_5px"
    assert objective(primary="pck_3px") == "pck_3px"
    assert objective(primary="oks") == "pck_5px"
    assert objective(primary="pck_3px", tuning={"objective": "f1_4px"}) == "f1_4px"
    for wrong in ("pck5", "f1_0px", "oks", "f1_5px\n"):
        with pytest.raises(InputError, match="known are auto, and pck_<k>px and f1_<k>px"):
            objective(tuning={"objective": wrong})


def test_where_nothing_differs_the_defaults_stay(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth()
    nothing = make_poses(truth).rows(np.zeros(12, bool))
    chosen = tune(truth, [(one, nothing) for one in TUNING.readings(DecodeOptions())], TUNING, complete=True)
    assert (chosen["peak_threshold"], chosen["min_instance_score"], chosen["value"]) == (0.2, 0.0, 0.0)


def test_whole_poses_are_dropped_by_their_instance_score(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth()
    poses = with_ghosts(truth, make_poses(truth), 0.2)
    assert len(surely_found(poses, DecodeOptions(min_instance_score=0.3))) == 12
    assert surely_found(poses, DecodeOptions()) is poses


def test_an_unknown_objective_is_named() -> None:
    with pytest.raises(InputError, match="'accuracy'; write pck_<k>px"):
        _ = replace(TUNING, objective="accuracy").right_px


def test_thresholds_come_back_from_their_file(tmp_path: Path) -> None:
    options = DecodeOptions(peak_threshold=0.35, min_instance_score=0.1)
    write_json(tmp_path / "thresholds.json", fixed(options, "config"))
    assert replace(DecodeOptions(), **read_thresholds(tmp_path / "thresholds.json")) == options
    write_json(tmp_path / "other.json", {"peak_threshold": 0.3})
    with pytest.raises(InputError, match="evaluate the method again"):
        read_thresholds(tmp_path / "other.json")


def test_the_curve_rises_to_the_coverage_and_error_of_everything_found(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth(n_frames=40)
    poses = make_poses(truth, jitter_px=np.linspace(0.5, 6.0, 40))
    poses.node_scores[:] = np.linspace(0.9, 0.2, 40)[poses.frame][:, None]  # surer where it is better
    result = evaluate_poses(truth, poses.rows(np.arange(len(poses)) % 10 != 0))
    curve = coverage_curve(result.keypoints)
    assert curve["coverage"].iloc[-1] == pytest.approx(result.metrics["coverage"]["value"])
    assert curve["median_px"].iloc[-1] == pytest.approx(result.metrics["distance_px"]["p50"])
    assert curve["mean_px"].iloc[-1] == pytest.approx(result.metrics["distance_px"]["mean"])
    assert curve["coverage"].is_monotonic_increasing and curve["score"].is_monotonic_decreasing
    assert curve["median_px"].iloc[0] < 0.3 * curve["median_px"].iloc[-1]
    assert coverage_curve(result.keypoints.iloc[:0]).empty
