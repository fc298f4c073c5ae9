"""Label files of other tools: what each fixture comes to, and laws of the kinds that are read here."""

from __future__ import annotations

import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import sleap_io

from posewright.errors import InputError
from posewright.labels.digest import labels_digest
from posewright.labels.read import read_labels

from .make_format_table import PAGE, with_table


def test_the_page_tells_what_happens_to_every_fixture(shared_data: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page, shared_data / "formats") == page, "run: python tests/labels/make_format_table.py"


def test_predictions_of_other_tools_count_where_the_config_says_what_they_are(shared_data: Path) -> None:
    path = shared_data / "formats" / "analysis_h5" / "multi_matlab.analysis.h5"
    with pytest.raises(InputError, match=r"say what they are: \{path: …, label_source: model\}"):
        read_labels([path])
    labels = read_labels([path], sources=["corrected"])
    np.testing.assert_array_equal(labels.frames[2].points, [[[102, 202], [152, 252]], [[302, 402], [352, 452]]])
    assert labels.frames[2].tracks == ("animal1", "animal2")
    jabs = read_labels([shared_data / "formats" / "jabs" / "example_pose_est_v5.h5"], sources=["model"])
    assert jabs.videos[0].base_name == "example.avi"
    with pytest.raises(InputError, match="PoseEstimation"):
        read_labels([shared_data / "formats" / "nwb" / "minimal.pose.nwb"], sources=["model"])


def test_nwb_annotations_keep_frames_and_hidden_nodes(shared_data: Path) -> None:
    labels = read_labels([shared_data / "formats" / "nwb" / "minimal.annotations.nwb"])
    np.testing.assert_array_equal(labels.frames[0].points[1], [[11, 21], [31, 41], [np.nan, np.nan]])
    assert labels.skeleton.edges == ((0, 1), (1, 2))


@pytest.mark.parametrize("name", ["CollectedData_Pranav.h5"])
def test_no_pickled_table_is_opened(shared_data: Path, name: str) -> None:
    with pytest.raises(InputError, match="never opened; name the csv beside it"):
        read_labels([shared_data / "mouse-openfield" / "labeled-data" / "m4s1" / name])


# --- YOLO -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def yolo(shared_data: Path, tmp_path: Path) -> Path:
    shutil.copytree(shared_data / "formats" / "ultralytics", tmp_path / "yolo")
    for path in (tmp_path / "yolo").rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return tmp_path / "yolo"


def test_a_yolo_set_is_read_whole_and_in_pixels(yolo: Path) -> None:
    labels = read_labels([yolo / "data.yaml"])
    assert [len(frame.points) for frame in labels.frames] == [1, 2, 1]
    height, width = labels.videos[0].handle[1].shape[:2]
    np.testing.assert_allclose(labels.frames[1].points[1, 0], [0.65 * width, 0.55 * height])
    assert np.isnan(labels.frames[1].points[1, 4]).all()
    assert labels.track_names == ()
    assert labels.skeleton.symmetries == ((0, 1), (2, 3))
    assert read_labels([yolo]).frames == labels.frames
    renamed = read_labels([yolo], node_map={"point_0": "head"})
    assert renamed.skeleton.nodes[0] == "head"


def test_an_empty_label_file_is_a_frame_without_animals_and_no_file_is_none(yolo: Path) -> None:
    before = labels_digest(yolo)
    (yolo / "train" / "labels" / "image_001.txt").write_text("")
    labels = read_labels([yolo])
    assert (labels.negatives, len(labels.frames)) == (((0, 0),), 2)
    empty = labels_digest(yolo)
    (yolo / "train" / "labels" / "image_001.txt").unlink()
    assert read_labels([yolo]).negatives == ()
    assert len({before, empty, labels_digest(yolo)}) == 3


@pytest.mark.parametrize("line", ["0 0.5 0.5", "0 a b c d", "0 " + "0.5 " * 20, "nan " * 20])
def test_a_faulty_line_is_told_and_not_left_out(yolo: Path, line: str) -> None:
    (yolo / "train" / "labels" / "image_001.txt").write_text(f"# one\n{line}\n")
    with pytest.raises(InputError, match=r"image_001\.txt line 2: 20 numbers are needed"):
        read_labels([yolo])


# --- Lightning Pose -------------------------------------------------------------------------------------------------


def test_lightning_pose_keeps_its_table_above_the_images(shared_data: Path, tmp_path: Path) -> None:
    source = shared_data / "formats" / "dlc" / "labeled-data" / "video"
    shutil.copytree(source, tmp_path / "labeled-data" / "video")
    table = tmp_path / "CollectedData.csv"
    shutil.copy(source / "dlc_testdata.csv", table)
    labels = read_labels([table])
    assert [frame.frame for frame in labels.frames] == [0, 1, 3]
    assert labels.videos[0].handle[3].shape[:2] == (30, 30)
    before = labels_digest(table)
    shutil.copy(source / "img000.png", tmp_path / "labeled-data" / "video" / "img0005.png")
    assert labels_digest(table) != before


# --- nodes ----------------------------------------------------------------------------------------------------------


def slp(folder: Path, name: str, nodes: list[str], frame: int, value: float) -> Path:
    skeleton = sleap_io.Skeleton(nodes, edges=list(pairwise(nodes)))
    points = np.stack([np.arange(len(nodes)), np.full(len(nodes), value)], axis=1).astype(float)
    video = sleap_io.Video("a.mp4", open_backend=False)
    instance = sleap_io.Instance.from_numpy(points, skeleton=skeleton)
    labels = sleap_io.Labels([sleap_io.LabeledFrame(video, frame, [instance])], [video], [skeleton])
    sleap_io.save_slp(labels, str(folder / name), verbose=False)
    return folder / name


def test_renamed_nodes_are_translated(tmp_path: Path) -> None:
    files = [slp(tmp_path, "a.slp", ["nose", "tail"], 1, 5.0), slp(tmp_path, "b.slp", ["tail", "snout", "x"], 2, 6.0)]
    with pytest.raises(InputError, match=r"differ: .*\['nose', 'tail'\], .*\['tail', 'snout', 'x'\]; translate"):
        read_labels(files)
    labels = read_labels(files, node_map={"snout": "nose", "x": None})
    assert labels.skeleton.nodes == ("nose", "tail")
    np.testing.assert_array_equal(labels.frames[1].points[0], [[1, 6], [0, 6]])
    with pytest.raises(InputError, match="node_map gives nose to several"):
        read_labels(files[1:], node_map={"snout": "nose", "tail": "nose"})
    with pytest.raises(InputError, match="leaves out all nodes"):
        read_labels(files[:1], node_map={"nose": None, "tail": None})


def test_nodes_may_be_missing_where_the_config_says_so(tmp_path: Path) -> None:
    files = [slp(tmp_path, "a.slp", ["nose", "tail"], 1, 5.0), slp(tmp_path, "b.slp", ["nose", "hip"], 2, 6.0)]
    labels = read_labels(files, missing_nodes=["tail", "hip"])
    assert labels.skeleton.nodes == ("nose", "tail", "hip")
    assert labels.skeleton.edges == ((0, 1), (0, 2))
    np.testing.assert_array_equal(labels.frames[1].points[0], [[0, 6], [np.nan, np.nan], [1, 6]])
    ordered = read_labels(files[:1], missing_nodes=["hip"], skeleton=["hip", "tail", "nose"])
    assert (ordered.skeleton.nodes, ordered.skeleton.edges) == (("hip", "tail", "nose"), ((2, 1),))
    with pytest.raises(InputError, match="skeletons differ"):
        read_labels(files, missing_nodes=["tail"])


def test_two_skeletons_in_one_file_are_joined_or_told(tmp_path: Path) -> None:
    first = sleap_io.load_slp(str(slp(tmp_path, "a.slp", ["nose", "tail"], 1, 5.0)))
    other = sleap_io.Skeleton(["tail", "snout"])
    instance = sleap_io.Instance.from_numpy(np.array([[3.0, 4.0], [1.0, 2.0]]), skeleton=other)
    first.labeled_frames[0].instances.append(instance)
    first.skeletons.append(other)
    sleap_io.save_slp(first, str(tmp_path / "mixed.slp"), verbose=False)
    with pytest.raises(InputError, match="another skeleton in it has"):
        read_labels([tmp_path / "mixed.slp"])
    labels = read_labels([tmp_path / "mixed.slp"], node_map={"snout": "nose"})
    np.testing.assert_array_equal(labels.frames[0].points[1], [[1, 2], [3, 4]])


def test_a_copy_counts_once_and_keeps_its_name(tmp_path: Path) -> None:
    path = slp(tmp_path, "a.slp", ["nose", "tail"], 1, 5.0)
    labels = sleap_io.load_slp(str(path))
    frame = labels.labeled_frames[0]
    points = frame.instances[0].numpy()
    for name in (None, "mia", "max", "mia"):
        track = None if name is None else sleap_io.Track(name)
        frame.instances.append(sleap_io.Instance.from_numpy(points, skeleton=labels.skeletons[0], track=track))
    frame.instances.append(sleap_io.PredictedInstance.from_numpy(points + 9, skeleton=labels.skeletons[0]))
    labels.update()
    sleap_io.save_slp(labels, str(path), verbose=False)
    assert read_labels([path]).frames[0].tracks == ("mia", "max")
