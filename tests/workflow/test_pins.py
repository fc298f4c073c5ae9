"""One set of pins, however it is installed."""

from __future__ import annotations

import importlib.util
import tomllib
from pathlib import Path
from types import ModuleType

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]


def pins_module() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pins", ROOT / "envs" / "pins.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pinned(path: str) -> dict[str, str]:
    return dict(pin.split("==") for pin in pins_module().pinned_in((ROOT / path).read_text()))


def test_the_conda_definition_has_the_pins_of_the_lock() -> None:
    assert pinned("envs/posewright.yaml") == pinned("requirements.lock")


def test_every_dependency_is_pinned_within_its_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    everything = pinned("requirements.lock") | pinned("requirements-dev.lock")
    for text in project["project"]["dependencies"] + project["dependency-groups"]["dev"]:
        wanted = Requirement(text)
        assert wanted.specifier.contains(everything[canonicalize_name(wanted.name)]), text


def test_the_locks_do_not_overlap_and_hold_plain_pins_only() -> None:
    assert not pinned("requirements.lock").keys() & pinned("requirements-dev.lock").keys()
    for name in ("requirements.lock", "requirements-dev.lock"):
        lines = [line for line in (ROOT / name).read_text().splitlines() if line and not line.startswith("#")]
        assert lines == pins_module().pinned_in("\n".join(lines))
