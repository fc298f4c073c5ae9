"""Reading from any frame on gives the frames of reading all, to the bit, and decodes few others where that is safe."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest

from posewright.samples.sources.pictures import Unproven, sure_pictures
from posewright.samples.video import Frame, open_frames

from .films import N_FRAMES, film, run

H264 = "-c:v libx264 -pix_fmt yuv420p -threads 1"
HEVC = "-c:v libx265 -pix_fmt yuv420p -tag:v hvc1 -x265-params log-level=error:pools=none:frame-threads=1"
STARTS = (1, 13, 24, 37, 59, 70)
GROUP = 6  #: frames of a group of pictures
TICKS = 512  #: of a frame, in an mp4 of 20 frames per second

#: Films whose first frames need not be decoded.
CLOSED = {
    "b_frames.mp4": f"{H264} -g 6 -bf 2",
    "b_frames.mkv": f"{H264} -g 6 -bf 3 -x264-params b-pyramid=normal",
    "no_b_frames.mp4": f"{H264} -g 6 -bf 0",
    "fragments.mp4": f"{H264} -g 6 -bf 2 -movflags frag_keyframe+empty_moov",
    "slices.mp4": f"{H264} -g 6 -x264-params slices=4",
    "negative.mp4": f"{H264} -g 6 -bf 2 -output_ts_offset -1.7 -avoid_negative_ts disabled -use_editlist 0",
    "closed_gop.mp4": f"{HEVC}:open-gop=0:keyint=6:bframes=2",
    "motion_jpeg.avi": "-c:v mjpeg -q 3",
    "raw.avi": "-c:v rawvideo -pix_fmt bgr24",
}

#: Films of which nothing can be left out, whatever their key frames say.
OPEN = {
    "open_gop.mp4": f"{H264} -x264-params open-gop=1:keyint=6:min-keyint=1:bframes=3:b-pyramid=normal:scenecut=0",
    "open_gop.hevc.mp4": f"{HEVC}:open-gop=1:keyint=6:bframes=3",
    "one_gop.mp4": f"{H264} -g 999 -bf 2",
    "refresh.mp4": f"{H264} -x264-params intra-refresh=1:keyint=6",
    "mpeg4.mp4": "-c:v mpeg4 -g 6 -bf 2 -q 3",
    "vp8.webm": "-c:v libvpx -g 6 -auto-alt-ref 1 -lag-in-frames 10 -threads 1",
    "mpeg2.ts": "-c:v mpeg2video -g 6 -bf 2 -q 3",
    "states.mkv": "-c:v ffv1 -g 6 -context 1",
}


def assert_starts_anywhere(path: Path) -> list[Frame]:
    """Compare reading from each of `STARTS` on with reading all; return the frames."""
    whole = list(open_frames(path))
    for start in STARTS:
        part = list(open_frames(path, start))
        assert [frame.index for frame in part] == [frame.index for frame in whole[start:]]
        for ours, theirs in zip(part, whole[start:], strict=True):
            np.testing.assert_equal(ours.time_s, theirs.time_s)
            np.testing.assert_array_equal(ours.image, theirs.image)
    return whole


def n_decoded(path: Path, start: int) -> int | None:
    """Return how many pictures came out of the decoder to read from a frame on; None where they were not sure."""
    with av.open(str(path)) as container:
        try:
            found = [picture for picture, _ in sure_pictures(container, container.streams.video[0], start)]
        except Unproven:
            return None
    return sum(picture is not None for picture in found)


def restamped(source: Path, path: Path, change: Callable[[int, int, int], tuple[int, int]]) -> Path:
    """Copy an mp4 with other stamps: place in the file, presentation and decoding stamp -> those two."""
    with av.open(str(source)) as read, av.open(str(path), "w", options={"use_editlist": "0"}) as written:
        stream = written.add_stream_from_template(read.streams.video[0])
        for place, packet in enumerate(packet for packet in read.demux(video=0) if packet.size):
            packet.pts, packet.dts = change(place, int(packet.pts or 0), int(packet.dts or 0))
            packet.stream = stream
            written.mux(packet)
    return path


@pytest.fixture(scope="module")
def b_frames(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("film") / "film.mp4", CLOSED["b_frames.mp4"])


@pytest.mark.parametrize("name", CLOSED)
def test_closed_groups_before_the_start_are_not_decoded(tmp_path: Path, name: str) -> None:
    path = film(tmp_path / name, CLOSED[name])
    assert len(assert_starts_anywhere(path)) == N_FRAMES
    assert (n_decoded(path, 0), n_decoded(path, 1)) == (N_FRAMES, N_FRAMES)
    for start in STARTS[1:-1]:
        found = n_decoded(path, start)
        assert found is not None and N_FRAMES - start < found < N_FRAMES - start + 3 * GROUP


@pytest.mark.parametrize("name", OPEN)
def test_other_films_are_decoded_from_their_beginning(tmp_path: Path, name: str) -> None:
    path = film(tmp_path / name, OPEN[name])
    assert len(assert_starts_anywhere(path)) == N_FRAMES
    assert n_decoded(path, 59) in (None, N_FRAMES)


def test_two_frames_of_one_stamp_are_two_frames(b_frames: Path, tmp_path: Path) -> None:
    def twice(place: int, pts: int, dts: int) -> tuple[int, int]:
        return pts - TICKS * (pts // TICKS % GROUP == 4), dts - TICKS

    path = restamped(b_frames, tmp_path / "twice.mp4", twice)
    times_s = [frame.time_s for frame in assert_starts_anywhere(path)]
    assert (len(times_s), len(set(times_s))) == (N_FRAMES, N_FRAMES - 10)
    assert (n_decoded(path, 59) or N_FRAMES) < N_FRAMES


def test_stamps_that_belong_to_other_frames_are_noticed(b_frames: Path, tmp_path: Path) -> None:
    path = restamped(b_frames, tmp_path / "coded.mp4", lambda place, pts, dts: (dts, dts))
    assert_starts_anywhere(path)
    assert n_decoded(path, 37) is None


def test_settings_that_change_are_noticed(b_frames: Path, tmp_path: Path) -> None:
    other = film(tmp_path / "other.mp4", f"{H264} -g 6 -bf 0 -refs 1 -crf 40 -preset ultrafast")
    parts = tmp_path / "list.txt"
    parts.write_text(f"file '{b_frames}'\nfile '{other}'\n")
    for name in ("joined.mp4", "joined.mkv"):
        run("-f", "concat", "-safe", "0", "-i", str(parts), "-c", "copy", str(tmp_path / name))
        assert len(assert_starts_anywhere(tmp_path / name)) == 2 * N_FRAMES
        found = n_decoded(tmp_path / name, 110)
        assert found is not None and N_FRAMES < found < 2 * N_FRAMES  # all of the second part, not all of the first


def test_a_film_cut_without_coding_it_again_begins_where_its_edit_list_says(b_frames: Path, tmp_path: Path) -> None:
    run("-ss", "0.83", "-i", str(b_frames), "-c", "copy", str(tmp_path / "cut.mp4"))
    frames = assert_starts_anywhere(tmp_path / "cut.mp4")
    assert len(frames) == 43 and frames[0].time_s == 0.0


def test_damage_costs_what_it_costs_in_the_whole_film(b_frames: Path, tmp_path: Path) -> None:
    content = b_frames.read_bytes()
    chance, begin = np.random.default_rng(0), content.index(b"mdat") + 50
    n_hurt = 0
    for trial in range(12):
        place, length = int(chance.integers(begin, len(content) - 2500)), int(chance.choice([1, 4, 40, 600, 3000]))
        damaged = bytearray(content)
        damaged[place : place + length] = chance.bytes(length) if trial % 2 else bytes(length)
        path = tmp_path / f"{trial}.mp4"
        path.write_bytes(damaged)
        n_hurt += any(frame.image is None for frame in assert_starts_anywhere(path))
    assert n_hurt > 6


def test_no_picture_is_shown_before_what_it_is_made_of_has_come(b_frames: Path, tmp_path: Path) -> None:
    with av.open(str(b_frames)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        later = [(packet.pos, packet.size) for packet in packets[36:54] if packet.pts > packet.dts + TICKS]
    content = b_frames.read_bytes()
    for place, size in later:
        damaged = bytearray(content)
        damaged[place + size // 2 : place + size // 2 + 8] = bytes(8)
        path = tmp_path / f"{place}.mp4"
        path.write_bytes(damaged)
        whole = list(open_frames(path))
        for ours in open_frames(path, 36):
            np.testing.assert_array_equal(ours.image, whole[ours.index].image)


def test_a_film_that_breaks_off_ends_alike_from_any_start(tmp_path: Path) -> None:
    whole = film(tmp_path / "whole.mp4", CLOSED["fragments.mp4"]).read_bytes()
    for part in (0.5, 0.7, 0.9):
        path = tmp_path / f"{part}.mp4"
        path.write_bytes(whole[: int(part * len(whole))])
        assert 20 < len(assert_starts_anywhere(path)) < N_FRAMES


def test_what_is_kept_while_looking_has_a_limit(b_frames: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("posewright.samples.sources.entrance.MOST_KEPT_BYTES", 9_000)
    assert_starts_anywhere(b_frames)
    found = n_decoded(b_frames, 59)
    assert found is not None and found > 4 * GROUP
