"""Weights of several epochs are kept where that is asked for, few however long the training, and change no others."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from posewright.errors import Interrupted
from posewright.files import read_json, write_json
from posewright.networks.weights import weights_digest
from posewright.training.candidates import IMPROVED, NAME, KeptEpochs, read_candidates
from posewright.training.checkpoints import Checkpoints
from posewright.training.refit import Refit
from posewright.training.train import train_model

from .processes import assert_same_training
from .small import one_thread, small_recipe, train

RECIPE = small_recipe("single_instance", max_epochs=9, train_steps_per_epoch=3, optimizer={"lr": 5e-3})


@pytest.fixture(scope="module")
def kept(data: Path) -> Path:
    return train_with_candidates(data, data / "kept")


def train_with_candidates(data: Path, out: Path) -> Path:
    with one_thread():
        train_model(
            RECIPE, data / "split", data / "store" / "store.json", 0, data / f"work-{out.name}", out, candidates=True
        )
    return out


def val_losses(folder: Path) -> list[float]:
    with (folder / "training_log.csv").open(newline="") as stream:
        return [float(row["val/loss"]) for row in csv.DictReader(stream)]


def test_the_weights_of_lowest_loss_are_those_of_a_training_that_keeps_no_others(data: Path, kept: Path) -> None:
    plain = train(data, RECIPE, data / "plain")
    assert_same_training(plain, kept)
    told, other = (read_json(folder / "model.json") for folder in (plain, kept))
    assert told["weights_sha256"] == other["weights_sha256"]
    assert not (plain / NAME).exists()


def test_candidates_are_the_last_epochs_that_lowered_the_loss_and_the_last_one(kept: Path) -> None:
    losses, best = val_losses(kept), float("inf")
    improved = []
    for epoch, loss in enumerate(losses):
        if loss < best:
            improved.append(epoch)
            best = loss
    found = read_candidates(kept / NAME)
    assert {one.epoch for one in found} == {*improved[-IMPROVED:], len(losses) - 1}
    assert len(found) >= 2
    assert [one.val_loss for one in found] == sorted(losses[one.epoch] for one in found)
    assert weights_digest(found[0].weights) == read_json(kept / "model.json")["weights_sha256"]
    assert len({weights_digest(one.weights) for one in found}) == len(found)
    assert not list(kept.parent.glob(f"work-{kept.name}/*/candidate-*.ckpt"))  # they are copies by now


@pytest.mark.parametrize("calls", [19, 20, 21, 22])
def test_an_interrupted_training_keeps_the_same(
    data: Path, kept: Path, monkeypatch: pytest.MonkeyPatch, calls: int
) -> None:
    asked = iter([False] * calls + [True])  # after a step, before validating, or between two epochs
    with monkeypatch.context() as patch:
        patch.setattr(Checkpoints, "_is_asked", lambda self, trainer: next(asked, False))
        with pytest.raises(Interrupted, match="interrupted at step"):
            train_with_candidates(data, data / f"again{calls}")
    again = train_with_candidates(data, data / f"again{calls}")
    first, second = (read_candidates(folder / NAME) for folder in (kept, again))
    assert [one.epoch for one in first] == [one.epoch for one in second]
    assert [weights_digest(one.weights) for one in first] == [weights_digest(one.weights) for one in second]


def test_their_number_is_bounded_and_a_repeated_epoch_counts_once(tmp_path: Path) -> None:
    kept = KeptEpochs(tmp_path)
    for epoch in range(40):
        for _ in range(2 if epoch in (7, 20) else 1):
            kept.path(epoch).touch()
            kept.keep(epoch, is_best=epoch % 2 == 0)
        assert len(kept.epochs()) <= IMPROVED + 1
    assert kept.epochs() == [30, 32, 34, 36, 38, 39]
    kept.clear()
    assert kept.epochs() == []


def test_a_refit_lasts_until_the_chosen_epoch(kept: Path, tmp_path: Path) -> None:
    for name in ("model.json", "training_log.csv"):
        (tmp_path / name).write_bytes((kept / name).read_bytes())
    card = read_json(tmp_path / "model.json")
    card["training"]["choice"] = {"by": "pck_5px", "epoch": 1}
    write_json(tmp_path / "model.json", card)
    assert Refit.of(tmp_path).steps == 2 * 3 != Refit.of(kept).steps
