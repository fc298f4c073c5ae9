"""What a step computes, option by option: each changes the training as it says, and nothing else."""

from __future__ import annotations

import csv
import importlib.util
import shutil
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import lightning
import pytest
import torch
from torch import Tensor
from torch._dynamo.utils import counters
from torch.utils.data import DataLoader

from posewright.config.recipe import Recipe, load_recipe
from posewright.errors import InputError
from posewright.files import read_json
from posewright.labels.read import read_side
from posewright.model_types.plan import load_plan
from posewright.networks.network import build_network
from posewright.samples.dataset import Batches, in_order
from posewright.samples.store import FrameStore
from posewright.training import callbacks
from posewright.training.loaders import val_loader
from posewright.training.loggers import make_loggers
from posewright.training.module import PoseModule
from posewright.training.planning import make_plan, sources_for

from .small import SWINT, UNET, make_small_data, one_thread, small_recipe, train

VARIED = {
    "intensity": {"gaussian_noise_p": 0.5, "uniform_noise_p": 0.3, "contrast_p": 0.5, "brightness_p": 0.5},
    "geometric": {"translate_p": 1.0, "translate_width": 0.1, "flip_p": 0.5, "erase_p": 0.5, "erase_scale_max": 0.1},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small synthetic recordings, split by video, frames stored."""
    folder = tmp_path_factory.mktemp("data")
    make_small_data(folder)
    return folder


def recipe(
    model_type: str = "centroid",
    own: Mapping[str, Any] | None = None,
    backbone: dict[str, Any] = UNET,
    augmentation: Mapping[str, Any] | None = None,
    **trainer: Any,
) -> Recipe:
    value = small_recipe(model_type, backbone, **{"max_epochs": 2, "lr_scheduler": None, **trainer}).to_json()
    value["posewright"].update(own or {})
    if augmentation is not None:
        value["data_config"]["augmentation_config"] = augmentation
    return load_recipe(value)


def rows(folder: Path) -> list[dict[str, float]]:
    with (folder / "training_log.csv").open() as stream:
        return [{name: float(value) for name, value in row.items()} for row in csv.DictReader(stream)]


def best(folder: Path) -> dict[str, Tensor]:
    state: dict[str, Tensor] = torch.load(folder / "best.ckpt", weights_only=True)["state_dict"]
    return state


def last(folder: Path) -> dict[str, Any]:
    """Return the checkpoint of a training's best epoch, which is the last one of a training as short as these."""
    path = next((folder.parent / f"work-{folder.name}").glob("*/best-epoch.ckpt"))
    checkpoint: dict[str, Any] = torch.load(path, weights_only=True)
    assert checkpoint["global_step"] == rows(folder)[-1]["step"]
    return checkpoint


def distance(first: Mapping[str, Tensor], second: Mapping[str, Tensor]) -> float:
    return max(float((first[name].double() - second[name].double()).abs().max()) for name in first)


def test_mining_changes_the_training_loss_and_never_the_validation_loss(data: Path, tmp_path: Path) -> None:
    still = {"optimizer": {"lr": 1e-12}, "max_epochs": 1}
    mining = {"online_hard_keypoint_mining": {"online_mining": True}}
    plain = rows(train(data, recipe("single_instance", **still), tmp_path / "plain"))[0]
    mined = rows(train(data, recipe("single_instance", **still, **mining), tmp_path / "mined"))[0]
    assert mined["train/confmaps"] > 2 * plain["train/confmaps"]
    assert mined["val/loss"] == pytest.approx(plain["val/loss"], rel=1e-6)


@pytest.mark.parametrize("parts", [2, 4])
def test_a_batch_in_parts_is_the_batch(data: Path, tmp_path: Path, parts: int) -> None:
    """The same samples, varied alike, in the same steps; convolutions of fewer images differ in the last bits."""
    whole = train(data, recipe("bottomup", augmentation=VARIED), tmp_path / "whole")
    divided = train(data, recipe("bottomup", {"accumulate": parts}, augmentation=VARIED), tmp_path / "parts")
    assert [row["step"] for row in rows(divided)] == [4, 8]
    for one, other in zip(rows(whole), rows(divided), strict=True):
        assert other["train/loss"] == pytest.approx(one["train/loss"], rel=1e-4)
        assert other["val/loss"] == pytest.approx(one["val/loss"], rel=1e-3)
    assert read_json(whole / "model.json")["training"]["micro_batch"] == 4
    assert read_json(divided / "model.json")["training"]["micro_batch"] == 4 // parts
    moved = [(best(whole)[name] - value).abs() for name, value in best(divided).items()]
    assert float(torch.cat([value.flatten() for value in moved]).quantile(0.99)) < 1e-4


def test_clipped_gradients_move_the_weights_less(data: Path, tmp_path: Path) -> None:
    """Adam divides by the gradient's size, so only a bound below its epsilon shows."""
    first = best(train(data, recipe(max_epochs=1, optimizer={"lr": 1e-12}), tmp_path / "still"))
    free = best(train(data, recipe(max_epochs=1), tmp_path / "free"))
    clipped = best(train(data, recipe(own={"gradient_clip": 1e-12}, max_epochs=1), tmp_path / "clipped"))
    assert distance(free, first) > 1e-3
    assert distance(clipped, first) < 1e-5


def test_the_running_mean_is_validated_and_kept(data: Path, tmp_path: Path) -> None:
    decay, one_step = 0.3, {"train_steps_per_epoch": 1}
    after = [
        last(train(data, recipe(**one_step, max_epochs=n), tmp_path / f"plain{n}"))["state_dict"] for n in (1, 2, 3)
    ]
    folder = train(data, recipe(own={"ema_decay": decay}, **one_step, max_epochs=3), tmp_path / "mean")
    mean = after[0]
    for n, weights in enumerate(after[1:], start=1):
        kept = min(decay, (1 + n) / (10 + n))
        mean = {name: kept * value + (1 - kept) * weights[name] for name, value in mean.items()}
    checkpoint = last(folder)
    assert distance(checkpoint["current_model_state"], after[-1]) == 0.0
    assert distance(checkpoint["state_dict"], mean) < 1e-6
    assert distance(after[-1], mean) > 1e-4
    assert validated(data, folder) == pytest.approx(read_json(folder / "model.json")["training"]["val_loss"], rel=1e-5)


def validated(data: Path, folder: Path) -> float:
    """Return the validation loss of the weights in a model folder."""
    plan = load_plan(folder)
    network = build_network(plan.recipe, plan.model_type.heads, plan.preprocess.channels)
    network.load_state_dict(best(folder))
    module = PoseModule(network, plan.model_type, plan.recipe, 0, 1)
    labels, store = read_side(data / "split" / "val.slp"), FrameStore(data / "store" / "store.json")
    sources = sources_for(plan.model_type, plan.preprocess, labels, store)
    loader = DataLoader(Batches(sources, None, 0), sampler=in_order(len(sources), 4), batch_size=None)
    trainer = quiet_trainer()
    trainer.validate(module, loader, verbose=False)
    return float(trainer.callback_metrics["val/loss"])


def quiet_trainer(**settings: Any) -> lightning.Trainer:
    warnings.filterwarnings("ignore", ".*does not have many workers.*")
    warnings.filterwarnings("ignore", ".*LeafSpec.*", FutureWarning)
    warnings.filterwarnings("ignore", ".*`srun` command is available.*")
    silent = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False}
    return lightning.Trainer(accelerator="cpu", enable_checkpointing=False, **silent, **settings)


@pytest.mark.parametrize("backbone", [UNET, SWINT], ids=["unet", "swint"])
def test_a_stopped_training_with_options_goes_on_to_the_same_weights(
    backbone: dict[str, Any], data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mean, its own weights, the schedule and the parts are all in the checkpoint; so are Swin's index tables."""
    options = recipe(
        "centered_instance",
        {"ema_decay": 0.9, "accumulate": 2, "gradient_clip": 1.0},
        backbone,
        VARIED,
        max_epochs=3,
        train_steps_per_epoch=2,
        optimizer_name="AdamW",
        optimizer={"lr": 1e-3, "amsgrad": True},
        lr_scheduler={"cosine_annealing_warmup": {"warmup_epochs": 1}},
        online_hard_keypoint_mining={"online_mining": True},
    )
    whole = train(data, options, tmp_path / "whole")
    written = callbacks.TrainingLog.on_train_epoch_end

    def power_cut(self: callbacks.TrainingLog, trainer: Any, module: Any) -> None:
        written(self, trainer, module)
        if trainer.current_epoch == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(callbacks.TrainingLog, "on_train_epoch_end", power_cut)
    with pytest.raises((KeyboardInterrupt, SystemExit)):
        train(data, options, tmp_path / "cut")
    monkeypatch.undo()
    cut = train(data, options, tmp_path / "cut")
    assert distance(best(whole), best(cut)) == 0.0
    drop = "seconds"
    assert [{**row, drop: 0} for row in rows(whole)] == [{**row, drop: 0} for row in rows(cut)]
    assert len({row["learning_rate"] for row in rows(whole)}) == 3


class _Poses:
    """A model type that remembers where it was told to draw."""

    def __init__(self, model_type: Any) -> None:
        self._model_type, self.points = model_type, torch.zeros(0)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model_type, name)

    def encode(self, poses: Any, size: Any) -> Any:
        self.points = poses.points
        return self._model_type.encode(poses, size)


def test_bfloat16_is_for_the_network_and_not_for_where_points_lie(data: Path, tmp_path: Path) -> None:
    folder = train(data, recipe("single_instance", augmentation=VARIED), tmp_path / "model")
    plan = load_plan(folder)
    labels, store = read_side(data / "split" / "train.slp"), FrameStore(data / "store" / "store.json")
    sources = sources_for(plan.model_type, plan.preprocess, labels, store)
    varied = plan.recipe.data_config.augmentation_config
    seen = []
    for precision in ("32-true", "bf16-mixed"):
        network = build_network(plan.recipe, plan.model_type.heads, plan.preprocess.channels)
        poses = _Poses(plan.model_type)
        module = PoseModule(network, poses, plan.recipe, 0, 1)  # type: ignore[arg-type]
        loader = DataLoader(Batches(sources, varied, 0), sampler=in_order(4, 4), batch_size=None)
        with one_thread():
            quiet_trainer(precision=precision).validate(module, loader, verbose=False)
        seen.append(poses.points)
    torch.testing.assert_close(seen[0], seen[1], rtol=0, atol=0, equal_nan=True)


def test_bfloat16_learns_like_float32_but_for_the_last_digits(data: Path, tmp_path: Path) -> None:
    full = train(data, recipe(), tmp_path / "full")
    short = train(data, recipe(own={"precision": "bfloat16"}), tmp_path / "short")
    assert distance(best(full), best(short)) > 0
    assert {value.dtype for value in best(short).values()} == {torch.float32}
    for one, other in zip(rows(full), rows(short), strict=True):
        assert other["val/loss"] == pytest.approx(one["val/loss"], rel=0.05)


@pytest.mark.parametrize("channels_last", [True, False])
def test_maps_lie_in_memory_as_asked(data: Path, channels_last: bool) -> None:
    """Of the first layer's one channel both orders are the same, so the second one tells."""
    tried = recipe("single_instance", {"channels_last": channels_last})
    labels, store = read_side(data / "split" / "val.slp"), FrameStore(data / "store" / "store.json")
    plan = make_plan(tried, labels, store, 0, "")
    network = build_network(tried, plan.model_type.heads, 1)
    second = network.backbone.blocks[0][2]  # type: ignore[attr-defined, index]
    seen = [second.weight]
    second.register_forward_pre_hook(lambda _, maps: seen.append(maps[0]))
    loader = val_loader(plan, labels, store)
    quiet_trainer().validate(PoseModule(network, plan.model_type, tried, 0, 1), loader, verbose=False)
    assert len(seen) > 1
    assert {value.is_contiguous(memory_format=torch.channels_last) for value in seen} == {channels_last}


@pytest.mark.skipif(torch.cuda.is_available(), reason="NOT TESTED: this machine has a GPU, where float16 is welcome")
def test_float16_without_a_gpu_is_refused_in_words(data: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="float16 needs a GPU"):
        train(data, recipe(own={"precision": "float16"}), tmp_path / "model")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="NOT TESTED: float16 with scaled gradients needs a GPU")
def test_float16_learns_on_a_gpu(data: Path, tmp_path: Path) -> None:
    folder = train(data, recipe(own={"precision": "float16"}), tmp_path / "model")
    assert rows(folder)[-1]["val/loss"] < rows(folder)[0]["val/loss"]


@pytest.mark.long
@pytest.mark.skipif(shutil.which("g++") is None, reason="NOT TESTED: torch.compile on the CPU needs a C++ compiler")
def test_a_compiled_network_learns_the_same_and_keeps_its_names(data: Path, tmp_path: Path) -> None:
    plain = train(data, recipe(own={"ema_decay": 0.5}), tmp_path / "plain")
    torch._dynamo.reset()
    counters["stats"].clear()
    compiled = train(data, recipe(own={"ema_decay": 0.5, "compile": True}), tmp_path / "compiled")
    assert counters["stats"]["unique_graphs"] > 0
    assert list(best(plain)) == list(best(compiled))
    for one, other in zip(rows(plain), rows(compiled), strict=True):
        assert other["val/loss"] == pytest.approx(one["val/loss"], rel=1e-3)


def test_compilation_without_a_compiler_is_refused_in_words(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    with pytest.raises(InputError, match=r"needs a C\+\+ compiler"):
        train(data, recipe(own={"compile": True}, trainer_accelerator="cpu"), tmp_path / "model")


LOGGED = {
    "tensorboard": {"own": {"tensorboard": True}},
    "wandb": {"use_wandb": True, "wandb": {"wandb_mode": "offline", "project": "tests"}},
}


@pytest.mark.parametrize("package", list(LOGGED))
def test_a_logger_that_is_not_installed_is_told_with_its_command(package: str, tmp_path: Path) -> None:
    if importlib.util.find_spec(package) is not None:
        pytest.skip(f"NOT TESTED: {package} is installed here")
    with pytest.raises(InputError, match=rf"pip install 'posewright\[{package}\]'"):
        make_loggers(recipe(**LOGGED[package]), tmp_path)


@pytest.mark.parametrize("package", list(LOGGED))
def test_curves_are_also_written_where_asked(package: str, data: Path, tmp_path: Path) -> None:
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"NOT TESTED: {package} is not installed")
    folder = train(data, recipe(**LOGGED[package]), tmp_path / "model")
    work = next((tmp_path / "work-model").iterdir())
    assert len(rows(folder)) == 2
    plain = train(data, recipe(), tmp_path / "plain")
    assert distance(best(folder), best(plain)) == 0.0
    if package == "tensorboard":
        from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

        events = EventAccumulator((work / "tensorboard").as_posix())
        events.Reload()
        assert [event.value for event in events.Scalars("val/loss")] == pytest.approx(
            [row["val/loss"] for row in rows(folder)]
        )
        assert "learning_rate" in events.Tags()["scalars"]
    else:
        assert list((work / "wandb").glob("offline-run-*"))


def test_a_disabled_logger_needs_no_package(tmp_path: Path) -> None:
    assert make_loggers(recipe(use_wandb=True, wandb={"wandb_mode": "disabled"}), tmp_path) == []
