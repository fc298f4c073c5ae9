"""When checkpoints are written, and what a signal does before, between and after the first of them."""

from __future__ import annotations

import signal
from pathlib import Path

import lightning
import pytest

from posewright.config.recipe import load_recipe
from posewright.errors import Interrupted
from posewright.training.checkpoints import Checkpoints
from posewright.training.interruption import StopRequest

from .small import small_recipe, train


@pytest.mark.parametrize(("minutes", "steps"), [(1e-9, [1, 2, 3, 4, 5, 6, 7]), (1e9, [4])])
def test_checkpoints_are_as_far_apart_as_asked_and_one_begins_each_epoch(
    minutes: float, steps: list[int], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    saved, save = [], Checkpoints._save_last

    def noted(self: Checkpoints, trainer: lightning.Trainer) -> None:
        saved.append(trainer.global_step)
        save(self, trainer)

    monkeypatch.setattr(Checkpoints, "_save_last", noted)
    recipe = small_recipe("single_instance", max_epochs=2).to_json()
    recipe["posewright"]["checkpoint_minutes"] = minutes
    train(data, load_recipe(recipe), tmp_path / "model")
    assert saved == steps


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT])
def test_before_the_first_step_a_signal_ends_the_training_at_once(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with pytest.raises(Interrupted, match="before a step of training; start it again"), StopRequest().listening():
        signal.raise_signal(number)
    assert signal.getsignal(number) == before


def test_within_the_steps_a_signal_waits_and_a_second_ctrl_c_does_not() -> None:
    stop = StopRequest()
    with stop.listening():
        stop.defer()
        for number in (signal.SIGTERM, signal.SIGUSR1):
            signal.raise_signal(number)
        assert stop.asked
        with pytest.raises(KeyboardInterrupt):
            signal.raise_signal(signal.SIGINT)
    said = str(stop.interruption("interrupted at step 7", has_gained=True))
    assert said == "interrupted at step 7; it will go on from there when started again"
