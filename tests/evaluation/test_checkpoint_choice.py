"""Of a model's epochs the one is used with which its whole method does best on validation frames (rule 5)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from posewright.config.comparison import TuningConfig
from posewright.evaluation.budget import read_budget
from posewright.evaluation.checkpoint_choice import Tried, best_of, choose_checkpoint
from posewright.evaluation.compare import compare_methods
from posewright.evaluation.evaluate import evaluate_method
from posewright.evaluation.unit_metrics import metric_named
from posewright.files import read_json, write_json
from posewright.networks.weights import weights_digest
from posewright.training.candidates import NAME, Candidate, read_candidates, write_candidates

from ..training.small import make_small_data, small_recipe, train

OPTIONS: dict[str, Any] = {
    "backend": "torch",
    "oracle": False,
    "tuning": {**TuningConfig().model_dump(), "objective": "pck_5px"},
}


def with_bias(model: Path, bias: float) -> dict[str, torch.Tensor]:
    """Return the weights of a model whose confidence maps lie higher by ``bias``."""
    weights: dict[str, torch.Tensor] = torch.load(model / "best.ckpt", weights_only=True)["state_dict"]
    name = next(name for name in reversed(weights) if name.endswith("bias") and "head" in name)
    return {**weights, name: weights[name] + bias}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both models of top-down; the weights that are said to have the lowest loss find nobody."""
    folder = tmp_path_factory.mktemp("data")
    make_small_data(folder)
    (folder / "split" / "test.slp").write_bytes(b"whoever reads this breaks")  # rule 1
    for name, head in (("centroid", "centroid"), ("instance", "centered_instance")):
        model = folder / "models" / name / "fold0_seed0"
        train(folder, small_recipe(head, max_epochs=2, train_steps_per_epoch=60, optimizer={"lr": 5e-3}), model)
        raised = {0.1: -10.0, 0.2: 0.0, 0.3: -0.2}  # loss -> by how much maps lie higher
        candidates = [Candidate(place, 60 * place, loss, with_bias(model, raised[loss]))
                      for place, loss in enumerate(raised)]  # fmt: skip
        write_candidates(candidates, model / NAME)
    return folder


def choose(data: Path, name: str, partners: list[Path], primary: str, out: Path) -> dict[str, Any]:
    choose_checkpoint(
        model=data / "models" / name / "fold0_seed0",
        partners=partners,
        split=data / "split",
        store=data / "store" / "store.json",
        label_source="human",
        complete=True,
        options=OPTIONS,
        primary=primary,
        out=out,
    )
    found: dict[str, Any] = read_json(out / "model.json")
    return found


def as_compared(data: Path, models: list[Path], primary: str, folder: Path) -> float:
    """Return what the comparison makes of models: the number that the report shows."""
    out = folder / "evaluation" / "topdown" / "fold0_seed0" / "val"
    evaluate_method(
        method="topdown",
        models=models,
        split=data / "split",
        side="val",
        store=data / "store" / "store.json",
        label_source="human",
        complete=True,
        out=out,
        options=OPTIONS,
    )
    compare_methods(evaluations=[out], settings={"primary": primary}, out=folder / "comparison")
    table = pd.read_parquet(folder / "comparison" / "methods.parquet").set_index(["metric", "stratum"])
    return float(table["estimate"][primary, "all"])


@pytest.mark.parametrize("primary", ["coverage", "mean_distance_capped_px"])
def test_the_chosen_candidate_is_the_best_of_all_as_the_comparison_counts(
    data: Path, tmp_path: Path, primary: str
) -> None:
    instance, out = data / "models" / "instance" / "fold0_seed0", tmp_path / "chosen"
    card = choose(data, "centroid", [instance], primary, out)
    values = {}
    for one in read_candidates(data / "models" / "centroid" / "fold0_seed0" / NAME):
        alone = tmp_path / f"epoch{one.epoch}"
        alone.mkdir()
        torch.save({"state_dict": one.weights}, alone / "best.ckpt")
        write_json(alone / "model.json", {**card, "weights_sha256": weights_digest(one.weights)})
        values[one.epoch] = as_compared(data, [alone, instance], primary, alone)
    choice = card["training"]["choice"]
    assert {one["epoch"]: one["value"] for one in choice["candidates"]} == pytest.approx(values, rel=1e-9)
    best = max(values.values()) if metric_named(primary).higher_is_better else min(values.values())
    assert values[choice["epoch"]] == best != values[0]  # and not the one of lowest loss
    assert choice["by"] == primary
    assert as_compared(data, [out, instance], primary, tmp_path) == pytest.approx(best)
    assert read_budget([out, instance])["chosen_by"] == [primary, "val_loss"]


def test_models_are_chosen_one_after_the_other_and_again_alike(data: Path, tmp_path: Path) -> None:
    first = tmp_path / "centroid"
    choose(data, "centroid", [data / "models" / "instance" / "fold0_seed0"], "coverage", first)
    one, again = (choose(data, "instance", [first], "coverage", tmp_path / name) for name in ("one", "again"))
    assert one == again
    beside = read_json(first / "model.json")["weights_sha256"]
    assert one["training"]["choice"]["beside"] == [beside]
    weights = torch.load(tmp_path / "one" / "best.ckpt", weights_only=True)["state_dict"]
    assert one["weights_sha256"] == weights_digest(weights)


def tried(epoch: int, val_loss: float, value: float) -> Tried:
    return Tried(Candidate(epoch, epoch, val_loss, {}), value, {"peak_threshold": 0.2, "min_instance_score": 0.0})


def test_equal_values_and_none_leave_it_to_the_loss() -> None:
    pck, distance = metric_named("pck_5px"), metric_named("median_distance_px")
    nan = float("nan")
    rising = [tried(3, 0.1, 0.5), tried(5, 0.2, 0.7), tried(6, 0.3, 0.7), tried(7, 0.4, nan)]
    assert best_of(rising, pck).candidate.epoch == 5
    assert best_of(rising, distance).candidate.epoch == 3
    assert best_of([tried(3, 0.1, nan), tried(5, 0.2, nan)], pck).candidate.epoch == 3


def test_where_animals_are_unlabelled_invented_ones_choose_nothing(data: Path, tmp_path: Path) -> None:
    words: dict[str, Any] = {
        "model": data / "models" / "centroid" / "fold0_seed0",
        "partners": [data / "models" / "instance" / "fold0_seed0"],
        "split": data / "split",
        "store": data / "store" / "store.json",
        "label_source": "human",
        "complete": False,
        "options": OPTIONS,
        "primary": "extra_per_animal",
    }
    choose_checkpoint(**words, out=tmp_path / "chosen")
    card = read_json(tmp_path / "chosen" / "model.json")
    assert (card["training"]["choice"]["by"], card["training"]["choice"]["epoch"]) == ("val_loss", 0)  # rule 8
    assert np.isnan([one["value"] or np.nan for one in card["training"]["choice"]["candidates"]]).all()
