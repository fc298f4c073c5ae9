"""A training writes a whole folder, learns, is repeatable to the bit, and goes on where it was stopped."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from posewright.config.recipe import load_recipe
from posewright.errors import InputError
from posewright.files import read_json
from posewright.model_types.plan import ModelPlan, load_plan
from posewright.prediction.backends import open_backend
from posewright.prediction.export import export_model
from posewright.training.module import PoseModule

from .small import HEADS, SWINT, UNET, make_small_data, small_recipe, train


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small synthetic recordings, split by video, frames stored."""
    folder = tmp_path_factory.mktemp("data")
    make_small_data(folder)
    return folder


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(folder / "best.ckpt", weights_only=True)["state_dict"]
    return state


def log_without_seconds(folder: Path) -> list[list[str]]:
    with (folder / "training_log.csv").open() as stream:
        return [row[:-1] for row in csv.reader(stream)]


def validation_losses(folder: Path) -> list[float]:
    with (folder / "training_log.csv").open() as stream:
        return [float(row["val/loss"]) for row in csv.DictReader(stream)]


@pytest.mark.parametrize("model_type", list(HEADS))
def test_every_type_trains_and_exports(data: Path, tmp_path: Path, model_type: str) -> None:
    folder = train(data, small_recipe(model_type), tmp_path / model_type)
    plan = load_plan(folder)
    assert plan.training["steps"] == 12
    assert plan.training["stopped_by"] == "max_epochs"
    with (folder / "training_log.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["step"] for row in rows] == ["4", "8", "12"]
    assert {"curves.png", "training_config.yaml", "training_log.csv"} <= {path.name for path in folder.iterdir()}
    if model_type.startswith("multi_class"):
        assert plan.model_type.classes == ("animal_1", "animal_2")
    export_model(folder, tmp_path / "exported", "openvino")
    check_backends_agree(folder, tmp_path / "exported", plan)
    if plan.model_type.crop_anchor is not None:
        assert plan.preprocess.crop_size_px is not None
        assert plan.preprocess.crop_size_px * plan.preprocess.scale % plan.preprocess.multiple == 0


def check_backends_agree(folder: Path, exported: Path, plan: ModelPlan) -> None:
    """Torch and the exported network give equal outputs, in the shapes and the range that decoding reads."""
    multiple, heads = plan.preprocess.multiple, plan.model_type.heads
    shape = (3, 4 * multiple, 5 * multiple, plan.preprocess.channels)
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    by_torch = open_backend("torch", folder, plan)(images)
    by_openvino = open_backend("openvino", exported, plan)(images)
    assert list(by_torch) == list(by_openvino) == [head.name for head in heads]
    for head in heads:
        output = by_torch[head.name].numpy()
        np.testing.assert_allclose(by_openvino[head.name], output, atol=1e-4)
        cells = (shape[1] // head.stride, shape[2] // head.stride)
        assert output.shape == (3, head.channels, *cells)
        if head.activation != "none":
            assert output.min() >= 0.0 and output.max() <= 1.0
        if head.activation == "softmax":
            np.testing.assert_allclose(output.sum(axis=1), 1.0, rtol=1e-5)


def test_two_trainings_are_equal_to_the_bit_and_another_seed_is_not(data: Path, tmp_path: Path) -> None:
    recipe = small_recipe("bottomup")
    first, second = train(data, recipe, tmp_path / "a"), train(data, recipe, tmp_path / "b")
    other = train(data, recipe, tmp_path / "c", seed=1)
    for name, value in weights(first).items():
        assert torch.equal(value, weights(second)[name])
    assert read_json(first / "model.json")["weights_sha256"] == read_json(second / "model.json")["weights_sha256"]
    assert read_json(first / "model.json")["weights_sha256"] != read_json(other / "model.json")["weights_sha256"]


@pytest.mark.parametrize("backbone", [UNET, SWINT], ids=["unet", "swint"])
def test_a_training_that_was_stopped_goes_on_to_the_same_weights(
    backbone: dict[str, Any], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where layers draw in training, as the stochastic depth of Swin does."""
    recipe = small_recipe("centered_instance", backbone, max_epochs=6)
    whole = train(data, recipe, tmp_path / "whole")

    from posewright.training import callbacks

    written = callbacks.TrainingLog.on_train_epoch_end

    def power_cut(self: callbacks.TrainingLog, trainer: Any, module: Any) -> None:
        written(self, trainer, module)
        if trainer.current_epoch == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(callbacks.TrainingLog, "on_train_epoch_end", power_cut)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(data, recipe, tmp_path / "cut")
    monkeypatch.undo()
    assert not (tmp_path / "cut" / "best.ckpt").exists()
    cut = train(data, recipe, tmp_path / "cut")
    for name, value in weights(whole).items():
        assert torch.equal(value, weights(cut)[name]), name
    assert log_without_seconds(whole) == log_without_seconds(cut)


def test_a_finished_training_is_only_placed_again(data: Path, tmp_path: Path) -> None:
    folder = train(data, small_recipe("single_instance"), tmp_path / "model")
    digest = read_json(folder / "model.json")["weights_sha256"]
    (folder / "best.ckpt").unlink()
    work = next((tmp_path / "work-model").iterdir())
    stamp = (work / "best.ckpt").stat().st_mtime_ns
    train(data, small_recipe("single_instance"), tmp_path / "model")
    assert (work / "best.ckpt").stat().st_mtime_ns == stamp
    assert read_json(folder / "model.json")["weights_sha256"] == digest


def test_steps_that_end_before_an_epoch_does_are_validated_all_the_same(data: Path, tmp_path: Path) -> None:
    recipe = small_recipe("single_instance", train_steps_per_epoch=200, early_stopping={"patience": 3})
    short = load_recipe({**recipe.to_json(), "posewright": {"max_steps": 2}})
    training = read_json(train(data, short, tmp_path / "model") / "model.json")["training"]
    assert (training["steps"], training["stopped_by"]) == (2, "max_steps")


def test_steps_that_end_within_a_later_epoch_are_validated(data: Path, tmp_path: Path) -> None:
    value = small_recipe("single_instance").to_json()
    six = train(data, load_recipe({**value, "posewright": {"max_steps": 6}}), tmp_path / "six")
    value["trainer_config"] |= {"train_steps_per_epoch": 6, "max_epochs": 1}
    whole = train(data, load_recipe(value), tmp_path / "whole")
    after_four, after_six = validation_losses(six)
    assert after_six == pytest.approx(validation_losses(whole)[0], rel=1e-4)
    assert after_six < after_four
    assert read_json(six / "model.json")["training"]["val_loss"] == after_six


def test_counting_steps_changes_no_validation(data: Path, tmp_path: Path) -> None:
    """Lightning takes a training that counts steps for a restarted one, and would validate on a part of the batches."""
    value = small_recipe("single_instance").to_json()
    counted = train(data, load_recipe({**value, "posewright": {"max_steps": 12}}), tmp_path / "counted")
    plain = train(data, load_recipe(value), tmp_path / "plain")
    assert log_without_seconds(counted) == log_without_seconds(plain)


@pytest.mark.parametrize("lost", [{0}, {1}, {2}, {0, 1, 2}])
def test_a_validation_loss_that_is_no_number_ends_nothing_and_is_never_best(
    lost: set[int], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stepped = PoseModule._step

    def overflowing(self: PoseModule, batch: Any, side: str) -> dict[str, torch.Tensor]:
        losses = stepped(self, batch, side)
        gone = side == "val" and self.current_epoch in lost
        return {name: value * float("nan") for name, value in losses.items()} if gone else losses

    monkeypatch.setattr(PoseModule, "_step", overflowing)
    recipe = small_recipe("single_instance", early_stopping={"patience": 5})
    if len(lost) == 3:
        with pytest.raises(InputError, match="a number after none of the 3 epochs; lower the learning rate"):
            train(data, recipe, tmp_path / "model")
        return
    model = train(data, recipe, tmp_path / "model")
    training = read_json(model / "model.json")["training"]
    losses = validation_losses(model)
    assert {epoch for epoch, loss in enumerate(losses) if loss != loss} == lost
    assert (training["epochs"], training["stopped_by"]) == (3, "max_epochs")
    assert training["val_loss"] == min(loss for loss in losses if loss == loss)


def test_a_crop_smaller_than_the_animals_is_refused(data: Path, tmp_path: Path) -> None:
    value = small_recipe("centered_instance").to_json()
    value["data_config"]["preprocessing"]["crop_size"] = 16
    with pytest.raises(InputError, match="smaller than the animals"):
        train(data, load_recipe(value), tmp_path / "model")


def test_an_individual_that_is_not_learnt_from_is_told_with_the_fold_or_part(data: Path, tmp_path: Path) -> None:
    value = small_recipe("multi_class_bottomup").to_json()
    value["model_config"]["head_configs"]["multi_class_bottomup"]["class_maps"]["classes"] = ["animal_1", "eve"]
    said = f"^{data / 'split'}: no animal on the training side has the track 'eve'; label such .* larger part, or leave"
    with pytest.raises(InputError, match=said):
        train(data, load_recipe(value), tmp_path / "model")
