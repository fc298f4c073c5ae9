"""Grouping: the best one-to-one connections of every edge, and their connected components."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from numpy.typing import NDArray

from posewright.codecs.grouping import group_peaks
from posewright.codecs.peaks import Peaks


def peaks_of(frame: list[int], channel: list[int]) -> Peaks:
    n = len(frame)
    return Peaks(
        np.array(frame, np.int64), np.array(channel, np.int64), np.zeros((n, 2), np.float32), np.ones(n, np.float32)
    )


def table_score(table: dict[tuple[int, int, int], float]):  # type: ignore[no-untyped-def]
    """Score candidates by (edge, source peak, destination peak); all others get -1."""

    def score(edge: NDArray[np.int64], source: NDArray[np.int64], destination: NDArray[np.int64]):  # type: ignore[no-untyped-def]
        keys = zip(edge.tolist(), source.tolist(), destination.tolist(), strict=True)
        return np.array([table.get(key, -1.0) for key in keys], np.float32)

    return score


def test_candidates_join_peaks_of_one_frame_only() -> None:
    peaks = peaks_of([0, 0, 1, 1], [0, 1, 0, 1])
    seen = []

    def score(edge: NDArray[np.int64], source: NDArray[np.int64], destination: NDArray[np.int64]):  # type: ignore[no-untyped-def]
        seen.extend(zip(source.tolist(), destination.tolist(), strict=True))
        return np.ones(len(edge), np.float32)

    instance, scores = group_peaks(peaks, 2, 2, ((0, 1),), score, 0.25)
    assert seen == [(0, 1), (2, 3)]
    np.testing.assert_array_equal(instance, [0, 0, 1, 1])
    np.testing.assert_allclose(scores, [1, 1])


@pytest.mark.parametrize("seed", range(20))
def test_the_assignment_is_the_best_there_is(seed: int) -> None:
    """Against trying every assignment, with connections below the threshold worth nothing."""
    rng = np.random.default_rng(seed)
    n_source, n_destination = rng.integers(1, 5, 2)
    gain = rng.uniform(-0.5, 1.0, (n_source, n_destination))
    peaks = peaks_of([0] * (n_source + n_destination), [0] * n_source + [1] * n_destination)
    table = {(0, i, n_source + j): float(gain[i, j]) for i in range(n_source) for j in range(n_destination)}
    _, scores = group_peaks(peaks, 1, 2, ((0, 1),), table_score(table), 0.25)
    worth = np.where(gain >= 0.25, gain, 0.0)
    wide = worth if n_source <= n_destination else worth.T
    best = max(
        sum(wide[i, j] for i, j in enumerate(columns)) for columns in permutations(range(wide.shape[1]), wide.shape[0])
    )
    assert scores.sum() == pytest.approx(best, abs=1e-5)


def test_no_peaks_no_instances() -> None:
    instance, scores = group_peaks(peaks_of([], []), 3, 2, ((0, 1),), table_score({}), 0.25)
    assert len(instance) == len(scores) == 0


def test_instances_come_in_the_order_of_frames_and_lone_peaks_are_their_own() -> None:
    peaks = peaks_of([0, 0, 0, 1], [0, 1, 2, 2])
    instance, scores = group_peaks(peaks, 2, 3, ((0, 2),), table_score({(0, 0, 2): 0.7}), 0.25)
    np.testing.assert_array_equal(instance, [0, 1, 0, 2])
    np.testing.assert_allclose(scores, [0.7, 0.0, 0.0])
