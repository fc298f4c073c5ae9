"""Several devices train as one with their batches together; cards that torch does not know are refused at once."""

from __future__ import annotations

import csv
import signal
from pathlib import Path

import numpy as np
import pytest

from posewright.config.recipe import Recipe, load_recipe
from posewright.door import INTERRUPTED
from posewright.files import read_json

from .processes import ROOT, Training, assert_same_training
from .small import make_small_data, small_recipe, train

STEP_OF_A_JOB = {"SLURM_JOB_ID": "5", "SLURM_NTASKS": "1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make_small_data(folder)
    return folder


def recipe(batch_size: int, devices: int, model_type: str = "bottomup", **trainer: object) -> Recipe:
    value = small_recipe(
        model_type,
        train_data_loader={"batch_size": batch_size},
        trainer_devices=devices,
        trainer_accelerator="cpu",
        **{"train_steps_per_epoch": 8, "max_epochs": 2, **trainer},
    ).to_json()
    varied = {"intensity": {"gaussian_noise_p": 0.7, "contrast_p": 0.5}, "geometric": {"rotation_p": 1.0}}
    value["data_config"] |= {"augmentation_config": varied, "use_augmentations_train": True}
    value["posewright"] |= {"checkpoint_minutes": 1e-5, "gradient_clip": 1.0}
    return load_recipe(value)


def losses(folder: Path) -> np.ndarray:
    with (folder / "training_log.csv").open() as stream:
        return np.array([[float(row["train/loss"]), float(row["val/loss"])] for row in csv.DictReader(stream)])


def test_two_processes_learn_what_one_with_twice_the_batch_does(data: Path, tmp_path: Path) -> None:
    """Also within a step of a Slurm job, which Lightning would take for one of its processes."""
    Training(data, recipe(3, 2), tmp_path / "work", tmp_path / "two", **STEP_OF_A_JOB).finish()
    one = train(data, recipe(6, 1), tmp_path / "one")
    np.testing.assert_allclose(losses(tmp_path / "two"), losses(one), rtol=1e-4)
    assert read_json(tmp_path / "two" / "model.json")["training"]["devices"] == 2


UNLIKE = """
import os, sys
from posewright.training.module import PoseModule
stepped = PoseModule._step
def unlike(self, batch, side):
    worse = 1.5 if side == "val" and self.current_epoch == 1 and os.environ.get("LOCAL_RANK") == "1" else 1.0
    return {name: worse * value for name, value in stepped(self, batch, side).items()}
PoseModule._step = unlike
sys.path.insert(0, SCRIPTS)
import train_model
train_model.door.main(train_model.main)
"""


def test_processes_that_find_unlike_validation_losses_choose_the_same_epoch(data: Path, tmp_path: Path) -> None:
    """Devices differ in the last digits; one that saves an epoch for the best would wait for the others for ever."""
    script = tmp_path / "unlike.py"
    script.write_text(UNLIKE.replace("SCRIPTS", repr(str(ROOT / "scripts"))))
    Training(data, recipe(3, 2, "centroid"), tmp_path / "work", tmp_path / "two", script=script).finish()
    assert read_json(tmp_path / "two" / "model.json")["training"]["epochs"] == 2


@pytest.mark.long
def test_two_processes_stop_together_and_go_on_to_the_same_weights(data: Path, tmp_path: Path) -> None:
    tried = recipe(2, 2, train_steps_per_epoch=40, max_epochs=3)
    Training(data, tried, tmp_path / "w", tmp_path / "whole").finish()
    for step, whole_group in ((9, False), (53, True)):
        training = Training(data, tried, tmp_path / "work", tmp_path / "killed")
        training.wait_for_step(step)
        training.signal(signal.SIGTERM, whole_group)
        said = training.end()
        assert training.process.returncode == INTERRUPTED, said
        assert said.count("interrupted at step ") == 1
    Training(data, tried, tmp_path / "work", tmp_path / "killed").finish()
    assert_same_training(tmp_path / "whole", tmp_path / "killed")
