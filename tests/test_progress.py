from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
import yaml

from posewright import slurm
from posewright.files import write_json, write_text
from posewright.progress import progress
from posewright.runs import begin_run, live_run
from posewright.site import Site
from posewright.summary import notify, write_summary

CONFIG = Path("config/config.yaml")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    config = {
        "datasets": {"flies": {"labels": [], "label_source": "human", "complete": True}},
        "recipes": {"centroid": "a.yaml", "instance": "b.yaml"},
        "methods": {"topdown": {"type": "topdown", "recipes": ["centroid", "instance"]}},
        "videos": "videos.tsv",
        "predict": {"releases": ["dev-topdown"]},
    }
    write_text(tmp_path / CONFIG, yaml.safe_dump(config))
    write_text(tmp_path / "videos.tsv", "video\tpath\n" + "".join(f"v{n}\tv{n}.mp4\n" for n in range(4)))
    monkeypatch.setenv("POSEWRIGHT_RUN", "")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def squeue(folder: Path, lines: str) -> None:
    """A queue that says what it is asked and answers with given lines: there is no Slurm in these tests."""
    script = folder / "bin" / "squeue"
    write_text(script, f"#!/bin/sh\necho \"$@\" > {folder}/asked\ncat <<'END'\n{lines}END\n")
    script.chmod(0o755)


def test_a_run_is_told_with_its_rate_its_queue_and_its_trainings(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_text(project / "log", "Building DAG\nSLURM run ID: pose_abc\n")
    run = begin_run(["log"])
    assert live_run(project) == run
    for video in ("v0", "v1"):
        write_json(project / f"results/flies/videos/dev-topdown/{video}/status.json", {"state": "ok"})
    write_text(project / "work/train/flies/k1/training_log.csv", "epoch,step\n0,100\n1,200\n")
    write_text(project / "work/train/flies/k2/training_log.csv", "epoch,step\n0,100\n")
    write_text(project / "work/train/flies/k2/model.json", "{}")
    jobs = "7|pose_abc|RUNNING|N/A|rule_predict_videos_wildcards_flies_a|b\n8|pose_abc|PENDING|N/A|rule_train_model\n"
    squeue(project, jobs)
    monkeypatch.setenv("PATH", f"{project / 'bin'}{os.pathsep}{os.environ['PATH']}")
    text = "\n".join(progress(project, CONFIG))
    assert "2 of 4 published" in text and "videos an hour" in text
    assert "1 train_model pending, 1 predict_videos running" in text
    assert "--name=pose_abc" in (project / "asked").read_text()
    assert "k1: epoch 2, step 200" in text and "k2" not in text
    run.end(project)
    assert progress(project, CONFIG) == []


def test_without_slurm_the_queue_is_empty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert slurm.queue(["pose_abc"]) == [] and slurm.cancel([]) == []


def test_the_summary_says_how_a_run_ended_and_the_site_is_told(project: Path) -> None:
    log = project / "a.log"
    log.write_text("Error in rule train_model:\n    jobid: 3\nError in rule train_model:\n")
    run = begin_run([str(log)])
    table = project / "status.tsv"
    head = "dataset\trelease\tvideo\tstate\treason\tmessage\n"
    table.write_text(head + "flies\tr\tv0\tok\t\t\nflies\tr\tv1\tfailed\tmissing\tgone\n")
    path = project / "results" / "su $(touch bad) mary.json"
    write_summary(path, run, table, is_finished=False)
    write_text(project / "site.yaml", f"notify: \"cp -t '{project / 'bin'}'\"")
    (project / "bin").mkdir()
    assert notify(Site.load(project / "site.yaml").notify, path) is None
    told = (project / "bin" / path.name).read_text()
    for words in ('"outcome": "failed"', '"train_model": 2', '"failed_fraction": 0.5', '"video": "v1"'):
        assert words in told
    assert not (project / "bad").exists()
    assert "did not succeed" in str(notify(["false"], path))
    run.end(project)


def test_a_record_is_gone_when_its_run_has_ended(project: Path) -> None:
    begun = time.time()
    run = begin_run([])
    assert run.started >= begun and os.environ["POSEWRIGHT_RUN"] == run.id
    run.end(project)
    assert live_run(project) is None
