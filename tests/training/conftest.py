"""Trainings in processes of their own end with the test that began them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from .processes import end_all


@pytest.fixture(autouse=True)
def _no_training_outlives_its_test() -> Iterator[None]:
    yield
    end_all()
