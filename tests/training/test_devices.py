"""Several devices train as one with their batches together; cards that torch does not know are refused at once."""

from __future__ import annotations

import csv
import signal
from pathlib import Path

import numpy as np
import pytest
from lightning.pytorch.accelerators import CUDAAccelerator, MPSAccelerator

from posewright.config.recipe import Recipe, load_recipe
from posewright.config.trainer import TrainerConfig
from posewright.door import INTERRUPTED
from posewright.errors import InputError, UnusableNode
from posewright.files import read_json
from posewright.training.devices import device_count

from .processes import ROOT, Training, assert_same_training
from .small import make_small_data, small_recipe, train

STEP_OF_A_JOB = {"SLURM_JOB_ID": "5", "SLURM_NTASKS": "1", "SLURM_PROCID": "0", "SLURM_LOCALID": "0"}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make_small_data(folder)
    return folder


@pytest.fixture
def no_card(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A machine without any GPU, outside Slurm."""
    monkeypatch.setattr(CUDAAccelerator, "is_available", lambda: False)
    monkeypatch.setattr(MPSAccelerator, "is_available", lambda: False)
    for name in ("SLURM_JOB_ID", "SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "SLURM_GPUS_ON_NODE", "CUDA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    return monkeypatch


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


GIVEN = {"SLURM_JOB_ID": "5", "CUDA_VISIBLE_DEVICES": "0"}


@pytest.mark.parametrize(
    ("kind", "job", "fault", "said"),
    [
        ("gpu", {}, InputError, "trainer_accelerator is gpu, but torch .* sees none here; .*site.yaml"),
        ("gpu", {"CUDA_VISIBLE_DEVICES": "0"}, InputError, "sees none here"),  # no job of Slurm
        ("gpu", {"SLURM_JOB_ID": "5"}, InputError, "sees none here"),  # the job asked for none: no fault of the node
        ("gpu", {"SLURM_JOB_ID": "5", "SLURM_GPUS_ON_NODE": "0"}, InputError, "sees none here"),
        ("gpu", {**GIVEN, "CUDA_VISIBLE_DEVICES": ""}, InputError, "sees none here"),  # hidden by hand
        ("gpu", GIVEN, UnusableNode, "does not see the GPU that this job was given; .*gpu_model"),
        ("gpu", {"SLURM_JOB_ID": "5", "SLURM_JOB_GPUS": "3"}, UnusableNode, "does not see the GPU"),
        ("mps", {}, InputError, "trainer_accelerator is mps, but torch .* no GPU of Apple here; set auto or cpu"),
        ("mps", GIVEN, InputError, "no GPU of Apple"),
    ],
)
def test_a_device_that_is_not_here_is_refused_with_a_remedy(
    no_card: pytest.MonkeyPatch, kind: str, job: dict[str, str], fault: type[InputError], said: str
) -> None:
    for name, value in job.items():
        no_card.setenv(name, value)
    with pytest.raises(InputError, match=said) as caught:
        device_count(TrainerConfig(trainer_accelerator=kind))  # type: ignore[arg-type]
    assert type(caught.value) is fault


@pytest.mark.parametrize(("kind", "job", "told"), [("auto", GIVEN, True), ("auto", {}, False), ("cpu", GIVEN, False)])
def test_a_job_that_does_not_see_its_gpu_says_where_it_trains(
    no_card: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], kind: str, job: dict[str, str], told: bool
) -> None:
    for name, value in job.items():
        no_card.setenv(name, value)
    assert device_count(TrainerConfig(trainer_accelerator=kind)) == 1  # type: ignore[arg-type]
    assert ("was given a GPU, but torch" in capsys.readouterr().out) == told


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
