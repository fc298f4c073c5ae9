"""A film with poses drawn has the frames of the video, animals in the colour of their track, and opens anywhere."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest

from posewright import cli
from posewright.errors import InputError
from posewright.prediction.poses import POSES_NAME, PosesWriter
from posewright.report.overlay_film import _poses, overlay_film
from posewright.shapes import PoseBatch

from .make_videos import N_FRAMES, STICK, publish_video


def read(path: Path) -> tuple[list[np.ndarray], str, float]:
    """Return the frames, the codec, and the rate."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [picture.to_ndarray(format="rgb24") for picture in container.decode(stream)]
        return frames, stream.codec_context.name, float(stream.average_rate or 0)


def test_the_film_shows_each_frame_with_its_poses(tmp_path: Path) -> None:
    publish_video(tmp_path / "a", tmp_path / "film", faults=1)  # eight frames with one animal
    assert overlay_film(tmp_path / "a", tmp_path / "film", tmp_path / "out.mp4") == N_FRAMES
    frames, codec, rate = read(tmp_path / "out.mp4")
    assert (len(frames), codec, rate) == (N_FRAMES, "h264", pytest.approx(30.0))
    assert max(frames[0].shape[:2]) == 640
    below = [frame[frame.shape[0] * 6 // 10 :].astype(int) for frame in frames]  # where the second animal walks
    coloured = [int((part.max(axis=2) - part.min(axis=2) > 60).sum()) for part in below]
    assert max(coloured[:7]) < 0.1 * min(coloured[9:])


def test_a_part_of_it_and_the_console(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    publish_video(tmp_path / "a", tmp_path / "film", faults=0)
    words = ["overlay", str(tmp_path / "a"), "--film", str(tmp_path / "film"), "--start", "10", "--stop", "25"]
    with pytest.raises(SystemExit) as end:
        cli.main(words)
    assert end.value.code == 0
    assert "overlay.mp4: 15 frames" in capsys.readouterr().out
    assert len(read(tmp_path / "a" / "overlay.mp4")[0]) == 15


def test_animals_without_a_track_are_drawn_beside_those_with_one(tmp_path: Path) -> None:
    with PosesWriter(tmp_path / POSES_NAME, STICK) as poses:
        for frame, tracks in ((0, ["a", "b"]), (1, [None, "a", None])):
            points = np.full((len(tracks), 2, 2), 1.0) + np.arange(len(tracks))[:, None, None]
            found = PoseBatch(points, np.zeros(len(tracks), np.int64), 1, np.ones((len(tracks), 2)))
            poses.add_poses([frame], [frame / 30], found, tracks)
    (_, first), (_, second) = _poses(tmp_path)
    assert first[:, 0, 0].tolist() == [1, 2]
    np.testing.assert_array_equal(second[:, 0, 0], [2, np.nan, 1, 3])  # a keeps its row and its colour, b is not there


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--start", "9", "--stop", "9"], "--stop 9 does not lie behind --start 9; correct one of them."),
        (["--start", "-5"], "invalid whole number from 0 value: '-5'"),
    ],
)
def test_a_range_without_frames_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], words: list[str], sentence: str
) -> None:
    with pytest.raises(SystemExit) as end:
        cli.main(["overlay", str(tmp_path / "a"), *words])
    assert end.value.code == 2
    assert sentence in capsys.readouterr().err


def test_faults_are_sentences_and_leave_no_film(tmp_path: Path) -> None:
    publish_video(tmp_path / "a", tmp_path / "film", faults=0)
    for folder, film, start, sentence in (
        ("b", "film", 0, "has no poses.parquet"),
        ("a", "elsewhere.mp4", 0, "name the film with --film"),
        ("a", "film", 500, "give another range"),
    ):
        with pytest.raises(InputError, match=sentence):
            overlay_film(tmp_path / folder, tmp_path / film, tmp_path / "out.mp4", start)
        assert not (tmp_path / "out.mp4").exists()
