"""What a row of the sheet asks for: rates, arenas, animals, and sources that are no film."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import av
import cv2
import h5py
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import sleap_io
import tifffile

from posewright.prediction.contracts import Estimator
from posewright.prediction.estimator import load_estimator
from posewright.prediction.status import Status
from posewright.prediction.task import VideoTask
from posewright.prediction.video import predict_video
from posewright.samples.store import FrameStore
from posewright.samples.video import open_frames
from posewright.shapes import DecodeOptions
from posewright.tracking.tracker import tracker_for

from ..training.small import make_small_data, one_thread, small_recipe, train

N = 24


def run(folder: Path, estimator: Estimator, path: Path | str, **row: Any) -> Status:
    folder.mkdir(exist_ok=True)
    task = VideoTask.from_row({"video": "a", "path": str(path), **row})
    return predict_video(task, estimator, tracker_for(task, {"similarity": "centroid"}), folder)[0]


def tables(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    return pq.read_table(folder / "poses.parquet").to_pandas(), pq.read_table(folder / "frames.parquet").to_pandas()


@pytest.fixture(scope="module")
def pictures(film: Path) -> np.ndarray:
    """The first frames of the film, ``[frame height width]``."""
    return np.stack([frame.image[..., 0] for frame in open_frames(film, stop=N) if frame.image is not None])


def lossless(path: Path, images: np.ndarray) -> Path:
    """Write gray images ``[frame height width]`` without loss."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=20)
        stream.width, stream.height, stream.pix_fmt = images.shape[2], images.shape[1], "gray"
        for image in images:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="gray")))
        container.mux(stream.encode(None))
    return path


def folder_of(path: Path, images: np.ndarray) -> Path:
    path.mkdir()
    for i, image in enumerate(images):
        cv2.imwrite(str(path / f"img{i:03d}.png"), image)
    return path


def test_the_rate_of_the_sheet_stands_above_that_of_the_file(film: Path, estimator: Estimator, tmp_path: Path) -> None:
    run(tmp_path, estimator, film, fps=50.0, start=10, stop=20)
    poses, frames = tables(tmp_path)
    assert frames["frame"].tolist() == list(range(10, 20))
    np.testing.assert_allclose(frames["time_s"], np.arange(10, 20) / 50)
    np.testing.assert_allclose(poses["time_s"], poses["frame"] / 50)
    assert sleap_io.load_slp((tmp_path / "poses.slp").as_posix()).videos[0].backend_metadata["fps"] == 50


def test_unknown_times_are_nan_and_said(estimator: Estimator, tmp_path: Path, pictures: np.ndarray) -> None:
    path = folder_of(tmp_path / "images", pictures)
    status = run(tmp_path / "out", estimator, path)
    assert (status.state, status.reason, status.frames_predicted) == ("ok", "", N)
    assert "give `fps` in the sheet" in status.message
    assert tables(tmp_path / "out")[1]["time_s"].isna().all()
    assert run(tmp_path / "told", estimator, path, fps=20.0).message == ""
    np.testing.assert_allclose(tables(tmp_path / "told")[1]["time_s"], np.arange(N) / 20)


def make_tiff(at: Path, images: np.ndarray) -> Path:
    tifffile.imwrite(at / "film.tif", images, metadata=None)
    return at / "film.tif"


def make_hdf5(at: Path, images: np.ndarray) -> Path:
    with h5py.File(at / "film.h5", "w") as file:
        file["rig/box"] = images[..., None]
    return at / "film.h5"


SOURCES: Mapping[str, Callable[[Path, np.ndarray], Path]] = {
    "lossless film": lambda at, images: lossless(at / "film.mkv", images),
    "folder": lambda at, images: folder_of(at / "film", images),
    "pattern": lambda at, images: folder_of(at / "film", images) / "img%03d.png",
    "tiff": make_tiff,
    "hdf5": make_hdf5,
    "hdf5 by name": lambda at, images: Path(f"{make_hdf5(at, images)}::rig/box"),
}


@pytest.mark.parametrize("source", SOURCES)
def test_every_source_gives_the_poses_of_the_film(
    film: Path, estimator: Estimator, tmp_path: Path, pictures: np.ndarray, source: str
) -> None:
    run(tmp_path / "film_out", estimator, film, stop=N)
    path = SOURCES[source](tmp_path, pictures)
    status = run(tmp_path / "out", estimator, path, fps=20.0)
    assert (status.state, status.frames_expected, status.frames_predicted) == ("ok", N, N)
    for ours, theirs in zip(tables(tmp_path / "out"), tables(tmp_path / "film_out"), strict=True):
        pd.testing.assert_frame_equal(ours, theirs)
    if source != "tiff":  # sleap-io 0.9.5 takes the pages of a gray stack for rows of one image
        shown = sleap_io.load_slp((tmp_path / "out" / "poses.slp").as_posix()).videos[0]
        np.testing.assert_array_equal(shown[17][..., 0], pictures[17])
    part = run(tmp_path / "part", estimator, path, start=20, stop=99)
    assert (part.state, part.frames_expected) == ("ok", N - 20)
    assert tables(tmp_path / "part")[1]["frame"].tolist() == list(range(20, N))


def test_a_broken_image_is_an_undecodable_frame(estimator: Estimator, tmp_path: Path, pictures: np.ndarray) -> None:
    path = folder_of(tmp_path / "images", pictures)
    (path / "img005.png").write_bytes(b"no image")
    status = run(tmp_path / "out", estimator, path)
    assert (status.state, status.reason, status.frames_missing) == ("partial", "undecodable_frames", ((5, 5),))


def test_images_of_several_sizes_are_predicted_each_in_its_own(
    estimator: Estimator, tmp_path: Path, pictures: np.ndarray
) -> None:
    path = folder_of(tmp_path / "images", pictures)
    cv2.imwrite(str(path / "img010.png"), np.pad(pictures[10], ((0, 30), (0, 20))))
    assert run(tmp_path / "out", estimator, path).state == "ok"
    run(tmp_path / "same", estimator, folder_of(tmp_path / "equal", pictures))
    pd.testing.assert_frame_equal(tables(tmp_path / "out")[0], tables(tmp_path / "same")[0])


def test_an_arena_outside_the_frame_is_a_state_and_one_that_sticks_out_is_said(
    film: Path, estimator: Estimator, tmp_path: Path
) -> None:
    status = run(tmp_path / "outside", estimator, film, roi="128,0,200,50")
    assert (status.state, status.reason, status.frames_expected) == ("failed", "roi_outside", 0)
    assert "128 x 96 pixels" in status.message
    assert sleap_io.load_slp((tmp_path / "outside" / "poses.slp").as_posix()).videos[0].filename == str(film)
    status = run(tmp_path / "beyond", estimator, film, roi="10,40,200,96")
    assert (status.state, status.reason) == ("ok", "")
    assert "sticks out" in status.message


@pytest.mark.parametrize("n_animals", [1, 2])
def test_there_are_never_more_tracks_than_animals(
    film: Path, estimator: Estimator, tmp_path: Path, n_animals: int
) -> None:
    run(tmp_path, estimator, film, n_animals=n_animals)
    poses, _ = tables(tmp_path)
    assert poses.groupby("frame").size().max() == 2
    assert poses["track"].nunique() == n_animals
    assert not poses[poses["track"].notna()].duplicated(["frame", "track"]).any()


def mosaic(quarters: list[np.ndarray]) -> tuple[np.ndarray, list[tuple[int, int, int, int]]]:
    """Return one film ``[frame height width]`` of four, and the place of each in it."""
    height, width = quarters[0].shape[1:]
    whole = np.concatenate([np.concatenate(quarters[i : i + 2], axis=2) for i in (0, 2)], axis=1)
    places = [(x, y, x + width, y + height) for y in (0, height) for x in (0, width)]
    return whole, places


def assert_arenas_are_films(estimator: Estimator, quarters: list[np.ndarray], at: Path) -> int:
    """Compare four rows of one film with four films; return the number of poses."""
    whole, places = mosaic(quarters)
    together, n_poses = lossless(at / "together.mkv", whole), 0
    for arena, place in enumerate(places):
        roi = ",".join(map(str, place))
        ours = run(at / f"arena{arena}", estimator, together, roi=roi, n_animals=2)
        theirs = run(at / f"film{arena}", estimator, lossless(at / f"{arena}.mkv", quarters[arena]), n_animals=2)
        assert ours == theirs
        (poses, frames), (alone, alone_frames) = tables(at / f"arena{arena}"), tables(at / f"film{arena}")
        pd.testing.assert_frame_equal(frames, alone_frames)
        for axis, begin in zip("xy", place, strict=False):
            columns = [name for name in poses.columns if name.startswith(f"{axis}_")]
            np.testing.assert_allclose(poses[columns], alone[columns] + begin, atol=1e-3)
            poses, alone = poses.drop(columns=columns), alone.drop(columns=columns)
        pd.testing.assert_frame_equal(poses, alone)
        assert poses["track"].nunique() == 2
        n_poses += len(poses)
    return n_poses


def test_four_arenas_of_one_film_are_four_films(estimator: Estimator, tmp_path: Path, pictures: np.ndarray) -> None:
    quarters = [pictures, pictures[:, ::-1], pictures[:, :, ::-1], pictures[::-1]]
    assert assert_arenas_are_films(estimator, quarters, tmp_path) > 4 * N


@pytest.mark.long
@pytest.mark.parametrize("method", [["bottomup"], ["centroid", "centered_instance"]])
def test_four_arenas_are_four_films_for_trained_models(tmp_path: Path, method: list[str]) -> None:
    make_small_data(tmp_path / "data", n_animals=2)
    with one_thread():
        folders = [
            train(
                tmp_path / "data",
                small_recipe(name, train_steps_per_epoch=250, max_epochs=1, optimizer={"lr": 2e-3}),
                tmp_path / name,
            )
            for name in method
        ]
        estimator = load_estimator(folders, DecodeOptions(peak_threshold=0.1), "torch")
        store = FrameStore(tmp_path / "data" / "store" / "store.json")
        images = np.stack([store[key][..., 0] for key in store.keys])
        quarters = [np.roll(images, shift, axis=0) for shift in range(4)]
        assert assert_arenas_are_films(estimator, quarters, tmp_path) > 2 * len(images)
