"""The peer's oddities, each by a case small enough to count by hand, and its own published numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posewright.evaluation.peer_form import PeerForm, PeerFrame, peer_form
from posewright.labels.read import read_labels

SQUARE = np.array([[0.0, 0.0], [100.0, 0.0], [0.0, 100.0], [100.0, 100.0]])


def _frame(truth: list[np.ndarray], found: list[np.ndarray] | None, scores: list[float] | None = None) -> PeerFrame:
    if found is None:
        return PeerFrame(np.array(truth), None)
    given = scores if scores is not None else [0.9] * len(found)
    return PeerFrame(np.array(truth), np.array(found).reshape(-1, 4, 2), np.array(given))


def test_perfect_predictions_of_complete_truth() -> None:
    form = peer_form([_frame([SQUARE, SQUARE + 300], [SQUARE + 300, SQUARE])])
    assert (form.map, form.mar, form.mean_oks, form.mean_pck, form.pck_5px) == pytest.approx((1, 1, 1, 1, 1))
    assert (form.p50_px, form.p95_px, form.visibility_precision, form.visibility_recall) == (0, 0, 1, 1)


def test_truth_against_itself_stays_below_one_where_nodes_are_missing() -> None:
    """One of four nodes absent: PCK counts it as a miss at every threshold."""
    partial = SQUARE.copy()
    partial[3] = np.nan
    form = peer_form([_frame([partial], [partial])])
    assert (form.mean_pck, form.pck_5px) == (0.75, 0.75)
    assert (form.map, form.mean_oks) == pytest.approx((1.0, 1.0))


@pytest.mark.parametrize("score", [0.1, 0.99])
def test_blind_to_extra_instances_far_away(score: float) -> None:
    far = [SQUARE + 50_000 * (k + 1) for k in range(5)]
    form = peer_form([_frame([SQUARE], [SQUARE, *far], [0.9, *([score] * 5)])])
    assert (form.map, form.mar, form.missed) == pytest.approx((1.0, 1.0, 0))


def test_blind_to_frames_the_prediction_file_lacks() -> None:
    lacking = peer_form([_frame([SQUARE], [SQUARE]), _frame([SQUARE], None)])
    empty = peer_form([_frame([SQUARE], [SQUARE]), _frame([SQUARE], [])])
    assert (lacking.map, lacking.mar, lacking.missed) == pytest.approx((1.0, 1.0, 0))
    assert (empty.map, empty.mar, empty.missed) == pytest.approx((51 / 101, 0.5, 1))


def test_a_loud_bad_instance_takes_the_truth_away() -> None:
    """The better prediction comes second and is forgotten; nothing is reported as false."""
    bad = SQUARE + np.array([40.0, 0.0])
    form = peer_form([_frame([SQUARE], [bad, SQUARE], [0.99, 0.5])])
    assert (form.map, form.p50_px, form.matched, form.missed) == (0.0, 40.0, 1, 0)


def test_pck_is_strict() -> None:
    """Exactly 5 px is not within 5 px, and of the thresholds 1 to 10 the five from 6 on are passed."""
    form = peer_form([_frame([SQUARE], [SQUARE + np.array([3.0, 4.0])])])
    assert (form.pck_5px, form.pck_10px, form.mean_pck) == pytest.approx((0.0, 1.0, 0.5))


def test_visibility_counts_nodes_of_pairs() -> None:
    truth, found = SQUARE.copy(), SQUARE.copy()
    truth[3] = np.nan
    found[0] = np.nan
    form = peer_form([_frame([truth], [found])])
    assert (form.visibility_precision, form.visibility_recall) == pytest.approx((2 / 3, 2 / 3))


def test_nothing_matched_gives_zero_and_nan() -> None:
    form = peer_form([_frame([SQUARE], [])])
    assert (form.map, form.mar, form.missed) == (0.0, 0.0, 1)
    assert np.isnan([form.mean_oks, form.mean_pck, form.p50_px, form.visibility_precision]).all()


def _against_itself(path: Path, tracks: tuple[str, ...]) -> PeerForm:
    frames = []
    for frame in read_labels([path]).frames:
        points = frame.points[[name in tracks for name in frame.tracks]]
        points = points[~np.isnan(points).all(axis=(1, 2))]
        if len(points):
            frames.append(PeerFrame(points, points, np.full(len(points), 0.9)))
    return peer_form(frames)


def test_the_ceiling_on_real_flies(shared_data: Path) -> None:
    """Truth against itself: mPCK is the visible part of all nodes, near the 0.909 of the peer's own page."""
    form = _against_itself(shared_data / "flies-pair" / "labels.slp", ("fly_1", "fly_2"))
    assert form.map == pytest.approx(1.0)
    assert 0.88 < form.mean_pck < 0.94
