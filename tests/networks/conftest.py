"""Recordings small enough to train on within a test."""

from __future__ import annotations

from pathlib import Path

import pytest

from ..training.small import make_small_data


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small synthetic recordings, split by video, frames stored."""
    folder = tmp_path_factory.mktemp("data")
    make_small_data(folder)
    return folder
