"""Containers and codecs: frames are those SLEAP shows, with honest numbers and times."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
import sleap_io

from posewright.samples.sources.base import reencode_command
from posewright.samples.sources.film import Film
from posewright.samples.video import Frame, VideoFault, glimpses, open_frames, probe

from .films import FPS, N_FRAMES, film, run, with_index

H264 = "-c:v libx264 -pix_fmt yuv420p"
FILMS = {
    "plain.mp4": f"{H264} -bf 0",
    "b_frames.mp4": f"{H264} -bf 3 -g 12",
    "open_gop.mp4": f"{H264} -x264-params open-gop=1:keyint=12:bframes=3:b-pyramid=normal",
    "open_gop.mkv": f"{H264} -x264-params open-gop=1:keyint=12:bframes=3:b-pyramid=normal",
    "b_frames.avi": f"{H264} -bf 2",
    "mpeg2_open_gop.avi": "-c:v mpeg2video -bf 2 -g 12",
    "divx_b_frames.avi": "-c:v mpeg4 -bf 2 -q 3",
    "motion_jpeg.avi": "-c:v mjpeg -q 3",
    "raw_rgb.avi": "-c:v rawvideo -pix_fmt bgr24",
    "raw_gray.avi": "-c:v rawvideo -pix_fmt gray",
    "rgb.mp4": "-c:v libx264rgb -qp 0",
    "ten_bit.mp4": "-c:v libx264 -pix_fmt yuv420p10le",
    "gray_16_bit.mkv": "-c:v ffv1 -pix_fmt gray16le",
    "rgb_16_bit.mkv": "-c:v ffv1 -pix_fmt gbrp16le",
}


def read(path: Path) -> list[Frame]:
    return list(open_frames(path))


def lost(frames: list[Frame]) -> list[int]:
    return [frame.index for frame in frames if frame.image is None]


@pytest.mark.parametrize("name", FILMS)
def test_every_frame_is_there_and_is_the_one_sleap_shows(tmp_path: Path, name: str) -> None:
    path = film(tmp_path / name, FILMS[name])
    info, frames = probe(path), read(path)
    assert [frame.index for frame in frames] == list(range(N_FRAMES))
    assert lost(frames) == []
    assert (info.fps, info.channels) == (FPS, 1 if "gray" in name else 3)
    np.testing.assert_allclose([frame.time_s for frame in frames], np.arange(N_FRAMES) / FPS, atol=1e-3)
    reference = sleap_io.load_video(path.as_posix())
    for index in (41, 7, 0, 59, 23):  # not in order: SLEAP has to seek
        np.testing.assert_array_equal(frames[index].image, reference[index])


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_flags_are_obeyed_as_sleap_does(tmp_path: Path, degrees: int) -> None:
    flat = film(tmp_path / "flat.mp4", H264)
    path = tmp_path / "turned.mp4"
    run("-display_rotation", str(degrees), "-i", str(flat), "-c", "copy", str(path))
    info, reference = probe(path), sleap_io.load_video(path.as_posix())
    assert (info.size.height, info.size.width) == ((120, 160) if degrees == 180 else (160, 120))
    np.testing.assert_array_equal(read(path)[31].image, reference[31])
    assert not np.array_equal(read(path)[31].image, read(flat)[31].image)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_times_of_a_variable_rate_are_those_of_ffprobe(tmp_path: Path, suffix: str) -> None:
    uneven = "select='not(mod(n,7))+not(mod(n,3))+between(n,30,40)'"
    path = film(tmp_path / f"uneven.{suffix}", f"{H264} -bf 2", filters=uneven)
    frames = read(path)
    kept = [n for n in range(N_FRAMES) if n % 7 == 0 or n % 3 == 0 or 30 <= n <= 40]
    np.testing.assert_allclose([frame.time_s for frame in frames], np.array(kept) / FPS, atol=1e-3)
    if shutil.which("ffprobe") is None:
        pytest.skip("NOT COMPARED WITH FFPROBE: install ffmpeg (apt-get install ffmpeg)")
    words = ["-v", "error", "-select_streams", "v:0", "-show_entries", "frame=pts_time", "-of", "json", str(path)]
    told = json.loads(subprocess.run(["ffprobe", *words], capture_output=True, check=True).stdout)["frames"]
    times_s = np.array([float(frame["pts_time"]) for frame in told])
    np.testing.assert_allclose([frame.time_s for frame in frames], times_s - times_s[0], atol=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        lambda entries: [],
        lambda entries: [bytes(16)] * len(entries),
        lambda entries: entries[::-1],
        lambda entries: [a[:8] + b[8:] for a, b in zip(entries, [*entries[1:], entries[-1]], strict=True)],
        lambda entries: entries[:20] + entries[21:],
    ],
    ids=["none", "zeros", "reversed", "shifted", "one lacking"],
)
def test_an_avi_with_a_broken_index_gives_all_its_frames(tmp_path: Path, change: object) -> None:
    whole = film(tmp_path / "whole.avi", FILMS["motion_jpeg.avi"])
    broken = with_index(whole, tmp_path / "broken.avi", change)  # type: ignore[arg-type]
    for ours, theirs in zip(read(broken), read(whole), strict=True):
        np.testing.assert_array_equal(ours.image, theirs.image)
        assert ours.time_s == theirs.time_s


def test_a_lost_picture_of_an_avi_takes_its_number(tmp_path: Path) -> None:
    whole = film(tmp_path / "whole.avi", FILMS["motion_jpeg.avi"])
    content = bytearray(whole.read_bytes())
    place = content.index(b"movi")
    for _ in range(31):
        place = content.index(b"00dc", place + 1)
    length = int.from_bytes(content[place + 4 : place + 8], "little")
    content[place + 8 : place + 8 + length] = bytes(length)  # frame 30, its frame in the container left whole
    damaged = tmp_path / "damaged.avi"
    damaged.write_bytes(content)
    frames, reference = read(damaged), read(whole)
    assert lost(frames) == [30]
    assert len(frames) == N_FRAMES
    np.testing.assert_array_equal(frames[31].image, reference[31].image)


def test_no_rate_means_no_times(tmp_path: Path) -> None:
    raw = film(tmp_path / "raw.h264", f"{H264} -bf 2")
    content = bytearray(film(tmp_path / "whole.avi", FILMS["motion_jpeg.avi"]).read_bytes())
    stream, main = content.index(b"vids"), content.index(b"avih")
    content[stream + 20 : stream + 28] = bytes(8)
    (tmp_path / "half.avi").write_bytes(content)
    content[main + 8 : main + 12] = bytes(4)
    (tmp_path / "zero.avi").write_bytes(content)
    for path in (raw, tmp_path / "zero.avi"):
        assert probe(path).fps == 0
        frames = read(path)
        assert [frame.index for frame in frames] == list(range(N_FRAMES))
        assert np.isnan([frame.time_s for frame in frames]).all()
    assert probe(tmp_path / "half.avi").fps == FPS  # the file's header tells what the stream's does not


def test_the_command_that_is_offered_gives_the_same_frames(tmp_path: Path) -> None:
    path = film(tmp_path / "it's b frames.avi", FILMS["divx_b_frames.avi"])
    command = reencode_command(path).replace("ffmpeg", imageio_ffmpeg.get_ffmpeg_exe(), 1)
    subprocess.run(["sh", "-c", command], check=True, capture_output=True)
    made = read(tmp_path / "it's b frames.reencoded.mp4")
    for ours, theirs in zip(made, read(path), strict=True):
        assert ours.image is not None and theirs.image is not None
        assert np.abs(ours.image.astype(int) - theirs.image).mean() < 4
    with pytest.raises(VideoFault, match="re-encode it: ffmpeg -i"):
        (tmp_path / "letter.mp4").write_bytes(b"no film\n" * 99)
        probe(tmp_path / "letter.mp4")


@pytest.mark.parametrize("name", FILMS)
def test_a_glimpse_shows_what_reading_shows(name: str, tmp_path: Path) -> None:
    path = film(tmp_path / name, FILMS[name])
    frames = [frame for frame in read(path) if frame.image is not None]
    wanted = {frames[i].index: frames[i] for i in (0, 1, 17, 30, 31, len(frames) - 1)}
    seen = glimpses(path, {index: frame.time_s for index, frame in wanted.items()})
    assert seen.keys() == wanted.keys()
    for index, frame in wanted.items():
        assert frame.image is not None
        np.testing.assert_array_equal(seen[index], frame.image)


def test_a_glimpse_seeks_where_it_can_and_never_shows_another_frame(tmp_path: Path) -> None:
    path = film(tmp_path / "film.mp4", FILMS["b_frames.mp4"])
    assert Film(path).glimpses({10: 0.5 + 0.3 / FPS}) == {}  # no frame has this time
    assert Film(path).glimpses({10: float("nan")}) is None  # nothing to seek by
    assert list(glimpses(path, {10: float("nan")})) == [10]
    assert Film(film(tmp_path / "film.avi", FILMS["motion_jpeg.avi"])).glimpses({10: 0.5}) is None
