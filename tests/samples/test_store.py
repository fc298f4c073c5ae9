from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import sleap_io

from posewright.errors import InputError, InputProblems
from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.skeleton import Skeleton
from posewright.samples.store import FrameStore, store_frames
from posewright.shapes import Size

SKELETON = Skeleton(("a",))


def labels_of(videos: list[VideoRef], frames: list[tuple[int, int]]) -> LabelSet:
    labelled = tuple(LabeledFrame(video, frame, np.zeros((1, 1, 2)), (None,)) for video, frame in frames)
    return LabelSet(SKELETON, tuple(videos), labelled)


def test_stored_frames_equal_the_video_bit_for_bit(shared_data: Path, tmp_path: Path) -> None:
    paths = [shared_data / "tiny/robot.mp4", shared_data / "flies-pair/video.mp4"]
    keys = [(0, 3), (0, 80), (1, 0), (1, 57)]
    store_frames(labels_of([VideoRef(str(p), p) for p in paths], keys), tmp_path / "store.json")
    store = FrameStore(tmp_path / "store.json")
    assert store.keys == tuple(keys)
    assert store.channels == 3
    assert store.size_of((0, 3)) == Size(320, 560)
    videos = [sleap_io.load_video(path.as_posix()) for path in paths]
    for video, frame in keys:
        np.testing.assert_array_equal(store[video, frame], videos[video][frame])
    assert (0, 4) not in store
    with pytest.raises(KeyError):
        store[0, 4]


def test_embedded_frames_come_from_the_label_file(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "tiny/two_flies_one_frame.pkg.slp"
    labels = sleap_io.load_slp(path.as_posix())
    video, frame = labels.videos[0], labels[0].frame_idx
    store_frames(labels_of([VideoRef("flies.mp4", path, video)], [(0, frame)]), tmp_path / "store.json")
    np.testing.assert_array_equal(FrameStore(tmp_path / "store.json")[0, frame], video[frame])


def test_all_that_cannot_be_read_is_told_at_once_and_nothing_is_written(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "tiny/robot.mp4"
    videos = [VideoRef("Z:/lab/cam0.mp4", None), VideoRef(str(path), path)]
    with pytest.raises(InputProblems) as caught:
        store_frames(labels_of(videos, [(0, 0), (1, 5), (1, 900)]), tmp_path / "store.json")
    assert len(caught.value.problems) == 2
    assert "Z:/lab/cam0.mp4" in str(caught.value)
    assert "900" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_store_sent_to_a_worker_takes_no_pixels_along(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "tiny/robot.mp4"
    store_frames(labels_of([VideoRef(str(path), path)], [(0, 0), (0, 1)]), tmp_path / "store.json")
    store = FrameStore(tmp_path / "store.json")
    image = store[0, 1]
    sent = pickle.dumps(store)
    assert len(sent) < 10_000
    np.testing.assert_array_equal(pickle.loads(sent)[0, 1], image)
    with pytest.raises(ValueError, match="read-only"):
        image[0] = 0


def test_a_cut_pixel_file_is_refused(shared_data: Path, tmp_path: Path) -> None:
    path = shared_data / "tiny/robot.mp4"
    store_frames(labels_of([VideoRef(str(path), path)], [(0, 0)]), tmp_path / "store.json")
    (tmp_path / "frames.u8").write_bytes(b"123")
    with pytest.raises(InputError, match="size"):
        FrameStore(tmp_path / "store.json")


def test_labels_without_frames_make_an_empty_store(tmp_path: Path) -> None:
    store_frames(labels_of([], []), tmp_path / "store.json")
    store = FrameStore(tmp_path / "store.json")
    assert len(store) == 0
    assert store.channels == 1
