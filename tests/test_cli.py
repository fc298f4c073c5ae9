from __future__ import annotations

from pathlib import Path

import pytest
import torch
import yaml

from posewright import cli
from posewright.config.project import load_project
from posewright.config.recipe import load_recipe
from posewright.synthetic.dataset import make_dataset
from posewright.synthetic.spec import ArenaSpec


def leave(*words: str) -> int:
    with pytest.raises(SystemExit) as left:
        cli.main(words)
    code = left.value.code
    assert isinstance(code, int)
    return code


def test_init_writes_a_project_that_is_valid(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert leave("init", str(tmp_path / "flies")) == 0
    monkeypatch.chdir(tmp_path / "flies")
    project = load_project(Path("config/config.yaml"))
    for path in project.recipes.values():
        load_recipe(Path(path))
    assert Path(project.videos or "").is_file()
    example = load_project(Path("config/examples/try_both.yaml"))
    assert all(load_recipe(Path(path)).auto for path in example.recipes.values())


def test_init_replaces_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    leave("init", str(tmp_path / "flies"))
    assert leave("init", str(tmp_path / "flies")) == 2
    assert "exists already" in capsys.readouterr().err


def test_check_names_what_is_wrong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    leave("init", str(tmp_path / "flies"))
    monkeypatch.chdir(tmp_path / "flies")
    assert leave("check") == 2
    assert "labels.slp" in capsys.readouterr().err


def test_check_says_what_was_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    leave("init", str(tmp_path / "flies"))
    monkeypatch.chdir(tmp_path / "flies")
    make_dataset(ArenaSpec(n_recordings=1, n_frames=200, n_labeled=20), tmp_path / "flies")
    config = Path("config/config.yaml")
    config.write_text(config.read_text().replace("test: 0.2}", "test: 0.2, block_frames: 10}"))
    recipe = Path("config/recipes/bottomup.unet.yaml")
    value = yaml.safe_load(recipe.read_text())
    value["model_config"]["backbone_config"] = {"convnext": {"pre_trained_weights": "ConvNeXt_Tiny_Weights"}}
    value["trainer_config"]["seed"] = 3
    recipe.write_text(yaml.safe_dump(value))
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "hub"))
    assert leave("check") == 0, capsys.readouterr().err
    said = capsys.readouterr().out
    assert "20 labelled frames" in said
    lacking = f"the file convnext_tiny-983f1562.pth is not in {tmp_path / 'hub' / 'checkpoints'}; get it from https:"
    assert f"recipe bottomup: pre_trained_weights ConvNeXt_Tiny_Weights: {lacking}" in said
    assert "recipe bottomup: trainer_config.seed: set aside, seeds come from `seeds` in config.yaml.\n" in said
    assert not Path("results").exists()


def test_check_compares_bundles_and_models_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("here.posewright").write_bytes(b"x")
    digest = "0" * 64
    bundles = {name: {"bundle": f"{name}.posewright", "sha256": digest} for name in ("here", "gone")}
    theirs = {"type": "single_instance", "models": [{"path": "no_folder", "sha256": digest}]}
    config = {"datasets": {"mice": {}}, "methods": {"theirs": theirs}, "releases": bundles}
    Path("config.yaml").write_text(yaml.safe_dump(config))
    assert leave("check", "--config", "config.yaml") == 2
    told = capsys.readouterr().err
    assert "'here.posewright' has the sha256" in told and "'gone.posewright' does not exist" in told
    assert "there is no such folder" in told
    Path("results/mice/releases/here").mkdir(parents=True)
    Path("results/mice/releases/here/release.json").write_text("{}")  # brought here before
    assert leave("check", "--config", "config.yaml") == 2
    assert "here.posewright" not in capsys.readouterr().err


def test_run_hands_its_words_to_snakemake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert leave("run", "--version") == 0
    assert capfd.readouterr().out.startswith("9.")
    assert leave("run", "-n") != 0  # no project here
    assert "config/config.yaml" in "".join(capfd.readouterr())


def test_status_counts_and_its_code_tells_of_failures(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert leave("status") == 2
    table = tmp_path / "status.tsv"
    table.write_text("dataset\trelease\tvideo\tstate\treason\tmessage\nd\tr\tv\tok\t\t\n")
    assert leave("status", "--table", str(table)) == 0
    table.write_text(table.read_text() + "d\tr\tw\tfailed\tmissing\tgone\n")
    assert leave("status", "--table", str(table)) == cli.TOO_MANY_FAILED
    assert "- d/r/w: failed missing gone" in capsys.readouterr().out


def test_unknown_words_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert leave("status", "--tabel", "x") == 2
    assert leave("explode") == 2
    capsys.readouterr()
