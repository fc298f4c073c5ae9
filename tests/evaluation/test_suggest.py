"""Suggestions: frames where something is wrong, spread over videos, none twice, none of the test; SLEAP opens them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import sleap_io
from hypothesis import given
from hypothesis import strategies as st

from posewright.config.labels import SplitConfig
from posewright.config.sheet import VideoRow
from posewright.config.videos import SuggestConfig
from posewright.evaluation.videos.candidates import Candidate, best_of_video, spread
from posewright.evaluation.videos.suggest import Asked, suggest_frames
from posewright.files import read_json
from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.sides import Dealer
from posewright.samples.store import store_frames

from .published import MOUSE, film, publish, walkers
from .test_disagreement import view

N_FRAMES = 120
WRONG = {"a": range(30, 40), "b": range(70, 72), "c": range(0)}  #: frames where the second release errs


def erring(video: str, px: float = 15.0) -> Callable[[int], np.ndarray]:
    """Return the poses of a release that is wrong on some frames, more so the later they are."""

    def poses(frame: int) -> np.ndarray:
        moved = px + 0.1 * frame if frame in WRONG[video] else 0.2
        return walkers(frame) + moved

    return poses


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three videos of walking mice, predicted by two releases that differ on some frames."""
    root = tmp_path_factory.mktemp("project")
    for video in WRONG:
        film(root / "videos" / f"{video}.mp4", walkers, N_FRAMES)
        publish(root / "right" / video, walkers, N_FRAMES)
        publish(root / "wrong" / video, erring(video), N_FRAMES, scores=lambda frame: 0.3 if frame == 50 else 0.9)
    return root


def rows(root: Path) -> list[VideoRow]:
    return [VideoRow(video, str(root / "videos" / f"{video}.mp4"), n_animals=2) for video in WRONG]


def suggest(root: Path, out: Path, count: int = 4, apart: int = 5, **more: object) -> dict[str, object]:
    """Run the stage and return what it says."""
    words = {"labels": None, "split": SplitConfig(by="video"), "remembered": {}, "store": None, **more}
    releases = words.pop("releases", ["right", "wrong"])
    asked = Asked(rows(root), [root / str(name) for name in releases], SuggestConfig(count=count, apart_frames=apart))
    suggest_frames(asked=asked, out=out / "suggestions.json", **words)  # type: ignore[arg-type]
    found: dict[str, object] = read_json(out / "suggestions.json")
    return found


def keys(found: dict[str, object]) -> list[tuple[str, int]]:
    return [(one["video"], one["frame"]) for one in found["frames"]]  # type: ignore[attr-defined]


def test_the_frames_that_differ_come_first_and_from_all_videos(published: Path, tmp_path: Path) -> None:
    found = suggest(published, tmp_path, count=3)
    assert found["way"] == "disagreement"
    assert set(keys(found)[:2]) == {("a", 39), ("b", 71)}  # the worst of each, before the second of either
    assert all(frame in WRONG[video] for video, frame in keys(found)[:3])


def test_suggestions_open_with_the_first_release_s_poses(published: Path, tmp_path: Path) -> None:
    found = suggest(published, tmp_path)
    labels = sleap_io.load_slp((tmp_path / str(found["file"])).as_posix())
    names = {video: str(published / "videos" / f"{video}.mp4") for video in WRONG}
    told = [(one.video.filename, one.frame_idx) for one in labels.suggestions]
    assert told == [(names[video], frame) for video, frame in keys(found)]
    of_key = {(one.video.filename, one.frame_idx): one for one in labels.labeled_frames}
    assert len(of_key) == len(keys(found))
    for video, number in keys(found):
        frame = of_key[names[video], number]
        assert not frame.user_instances
        assert all(one.track is None for one in frame.predicted_instances)
        points = np.stack([one.numpy() for one in frame.predicted_instances])
        np.testing.assert_allclose(points, walkers(number), atol=1e-4)
    assert labels.videos[0].shape == (N_FRAMES, 200, 400, 1)
    assert labels.skeletons[0].node_names == list(MOUSE.nodes)


def test_one_release_alone_says_where_it_doubts(published: Path, tmp_path: Path) -> None:
    found = suggest(published, tmp_path, count=3, releases=["wrong"])
    assert found["way"] == "doubt"
    assert {frame for _, frame in keys(found)} <= {50, 30, 40, 70, 72}  # low scores and jumps


def test_corrections_are_never_taken_away(published: Path, tmp_path: Path) -> None:
    first = suggest(published, tmp_path)
    file = tmp_path / str(first["file"])
    file.write_bytes(b"corrected by a person")
    assert suggest(published, tmp_path)["file"] == first["file"]
    assert suggest(published, tmp_path, count=2)["file"] != first["file"]
    assert file.read_bytes() == b"corrected by a person"


def labelled(root: Path, frames: list[tuple[int, int]]) -> LabelSet:
    videos = tuple(VideoRef(row.path, Path(row.path)) for row in rows(root))
    return LabelSet(MOUSE, videos, tuple(LabeledFrame(v, f, walkers(f), (None, None)) for v, f in frames))


def test_test_frames_and_labelled_ones_are_not_suggested(published: Path, tmp_path: Path) -> None:
    labels = labelled(published, [(0, 33), (1, 10), (2, 10)])
    by_video = suggest(published, tmp_path / "v", labels=labels, remembered={"a.mp4": "test", "b.mp4": "train"})
    assert by_video["videos_of_test"] == ["a"]
    assert "a" not in {video for video, _ in keys(by_video)}
    near = suggest(published, tmp_path / "l", labels=labels, remembered={}, split=SplitConfig(by="video", test=0.0))
    assert all(abs(frame - 33) >= 5 for video, frame in keys(near) if video == "a")
    split = SplitConfig(by="block", block_frames=10, test=0.4)
    by_block = suggest(published, tmp_path / "b", count=20, labels=labels, split=split)
    dealer = Dealer("block", split.val, split.test, 1, 0)
    places = {dealer.place(f"{video}.mp4/b{frame // 10}") for video, frame in keys(by_block)}
    assert places == {"train", "val"}


def test_frames_that_look_alike_are_suggested_once(published: Path, tmp_path: Path) -> None:
    still = tmp_path / "still"
    for video in WRONG:
        film(still / "videos" / f"{video}.mp4", lambda frame: walkers(0), N_FRAMES)
        for release in ("right", "wrong"):
            (still / release).mkdir(exist_ok=True)
            (still / release / video).symlink_to(published / release / video)
    found = suggest(still, tmp_path / "out")
    assert len(keys(found)) == 1
    assert "Fewer than the 4" in str(found["text"])
    labels = labelled(still, [(2, 100)])
    store_frames(labels, tmp_path / "store" / "store.json")
    none = suggest(
        still,
        tmp_path / "none",
        labels=labels,
        store=tmp_path / "store" / "store.json",
        split=SplitConfig(by="video", test=0.0),
    )
    assert none["frames"] == []
    assert none["file"] is None


SCORES = st.lists(st.floats(0, 1), min_size=1, max_size=80)


@given(SCORES, st.integers(1, 5), st.integers(1, 9))
def test_the_best_of_a_video_are_apart_and_the_very_best_is_among_them(
    scores: list[float], count: int, apart: int
) -> None:
    stretch = view([walkers(frame) for frame in range(len(scores))])
    values = np.array(scores)
    parts = [(stretch.only(part), values[part]) for part in np.array_split(np.arange(len(scores)), 3) if len(part)]
    found = best_of_video("v", parts, count, apart, lambda frame: frame % 2 == 0)
    frames = [one.frame for one in found]
    assert len(frames) <= count
    assert all(frame % 2 == 0 for frame in frames)
    assert all(abs(a - b) >= apart for a in frames for b in frames if a != b)
    assert [one.score for one in found] == sorted((one.score for one in found), reverse=True)
    best = max((value for value in values[::2]), default=0)
    assert not best or found[0].score == best


@given(st.dictionaries(st.sampled_from("abcd"), st.lists(st.floats(0.01, 1), min_size=1, max_size=6), min_size=1))
def test_spreading_loses_nothing_and_no_video_waits_for_weaker_ones(scores: dict[str, list[float]]) -> None:
    own = {
        video: [Candidate(score, video, 10 * i, 0.0) for i, score in enumerate(sorted(values, reverse=True))]
        for video, values in scores.items()
    }
    order = list(spread(own))
    assert sorted(order) == sorted(one for values in own.values() for one in values)
    firsts = [order.index(values[0]) for values in own.values()]
    best = max(values[0].score for values in own.values())
    assert order[0].score == best
    assert all(place < len(order) for place in firsts)
