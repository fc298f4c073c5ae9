from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import sleap_io

from posewright.samples.video import Frame, VideoFault, open_frames, probe
from posewright.shapes import Size

REAL_VIDEOS = [
    ("tiny/robot.mp4", 3, 166),
    ("flies-pair/video.mp4", 1, 1100),
    ("mouse-openfield/videos/m3v1mp4.mp4", 1, 2330),
]


def write_noise(
    path: Path,
    n: int = 60,
    fps: int = 20,
    container_options: dict[str, str] | None = None,
    times_ms: list[int] | None = None,
    rotation: int = 0,
    suffix: str | None = None,
) -> Path:
    """Write noise, which does not compress: cutting the file cuts pictures, not the header."""
    with av.open(str(path), "w", format=suffix, options=container_options or {}) as container:
        stream = container.add_stream("libx264", rate=fps)
        stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
        stream.options = {"g": "10"}
        stream.codec_context.time_base = Fraction(1, 1000)
        if rotation:
            stream.set_display_rotation(rotation)
        for i in range(n):
            gray = np.random.default_rng(i).integers(0, 120, (96, 128, 1), dtype=np.uint8)
            picture = av.VideoFrame.from_ndarray(np.repeat(gray, 3, axis=2), format="rgb24")
            picture.pts = i * 1000 // fps if times_ms is None else times_ms[i]
            picture.time_base = Fraction(1, 1000)
            container.mux(stream.encode(picture))
        container.mux(stream.encode(None))
    return path


def read(path: Path, **arguments: Any) -> list[Frame]:
    return list(open_frames(path, **arguments))


def lost(path: Path) -> list[int]:
    return [frame.index for frame in read(path) if frame.image is None]


@pytest.mark.parametrize(("name", "channels", "n_frames"), REAL_VIDEOS)
def test_real_frames_equal_those_sleap_io_shows(shared_data: Path, name: str, channels: int, n_frames: int) -> None:
    path = shared_data / name
    info = probe(path)
    assert (info.channels, info.n_frames_hint, info.hint_is_count) == (channels, n_frames, True)
    wanted = [0, 1, 60, 99]
    reference = sleap_io.load_video(path.as_posix())
    ours = read(path, stop=100, only=wanted)
    assert [frame.index for frame in ours] == wanted
    for frame in ours:
        assert frame.image is not None
        assert Size(*frame.image.shape[:2]) == info.size
        np.testing.assert_array_equal(frame.image, reference[frame.index])


def test_start_and_stop_pick_the_same_frames_as_reading_all(tmp_path: Path) -> None:
    path = write_noise(tmp_path / "film.mp4", n=30)
    everything, part = read(path), read(path, start=7, stop=19)
    assert [frame.index for frame in part] == list(range(7, 19))
    for frame in part:
        np.testing.assert_array_equal(frame.image, everything[frame.index].image)
        assert frame.time_s == everything[frame.index].time_s
    assert [frame.index for frame in read(path, start=25, stop=99)] == list(range(25, 30))
    assert read(path, start=30) == []


def test_times_follow_the_stamps_of_a_variable_rate(tmp_path: Path) -> None:
    times_ms = np.cumsum(np.random.default_rng(0).integers(20, 90, 40)).tolist()
    frames = read(write_noise(tmp_path / "variable.mp4", n=40, times_ms=times_ms))
    expected_s = (np.array(times_ms) - times_ms[0]) / 1000
    np.testing.assert_allclose([frame.time_s for frame in frames], expected_s, atol=1e-3)


def test_turned_videos_are_shown_upright(tmp_path: Path) -> None:
    path = write_noise(tmp_path / "phone.mp4", n=3, rotation=90)
    assert probe(path).size == Size(128, 96)
    reference = sleap_io.load_video(path.as_posix())
    np.testing.assert_array_equal(read(path)[2].image, reference[2])


@pytest.mark.parametrize("options", [{"movflags": "faststart"}, {"movflags": "frag_keyframe+empty_moov"}])
def test_a_cut_file_gives_its_frames_up_to_the_cut(tmp_path: Path, options: dict[str, str]) -> None:
    whole = write_noise(tmp_path / "whole.mp4", container_options=options)
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    frames, reference = read(cut), read(whole)
    assert 25 < len(frames) < 45
    assert [frame.index for frame in frames] == list(range(len(frames)))
    for frame in frames[:20]:
        np.testing.assert_array_equal(frame.image, reference[frame.index].image)
    assert probe(whole).n_frames_hint == 60


def test_a_damaged_middle_costs_its_frames_and_moves_no_other(tmp_path: Path) -> None:
    whole = write_noise(tmp_path / "whole.mp4", container_options={"movflags": "faststart"})
    content = bytearray(whole.read_bytes())
    middle = len(content) // 2
    content[middle : middle + 8000] = bytes(8000)
    damaged = tmp_path / "damaged.mp4"
    damaged.write_bytes(content)
    gone = lost(damaged)
    assert gone
    assert 20 < gone[0] <= gone[-1] < 45
    ours, reference = read(damaged), read(whole)
    assert [frame.time_s for frame in ours] == [frame.time_s for frame in reference]
    for i in (*range(20), *range(50, 60)):
        np.testing.assert_array_equal(ours[i].image, reference[i].image)


@pytest.mark.parametrize("suffix", ["mp4", "matroska", "avi", "mpegts"])
def test_whole_files_lose_nothing_in_any_container(tmp_path: Path, suffix: str) -> None:
    path = write_noise(tmp_path / "film.bin", n=25, suffix=suffix)
    assert [frame.index for frame in read(path) if frame.image is not None] == list(range(25))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.mp4", b"", "empty_file"),
        ("notes.mp4", b"this is a letter, not a film\n" * 50, "not_a_video"),
        ("notes.txt", b"this is a letter, not a film\n" * 50, "not_a_video"),
        ("list.mp4", b"#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n", "not_a_video"),
        ("gone.mp4", None, "missing"),
        ("gone/deep.mp4", None, "missing"),
        ("nul\0.mp4", None, "missing"),
    ],
)
def test_unusable_files_are_faults_with_a_reason(tmp_path: Path, name: str, content: bytes | None, reason: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    for use in (probe, read):
        with pytest.raises(VideoFault) as caught:
            use(path)
        assert caught.value.reason == reason
        assert repr(str(path)) in caught.value.message


def test_a_file_without_its_index_is_not_a_video(tmp_path: Path) -> None:
    whole = write_noise(tmp_path / "whole.mp4")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size * 6 // 10])
    with pytest.raises(VideoFault) as caught:
        probe(cut)
    assert caught.value.reason == "not_a_video"


def test_a_film_of_no_pictures_has_no_frames(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        sound = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), format="s16", layout="mono")
        sound.sample_rate = 8000
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with pytest.raises(VideoFault) as caught:
        probe(path)
    assert caught.value.reason == "no_frames"


def test_pipes_and_folders_are_not_videos_and_do_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    for path in (tmp_path / "pipe.mp4", tmp_path):
        with pytest.raises(VideoFault) as caught:
            probe(path)
        assert caught.value.reason == "not_a_video"


def test_a_file_nobody_may_read_is_permission_denied(tmp_path: Path) -> None:
    path = write_noise(tmp_path / "secret.mp4", n=2)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("NOT TESTED: this user may read any file (root); run as another user to test permission_denied")
    with pytest.raises(VideoFault) as caught:
        probe(path)
    assert caught.value.reason == "permission_denied"


def test_a_fault_of_the_machine_is_not_a_fault_of_the_video(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_noise(tmp_path / "film.mp4", n=2)

    def fail(*_: Any, **__: Any) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(Path, "open", fail)
    with pytest.raises(OSError, match="Input/output error"):
        probe(path)


@pytest.mark.parametrize(
    "name",
    [
        "two words.mp4",
        "quo\"te's.mp4",
        "mäuse-鼠.mp4",
        "new\nline.mp4",
        "-i.mp4",
        "concat:a|b.mp4",
        "100%d.mp4",
        "$(x).mp4",
    ],
)
def test_odd_names_are_names(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write_noise(tmp_path / "plain.mp4", n=3).rename(tmp_path / name)
    monkeypatch.chdir(tmp_path)
    assert len(read(Path(name))) == 3
