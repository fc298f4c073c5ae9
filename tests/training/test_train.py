"""A training writes a whole folder, learns, is repeatable to the bit, and goes on where it was stopped."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from posewright.config.recipe import Recipe, load_recipe
from posewright.errors import InputError
from posewright.files import read_json
from posewright.labels.read import read_labels
from posewright.labels.split import split_labels, write_split
from posewright.model_types.plan import load_plan
from posewright.prediction.estimator import load_estimator
from posewright.prediction.export import export_model
from posewright.prediction.labelled import predict_labelled
from posewright.samples.store import FrameStore, store_frames
from posewright.shapes import DecodeOptions, Size
from posewright.synthetic.dataset import make_dataset
from posewright.synthetic.spec import ArenaSpec
from posewright.training.train import train_model

HEADS: dict[str, Any] = {
    "single_instance": {"confmaps": {"sigma": 2.0, "output_stride": 2}},
    "centroid": {"confmaps": {"anchor_part": "thorax", "sigma": 2.0, "output_stride": 4}},
    "centered_instance": {"confmaps": {"anchor_part": "thorax", "sigma": 2.0, "output_stride": 2}},
    "bottomup": {
        "confmaps": {"sigma": 2.0, "output_stride": 2},
        "pafs": {"sigma": 15.0, "output_stride": 4},
    },
}


def small_recipe(model_type: str, **trainer: Any) -> Recipe:
    return load_recipe(
        {
            "data_config": {"preprocessing": {"scale": 0.5, "crop_size": None, "min_crop_size": 32}},
            "model_config": {
                "backbone_config": {"unet": {"filters": 8, "filters_rate": 1.5, "max_stride": 8}},
                "head_configs": {model_type: HEADS[model_type]},
            },
            "trainer_config": {
                "optimizer": {"lr": 1e-3},
                "train_steps_per_epoch": 4,
                "max_epochs": 3,
                "enable_progress_bar": False,
                **trainer,
            },
        }
    )


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two small synthetic recordings, split by video, frames stored."""
    folder = tmp_path_factory.mktemp("data")
    spec = ArenaSpec(
        n_animals=2, animal_length_px=40, size=Size(100, 116), n_recordings=3, n_frames=24, n_labeled=8, hut=False
    )
    make_dataset(spec, folder)
    labels = read_labels([folder / "labels.slp"])
    split = split_labels(labels, by="video", val=0.3, test=0.3, folds=1, fold=0, block_frames=10, gap_frames=0, seed=0)
    write_split(split, folder / "split")
    store_frames(labels, folder / "store" / "store.json")
    return folder


def train(data: Path, recipe: Recipe, out: Path, seed: int = 0) -> Path:
    train_model(recipe, data / "split", data / "store" / "store.json", seed, out.parent / f"work-{out.name}", out)
    return out


def weights(folder: Path) -> dict[str, torch.Tensor]:
    state: dict[str, torch.Tensor] = torch.load(folder / "best.ckpt", weights_only=True)["state_dict"]
    return state


def log_without_seconds(folder: Path) -> list[list[str]]:
    with (folder / "training_log.csv").open() as stream:
        return [row[:-1] for row in csv.reader(stream)]


@pytest.mark.parametrize("model_type", list(HEADS))
def test_every_type_trains_exports_and_predicts(data: Path, tmp_path: Path, model_type: str) -> None:
    folder = train(data, small_recipe(model_type), tmp_path / model_type)
    plan = load_plan(folder)
    assert plan.training["steps"] == 12
    assert plan.training["stopped_by"] == "max_epochs"
    with (folder / "training_log.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    assert [row["step"] for row in rows] == ["4", "8", "12"]
    assert {"curves.png", "training_config.yaml", "provenance.json"} <= {path.name for path in folder.iterdir()}
    if model_type == "centered_instance":
        assert plan.preprocess.crop_size_px is not None
        assert plan.preprocess.crop_size_px * plan.preprocess.scale % plan.preprocess.multiple == 0
        return  # predicts with a centroid model only
    export_model(folder, tmp_path / "exported", "openvino")
    store = FrameStore(data / "store" / "store.json")
    options = DecodeOptions(peak_threshold=0.02)
    by_torch = predict_labelled(load_estimator([folder], options, "torch"), store, store.keys[:6])
    by_openvino = predict_labelled(load_estimator([tmp_path / "exported"], options, "openvino"), store, store.keys[:6])
    assert by_torch.n_frames == by_openvino.n_frames == 6
    assert len(by_torch) > 0
    if len(by_torch) == len(by_openvino):
        gap = np.abs(by_torch.points - by_openvino.points)
        assert np.nanquantile(gap, 0.99) < 1e-2


def test_two_trainings_are_equal_to_the_bit_and_another_seed_is_not(data: Path, tmp_path: Path) -> None:
    recipe = small_recipe("bottomup")
    first, second = train(data, recipe, tmp_path / "a"), train(data, recipe, tmp_path / "b")
    other = train(data, recipe, tmp_path / "c", seed=1)
    for name, value in weights(first).items():
        assert torch.equal(value, weights(second)[name])
    assert read_json(first / "model.json")["weights_sha256"] == read_json(second / "model.json")["weights_sha256"]
    assert read_json(first / "model.json")["weights_sha256"] != read_json(other / "model.json")["weights_sha256"]


def test_a_training_that_was_stopped_goes_on_to_the_same_weights(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = small_recipe("centered_instance", max_epochs=6)
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


def test_a_crop_smaller_than_the_animals_is_refused(data: Path, tmp_path: Path) -> None:
    value = small_recipe("centered_instance").to_json()
    value["data_config"]["preprocessing"]["crop_size"] = 16
    with pytest.raises(InputError, match="smaller than the animals"):
        train(data, load_recipe(value), tmp_path / "model")
