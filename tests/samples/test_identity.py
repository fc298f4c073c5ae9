"""Labelled frames that are not what they say are found and the offset named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
import sleap_io

from posewright.check import check_inputs
from posewright.config.project import load_project
from posewright.errors import InputProblems
from posewright.files import read_json
from posewright.samples.identity import compare_frames, frame_offset, sampled, seeking
from posewright.samples.video import open_frames

from .films import film, with_index

LABELLED = [4, 12, 27, 33, 48, 55]


@pytest.fixture(scope="module")
def jpegs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("identity") / "cam0.avi", "-c:v mjpeg -q 3")


@pytest.fixture(scope="module")
def frames(jpegs: Path) -> dict[int, np.ndarray]:
    return {frame.index: frame.image for frame in open_frames(jpegs) if frame.image is not None}


def label(path: Path, out: Path, embedded_offset: int | None = None) -> Path:
    """Write labels of a film; with an offset, images of frames that much later are embedded."""
    skeleton = sleap_io.Skeleton(["nose", "tail"])
    video = sleap_io.Video.from_filename(path.as_posix())
    labelled = [
        sleap_io.LabeledFrame(
            video=video,
            frame_idx=frame + (embedded_offset or 0),
            instances=[sleap_io.Instance.from_numpy(np.array([[frame, 20.0], [60, 70]]), skeleton=skeleton)],
        )
        for frame in LABELLED
    ]
    embed = False if embedded_offset is None else "user"
    sleap_io.Labels(labelled).save(out.as_posix(), embed=embed, verbose=False)
    if embedded_offset is not None:
        with h5py.File(out, "r+") as file:
            frames = file["frames"][:]
            frames["frame_idx"] -= embedded_offset
            file["frames"][:] = frames
            file["video0/frame_numbers"][:] = file["video0/frame_numbers"][:] - embedded_offset
    return out


def check(folder: Path, labels: Path, **dataset: Any) -> Any:
    settings = {"labels": [str(labels)], "label_source": "human", **dataset}
    split = {"block_frames": 5, "gap_frames": 0, "val": 0.3, "test": 0.3}
    check_inputs(load_project({"datasets": {"data": settings}, "split": split}), "data", folder / "check.json")
    return read_json(folder / "check.json")["labels"]["videos"][0]["frame_check"]


@pytest.mark.parametrize("offset", [-2, -1, 0, 1, 3])
def test_an_image_is_found_among_its_neighbours(frames: dict[int, np.ndarray], offset: int) -> None:
    near = {number: frames[number] for number in range(17, 24)}
    _, packed = cv2.imencode(".jpg", frames[20 + offset], [cv2.IMWRITE_JPEG_QUALITY, 60])
    for image in (frames[20 + offset], cv2.imdecode(packed, cv2.IMREAD_COLOR)):
        assert frame_offset(np.asarray(image, np.uint8), near, 20) == offset


def test_another_picture_is_no_neighbour(frames: dict[int, np.ndarray]) -> None:
    near = {number: frames[number] for number in range(17, 24)}
    assert frame_offset(frames[20][::-1], near, 20) is None
    assert frame_offset(frames[20][:50], near, 20) is None


def test_where_nothing_moves_there_is_no_offset(frames: dict[int, np.ndarray]) -> None:
    rng = np.random.default_rng(0)
    still = {n: np.clip(frames[3] + rng.normal(0, 2, frames[3].shape), 0, 255).astype(np.uint8) for n in range(17, 24)}
    assert frame_offset(frames[3], still, 20) == 0
    assert frame_offset(frames[3], dict.fromkeys(range(17, 24), frames[3]), 20) == 0


def test_frames_are_sampled_where_they_can_be_reached() -> None:
    assert sampled([5, 6, 7]) == [5, 6, 7]
    assert sampled(list(range(0, 100000, 1000))) == [0, 1000, 3000, 4000]
    assert sampled([9000, 9500]) == [9000]
    assert sampled([50000]) == []


def test_sound_films_have_no_offset(jpegs: Path, tmp_path: Path) -> None:
    found = check(tmp_path, label(jpegs, tmp_path / "labels.slp"))
    assert found == {"compared": [4, 27, 33, 55], "seeking": {"4": 0, "27": 0, "33": 0, "55": 0}}


def test_an_index_that_makes_seeking_land_one_frame_off_is_found_and_named(jpegs: Path, tmp_path: Path) -> None:
    off = with_index(jpegs, tmp_path / "cam0.avi", lambda entries: [*entries[:20], *entries[21:]])
    show = seeking(off)
    assert show is not None
    assert compare_frames(off, [5, 45, 52], {"seeking": show})["seeking"] == {5: 0, 45: 1, 52: 1}
    labels = label(off, tmp_path / "labels.slp")
    with pytest.raises(InputProblems) as caught:
        check(tmp_path, labels)
    assert "for frame 55 frame 56" in str(caught.value)
    assert "ffmpeg -i" in str(caught.value)
    assert check(tmp_path, labels, frame_check="report")["seeking"]["55"] == 1
    assert check(tmp_path, labels, frame_check="off")["compared"] == []


@pytest.mark.parametrize("offset", [0, 1])
def test_embedded_images_of_the_next_frame_are_found_and_named(jpegs: Path, tmp_path: Path, offset: int) -> None:
    labels = label(jpegs, tmp_path / "labels.pkg.slp", offset)
    if not offset:
        assert set(check(tmp_path, labels)["embedded"].values()) == {0}
        return
    with pytest.raises(InputProblems) as caught:
        check(tmp_path, labels)
    assert "the image embedded in the labels shows for frame 4 frame 5" in str(caught.value)
    assert "an offset of +1 in every frame compared" in str(caught.value)


def test_real_packages_show_the_frames_they_name(shared_data: Path, tmp_path: Path) -> None:
    found = check(tmp_path, shared_data / "flies-pair" / "val.pkg.slp")
    assert set(found["embedded"].values()) == {0}
    assert set(found["seeking"].values()) == {0}
