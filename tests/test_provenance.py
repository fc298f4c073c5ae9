from __future__ import annotations

import time
from pathlib import Path

import pytest

from posewright.config.stages import STAGE_VERSION
from posewright.files import read_json
from posewright.modules import changed_modules
from posewright.provenance import write_provenance


def test_the_record_says_what_came_in_how_and_at_what_cost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POSEWRIGHT_RUN", "abc")
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    path = tmp_path / "provenance.json"
    write_provenance(
        path,
        stage="train_model",
        inputs={"split": "abc"},
        params={"sigma": 2.5},
        seed=3,
        started=time.time() - 2.0,
        extra={"resumes": 1},
    )
    record = read_json(path)
    assert record["stage"] == "train_model"
    assert record["inputs"] == {"split": "abc"}
    assert record["params"] == {"sigma": 2.5}
    assert record["seed"] == 3
    assert record["resumes"] == 1
    assert record["stage_version"] == STAGE_VERSION["train_model"]
    assert record["run"] == "abc" and record["machine"]["slurm_job"] == "17"
    assert changed_modules(record["modules"]) == [] and "posewright.provenance" in record["modules"]
    assert 2.0 <= record["wall_s"] < 60.0
    assert record["cpu_s"] > 0.0
    assert record["peak_memory_mb"] > 1.0
    assert "numpy" in record["packages"]
    assert record["machine"]["cpus"] >= 1


def test_further_facts_do_not_replace_the_record(tmp_path: Path) -> None:
    path = tmp_path / "provenance.json"
    write_provenance(path, stage="s", inputs={}, params=None, seed=None, started=time.time(), extra={"stage": "other"})
    assert read_json(path)["stage"] == "s"
