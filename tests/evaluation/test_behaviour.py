"""Behaviour under two releases: values known by hand, agreement by its definitions, intervals over units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewright.config.sheet import VideoRow
from posewright.evaluation.videos import stretches
from posewright.evaluation.videos.agreement import Agreement, Mean
from posewright.evaluation.videos.behaviour import Settings, compare_behaviour
from posewright.evaluation.videos.units import units_of_rows
from posewright.files import read_json
from posewright.labels.skeleton import Skeleton

from .published import FPS, publish, walkers

N_FRAMES = 60
AS_USUAL = Settings(None, 0.5, 0.95)


def slower(frame: int) -> np.ndarray:
    """The walkers, 4 px closer together and 1 px a frame slower, and only one of them on odd frames."""
    points = walkers(frame) - np.array([1.0 * frame, 0.0])
    points[1, :, 1] -= 4.0
    return points if frame % 2 == 0 else points[:1]


def compare(
    root: Path, n_videos: int, settings: Settings = AS_USUAL, **columns: object
) -> tuple[dict[str, object], pd.DataFrame]:
    """Publish videos under two releases, compare them, and return summary and pairs."""
    rows = []
    for number in range(n_videos):
        video = f"v{number}"
        publish(root / "fast" / video, walkers, N_FRAMES)
        publish(root / "slow" / video, slower, N_FRAMES, lost=[10])
        rows.append(VideoRow(video, f"{video}.mp4", **columns))  # type: ignore[arg-type]
    out = root / "behaviour"
    compare_behaviour(rows=rows, releases=[root / "fast", root / "slow"], settings=settings, out=out)
    summary: dict[str, object] = read_json(out / "summary.json")
    return summary, pd.read_parquet(out / "pairs.parquet").set_index("measure")


@pytest.mark.parametrize("length", [7, 1024])
def test_measures_are_what_they_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, length: int) -> None:
    monkeypatch.setattr(stretches, "STRETCH_FRAMES", length)
    summary, pairs = compare(tmp_path, 1)
    own = pd.read_parquet(tmp_path / "behaviour" / "videos.parquet").set_index(["release", "measure"])
    assert own["mean"]["fast", "speed"] == pytest.approx(2 * FPS, rel=1e-4)
    assert own["mean"]["slow", "speed"] == pytest.approx(FPS, rel=1e-4)
    assert own["mean"]["fast", "distance"] == pytest.approx(100)
    assert own["mean"]["slow", "distance"] == pytest.approx(96)
    assert own["mean"]["fast", "length"] == pytest.approx(40, rel=1e-5)
    assert own["mean"]["fast", "contact"] == 0
    assert summary["body_ends"] == ["nose", "tail"]
    assert own["n_frames"]["fast", "speed"] == N_FRAMES - 1  # the first frame has none before it
    assert own["n_frames"]["slow", "speed"] == N_FRAMES - 3  # nor has the lost one, nor the one after
    assert own["coverage"]["slow", "distance"] == pytest.approx((N_FRAMES / 2 - 1) / N_FRAMES)
    assert pairs["difference"]["distance"] == pytest.approx(4)
    assert pairs["coverage"]["distance"] == pytest.approx((N_FRAMES / 2 - 1) / N_FRAMES)
    assert np.isnan(pairs["low"]).all()
    assert "below 6 units there is no interval; they concern this recording only" in str(summary["units"])
    told = "\n".join(summary["sentences"])  # type: ignore[arg-type]
    assert "Speed: 40 px/s under fast, 20 px/s under slow, +20 px/s (+66.7% of their mean); compared on 95%" in told


def test_contact_is_a_share_of_the_frames_with_two_animals(tmp_path: Path) -> None:
    near = Settings(("nose", "tail"), 2.3, 0.95)  # 92 px; ear and nose are 94.3 and 90.4 px apart
    summary, pairs = compare(tmp_path, 1, near)
    assert pairs["mean_a"]["contact"] == 0
    assert pairs["mean_b"]["contact"] == 1
    assert "100.0% of the time under slow, -100.0 percentage points" in "\n".join(summary["sentences"])  # type: ignore[arg-type]


def test_units_are_the_highest_that_all_rows_declare(tmp_path: Path) -> None:
    rows = [VideoRow("a", "a", session="1", animals=("x", "y")), VideoRow("b", "b", session="1", animals=("z",))]
    joined = [*rows, VideoRow("c", "c", session="2", animals=("z", "y"))]
    assert units_of_rows(rows) == ("animal", {"a": "x", "b": "z"})
    assert units_of_rows(joined) == ("animal", {"a": "x", "b": "x", "c": "x"})
    assert units_of_rows([*rows, VideoRow("c", "c", session="2")]) == ("session", {"a": "1", "b": "1", "c": "2"})
    assert units_of_rows([*rows, VideoRow("c", "c")])[0] == "video"
    summary, pairs = compare(tmp_path, 7)
    assert summary["unit"] == {"kind": "video", "n": 7}
    assert pairs["low"]["distance"] <= 4 <= pairs["high"]["distance"]
    summary, pairs = compare(tmp_path / "one", 7, session="the only one")
    assert summary["unit"] == {"kind": "session", "n": 1}
    assert np.isnan(pairs["low"]).all()


def test_videos_without_poses_are_named_and_left_out(tmp_path: Path) -> None:
    for release in ("fast", "slow"):
        publish(tmp_path / release / "broken", walkers, 0, state="failed")
    rows = [VideoRow("broken", "b.mp4")]
    compare_behaviour(
        rows=rows, releases=[tmp_path / "fast", tmp_path / "slow"], settings=AS_USUAL, out=tmp_path / "out"
    )
    summary = read_json(tmp_path / "out" / "summary.json")
    assert summary["videos_left_out"] == {"broken": "without poses of every release"}
    assert summary["sentences"] == []


def test_a_video_whose_releases_know_other_nodes_is_left_out_and_the_rest_compared(tmp_path: Path) -> None:
    mouse, fly = tmp_path / "mouse", tmp_path / "fly"
    for release in (mouse, fly):
        publish(release / "same", walkers, 12)
    publish(mouse / "other", walkers, 12)
    publish(fly / "other", lambda frame: walkers(frame)[:, :1], 12, skeleton=Skeleton(("wing",)))
    rows = [VideoRow("same", "s.mp4"), VideoRow("other", "o.mp4")]
    compare_behaviour(rows=rows, releases=[mouse, fly], settings=AS_USUAL, out=tmp_path / "out")
    summary = read_json(tmp_path / "out" / "summary.json")
    assert summary["videos_left_out"] == {"other": "its releases know no common node, so they are no pair"}
    assert summary["videos"] == 1
    assert summary["sentences"]


def test_the_ends_of_the_body_come_from_the_first_video_with_animals(tmp_path: Path) -> None:
    def from_the_middle(frame: int) -> np.ndarray:
        points: np.ndarray = walkers(frame)[:, [1, 0, 2]]  # the ends are ear and tail now
        return points

    rows = [VideoRow("empty", "e.mp4"), VideoRow("walk", "w.mp4")]
    for release in ("fast", "slow"):
        publish(tmp_path / release / "empty", lambda frame: np.zeros((0, 3, 2)), 12)
        publish(tmp_path / release / "walk", from_the_middle, 12)
    releases = [tmp_path / "fast", tmp_path / "slow"]
    compare_behaviour(rows=rows, releases=releases, settings=AS_USUAL, out=tmp_path / "out")
    assert read_json(tmp_path / "out" / "summary.json")["body_ends"] == ["ear", "tail"]
    lengths = pd.read_parquet(tmp_path / "out" / "pairs.parquet").set_index("measure")
    assert lengths["mean_a"]["length"] == pytest.approx(40, rel=1e-5)


def test_the_ends_of_the_body_are_usual_nodes_of_its_axis(tmp_path: Path) -> None:
    fly = Skeleton(("wingL", "head", "abdomen", "wingR", "tip"), symmetries=((0, 3),))

    def flies(frame: int) -> np.ndarray:
        one = np.array([[-30.0, 0.0], [0.0, -20.0], [0.0, 20.0], [30.0, 0.0], [0.0, 50.0]])
        if frame % 4:
            one[4] = np.nan  # far out, but seen in a quarter of the frames only
        return np.stack([one, one + 100.0])

    for release in ("fast", "slow"):
        publish(tmp_path / release / "v", flies, 12, skeleton=fly)
    releases = [tmp_path / "fast", tmp_path / "slow"]
    compare_behaviour(rows=[VideoRow("v", "v.mp4")], releases=releases, settings=AS_USUAL, out=tmp_path / "out")
    assert read_json(tmp_path / "out" / "summary.json")["body_ends"] == ["head", "abdomen"]


def test_animals_of_one_node_have_no_length_and_nobody_knows_when_they_touch(tmp_path: Path) -> None:
    spot = Skeleton(("spot",), ())
    for release in ("fast", "slow"):
        publish(tmp_path / release / "v", lambda frame: walkers(frame)[:, :1], 12, skeleton=spot)
    releases = [tmp_path / "fast", tmp_path / "slow"]
    compare_behaviour(rows=[VideoRow("v", "v.mp4")], releases=releases, settings=AS_USUAL, out=tmp_path / "out")
    videos = pd.read_parquet(tmp_path / "out" / "videos.parquet").set_index(["release", "measure"])
    assert videos["n_frames"]["fast", "distance"] == 12
    assert (videos["n_frames"]["fast", "length"], videos["n_frames"]["fast", "contact"]) == (0, 0)


VALUES = st.lists(st.tuples(*[st.one_of(st.just(float("nan")), st.floats(-1e4, 1e4))] * 2), min_size=4, max_size=60)


@given(VALUES, st.integers(1, 7))
def test_agreement_gathered_in_pieces_is_that_of_the_whole(values: list[tuple[float, float]], pieces: int) -> None:
    a, b = np.array(values).T
    gathered, mean = Agreement(), Mean()
    for part in np.array_split(np.arange(len(a)), pieces):
        gathered.add(a[part], b[part])
        mean.add(a[part])
    known = ~np.isnan(a) & ~np.isnan(b)
    assert gathered.n == known.sum()
    assert mean.n == (~np.isnan(a)).sum()
    if known.sum() > 2 and np.ptp(a[known]) > 1 and np.ptp(b[known]) > 1:
        x, y = a[known], b[known]
        assert gathered.correlation == pytest.approx(np.corrcoef(x, y)[0, 1], abs=1e-6)
        lin = 2 * np.cov(x, y, bias=True)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
        assert gathered.concordance == pytest.approx(lin, abs=1e-6)
        assert abs(gathered.concordance) <= abs(gathered.correlation) + 1e-9
