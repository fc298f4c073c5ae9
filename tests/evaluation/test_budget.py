"""Budgets and ledgers from folders that tell much or nothing (rules 1, 5 and 11)."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd

from posewright.evaluation import verdicts
from posewright.evaluation.budget import models_digest, read_budget
from posewright.evaluation.conditions import mean_budget
from posewright.evaluation.ledger import append_test_evaluation, configurations_scored, first_question
from posewright.evaluation.runs import Run


def _model(folder: Path, **training: object) -> Path:
    folder.mkdir()
    (folder / "model.json").write_text(json.dumps({"weights_sha256": folder.name, "training": training}))
    return folder


def test_top_down_counts_both_networks(tmp_path: Path) -> None:
    one = _model(tmp_path / "a", steps=250, seconds=100.0, parameters=10, stopped_by="plateau")
    two = _model(tmp_path / "b", steps=1200, seconds=300.0, parameters=20, stopped_by="plateau")
    budget = read_budget([one, two])
    assert {name: budget[name] for name in ("steps", "seconds", "parameters", "converged")} == {
        "steps": 1450,
        "seconds": 400.0,
        "parameters": 30,
        "converged": True,
    }


def test_two_networks_in_equal_time_are_no_more_tries_than_one(tmp_path: Path) -> None:
    half = [_model(tmp_path / name, seconds=150.0, stopped_by="minutes") for name in ("a", "b")]
    whole = _model(tmp_path / "c", seconds=300.0, stopped_by="minutes")
    assert verdicts.budget_obstacle(read_budget(half), read_budget([whole])) is None
    assert verdicts.budget_obstacle(read_budget(half, trials=2), read_budget([whole])) == "budgets differ"


def test_device_seconds_are_those_of_every_device(tmp_path: Path) -> None:
    one = _model(tmp_path / "a", seconds=100.0, devices=4)
    two = _model(tmp_path / "b", seconds=50.0)
    assert read_budget([one, two])["seconds"] == 450.0


def test_a_method_declares_its_input_scales_where_its_trainings_agree(tmp_path: Path) -> None:
    def run(*scales: float) -> Run:
        nothing = pd.DataFrame()
        return Run("m", 0, 0, {"budget": {"scales": list(scales)}}, nothing, nothing)

    assert mean_budget([run(0.5, 1.0), run(0.5, 1.0)])["scales"] == [0.5, 1.0]
    assert mean_budget([run(0.5), run(1.0)])["scales"] is None


def test_a_cap_means_not_converged(tmp_path: Path) -> None:
    one = _model(tmp_path / "a", stopped_by="plateau")
    two = _model(tmp_path / "b", stopped_by="max_minutes")
    assert read_budget([one, two])["converged"] is False


def test_a_foreign_folder_tells_nothing_or_what_its_log_says(tmp_path: Path) -> None:
    assert read_budget([tmp_path])["seconds"] is None
    assert read_budget([tmp_path])["converged"] is None
    (tmp_path / "training_log.csv").write_text("epoch,step,train/loss,seconds\n0,49,0.1,10.5\n1,99,,21.0\n")
    assert (read_budget([tmp_path])["steps"], read_budget([tmp_path])["seconds"]) == (99.0, 21.0)


def test_the_digest_of_a_method_forgets_the_order_of_its_models(tmp_path: Path) -> None:
    one, two = _model(tmp_path / "a"), _model(tmp_path / "b")
    assert models_digest([one, two]) == models_digest([two, one]) != models_digest([one])


def test_the_ledger_counts_configurations_not_repetitions(tmp_path: Path) -> None:
    ledger = tmp_path / "deep" / "ledger.tsv"
    assert configurations_scored(ledger, "t") == 0
    for test, method, models in (("t", "a", "1"), ("t", "a", "1"), ("t", "a", "2"), ("u", "a", "3")):
        append_test_evaluation(ledger, test_digest=test, method=method, models_digest=models)
    assert configurations_scored(ledger, "t") == 2
    lines = ledger.read_text().splitlines()
    assert lines[0].split("\t") == ["time", "test_digest", "method", "models_digest", "question"]
    assert len(lines) == 5


def test_the_ledger_remembers_the_question_of_the_first_reading(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.tsv"
    assert first_question(ledger, "t") is None
    for test, question in (("u", "of another set"), ("t", "first"), ("t", "second")):
        append_test_evaluation(ledger, test_digest=test, method="a", models_digest="1", question=question)
    assert first_question(ledger, "t") == "first"
    older = tmp_path / "older.tsv"
    older.write_text("time\ttest_digest\tmethod\tmodels_digest\nnow\tt\ta\t1\n")
    append_test_evaluation(older, test_digest="t", method="a", models_digest="2", question="later")
    assert first_question(older, "t") is None
    assert configurations_scored(older, "t") == 2
