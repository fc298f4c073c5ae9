from __future__ import annotations

import numpy as np
import pytest

from posewright.synthetic.individual import make_individual


def test_individuals_differ_and_are_the_same_again() -> None:
    def make(number: int) -> np.ndarray:
        return make_individual(number, 80.0, np.random.default_rng([0, number])).coat

    coats = [make(number) for number in range(6)]
    assert np.array_equal(coats[3], make(3))
    for first in range(6):
        for second in range(first):
            assert np.abs(coats[first] - coats[second])[:100].mean() > 12


def test_individuals_are_named_by_number_and_differ_little_in_size() -> None:
    animals = [make_individual(number, 80.0, np.random.default_rng([0, number])) for number in range(4)]
    assert [animal.name for animal in animals] == ["animal_1", "animal_2", "animal_3", "animal_4"]
    assert [animal.length_px for animal in animals] == pytest.approx([80] * 4, rel=0.0601)
