"""Generated files equal what the config's types say, and the defaults file is a config."""

from __future__ import annotations

from pathlib import Path

import pytest

from posewright.config.docs import defaults_yaml, generated
from posewright.config.project import load_project
from posewright.config.sections import read_yaml

CONFIG = Path(__file__).resolve().parents[2] / "config"
NAMES = ("schema.json", "recipe.schema.json", "config.defaults.yaml", "README.md")


@pytest.mark.parametrize("name", NAMES)
def test_generated_files_have_not_drifted(name: str) -> None:
    present = (CONFIG / name).read_text(encoding="utf-8")
    expected = generated((CONFIG / "README.md").read_text(encoding="utf-8"))
    assert set(expected) == set(NAMES)
    assert present == expected[name], f"config/{name} is out of date; run: python -m posewright.config.docs"


def test_the_defaults_file_is_a_config_with_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(defaults_yaml())
    assert load_project(path) == load_project({"datasets": {"animals": {}}})
    assert set(read_yaml(path)) == set(type(load_project(path)).model_fields)


def test_every_key_is_documented() -> None:
    assert "|  |\n" not in (CONFIG / "README.md").read_text(encoding="utf-8")
