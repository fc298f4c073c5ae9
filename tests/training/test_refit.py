"""A refit learns from all labels, for as long as the evaluated training did, and says that nothing scored it."""

from __future__ import annotations

import csv
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from posewright.files import read_json
from posewright.labels.read import read_side
from posewright.labels.seen import marks_of_all_sides
from posewright.model_types.plan import load_plan
from posewright.prediction.release import make_release, read_release
from posewright.training.refit import Refit, all_labels
from posewright.training.train import train_model

from .small import one_thread, small_recipe, train

PLATEAU = {"reduce_lr_on_plateau": {"factor": 0.5, "patience": 0, "threshold": 0.5, "cooldown": 0, "min_lr": 0.0}}


@pytest.fixture(scope="module")
def evaluated(data: Path) -> Path:
    """A model whose learning rate was lowered as its validation loss did not fall by half."""
    recipe = small_recipe("single_instance", lr_scheduler=PLATEAU, max_epochs=5, train_steps_per_epoch=3)
    return train(data, recipe, data / "models" / "single" / "fold0_seed0")


@pytest.fixture(scope="module")
def refitted(data: Path, evaluated: Path) -> Path:
    refit, plan = Refit.of(evaluated), load_plan(evaluated)
    out = data / "refits" / "single" / "fold0_seed0"
    with one_thread():
        recipe = refit.recipe(plan.recipe)
        train_model(recipe, data / "split", data / "store" / "store.json", 0, data / "work", out, refit=refit)
    return out


def log(folder: Path) -> list[dict[str, str]]:
    with (folder / "training_log.csv").open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_steps_and_rates_are_those_until_the_evaluated_weights_were_chosen(evaluated: Path, refitted: Path) -> None:
    rows, again = log(evaluated), log(refitted)
    best = int(np.argmin([float(row["val/loss"]) for row in rows]))
    assert [row["step"] for row in again] == [row["step"] for row in rows[: best + 1]]
    rates = [float(row["learning_rate"]) for row in rows[: best + 1]]
    # a schedule that watches the loss moves after the row is written, any other one before it
    assert [float(row["learning_rate"]) for row in again[:-1]] == pytest.approx(rates[1:], rel=1e-12)
    assert len(set(rates)) > 1
    told = read_json(refitted / "model.json")["training"]
    assert (told["steps"], told["stopped_by"], told["val_loss"]) == (int(rows[best]["step"]), "refit", None)
    assert told["refit"]["of_weights"] == read_json(evaluated / "model.json")["weights_sha256"]


def test_a_schedule_with_a_warm_up_is_run_again_though_a_plateau_is_set_beside_it(data: Path) -> None:
    """It comes first, and what the log says at the end of an epoch is not what the epoch's steps had."""
    schedule = {**PLATEAU, "cosine_annealing_warmup": {"warmup_epochs": 1}}
    recipe = small_recipe("single_instance", lr_scheduler=schedule, max_epochs=3, train_steps_per_epoch=3)
    evaluated = train(data, recipe, data / "models" / "warm" / "fold0_seed0")
    refit, out = Refit.of(evaluated), data / "refits" / "warm" / "fold0_seed0"
    with one_thread():
        again = refit.recipe(load_plan(evaluated).recipe)
        train_model(again, data / "split", data / "store" / "store.json", 0, data / "work-refit-warm", out, refit=refit)
    assert refit.rates == ()
    rates = [float(row["learning_rate"]) for row in log(evaluated)]
    found = [float(row["learning_rate"]) for row in log(out)]
    assert found == pytest.approx(rates[: len(found)])


def test_every_labelled_frame_of_the_split_is_learnt(data: Path, evaluated: Path, refitted: Path) -> None:
    sides = [read_side(data / "split" / f"{side}.slp") for side in ("train", "val", "test")]
    everything = all_labels(load_plan(evaluated).recipe, data / "split")
    assert len(everything.frames) == sum(len(side.frames) for side in sides) > len(sides[0].frames)
    assert {frame.key for frame in everything.frames} == {frame.key for side in sides for frame in side.frames}
    counts = [read_json(folder / "model.json")["training"]["train_samples"] for folder in (evaluated, refitted)]
    assert counts == [len(sides[0].frames), len(everything.frames)]
    seen = marks_of_all_sides(data / "split" / "split.json")
    assert (len(seen["train"]), seen["val"]) == (len(everything.frames), [])


def test_the_last_weights_count_whatever_their_loss(data: Path, evaluated: Path, refitted: Path) -> None:
    rates = Refit.of(evaluated)
    folder = next(path.parent for path in (data / "work").rglob("best-epoch.ckpt"))
    kept = torch.load(folder / "best-epoch.ckpt", weights_only=True)
    assert kept["global_step"] == rates.steps
    made = torch.load(refitted / "best.ckpt", weights_only=True)["state_dict"]
    assert all(torch.equal(kept["state_dict"][f"network.{name}"], value) for name, value in made.items())


def test_the_release_says_that_it_is_not_itself_evaluated(data: Path, evaluated: Path, refitted: Path) -> None:
    definition: dict[str, Any] = {"method": "single", "fold": 0, "seed": 0, "refit": True}
    out = data / "releases" / "all" / "release.json"
    make_release("all", definition, [refitted], out, data / "ledger.tsv", backend="torch")
    told = read_json(out)
    of_weights = read_json(evaluated / "model.json")["weights_sha256"]
    assert told["refit"] == {"evaluated": False, "scores_are_of_weights": [of_weights]}
    assert read_release(out).is_refit and read_release(out.with_name("all.posewright")).is_refit
    with zipfile.ZipFile(out.with_name("all.posewright")) as bundle:
        card = bundle.read("MODEL_CARD.md").decode()
    assert "**Not itself evaluated.**" in card and "all labelled frames" in card
    make_release("plain", {}, [evaluated], data / "plain" / "release.json", data / "ledger.tsv", backend="torch")
    assert not read_release(data / "plain" / "release.json").is_refit
    assert "refit" not in read_json(data / "plain" / "release.json")
