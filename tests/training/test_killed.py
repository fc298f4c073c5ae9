"""A training that is killed within an epoch, by whatever signal, ends with the weights of one that never was."""

from __future__ import annotations

import csv
import signal
from pathlib import Path

import pytest

from posewright.config.recipe import Recipe, load_recipe
from posewright.door import INTERRUPTED
from posewright.files import read_json
from posewright.provenance import NAME

from .processes import Training, assert_same_training
from .small import SWINT, UNET, make_small_data, small_recipe

STEPS = 40  # an epoch
VARIED = {
    "intensity": {"brightness_p": 0.5, "gaussian_noise_p": 0.5},
    "geometric": {"rotation_min": -90, "rotation_max": 90},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make_small_data(folder)
    return folder


def recipe(
    model_type: str,
    epochs: int,
    workers: int = 0,
    backbone: dict[str, object] = UNET,
    max_steps: int | None = None,
) -> Recipe:
    """A recipe in which everything that has a state moves: the schedule at every epoch, augmentation, clipping."""
    value = small_recipe(
        model_type,
        backbone,
        train_steps_per_epoch=STEPS,
        max_epochs=epochs,
        train_data_loader={"batch_size": 2, "num_workers": workers},
        optimizer={"lr": 5e-3},
        lr_scheduler={"reduce_lr_on_plateau": {"patience": 0, "cooldown": 0, "threshold": 10.0}},
    ).to_json()
    value["data_config"] |= {"augmentation_config": VARIED, "use_augmentations_train": True}
    value["posewright"] |= {"checkpoint_minutes": 1e-5, "gradient_clip": 1.0, "max_steps": max_steps}
    return load_recipe(value)


def check_killed(data: Path, tmp_path: Path, tried: Recipe, kills: list[tuple[signal.Signals, int, bool]]) -> None:
    """Kill a training at steps, each time by a signal, and compare its end with that of one left alone.

    That one has a process of its own, too: readers of images are forked, and this process is full of others' threads.
    """
    work, out = tmp_path / "work", tmp_path / "killed"
    for number, step, whole_group in kills:
        training = Training(data, tried, work, out)
        training.wait_for_step(step)
        training.signal(number, whole_group)
        said = training.end()
        if number == signal.SIGKILL:
            assert training.process.returncode == -signal.SIGKILL
        else:
            assert training.process.returncode == INTERRUPTED, said
            assert "interrupted at step " in said and "it will go on from there" in said
        assert not (out / "model.json").exists()
    assert "goes on from step " in Training(data, tried, work, out).finish()
    whole = Training(data, tried, tmp_path / "other work", tmp_path / "whole")
    whole.finish()
    assert_same_training(whole.out, out)
    record = read_json(out / NAME)
    killed = [number for number, _, _ in kills].count(signal.SIGKILL)
    assert (record["attempts"], record["resumes"], record["untold"]) == (len(kills) + 1, len(kills), killed)
    with (out / "training_log.csv").open() as stream:
        seconds = [float(row["seconds"]) for row in csv.DictReader(stream)]
    assert seconds == sorted(seconds)  # a budget of minutes counts those of interrupted runs


@pytest.mark.parametrize(
    "model_type", ["centered_instance", pytest.param("multi_class_topdown", marks=pytest.mark.long)]
)
def test_a_training_killed_by_both_signals_ends_the_same(model_type: str, data: Path, tmp_path: Path) -> None:
    kills = [(signal.SIGTERM, 13, False), (signal.SIGKILL, STEPS + 17, False)]
    check_killed(data, tmp_path, recipe(model_type, epochs=3), kills)


@pytest.mark.long
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1])
@pytest.mark.parametrize("model_type", ["centroid", "centered_instance", "bottomup"])
def test_a_training_killed_three_times_ends_the_same(
    model_type: str, number: signal.Signals, data: Path, tmp_path: Path
) -> None:
    kills = [(number, step, False) for step in (7, STEPS + 23, 3 * STEPS + 31)]
    check_killed(data, tmp_path, recipe(model_type, epochs=5), kills)


@pytest.mark.long
def test_signals_to_the_whole_group_reach_the_readers_of_images_too(data: Path, tmp_path: Path) -> None:
    kills = [(signal.SIGTERM, 9, True), (signal.SIGINT, STEPS + 11, True), (signal.SIGTERM, 2 * STEPS + 5, True)]
    check_killed(data, tmp_path, recipe("bottomup", epochs=4, workers=2), kills)


@pytest.mark.long
def test_layers_that_draw_go_on_with_the_same_draws(data: Path, tmp_path: Path) -> None:
    kills = [(signal.SIGTERM, 5, False), (signal.SIGKILL, STEPS + 5, False)]
    check_killed(data, tmp_path, recipe("centroid", epochs=2, backbone=SWINT), kills)


@pytest.mark.long
def test_a_training_that_counts_steps_goes_on_into_the_part_of_its_last_epoch(data: Path, tmp_path: Path) -> None:
    kills = [(signal.SIGTERM, STEPS + 9, False), (signal.SIGKILL, 2 * STEPS + 7, False)]
    check_killed(data, tmp_path, recipe("bottomup", epochs=9, max_steps=2 * STEPS + 25), kills)
    with (tmp_path / "killed" / "training_log.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [int(row["step"]) for row in rows] == [STEPS, 2 * STEPS, 2 * STEPS + 25]
    assert len({row["val/loss"] for row in rows}) == 3
