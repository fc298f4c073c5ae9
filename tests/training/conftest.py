"""Small data to train on; and trainings in processes of their own end with the test that began them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from .processes import end_all
from .small import make_small_data


@pytest.fixture(autouse=True)
def _no_training_outlives_its_test() -> Iterator[None]:
    yield
    end_all()


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make_small_data(folder)
    return folder
