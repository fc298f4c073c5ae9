"""Poses in the files of other tools, and back; and labels corrected in SLEAP's data model."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import h5py
import numpy as np
import pandas as pd
import pytest
import sleap_io
from pycocotools.coco import COCO

from posewright import cli
from posewright.files import write_json
from posewright.labels.read import read_labels
from posewright.labels.skeleton import Skeleton
from posewright.prediction.contracts import Estimator
from posewright.prediction.formats import FORMATS, write_formats
from posewright.prediction.poses import FRAMES_NAME, POSES_NAME, FramesWriter, PosesWriter, read_xarray
from posewright.prediction.task import VideoTask
from posewright.prediction.video import predict_video
from posewright.shapes import PoseBatch
from posewright.tracking.tracker import WindowTracker

if TYPE_CHECKING:
    import xarray as xr

MOVEMENT = Path(os.environ.get("POSEWRIGHT_MOVEMENT", "/tmp/movement-venv/bin/python"))
STOP = 40
DOTS = Skeleton(("middle", "left"), name="dot")


@pytest.fixture(scope="module")
def folders(film: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All formats of a film from its beginning, from frame 10 on, and of a video that gave nothing."""
    from .conftest import DotEstimator

    made = {}
    for name, row in {"whole": {}, "late": {"start": 10}, "nothing": {"path": "gone.mp4"}}.items():
        made[name] = tmp_path_factory.mktemp(name)
        task = VideoTask.from_row({"video": "a", "path": str(film), "stop": STOP, **row})
        predict_video(task, DotEstimator(), WindowTracker("centroid", n_animals=2), made[name])
        write_formats(made[name], list(FORMATS), str(film), name)
    return made


def dense(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return position ``[frame individual node xy]`` and confidence, from frame 0 of the video on."""
    cube = read_xarray(folder).reindex(frame=np.arange(STOP))
    position = cube["position"].transpose("frame", "individual", "node", "space").to_numpy()
    return position, cube["confidence"].transpose("frame", "individual", "node").to_numpy()


@pytest.mark.parametrize("name", ["whole", "late"])
def test_analysis_files_hold_every_number(folders: dict[str, Path], film: Path, name: str) -> None:
    position, confidence = dense(folders[name])
    labels = sleap_io.load_analysis_h5(str(folders[name] / "poses.analysis.h5"))
    assert labels.skeleton.node_names == ["middle", "left", "never"]
    assert labels.skeleton.edge_inds == [(0, 1), (1, 2)]
    with h5py.File(folders[name] / "poses.analysis.h5") as file:
        assert file["video_path"][()].decode() == str(film)
        assert [text.decode() for text in file["track_names"]] == ["track_0", "track_1"]
        np.testing.assert_array_equal(file["tracks"][:].transpose(3, 0, 2, 1), position)
        np.testing.assert_array_equal(file["point_scores"][:].transpose(2, 0, 1), confidence)
        np.testing.assert_array_equal(file["track_occupancy"][:], ~np.isnan(position[:, :, 0, 0]))
    np.testing.assert_array_equal(labels.numpy().astype(np.float32)[: len(position)], position[: len(labels.numpy())])


@pytest.mark.parametrize("name", ["whole", "late"])
def test_nwb_holds_positions_confidences_times_and_frames(folders: dict[str, Path], name: str) -> None:
    import pynwb

    cube = read_xarray(folders[name])
    with pynwb.NWBHDF5IO(str(folders[name] / "poses.nwb"), "r", load_namespaces=True) as io:
        module = io.read().processing["behavior"]
        np.testing.assert_array_equal(module["frame"].data[:], cube["frame"])
        assert list(module["Skeletons"]["dot"].nodes[:]) == ["middle", "left", "never"]
        for individual in ("track_0", "track_1"):
            for node in ("middle", "left", "never"):
                series = module[individual][node]
                one = cube.sel(individual=individual, node=node)
                np.testing.assert_array_equal(series.data[:], one["position"])
                np.testing.assert_array_equal(series.confidence[:], one["confidence"])
                np.testing.assert_array_equal(series.timestamps[:], cube["time_s"])


@pytest.mark.parametrize("name", ["whole", "late"])
def test_deeplabcuts_table_holds_every_number(folders: dict[str, Path], name: str) -> None:
    position, confidence = dense(folders[name])
    table = pd.read_csv(folders[name] / "poses.dlc.csv", header=[0, 1, 2, 3], index_col=0)
    assert table.columns.names == ["scorer", "individuals", "bodyparts", "coords"]
    assert table.index.tolist() == list(range(STOP))
    values = table.to_numpy(dtype=np.float32).reshape(STOP, 2, 3, 3)
    np.testing.assert_array_equal(values[..., :2], position)
    np.testing.assert_array_equal(values[..., 2], np.nan_to_num(confidence))


def test_coco_results_are_loaded_by_its_own_tool(folders: dict[str, Path], tmp_path: Path) -> None:
    truth = {
        "images": [{"id": frame} for frame in range(STOP)],
        "annotations": [],
        "categories": [{"id": 1, "name": "dot", "keypoints": ["middle", "left", "never"]}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(truth))
    loaded = COCO(str(tmp_path / "truth.json")).loadRes(str(folders["whole"] / "poses.coco.json"))
    position, confidence = dense(folders["whole"])
    expected = np.nan_to_num(np.concatenate([position, confidence[..., None]], axis=-1))
    assert len(loaded.anns) == np.isfinite(position[:, :, 0, 0]).sum()
    for result in loaded.anns.values():
        row = expected[result["image_id"], int(result["track"].removeprefix("track_"))]
        np.testing.assert_array_equal(np.float32(result["keypoints"]).reshape(3, 3), row)


def test_a_video_that_gave_nothing_has_all_its_files(folders: dict[str, Path]) -> None:
    import pynwb

    folder = folders["nothing"]
    assert json.loads((folder / "poses.coco.json").read_text()) == []
    with h5py.File(folder / "poses.analysis.h5") as file:
        assert file["tracks"].shape == (0, 2, 3, 0)
    with pynwb.NWBHDF5IO(str(folder / "poses.nwb"), "r", load_namespaces=True) as io:
        assert "behavior" in io.read().processing
    assert len((folder / "poses.dlc.csv").read_text().splitlines()) == 3


def test_movement_loads_them(folders: dict[str, Path], tmp_path: Path) -> None:
    if not MOVEMENT.exists():
        pytest.skip(
            f"NOT TESTED WITH MOVEMENT: {MOVEMENT} is missing; python -m venv /tmp/movement-venv && "
            "/tmp/movement-venv/bin/pip install movement, or name a Python with it in POSEWRIGHT_MOVEMENT"
        )
    code = """
import sys, numpy as np, pynwb
from movement.io import load_poses
folder = sys.argv[1]
loaded = {
    "analysis_h5": load_poses.from_sleap_file(folder + "/poses.analysis.h5", fps=20),
    "dlc_csv": load_poses.from_dlc_file(folder + "/poses.dlc.csv", fps=20),
}
out = {word: data.position.transpose("time", "individuals" if "individuals" in data.dims else "individual",
       "keypoints" if "keypoints" in data.dims else "keypoint", "space").values for word, data in loaded.items()}
for name in ("track_0", "track_1"):
    data = load_poses.from_nwb_file(folder + "/poses.nwb", pose_estimation_key=name)
    keypoint = "keypoints" if "keypoints" in data.dims else "keypoint"
    out[name] = data.sel({keypoint: ["middle", "left", "never"]}).position.squeeze().transpose(
        "time", keypoint, "space").values
np.savez(sys.argv[2], **out)
"""
    environment = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    out = tmp_path / "loaded.npz"
    words = [str(MOVEMENT), "-W", "ignore", "-c", code, str(folders["whole"]), str(out)]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    position, _ = dense(folders["whole"])
    with np.load(out) as loaded:
        np.testing.assert_array_equal(loaded["analysis_h5"], position)
        np.testing.assert_array_equal(loaded["dlc_csv"], position)
        for i in range(2):
            np.testing.assert_array_equal(loaded[f"track_{i}"], position[:, i])


def test_the_console_writes_formats_of_published_poses(film: Path, estimator: Estimator, tmp_path: Path) -> None:
    predict_video(VideoTask("a", str(film), stop=5), estimator, None, tmp_path)
    record = {"params": {"video": {"path": "Z:\\lab\\a.mp4"}}}
    write_json(tmp_path / "status.json", {"video": "a", "key": "0", "provenance": record})
    with pytest.raises(SystemExit) as ended:
        cli.main(["export", str(tmp_path), "--as", "coco", "dlc_csv", "analysis_h5"])
    assert not ended.value.code
    assert {"poses.coco.json", "poses.dlc.csv"} <= set(os.listdir(tmp_path))
    assert "poses.nwb" not in os.listdir(tmp_path)
    with h5py.File(tmp_path / "poses.analysis.h5") as file:
        assert file["video_path"].asstr()[()] == "Z:\\lab\\a.mp4"  # the user's own, as a run writes it


def test_times_that_are_unknown_are_frame_numbers_in_nwb(tmp_path: Path, estimator: Estimator) -> None:
    import pynwb

    with PosesWriter(tmp_path / POSES_NAME, estimator.skeleton), FramesWriter(tmp_path / FRAMES_NAME) as frames:
        frames.add_frames([3, 4], [np.nan] * 2, [True] * 2, [0] * 2)
    write_formats(tmp_path, ["nwb"], "images", "x")
    with pynwb.NWBHDF5IO(str(tmp_path / "poses.nwb"), "r", load_namespaces=True) as io:
        file = io.read()
        assert "frame numbers" in file.session_description
        assert file.processing["behavior"]["frame"].timestamps[:].tolist() == [3, 4]


def test_poses_corrected_in_sleap_are_labels_again(film: Path, estimator: Estimator, tmp_path: Path) -> None:
    predict_video(VideoTask("a", str(film), stop=STOP), estimator, WindowTracker("centroid", n_animals=2), tmp_path)
    labels = sleap_io.load_slp(str(tmp_path / "poses.slp"))
    corrected: dict[int, Any] = {}
    for frame in (labels[3], labels[30]):
        predicted = frame.instances[0]
        points = predicted.numpy()
        points[2] = [50.25, 60.5]
        mine = sleap_io.Instance.from_numpy(points, skeleton=labels.skeleton, track=predicted.track)
        mine.from_predicted = predicted
        frame.instances.append(mine)
        corrected[frame.frame_idx] = points
    labels.save(str(tmp_path / "corrected.slp"), embed=False, verbose=False)
    read = read_labels([tmp_path / "corrected.slp"])
    assert read.videos[0].source == film
    assert read.skeleton == estimator.skeleton
    assert {frame.frame: frame.tracks for frame in read.frames} == {3: ("track_0",), 30: ("track_0",)}
    for frame in read.frames:
        np.testing.assert_array_equal(frame.points[0], corrected[frame.frame])


def publish(folder: Path, rows: Sequence[tuple[int, str | None]], skeleton: Skeleton = DOTS) -> None:
    """Write tables of a video whose animals, given as (frame, track), stand at (10 frame, number of the row)."""
    frames = sorted({frame for frame, _ in rows})
    points = np.array([[[10.0 * frame, row]] * len(skeleton.nodes) for row, (frame, _) in enumerate(rows)])
    place = np.array([frames.index(frame) for frame, _ in rows])
    poses = PoseBatch(points, place, len(frames), node_scores=np.full(points.shape[:2], 0.5))
    with PosesWriter(folder / POSES_NAME, skeleton) as writer, FramesWriter(folder / FRAMES_NAME) as of_frames:
        times_s = [frame / 20 for frame in frames]
        writer.add_poses(frames, times_s, poses, [track for _, track in rows])
        of_frames.add_frames(frames, times_s, [True] * len(frames), np.bincount(place).tolist())


def rows_of(cube: xr.Dataset) -> dict[tuple[int, str], float]:
    """Return (frame, individual) -> number of the row."""
    heights = cube["position"].isel(node=0).sel(space="y").transpose("frame", "individual").to_numpy()
    at = zip(*np.nonzero(~np.isnan(heights)), strict=True)
    names = cube["individual"].to_numpy().tolist()
    return {(int(cube["frame"][frame]), names[one]): float(heights[frame, one]) for frame, one in at}


def test_animals_without_a_track_stand_beside_those_with_one(tmp_path: Path) -> None:
    tags = [(0, None), (0, "1"), (0, None), (0, "0"), (1, None), (2, "0"), (2, None), (2, "unnamed_0")]
    publish(tmp_path, tags)
    cube = read_xarray(tmp_path)
    assert cube["individual"].to_numpy().tolist() == ["0", "1", "unnamed_0", "unnamed_1", "unnamed_2"]
    assert rows_of(cube) == {
        (0, "unnamed_1"): 0,
        (0, "1"): 1,
        (0, "unnamed_2"): 2,
        (0, "0"): 3,
        (1, "unnamed_1"): 4,
        (2, "0"): 5,
        (2, "unnamed_1"): 6,
        (2, "unnamed_0"): 7,
    }
    write_formats(tmp_path, list(FORMATS), "a.mp4", "x")
    with h5py.File(tmp_path / "poses.analysis.h5") as file:
        assert file["track_occupancy"][:].sum() == len(tags)
    table = pd.read_csv(tmp_path / "poses.dlc.csv", header=[0, 1, 2, 3], index_col=0)
    assert np.isfinite(table.xs(("middle", "x"), axis=1, level=(2, 3)).to_numpy()).sum() == len(tags)


def test_a_video_without_tracks_numbers_its_animals_frame_by_frame(tmp_path: Path) -> None:
    publish(tmp_path, [(3, None), (4, None), (4, None)])
    assert rows_of(read_xarray(tmp_path)) == {(3, "0"): 0, (4, "0"): 1, (4, "1"): 2}


def test_no_animal_is_lost_where_a_frame_is_read_in_two_parts(tmp_path: Path) -> None:
    n_frames = 22000  # 66000 rows: chunks of 65536 rows end within a frame
    publish(tmp_path, [(frame, track) for frame in range(n_frames) for track in (None, "mia", None)])
    found = rows_of(read_xarray(tmp_path))
    names = ("unnamed_0", "mia", "unnamed_1")
    assert found == {(frame, name): 3 * frame + i for frame in range(n_frames) for i, name in enumerate(names)}


NAMES = ("a/b", "a_b", "a:b", "a_b_2", "frame", "Skeletons", "skeleton", "", ".", "..", "behavior", "ä\0b", "video")


def test_every_name_can_be_published_and_is_told(tmp_path: Path) -> None:
    import pynwb

    nodes = ("skeleton", "scorer", "dot:1", "dot_1", "pose", "source_video", "description", "..")
    publish(tmp_path, [(0, name) for name in NAMES], Skeleton(nodes, name="pose"))
    write_formats(tmp_path, list(FORMATS), "a.mp4", "x")
    with pynwb.NWBHDF5IO(str(tmp_path / "poses.nwb"), "r", load_namespaces=True) as io:
        module = io.read().processing["behavior"]
        assert module["frame"].data[:].tolist() == [0]
        assert list(module["Skeletons"]["pose"].nodes[:]) == list(nodes)
        estimations = {one.description: one for one in module.data_interfaces.values() if hasattr(one, "scorer")}
        assert module["a_b"] is estimations["Estimated positions of a_b"]  # a name that will do is kept
        assert len(estimations) == len(NAMES)
        for row, name in enumerate(NAMES):
            one = estimations[f"Estimated positions of {name}".replace("\0", "_")]
            assert one.scorer == "posewright" and one.skeleton.name == "pose"
            series = {series.description: series for series in one.pose_estimation_series.values()}
            assert set(series) == {f"Estimated positions of {node}" for node in nodes}
            assert {series.data[0, 1] for series in series.values()} == {row}
