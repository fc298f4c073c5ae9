"""Two processes that are asked for the same model: one trains, both deliver it."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest

from posewright.config.recipe import load_recipe

from .processes import Training, assert_same_training
from .small import make_small_data, small_recipe


@pytest.mark.long
def test_one_trains_and_both_deliver_also_when_the_first_is_killed(tmp_path: Path) -> None:
    make_small_data(tmp_path)
    value = small_recipe("centroid", train_steps_per_epoch=60, max_epochs=3).to_json()
    value["posewright"]["checkpoint_minutes"] = 1e-5
    recipe = load_recipe(value)
    first = Training(tmp_path, recipe, tmp_path / "work", tmp_path / "first")
    first.wait_for_step(5)
    second = Training(tmp_path, recipe, tmp_path / "work", tmp_path / "second")
    third = Training(tmp_path, recipe, tmp_path / "work", tmp_path / "third")
    first.wait_for_step(20)
    first.signal(signal.SIGKILL)
    first.end()
    said = [second.finish(), third.finish()]
    assert ["epoch 2:" in text for text in said].count(True) == 1
    assert ["waiting for it" in text for text in said].count(True) >= 1
    assert_same_training(tmp_path / "second", tmp_path / "third")
    assert not list((tmp_path / "work").glob("*/lease.json"))
