"""Part affinity fields: the peer's formula, and scores that mean agreement."""

from __future__ import annotations

import math

import numpy as np
import pytest

from posewright.codecs.part_affinity_fields import draw_part_affinity_fields, score_connections
from posewright.shapes import Size

EDGE = ((0, 1),)


def field_of(*instances: list[list[float]], sigma: float = 15.0, stride: int = 1) -> np.ndarray:
    return draw_part_affinity_fields(np.array([instances], np.float32), EDGE, Size(64, 64), stride, sigma)


@pytest.mark.parametrize("sigma", [15.0, 50.0])
def test_half_maximum_lies_where_the_peers_formula_puts_it(sigma: float) -> None:
    """Interoperability page, 5.2: at (2 ln 2)^(1/4) * sqrt(sigma) from the limb, whatever the stride."""
    half = (2 * math.log(2)) ** 0.25 * math.sqrt(sigma)
    column = field_of([[10, 32.0 - half], [54, 32.0 - half]], sigma=sigma)[0, 0, :, 32]
    assert column[32] == pytest.approx(0.5, abs=1e-4)
    coarse = field_of([[10, 32.0 - half], [54, 32.0 - half]], sigma=sigma, stride=4)[0, 0, :, 8]
    assert coarse[8] == pytest.approx(0.5, abs=1e-4)


def test_vectors_point_from_source_to_destination() -> None:
    maps = field_of([[10, 10], [40, 50]])
    np.testing.assert_allclose(maps[0, :, 30, 25], [0.6, 0.8], atol=1e-3)


def test_a_missing_end_or_a_limb_of_no_length_draws_nothing() -> None:
    assert not field_of([[10, 10], [np.nan, np.nan]]).any()
    assert not field_of([[10, 10], [10, 10]]).any()


def test_instances_add_up() -> None:
    one, other = [[10, 20], [50, 20]], [[10, 22], [50, 22]]
    np.testing.assert_allclose(field_of(one, other), field_of(one) + field_of(other), atol=1e-6)


def scored(fields: np.ndarray, source: list[float], destination: list[float], longest_px: float = 1e9) -> float:
    one = np.zeros(1, np.int64)
    ends = [np.array([point], np.float32) for point in (source, destination)]
    return float(score_connections(fields, 1, one, one, *ends, longest_px)[0])


def test_the_true_connection_scores_one_the_reverse_minus_one_and_a_foreign_one_little() -> None:
    fields = field_of([[10, 20], [50, 20]])
    assert scored(fields, [10, 20], [50, 20]) == pytest.approx(1.0, abs=1e-3)
    assert scored(fields, [50, 20], [10, 20]) == pytest.approx(-1.0, abs=1e-3)
    assert abs(scored(fields, [10, 50], [50, 50])) < 0.01


def test_long_connections_are_penalised_by_the_peers_rule() -> None:
    fields = field_of([[10, 20], [50, 20]])
    assert scored(fields, [10, 20], [50, 20], longest_px=20.0) == pytest.approx(0.5, abs=1e-3)
