"""Disagreement of releases, and one release's doubt, as laws of their definitions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewright.evaluation.videos.disagreement import disagreement, doubt, jumps_px
from posewright.evaluation.videos.stretches import Float, Stretch, side_by_side

from .published import MOUSE, publish, walkers


def view(frames: list[Float], scores: float = 0.8, tracks: list[list[str]] | None = None) -> Stretch:
    """Return a stretch of frames ``[animal node xy]``."""
    widest = max(len(points) for points in frames)
    points = np.full((len(frames), widest, frames[0].shape[1], 2), np.nan)
    names = np.full(points.shape[:2], None, dtype=object)
    for index, found in enumerate(frames):
        points[index, : len(found)] = found
        names[index, : len(found)] = tracks[index] if tracks else [f"track_{i}" for i in range(len(found))]
    counts = np.array([len(found) for found in frames])
    shown = np.arange(widest)[None] < counts[:, None]
    return Stretch(
        np.arange(len(frames)),
        np.arange(len(frames)) / 20,
        np.ones(len(frames), bool),
        counts,
        points,
        np.where(np.isnan(points[..., 0]), np.nan, scores),
        np.where(shown, scores, np.nan),
        names,
    )


ANIMALS = st.lists(
    st.lists(st.tuples(st.floats(0, 200), st.floats(0, 200), st.booleans()), min_size=3, max_size=3), max_size=4
)


def _frame(animals: list[list[tuple[float, float, bool]]]) -> Float:
    points = np.array([[(x, y) for x, y, _ in animal] for animal in animals], float).reshape(-1, 3, 2)
    hidden = np.array([[not shown for *_, shown in animal] for animal in animals], bool).reshape(-1, 3)
    hidden[:, :1] = False
    points[hidden] = np.nan
    return points


@given(ANIMALS, ANIMALS, st.permutations(range(4)))
def test_disagreement_is_symmetric_bounded_and_blind_to_order(
    a: list[list[tuple[float, float, bool]]], b: list[list[tuple[float, float, bool]]], order: list[int]
) -> None:
    one, other = _frame(a), _frame(b)
    value = disagreement([view([one]), view([other])], 40.0, None)[0]
    assert 0 <= value <= 1
    shuffled = one[[i for i in order if i < len(one)]]
    assert disagreement([view([other]), view([shuffled])], 40.0, None)[0] == pytest.approx(value)
    assert disagreement([view([one]), view([shuffled])], 40.0, None)[0] == 0


def test_disagreement_counts_what_it_says() -> None:
    pair = walkers(0)

    def between(other: Float, n_animals: int | None = None, one: Float = pair) -> float:
        return float(disagreement([view([one]), view([other])], 40.0, n_animals)[0])

    assert between(pair + 4.0 / np.sqrt(2)) == pytest.approx(0.1)  # 4 of 40 px
    assert between(pair[:1]) == pytest.approx(0.5)  # one of two animals
    assert between(pair[:1], 2) == pytest.approx(0.5)
    without = pair.copy()
    without[0, 2] = np.nan
    assert between(without) == pytest.approx(1 / 6)  # one of six nodes
    assert between(pair[:1], 3, one=pair[:1]) == pytest.approx(2 / 3)  # both miss two of three
    assert between(pair[:0], one=pair[:0]) == 0
    assert between(pair[:0], 2, one=pair[:0]) == 1
    three = disagreement([view([pair]), view([pair]), view([pair[:1]])], 40.0, None)
    assert three[0] == pytest.approx(1 / 3)  # the mean over three pairs of releases: 0, 1/2, 1/2


def test_one_release_doubts_low_scores_wrong_numbers_and_jumps() -> None:
    pair = walkers(0)
    assert doubt(view([pair], 0.8), 40.0, 2)[0] == pytest.approx(0.2)
    assert doubt(view([pair[:1]], 1.0), 40.0, 2)[0] == pytest.approx(0.5)
    assert doubt(view([pair], 1.0), 40.0, 1)[0] == pytest.approx(0.5)
    assert doubt(view([pair[:0]]), 40.0, 2)[0] == 1
    assert doubt(view([pair[:0]]), 40.0, None)[0] == 0
    jumped = pair.copy()
    jumped[1] += [30.0, 0.0]
    assert doubt(view([pair, jumped], 1.0), 40.0, 2)[1] == pytest.approx(0.375)
    assert doubt(view([pair, jumped[::-1]], 1.0, [["a", "b"], ["b", "a"]]), 40.0, 2)[1] == pytest.approx(0.375)


def test_jumps_are_of_tracks_and_of_neighbouring_frames(tmp_path: Path) -> None:
    folder = publish(tmp_path / "a", walkers, 20)
    (one,) = next(side_by_side([folder], MOUSE.nodes))
    moved = jumps_px(one)
    assert np.isnan(moved[0]).all()
    np.testing.assert_allclose(moved[1:], 2.0, rtol=1e-4)
    assert np.isnan(jumps_px(one.only(np.array([0, 2, 4])))[1:]).all()
