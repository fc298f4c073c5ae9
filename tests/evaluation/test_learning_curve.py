"""What more labels have brought is said with its uncertainty, and what they would bring only where that holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from posewright.errors import InputError
from posewright.evaluation.learning_curve import compare_parts
from posewright.files import read_json

from .conftest import MakeFolder, MakePoses, MakeTruth

SETTINGS = {"primary": "pck_5px", "margin": 0.02, "confidence": 0.95}
Curve = Callable[..., dict[str, Any]]


@pytest.fixture
def curve(make_truth: MakeTruth, make_poses: MakePoses, make_folder: MakeFolder, tmp_path: Path) -> Curve:
    """Return the summary of one method whose errors on each part are given."""

    def make(jitters: dict[int, Any], n_videos: int = 8, seeds: Sequence[int] = (0,), **facts: Any) -> dict[str, Any]:
        truth = make_truth(n_videos=n_videos)
        folders = []
        for percent, jitter_px in jitters.items():
            for seed in seeds:
                poses = make_poses(truth, jitter_px, seed=100 * percent + seed)
                frames = {"train": 4 * percent, "val": len(truth.frames), "test": 0}
                more = {"split": {"unit": "video", "frames": frames, "digest": str(percent)}, **facts}
                made = make_folder("bottomup", truth, poses, seed=seed, **more)
                if percent < 100:
                    part = made.parent.with_name(f"fold0_part{percent}_seed{seed}")
                    made.parent.rename(part)
                    made = part / "val"
                folders.append(made)
        compare_parts(evaluations=folders, settings=SETTINGS, out=tmp_path / "curve")
        summary: dict[str, Any] = read_json(tmp_path / "curve" / "summary.json")
        return summary

    return make


def test_more_labels_that_helped_would_help(curve: Curve, tmp_path: Path) -> None:
    first, last = curve({25: 6.0, 50: 4.5, 100: 2.5})["gains"]
    assert (first["from_frames"], last["from_frames"], last["to_frames"]) == (100, 200, 400)
    assert last["verdict"] == "helped" and last["low"] > 0
    assert last["text"].startswith("For these trained models: bottomup, from 200 to 400 labelled frames: better by")
    assert "More labels would help" in last["text"] and "2.0 times as many again by hardly more" in last["text"]
    points = pd.read_parquet(tmp_path / "curve" / "points.parquet")
    assert list(points["percent"]) == [25, 50, 100] and points["estimate"].is_monotonic_increasing
    assert points["low"].notna().all() and (points["n_units"] == 8).all()


def test_a_difference_that_the_data_do_not_show_promises_nothing(curve: Curve) -> None:
    chance = np.random.default_rng(3)
    uneven = np.repeat(chance.uniform(1, 9, 8), 6)
    (gain,) = curve({50: uneven, 100: uneven[::-1]})["gains"]
    assert gain["verdict"] == "undecided" and gain["low"] < 0 < gain["high"]
    assert "do not show whether more labels would help" in gain["text"]
    assert not re.search("would help;|More labels would", gain["text"])


def test_a_flat_curve_says_that_labels_are_not_what_is_lacking(curve: Curve) -> None:
    (gain,) = curve({50: 0.2, 100: 0.2})["gains"]
    assert gain["verdict"] == "equal" and "labels are not what it lacks" in gain["text"]


def test_few_units_give_no_interval_and_no_promise(curve: Curve) -> None:
    (gain,) = curve({50: 6.0, 100: 1.0}, n_videos=5)["gains"]
    assert (gain["verdict"], gain["low"], gain["high"]) == ("undecided", None, None)
    assert "undecided" in gain["text"] and "5 videos" in gain["text"]


def test_seeds_enough_speak_of_the_method(curve: Curve) -> None:
    (gain,) = curve({50: 4.0, 100: 2.0}, seeds=range(5))["gains"]
    assert gain["text"].startswith("bottomup, from")


def test_labels_of_a_model_are_told_of(curve: Curve) -> None:
    assert "agreement with an earlier model" in curve({50: 4.0, 100: 2.0}, label_source="model")["banner"]


def test_a_whole_alone_is_no_curve(curve: Curve) -> None:
    with pytest.raises(InputError, match="and on a part of it"):
        curve({100: 1.0})
