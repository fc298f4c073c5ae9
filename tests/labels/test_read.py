"""Reading real label files: what is in them, and what is said of those that do not fit."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from posewright.errors import InputError
from posewright.labels.digest import labels_digest
from posewright.labels.model import LabelSet
from posewright.labels.read import read_labels
from posewright.labels.write import write_labels

from .make_labels import make_labels


def read(path: Path) -> LabelSet:
    return read_labels([path])


def test_slp_gives_frames_tracks_and_the_video_beside_it(shared_data: Path) -> None:
    labels = read(shared_data / "flies-pair" / "labels.slp")
    assert (len(labels.frames), labels.n_instances) == (960, 1920)
    assert (len(labels.skeleton.nodes), len(labels.skeleton.edges), len(labels.skeleton.symmetries)) == (24, 23, 10)
    assert labels.track_names == ("fly_1", "fly_2")
    assert labels.videos[0].path == "video.mp4"
    assert labels.videos[0].source == shared_data / "flies-pair" / "video.mp4"
    assert labels.frames[0].frame == 7


def test_embedded_frames_keep_the_numbers_of_their_video_and_can_be_read(shared_data: Path) -> None:
    labels = read(shared_data / "flies-pair" / "test.pkg.slp")
    video = labels.videos[0]
    assert (video.path, video.source) == ("video.mp4", shared_data / "flies-pair" / "test.pkg.slp")
    assert labels.frames[0].frame == 494
    assert video.handle[494].shape == (384, 384, 1)


def test_deeplabcut_projects_keep_the_order_of_the_file(shared_data: Path) -> None:
    project = shared_data / "mouse-openfield"
    labels = read(project / "config.yaml")
    assert labels.skeleton.nodes == ("snout", "leftear", "rightear", "tailbase")
    assert len(labels.frames) == 116
    assert (labels.videos[0].path, labels.videos[0].source) == ("labeled-data/m4s1", project / "labeled-data" / "m4s1")
    np.testing.assert_array_equal(labels.frames[1].points[0, 0], [10.248, 288.487])
    assert labels.videos[0].handle[1].shape == (480, 640, 1)
    table = project / "labeled-data" / "m4s1" / "CollectedData_Pranav.csv"
    assert read(table).frames == labels.frames == read(project).frames


@pytest.mark.parametrize("name", ["madlc_testdata", "madlc_testdata_v2", "maudlc_testdata", "maudlc_testdata_v2"])
def test_deeplabcut_tables_with_several_animals(shared_data: Path, name: str) -> None:
    labels = read(shared_data / "formats" / "dlc" / "labeled-data" / "video" / f"{name}.csv")
    np.testing.assert_array_equal(labels.frames[0].points[1, :3], [[6, 7], [8, 9], [10, 11]])
    assert labels.frames[0].tracks == ("Animal1", "Animal2")
    assert ("single" in labels.track_names) == name.startswith("maudlc")
    assert labels.skeleton.nodes == (("A", "B", "C", "D", "E") if name.startswith("maudlc") else ("A", "B", "C"))


@pytest.mark.parametrize(
    "name", ["flat_images", "nested_paths", "multi_source", "visibility_binary", "visibility_ternary"]
)
def test_coco(shared_data: Path, name: str) -> None:
    labels = read(shared_data / "formats" / "coco" / name / "annotations.json")
    assert len(labels.frames) == 3
    assert not Path(labels.videos[0].path).is_absolute()
    assert labels.videos[0].handle[labels.frames[-1].frame].shape == (384, 384, 1)


def test_old_formats_count_from_the_corner_of_a_pixel(shared_data: Path, tmp_path: Path) -> None:
    new = shared_data / "formats" / "slp" / "minimal_instance.slp"
    old = tmp_path / "old.slp"
    old.write_bytes(new.read_bytes())
    with h5py.File(old, "r+") as file:
        file["metadata"].attrs["format_id"] = 1.0
    labels = read(old)
    np.testing.assert_array_equal(labels.frames[0].points, read(new).frames[0].points - 0.5)
    write_labels(labels, tmp_path / "saved.slp")
    assert labels_digest(old) == labels_digest(tmp_path / "saved.slp") != labels_digest(new)


@pytest.mark.parametrize("name", ["mice-home/noisy_predictions.slp", "flies-pair/raw_predictions.slp"])
def test_predictions_alone_are_no_labels(shared_data: Path, name: str) -> None:
    with pytest.raises(InputError, match="no user instances"):
        read(shared_data / name)


def test_skeletons_that_differ_are_told_with_both_lists(shared_data: Path) -> None:
    flies, robot = shared_data / "flies-pair" / "labels.slp", shared_data / "tiny" / "robot.slp"
    with pytest.raises(InputError, match=r"skeletons differ: .*'head'.*\['A', 'B'\]"):
        read_labels([flies, robot])
    with pytest.raises(InputError, match="skeletons differ"):
        read(shared_data / "formats" / "coco" / "mixed_animals" / "annotations.json")


def test_files_of_one_video_share_it_and_equal_frames_count_once(shared_data: Path) -> None:
    flies = shared_data / "flies-pair"
    joined = read_labels([flies / "labels.slp", flies / "labels.slp"])
    assert joined.frames == read(flies / "labels.slp").frames
    with pytest.raises(InputError, match=r"labelled differently in .*labels\.slp and .*tracks\.slp"):
        read_labels([flies / "labels.slp", flies / "tracks.slp"])


def test_files_with_another_order_of_nodes_are_joined_in_the_first_order(tmp_path: Path) -> None:
    first, second = make_labels([(0, 1)]), make_labels([(0, 2)])
    turned = second.skeleton.reordered(second.skeleton.nodes[::-1])
    frames = tuple(replace(frame, points=frame.points[:, ::-1]) for frame in second.frames)
    write_labels(first, tmp_path / "a.slp")
    write_labels(replace(second, skeleton=turned, frames=frames), tmp_path / "b.slp")
    joined = read_labels([tmp_path / "a.slp", tmp_path / "b.slp"])
    assert joined.frames == first.frames + second.frames
    configured = read_labels([tmp_path / "a.slp"], skeleton=turned.nodes)
    np.testing.assert_array_equal(configured.frames[0].points, first.frames[0].points[:, ::-1])
    with pytest.raises(InputError, match="skeletons differ"):
        read_labels([tmp_path / "a.slp"], skeleton=["head"])


def test_a_video_that_is_nowhere_is_missing_and_not_an_error(shared_data: Path) -> None:
    assert read(shared_data / "formats" / "slp" / "typical.slp").videos[0].source is None


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("none.slp", None, "does not exist"),
        ("a.slp", b"not HDF5", "cannot be read as .slp"),
        ("a.txt", b"", "not known"),
        ("a.csv", b"a,b\n1,2\n", "no DeepLabCut label table"),
        ("a.csv", b"scorer,s,s,s\nbodyparts,A,A,A\ncoords,x,y,likelihood\n0,1,2,1\n", "holds predictions"),
        ("a.csv", b"scorer,s,s\nbodyparts,A,A\ncoords,x,y\nlabeled-data/v/1.png,1,q\n", "'1', 'q' is no point of A"),
        ("a.json", b"{}", "cannot be read as COCO"),
    ],
)
def test_foreign_files_are_told(tmp_path: Path, name: str, content: bytes | None, expected: str) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=expected):
        read(path)


def test_no_deeplabcut_pickle_is_ever_opened(shared_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "labeled-data" / "m4s1"
    source = shared_data / "mouse-openfield" / "labeled-data" / "m4s1"
    folder.mkdir(parents=True)
    shutil.copy(source / "CollectedData_Pranav.csv", folder)
    (folder / "CollectedData_Pranav.h5").write_bytes(b"not opened")
    shutil.copy(shared_data / "mouse-openfield" / "config.yaml", tmp_path)
    assert len(read(tmp_path / "config.yaml").frames) == 116
