"""A results folder and its page, made once for the tests that only look."""

from __future__ import annotations

from pathlib import Path

import pytest

from posewright.report.build import build_report

from .make_results import Made, make_results
from .make_videos import make_videos


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """Two methods, two seeds, eight videos, and one video of every state."""
    root = tmp_path_factory.mktemp("made")
    found = make_results(root)
    make_videos(root, found.results)
    return found


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Made:
    """As little as makes a comparison, for tests that build a page often."""
    return make_results(tmp_path_factory.mktemp("small"), seeds=[0], n_videos=2, frames_each=1)


@pytest.fixture(scope="session")
def page(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of it."""
    out = tmp_path_factory.mktemp("page") / "index.html"
    build_report(results=made.results, side="val", status=made.status, out=out, store=made.store, title="Flies")
    return out
