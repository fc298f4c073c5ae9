"""What rounds of timings say: rates, ratios within rounds, and nothing that they do not show (rule 13)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from posewright.evaluation.speed import clip_of, spread, stratum_of
from posewright.evaluation.speed_agreement import compared
from posewright.evaluation.speed_probe import best_batch
from posewright.evaluation.speed_rounds import ROUND_SCHEMA, round_rows, speed_summary

FACTS = {"slow": {"batch": 2}, "quick": {"batch": 8}}


def rounds(per_frame_s: dict[str, float], n_rounds: int = 5, noise: float = 0.02, drift: float = 2.0) -> pd.DataFrame:
    """Return rounds on a node that becomes slower from round to round, for all methods alike."""
    chance = np.random.default_rng(1)
    rows: list[dict[str, Any]] = []
    for number in range(n_rounds):
        for place, (method, seconds) in enumerate(per_frame_s.items()):
            told = 100 * seconds * drift**number * chance.lognormal(0, noise)
            timing = {"frames": 100, "seconds": told}
            answer = {"start_up_s": told, "in_memory": {"all": timing, "3-4": timing}, "video": None, "memory_mb": 900}
            rows += round_rows(number, place, method, answer, 0.5)
    return pd.DataFrame(rows, columns=ROUND_SCHEMA.names)


def test_ratios_are_paired_by_round_so_that_a_slowing_node_does_not_hide_them() -> None:
    told = speed_summary(rounds({"slow": 0.03, "quick": 0.02}), FACTS, 0.95)
    pair = next(one for one in told["pairs"] if one["condition"] == "in_memory" and one["animals"] == "all")
    assert (pair["method_a"], pair["method_b"]) == ("quick", "slow")
    assert pair["ratio"] == pytest.approx(2 / 3, rel=0.03)
    assert pair["low"] < 2 / 3 < pair["high"] and pair["high"] / pair["low"] < 1.1
    rate = told["methods"]["quick"]["timings"]
    alone = next(one for one in rate if (one["condition"], one["animals"]) == ("in_memory", "all"))
    assert alone["high"] / alone["low"] > 2  # the node's slowing is all in the rates themselves
    assert "quick takes 0.6" in pair["text"] and "95 % interval" in pair["text"]


def test_no_difference_is_claimed_where_the_interval_holds_one() -> None:
    told = speed_summary(rounds({"slow": 0.02, "quick": 0.02}, noise=0.1), FACTS, 0.95)
    assert all("do not differ clearly" in pair["text"] for pair in told["pairs"])


def test_each_condition_and_stratum_is_told_and_start_up_is_in_seconds() -> None:
    told = speed_summary(rounds({"slow": 0.03, "quick": 0.02}, drift=1.0), FACTS, 0.95)
    timings = told["methods"]["slow"]["timings"]
    assert [(one["condition"], one["animals"]) for one in timings] == [
        ("in_memory", "3-4"),
        ("in_memory", "all"),
        ("start_up", "all"),
    ]
    assert timings[1]["frames_per_s"] == pytest.approx(1 / 0.03, rel=0.05)
    assert timings[2]["seconds"] == pytest.approx(3.0, rel=0.05)
    assert told["methods"]["slow"]["memory_mb"] == 900
    assert told["order"] == 5 * [["slow", "quick"]]


@pytest.mark.parametrize(
    ("rates", "fits", "batch"),
    [
        ([10, 18, 18.2, 30], [True, True, True, False], 2),  # the fastest does not fit; 2 is as fast as 4
        ([10, 12, 20, 19], [True, True, True, True], 4),
        ([10, 12], [False, False], 1),
    ],
)
def test_the_best_batch_is_the_smallest_of_the_fastest_below_the_cap(
    rates: list[float], fits: list[bool], batch: int
) -> None:
    tried = [
        {"batch": 1 << place, "frames_per_s": rate, "fits": fit}
        for place, (rate, fit) in enumerate(zip(rates, fits, strict=True))
    ]
    assert best_batch(tried)["batch"] == batch


def test_strata_of_animals() -> None:
    names = [stratum_of(number) for number in range(10)]
    assert names == ["0", "1", "2", "3-4", "3-4", "5-8", "5-8", "5-8", "5-8", "9-16"]
    keys = [(0, frame) for frame in range(100)]
    assert len(spread(keys)) == 32 and spread(keys)[0] == keys[0] and spread(keys)[-1][1] > 95
    assert spread(keys[:3]) == keys[:3]


def test_all_methods_are_timed_on_the_same_part_of_the_video() -> None:
    video = {"video": "v", "path": "v.mp4", "start": 10, "stop": 400, "size": [5, 5]}
    assert clip_of(video, [10.0, 30.0], 2.0) == {"video": "v", "path": "v.mp4", "start": 10, "stop": 70}
    assert clip_of(video, [1.0, 30.0], 2.0)["stop"] == 22  # the slowest is not waited for
    assert clip_of(video, [9e3], 2.0)["stop"] == 400


def keypoints(x: list[float]) -> pd.DataFrame:
    place = {"video": 0, "frame": range(len(x)), "true_instance": 0, "node": "head"}
    return pd.DataFrame({**place, "x": x, "y": np.where(np.isnan(x), np.nan, 1.0)})


def test_agreement_counts_nodes_at_the_same_place_and_those_found_once_only() -> None:
    nan = float("nan")
    scored = keypoints([1.0, 2.0, nan, nan])
    assert compared(scored, scored) == {"part": 1.0, "nodes": 2, "same": True}
    assert compared(keypoints([1.0005, 2.0, nan, nan]), scored)["same"]
    moved = compared(keypoints([1.1, 2.0, nan, nan]), scored)
    assert (moved["part"], moved["same"]) == (0.5, False)
    once = compared(keypoints([1.0, 2.0, 3.0, nan]), scored)
    assert once["part"] == pytest.approx(2 / 3) and not once["same"]
    assert not compared(keypoints([nan]), keypoints([nan]))["same"]  # nothing found is nothing shown
    assert not compared(scored.head(3), scored)["same"]  # other frames than those that were scored
