from __future__ import annotations

import os
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import sleap_io

from posewright.prediction.contracts import Estimator
from posewright.prediction.pieces import Cut
from posewright.prediction.poses import poses_schema, read_poses, read_xarray
from posewright.prediction.status import Status
from posewright.prediction.task import VideoTask
from posewright.prediction.video import predict_video
from posewright.shapes import PoseBatch
from posewright.tracking.tracker import WindowTracker

Truth = Callable[[int], np.ndarray]


def run(folder: Path, estimator: Estimator, path: Path | str, cut: Cut | None = None, **row: Any) -> Status:
    folder.mkdir(exist_ok=True)
    task = VideoTask.from_row({"video": "a", "path": str(path), **row})
    tracker = WindowTracker("centroid", n_animals=2)
    return predict_video(task, estimator, tracker, folder, cut)[0]


def tables(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    return pq.read_table(folder / "poses.parquet").to_pandas(), pq.read_table(folder / "frames.parquet").to_pandas()


def test_poses_are_where_the_animals_are(film: Path, estimator: Estimator, tmp_path: Path, dots: Truth) -> None:
    status = run(tmp_path, estimator, film)
    assert status == Status("ok", frames_expected=60, frames_decoded=60, frames_predicted=60)
    poses, frames = tables(tmp_path)
    assert frames["frame"].tolist() == list(range(60))
    np.testing.assert_allclose(frames["time_s"], np.arange(60) / 20, atol=1e-6)
    assert frames["decoded"].all()
    assert frames["n_instances"].tolist() == [len(dots(i)) for i in range(60)]
    for frame, rows in poses.groupby("frame"):
        assert rows["instance"].tolist() == list(range(len(rows)))
        np.testing.assert_allclose(np.sort(rows["x_middle"]), np.sort(dots(int(frame))[:, 0]), atol=0.4)
        np.testing.assert_allclose(np.sort(rows["y_middle"]), np.sort(dots(int(frame))[:, 1]), atol=0.4)
    assert poses["x_never"].isna().all()
    assert set(poses["track"]) == {"track_0", "track_1"}
    expected = (poses["score_middle"].clip(0, 1) + 0.5) / 3  # a node that is missing counts 0
    np.testing.assert_allclose(poses["instance_score"], expected, rtol=1e-6)
    np.testing.assert_allclose(poses["raw_score"], 2 * poses["score_middle"], rtol=1e-6)


def test_identities_are_tracks_and_no_tracker_overrules_them(film: Path, estimator: Estimator, tmp_path: Path) -> None:
    named = replace(estimator, classes=("low", "high"))  # type: ignore[type-var]
    task = VideoTask.from_row({"video": "a", "path": str(film)})
    predict_video(task, named, WindowTracker("centroid", n_animals=2), tmp_path)
    poses, _ = tables(tmp_path)
    expected = ["high" if y < 48 else "low" if x < 80 else None for x, y in poses[["x_middle", "y_middle"]].to_numpy()]
    assert [None if pd.isna(name) else name for name in poses["track"]] == expected
    assert set(expected) == {"high", "low", None}
    np.testing.assert_allclose(poses["class_score"], 0.75)
    assert "class_score" in read_poses(tmp_path)
    instance = sleap_io.load_slp(str(tmp_path / "poses.slp"))[0].instances[0]
    assert instance.track.name == "high"
    assert instance.tracking_score == pytest.approx(0.75)


def test_columns_and_types_are_those_promised(film: Path, estimator: Estimator, tmp_path: Path) -> None:
    run(tmp_path, estimator, film)
    schema = pq.read_schema(tmp_path / "poses.parquet")
    nodes = [f"{what}_{node}" for node in estimator.skeleton.nodes for what in ("x", "y", "score")]
    assert schema.names == ["frame", "time_s", "instance", "track", "instance_score", "raw_score", *nodes]
    types = dict(zip(schema.names, schema.types, strict=True))
    assert (types["frame"], types["time_s"], types["instance"]) == (pa.int32(), pa.float64(), pa.int16())
    assert types["track"] == pa.dictionary(pa.int32(), pa.string())
    assert {types[name] for name in ("instance_score", "raw_score", *nodes)} == {pa.float32()}
    assert schema.equals(poses_schema(estimator.skeleton), check_metadata=False)


@pytest.mark.parametrize("frames_at_once", [1, 7, 100])
def test_the_number_of_frames_at_once_has_no_effect(
    film: Path, estimator: Estimator, tmp_path: Path, frames_at_once: int
) -> None:
    run(tmp_path / "a", estimator, film, cut=Cut.of(8))
    run(tmp_path / "b", estimator, film, cut=Cut.of(frames_at_once))
    for a, b in zip(tables(tmp_path / "a"), tables(tmp_path / "b"), strict=True):
        pd.testing.assert_frame_equal(a, b)


def test_a_range_of_frames_gives_the_rows_of_these_frames(film: Path, estimator: Estimator, tmp_path: Path) -> None:
    run(tmp_path / "all", estimator, film)
    status = run(tmp_path / "part", estimator, film, start=20, stop=33)
    assert (status.state, status.frames_expected, status.frames_decoded) == ("ok", 13, 13)
    (all_poses, all_frames), (poses, frames) = tables(tmp_path / "all"), tables(tmp_path / "part")
    inside = all_frames["frame"].between(20, 32)
    pd.testing.assert_frame_equal(frames, all_frames[inside].reset_index(drop=True))
    inside = all_poses["frame"].between(20, 32)
    columns = [name for name in poses.columns if name != "track"]
    pd.testing.assert_frame_equal(poses[columns], all_poses.loc[inside, columns].reset_index(drop=True))
    assert run(tmp_path / "long", estimator, film, start=50, stop=5000).state == "ok"
    assert run(tmp_path / "late", estimator, film, start=60).reason == "no_frames"


def test_an_arena_comes_back_in_pixels_of_the_whole_frame(
    film: Path, estimator: Estimator, tmp_path: Path, dots: Truth
) -> None:
    run(tmp_path, estimator, film, roi="10,40,128,96")
    poses, _ = tables(tmp_path)
    expected = [dots(i)[1] for i in range(60) if len(dots(i)) == 2]
    np.testing.assert_allclose(poses[["x_middle", "y_middle"]], expected, atol=0.4)


def test_sleap_reads_back_exactly_what_was_predicted(film: Path, estimator: Estimator, tmp_path: Path) -> None:
    run(tmp_path, estimator, film)
    poses, _ = tables(tmp_path)
    labels = sleap_io.load_slp((tmp_path / "poses.slp").as_posix())
    assert labels.videos[0].filename == str(film)
    assert labels.videos[0].shape == (60, 96, 128, 1)
    assert [track.name for track in labels.tracks] == ["track_0", "track_1"]
    skeleton = estimator.skeleton
    assert labels.skeleton.node_names == list(skeleton.nodes)
    assert labels.skeleton.edge_inds == list(skeleton.edges)
    assert [sorted(labels.skeleton.index(n) for n in s.nodes) for s in labels.skeleton.symmetries] == [[0, 1], [1, 2]]
    assert [frame.frame_idx for frame in labels] == list(range(60))  # frames without animals too
    for frame in labels:
        rows = poses[poses["frame"] == frame.frame_idx]
        assert len(frame.instances) == len(rows)
        for instance, (_, row) in zip(frame.instances, rows.iterrows(), strict=True):
            assert isinstance(instance, sleap_io.PredictedInstance)
            points = np.array([[row[f"x_{node}"], row[f"y_{node}"]] for node in skeleton.nodes], np.float32)
            scores = np.array([row[f"score_{node}"] for node in skeleton.nodes], np.float32)
            np.testing.assert_array_equal(instance.numpy().astype(np.float32), points)
            np.testing.assert_array_equal(instance.points["score"].astype(np.float32), scores)
            np.testing.assert_array_equal(instance.points["visible"], ~np.isnan(points[:, 0]))
            assert np.float32(instance.score) == row["instance_score"]
            assert instance.track is not None
            assert instance.track.name == row["track"]
    labels.save((tmp_path / "again.slp").as_posix(), embed=False)  # sleap-io can write it on


def test_tidy_tables_and_named_axes_hold_the_same(film: Path, estimator: Estimator, tmp_path: Path) -> None:
    run(tmp_path, estimator, film)
    poses, _ = tables(tmp_path)
    tidy, cube = read_poses(tmp_path), read_xarray(tmp_path)
    assert len(tidy) == 3 * len(poses)
    assert cube.sizes == {"frame": 60, "space": 2, "node": 3, "individual": 2}
    for row in tidy[tidy["frame"].isin([3, 20, 31])].itertuples():
        at = cube["position"].sel(frame=row.frame, node=row.node, individual=row.track)
        np.testing.assert_array_equal(at.to_numpy(), np.array([row.x, row.y], np.float32))
    found = np.isfinite(cube["position"].to_numpy()).sum()
    assert found == np.isfinite(tidy[["x", "y"]].to_numpy()).sum()


def damaged(film: Path, to: Path, cut: float | None = None) -> Path:
    content = bytearray(film.read_bytes())
    if cut is not None:
        content = content[: int(len(content) * cut)]
    else:
        middle = len(content) // 2
        content[middle : middle + 6000] = bytes(6000)
    to.write_bytes(content)
    return to


def test_a_truncated_video_gives_what_there_is(film: Path, estimator: Estimator, tmp_path: Path) -> None:
    run(tmp_path / "whole", estimator, film)
    status = run(tmp_path / "cut", estimator, damaged(film, tmp_path / "cut.mp4", cut=0.6))
    assert (status.state, status.reason, status.frames_expected) == ("partial", "truncated", 60)
    assert 20 < status.frames_decoded < 50
    assert sum(last - first + 1 for first, last in status.frames_missing) == 60 - status.frames_decoded
    poses, frames = tables(tmp_path / "cut")
    assert frames["frame"].tolist() == list(range(60))
    assert frames["decoded"].sum() == status.frames_decoded
    assert frames.loc[59, "time_s"] != frames.loc[59, "time_s"]
    reference, _ = tables(tmp_path / "whole")
    pd.testing.assert_frame_equal(poses[poses["frame"] < 20], reference[reference["frame"] < 20])
    labels = sleap_io.load_slp((tmp_path / "cut" / "poses.slp").as_posix())
    assert len(labels) == status.frames_decoded


def test_a_damaged_middle_is_named_frame_by_frame(film: Path, estimator: Estimator, tmp_path: Path) -> None:
    status = run(tmp_path / "out", estimator, damaged(film, tmp_path / "damaged.mp4"))
    assert (status.state, status.reason, status.frames_expected) == ("partial", "undecodable_frames", 60)
    _, frames = tables(tmp_path / "out")
    missing = {i for first, last in status.frames_missing for i in range(first, last + 1)}
    assert missing == set(frames.loc[~frames["decoded"], "frame"])
    assert 0 < len(missing) < 30
    assert frames["frame"].tolist() == list(range(60))


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("empty.mp4", b"", "empty_file"),
        ("notes.mp4", b"a letter\n" * 99, "not_a_video"),
        ("gone.mp4", None, "missing"),
    ],
)
def test_an_unusable_video_fails_with_all_its_files(
    estimator: Estimator, tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    status = run(tmp_path, estimator, tmp_path / name)
    assert (status.state, status.reason, status.frames_expected) == ("failed", reason, 0)
    assert name in status.message
    poses, frames = tables(tmp_path)
    assert (len(poses), len(frames)) == (0, 0)
    assert len(sleap_io.load_slp((tmp_path / "poses.slp").as_posix())) == 0
    assert len(read_poses(tmp_path)) == 0
    assert read_xarray(tmp_path).sizes["frame"] == 0


def test_a_file_cut_before_its_index_is_not_a_video(
    write_film: Callable[..., Path], estimator: Estimator, tmp_path: Path
) -> None:
    whole = write_film(tmp_path / "whole.mp4")
    assert run(tmp_path / "out", estimator, damaged(whole, tmp_path / "cut.mp4", cut=0.6)).reason == "not_a_video"


def test_a_file_nobody_may_read_is_permission_denied(film: Path, estimator: Estimator, tmp_path: Path) -> None:
    path = damaged(film, tmp_path / "secret.mp4", cut=1.0)
    path.chmod(0)
    if os.access(path, os.R_OK):
        pytest.skip("NOT TESTED: this user may read any file (root); run as another user to test permission_denied")
    assert run(tmp_path, estimator, path).reason == "permission_denied"


def test_an_excluded_video_is_not_opened(estimator: Estimator, tmp_path: Path) -> None:
    assert run(tmp_path, estimator, "nowhere.mp4", exclude=True).state == "excluded"


@pytest.mark.parametrize("name", ["two words.mp4", "quo\"te's.mp4", "mäuse-鼠.mp4", "new\nline.mp4", "-i.mp4"])
def test_odd_names_are_names(
    film: Path, estimator: Estimator, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    damaged(film, tmp_path / name, cut=1.0)
    monkeypatch.chdir(tmp_path)
    assert run(tmp_path / "out", estimator, name, stop=5).state == "ok"
    assert sleap_io.load_slp((tmp_path / "out" / "poses.slp").as_posix()).videos[0].filename == name


@pytest.mark.parametrize("error", [MemoryError(), OSError(28, "No space left on device"), RuntimeError("no GPU")])
def test_faults_of_the_machine_are_raised(film: Path, estimator: Estimator, tmp_path: Path, error: Exception) -> None:
    class Broken:
        skeleton = estimator.skeleton
        classes = estimator.classes

        def predict(self, images: np.ndarray) -> PoseBatch:
            raise error

    with pytest.raises(type(error)):
        run(tmp_path, Broken(), film)


def test_memory_does_not_grow_with_the_video(
    write_film: Callable[..., Path], estimator: Estimator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("posewright.prediction.poses._ROW_GROUP_ROWS", 64)
    peaks = {}
    for n in (100, 400):
        path = write_film(tmp_path / f"{n}.mp4", n=n)
        run(tmp_path / "warm", estimator, path, stop=20)
        tracemalloc.start()
        run(tmp_path / "out", estimator, path)
        peaks[n] = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    ahead = 4 * 8 * 96 * 128  # how many batches of pictures wait at once is a matter of chance; 300 pictures are not
    assert peaks[400] < peaks[100] + ahead


def test_videos_do_not_influence_each_other(film: Path, estimator: Estimator, tmp_path: Path) -> None:
    tracker = WindowTracker("centroid")
    task = VideoTask("a", str(film))
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        predict_video(replace(task, video=name), estimator, tracker, tmp_path / name)
    pd.testing.assert_frame_equal(tables(tmp_path / "first")[0], tables(tmp_path / "second")[0])
