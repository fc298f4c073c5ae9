"""Which folder, config and command line the words of `posewright run` mean."""

from __future__ import annotations

from pathlib import Path

import pytest

from posewright.driving import config_of, drive, project_of, require_config, snakemake_command
from posewright.errors import InputError


@pytest.mark.parametrize(
    ("words", "project", "config"),
    [
        ([], ".", "config/config.yaml"),
        (["final"], ".", "config/config.yaml"),
        (["--directory", "there", "--configfile=mine.yaml"], "there", "mine.yaml"),
        (["-n", "--directory=there"], "there", "there/config/config.yaml"),
    ],
)
def test_words_name_folder_and_config_or_leave_them(words: list[str], project: str, config: str) -> None:
    assert project_of(words) == Path(project)
    assert config_of(words) == Path(config)


def test_the_local_profile_serves_unless_another_is_named(tmp_path: Path) -> None:
    (tmp_path / "profiles" / "lab").mkdir(parents=True)
    assert snakemake_command([], tmp_path)[-2:] == ["--profile", str(tmp_path / "profiles" / "local")]
    assert snakemake_command(["--profile", "lab"], tmp_path)[-1] == str(tmp_path / "profiles" / "lab")


@pytest.mark.parametrize("words", [[], ["final"], ["-n"], ["plan", "--cores", "1"]])
def test_a_folder_without_a_project_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="or begin one with posewright init FOLDER"):
        drive(words, tmp_path)
    require_config([*words, "--help"])
    with pytest.raises(InputError, match=r"mine\.yaml does not exist"):
        require_config([*words, "--configfile", "mine.yaml"])
    (tmp_path / "mine.yaml").touch()
    require_config([*words, "--configfile", "mine.yaml"])
    (tmp_path / "there" / "config").mkdir(parents=True)
    (tmp_path / "there" / "config" / "config.yaml").write_text("datasets: {}")
    require_config([*words, "--directory", "there"])
