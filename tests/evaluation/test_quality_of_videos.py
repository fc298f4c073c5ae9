"""Faults planted in the poses of a video are found where they were planted, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posewright.evaluation.videos import quality
from posewright.evaluation.videos.intervals import MOST_KEPT, Runs
from posewright.evaluation.videos.quality import BINS, judge_video
from posewright.labels.skeleton import Skeleton
from posewright.prediction.poses import FRAMES_NAME, POSES_NAME, FramesWriter, PosesWriter
from posewright.shapes import PoseBatch

SKELETON = Skeleton(("head", "body", "tail"), ((0, 1), (1, 2)))
SHAPE = np.array([[20.0, 0.0], [0.0, 0.0], [-20.0, 0.0]])
N_FRAMES = 1200
Fault = Callable[[int, int], tuple[np.ndarray, float, str | None] | None]


def sound(frame: int, animal: int) -> tuple[np.ndarray, float, str | None]:
    """An animal that walks slowly: points, score, track."""
    return SHAPE + np.array([100.0 + 0.1 * frame, 100.0 + 90.0 * animal]), 0.9, f"track_{animal}"


def write_video(folder: Path, pose: Any = sound, n_animals: int = 2, lost: range = range(0), n: int = N_FRAMES) -> Path:
    """Write the tables of a video whose poses ``pose(frame, animal)`` gives; None is an animal that was not found."""
    folder.mkdir(parents=True, exist_ok=True)
    with PosesWriter(folder / POSES_NAME, SKELETON) as poses, FramesWriter(folder / FRAMES_NAME) as frames:
        for frame in range(n):
            found = [] if frame in lost else [one for a in range(n_animals) if (one := pose(frame, a)) is not None]
            frames.add_frames([frame], [frame / 30], [frame not in lost], [len(found)])
            if found:
                points = np.stack([one[0] for one in found])
                scores = np.array([[one[1]] * 3 for one in found])
                zeros = np.zeros(len(found), np.int64)
                poses.add_poses(
                    [frame], [frame / 30], PoseBatch(points, zeros, 1, scores, scores[:, 0]), [one[2] for one in found]
                )
    return folder


def test_a_sound_video_has_nothing_flagged(tmp_path: Path) -> None:
    found = judge_video(write_video(tmp_path), 2)
    assert (found.as_expected, found.clean, found.jumps, found.breaks, found.tracks) == (1.0, 1.0, 0.0, 0, 2)
    assert found.intervals == [] and not found.is_assumed
    assert found.length_px == pytest.approx(40.0, rel=0.01)
    assert found.score_median == pytest.approx(0.9, rel=0.01)
    assert len(found.score_over_time) == BINS
    np.testing.assert_allclose(found.score_over_time, 0.9, rtol=1e-5)


def test_every_fault_is_found_where_it_is(tmp_path: Path) -> None:
    def faulty(frame: int, animal: int) -> tuple[np.ndarray, float, str | None] | None:
        points, score, track = sound(frame, animal)
        if animal == 1 and 100 <= frame < 160:
            return None  # interrupts its track
        if animal == 0 and frame >= 300:
            points = points + 60.0  # one step of 85 px
        if 500 <= frame < 530:
            score = 0.2
        if animal == 1 and frame >= 700:
            track = "track_2"  # the old one ends
        return points, score, track

    found = judge_video(write_video(tmp_path, faulty, lost=range(900, 920)), 2)
    told = {(one.reason, one.first, one.last, one.flagged) for one in found.intervals}
    assert told == {
        ("fewer animals", 100, 159, 60),
        ("jump", 300, 300, 1),
        ("low score", 500, 529, 30),
        ("not decoded", 900, 919, 20),
    }
    assert (found.jumps, found.decoded, found.frames, found.n_intervals) == (1.0, 1180, 1200, 4)
    # the first gap, the end at 700, and two tracks that pass the frames that could not be decoded
    assert (found.tracks, found.breaks) == (3, 1 + 1 + 2)
    assert found.fewer == pytest.approx(60 / 1180)
    assert found.clean == pytest.approx(1 - 91 / 1180)
    assert found.expected_over_time[BINS // 10] == 0.0


def test_without_a_number_the_most_frequent_one_is_expected(tmp_path: Path) -> None:
    def third(frame: int, animal: int) -> Any:
        return sound(frame, animal) if animal < 2 or frame < 30 else None

    found = judge_video(write_video(tmp_path, third, n_animals=3))
    assert (found.n_animals, found.is_assumed) == (2, True)
    assert found.more == pytest.approx(30 / N_FRAMES)


def test_a_release_that_finds_little_or_nothing_is_not_as_expected(tmp_path: Path) -> None:
    blind = judge_video(write_video(tmp_path / "blind", lambda frame, animal: None))
    assert (blind.n_animals, blind.is_assumed, blind.as_expected, blind.clean) == (1, True, 0.0, 0.0)
    rare = judge_video(write_video(tmp_path / "rare", lambda f, a: sound(f, a) if f % 3 == 0 else None))
    assert (rare.n_animals, rare.more) == (2, 0.0)
    assert rare.fewer == pytest.approx(2 / 3)


def test_a_body_part_that_flips_is_no_jump_of_the_animal(tmp_path: Path) -> None:
    def flips(frame: int, animal: int) -> Any:
        points, score, track = sound(frame, animal)
        points[0] += 80.0 * (frame % 2)
        return points, score, track

    assert judge_video(write_video(tmp_path, flips), 2).jumps == 0.0


def test_jumps_of_animals_without_tracks_are_not_known(tmp_path: Path) -> None:
    assert np.isnan(judge_video(write_video(tmp_path, lambda f, a: (*sound(f, a)[:2], None)), 2).jumps)
    assert judge_video(write_video(tmp_path / "one", lambda f, a: (*sound(f, a)[:2], None), 1), 1).jumps == 0.0

    def third(frame: int, animal: int) -> Any:
        """An animal too many for a moment: the tracker has no name left for it."""
        if animal < 2:
            return sound(frame, animal)
        return (*sound(frame, animal)[:2], None) if frame == 7 else None

    assert judge_video(write_video(tmp_path / "more", third, 3), 2).jumps == 0.0


def test_nothing_found_and_nothing_decoded_are_told(tmp_path: Path) -> None:
    nothing = judge_video(write_video(tmp_path / "a", lambda frame, animal: None), 2)
    assert (nothing.as_expected, nothing.fewer, nothing.tracks) == (0.0, 1.0, 0)
    assert np.isnan(nothing.score_median)
    dark = judge_video(write_video(tmp_path / "b", lost=range(N_FRAMES)), 2)
    assert np.isnan(dark.clean) and dark.decoded == 0
    assert judge_video(write_video(tmp_path / "c", n=0), 2).frames == 0


def test_blocks_of_any_size_tell_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    random = np.random.default_rng(0)
    lost = random.random((N_FRAMES, 2)) < 0.1
    away = random.random((N_FRAMES, 2)) < 0.02

    def rough(frame: int, animal: int) -> Any:
        points, score, track = sound(frame, animal)
        return None if lost[frame, animal] else (points + 70.0 * away[frame, animal], score, track)

    write_video(tmp_path, rough, lost=range(300, 340))
    whole = judge_video(tmp_path, 2)
    assert whole.jumps > 10
    blocks, no_series = quality._blocks, {"score_over_time": [], "expected_over_time": []}
    for size in (1, 7, 256):
        monkeypatch.setattr(quality, "_blocks", lambda folder, size=size: blocks(folder, size))
        found = judge_video(tmp_path, 2)
        assert replace(found, **no_series) == replace(whole, **no_series)
        np.testing.assert_allclose(found.score_over_time, whole.score_over_time)
        np.testing.assert_allclose(found.expected_over_time, whole.expected_over_time)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.booleans(), max_size=300), st.integers(1, 40))
def test_intervals_cover_exactly_the_flagged_frames(flags: list[bool], size: int) -> None:
    frames, flagged = np.arange(len(flags)), np.array(flags, bool)
    runs = Runs("why")
    for begin in range(0, len(flags), size):
        runs.add(frames[begin : begin + size], flagged[begin : begin + size])
    found = runs.longest()
    assert sum(one.flagged for one in found) == flagged.sum() or runs.count > MOST_KEPT
    for one in found:
        assert flagged[one.first] and flagged[one.last]
        assert flagged[one.first : one.last + 1].sum() == one.flagged
