"""Tiny projects for the tests of the workflow."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from .tiny_project import ROOT, Project, make_project


@pytest.fixture(scope="session")
def standin_checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The workflow of this checkout with a stand-in for every script (see standin.py)."""
    checkout = tmp_path_factory.mktemp("checkout")
    shutil.copytree(ROOT / "workflow", checkout / "workflow")
    shutil.copytree(ROOT / "envs", checkout / "envs")
    shutil.copytree(ROOT / "profiles", checkout / "profiles")
    (checkout / "scripts").mkdir()
    for script in (ROOT / "scripts").glob("*.py"):
        shutil.copyfile(Path(__file__).with_name("standin.py"), checkout / "scripts" / script.name)
    return checkout


@pytest.fixture(scope="session")
def _finished(standin_checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Project:
    project = make_project(tmp_path_factory.mktemp("finished") / "project", standin_checkout)
    project.run()
    return project


@pytest.fixture
def finished(_finished: Project, tmp_path: Path) -> Project:
    """A project of which everything was made, by stand-ins, for one test to change."""
    return _finished.copy(tmp_path / "project")


@pytest.fixture
def fresh(tmp_path: Path) -> Project:
    """A project of which nothing was made, on this checkout itself."""
    return make_project(tmp_path / "project", ROOT)
