"""What `posewright explain` says. The scripts are stand-ins (standin.py)."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from posewright.config.stages import STAGE_VERSION
from posewright.dry_run import PlannedJob, planned_jobs
from posewright.explain import explain, told
from posewright.files import write_json
from posewright.modules import code_digest, module_digest

from .tiny_project import ROOT, Project


def said(project: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    monkeypatch.chdir(project.folder)
    if "PYTHONPATH" not in os.environ:
        monkeypatch.setenv("PYTHONPATH", str(ROOT / "src"))
    assert explain(["--cores", "2"], project.checkout) == 0, capsys.readouterr().err
    return capsys.readouterr().out


def test_what_changes_nothing_is_told_as_such(
    finished: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    os.utime(finished.folder / "labels.slp")
    video = finished.folder / "videos/v1.mp4"
    video.parent.mkdir()
    video.write_bytes(b"another film")
    record = {
        "stage": "train_model",
        "modules": {"posewright.geometry": "old", "posewright.files": module_digest("posewright.files")},
    }
    write_json(finished.folder / "results/flies/models/instance/fold0_seed0/provenance.json", record)
    lines = said(finished, monkeypatch, capsys).splitlines()
    assert lines[0].startswith("Nothing would be run")
    assert any("Merely touched" in line and "labels.slp" in line for line in lines)
    assert any("since they were predicted" in line and line.count("v1") for line in lines)
    code = next(index for index, line in enumerate(lines) if "behaviour declared the same (train_model" in line)
    assert "posewright.geometry;" in lines[code + 1] and "posewright.files" not in lines[code + 1]


def test_a_change_of_settings_is_named_with_what_follows(
    finished: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = finished.recipe("instance")
    recipe.write_text(recipe.read_text().replace("sigma: 2.5", "sigma: 1.5"))
    sheet = finished.folder / "videos.tsv"
    sheet.write_text(sheet.read_text() + "new\tvideos/new.mp4\ts9\n")
    text = said(finished, monkeypatch, capsys)
    assert "centered_instance.confmaps.sigma changed from 2.5 to 1.5 (flies instance 0 0)" in text
    assert "not made yet (flies dev-topdown new)" in text
    assert "follows from train_model" in text
    assert "check_inputs" not in text and "labels changed" not in text


def test_a_raised_version_is_announced_before_it_runs(
    finished: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The same project seen by a package whose training has a new version."""
    package = tmp_path / "src" / "posewright"
    shutil.copytree(ROOT / "src" / "posewright", package)
    stages = package / "config" / "stages.py"
    version = STAGE_VERSION["train_model"]
    stages.write_text(stages.read_text().replace(f'"train_model": {version}', f'"train_model": {version + 1}'))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "src"))
    lines = said(finished, monkeypatch, capsys).splitlines()
    rose = f"stage version rose from {version} to {version + 1}"
    assert lines[0] == f"NEW VERSION: train_model: {rose}, so its results are made again"
    assert "train_model: 3 jobs" in lines
    assert not any(line.startswith(("split_labels", "store_frames", "check_inputs")) for line in lines)


def test_labels_and_videos_are_named_not_their_digests(tmp_path: Path) -> None:
    jobs = [
        PlannedJob(
            "split_labels",
            ["flies", "0"],
            ["split.json"],
            before=['{"labels":["ab"],"recordings":null,"version":2}'],
            now=['{"labels":["cd"],"recordings":null,"version":2}'],
            has_other_params=True,
        ),
        PlannedJob(
            "predict_videos",
            ["flies", "dev-topdown", "01"],
            ["01.json"],
            before=['[{"video":"a","start":0},{"video":"b","start":0}]'],
            now=['[{"video":"a","start":5},{"video":"c","start":0}]'],
            has_other_params=True,
        ),
    ]
    text = "\n".join(told(jobs, tmp_path))
    for sentence in ("the labels changed", "new videos: c", "no longer in it: b", "video a: start changed from 0 to 5"):
        assert sentence in text


def test_what_was_never_made_is_told_from_what_is_gone(tmp_path: Path) -> None:
    """Snakemake names the missing files that something needs, not all that a job makes."""
    job = PlannedJob("train_model", ["flies"], ["model.json", "curves.png"], files={"missing": ["model.json"]})
    assert "  - not made yet (flies)" in told([job], tmp_path)
    (tmp_path / "curves.png").touch()
    assert "  - a file is gone: model.json (flies)" in told([job], tmp_path)


def test_only_what_python_does_counts_as_code() -> None:
    source = '"""Old words."""\nX = 1\ndef f(a):\n    """Say."""\n    return a + X\n'
    same = '"""New words."""\n# more\nX = 1\n\n\ndef f(\n    a,\n):\n    return (a + X)\n'
    assert code_digest(source) == code_digest(same)
    assert code_digest(source) != code_digest(source.replace("a + X", "a - X"))


def test_params_may_hold_any_sign() -> None:
    text = (
        "rule train_model:\n    output: a/b c.json\n"
        "    reason: Missing output files: a/b c.json; Params have changed since last execution: Union of exclusive "
        'params before and now across all output: before: \'{"x":"now: ; "}\',1 now: \'{"x":"before: "}\',2 \n'
        "    wildcards: dataset=flies, recipe=a=b\n"
    )
    (job,) = planned_jobs(text)
    assert (job.before, job.now) == (['{"x":"now: ; "}', 1], ['{"x":"before: "}', 2])
    assert job.files == {"missing": ["a/b c.json"]} and job.wildcards == ["flies", "a=b"]
