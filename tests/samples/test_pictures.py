"""Frames that are no film: image folders and lists, TIFF pages, arrays in HDF5."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import h5py
import numpy as np
import pytest
import sleap_io
import tifffile

from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.skeleton import Skeleton
from posewright.labels.videos import images_in
from posewright.samples.sources.places import is_there
from posewright.samples.store import FrameStore, store_frames
from posewright.samples.video import Frame, VideoFault, open_frames, probe
from posewright.shapes import Size

N = 12


def pixels(n: int = N, channels: int = 1, dtype: Any = np.uint8) -> np.ndarray:
    """Return ``[frame height width channel]`` noise over the whole range."""
    return np.random.default_rng(0).integers(0, np.iinfo(dtype).max, (n, 24, 32, channels), dtype=dtype, endpoint=True)


def eight_bit(array: np.ndarray) -> np.ndarray:
    return array if array.dtype == np.uint8 else np.round(array / 257).astype(np.uint8)


def folder(path: Path, array: np.ndarray, name: str = "img{:03d}.png") -> Path:
    path.mkdir(exist_ok=True)
    for i, image in enumerate(array):
        stored = image[..., [2, 1, 0, 3][: image.shape[-1]]] if image.shape[-1] > 1 else image
        cv2.imwrite(str(path / name.format(i)), stored)
    return path


def tiff(path: Path, array: np.ndarray) -> Path:
    with tifffile.TiffWriter(path) as file:
        for image in array:
            file.write(image[..., 0] if image.shape[-1] == 1 else image, metadata=None, contiguous=False)
    return path


def hdf5(path: Path, array: np.ndarray) -> Path:
    with h5py.File(path, "w") as file:
        file["box"] = array
    return path


SOURCES: dict[str, Callable[[Path, np.ndarray], Path]] = {
    "folder": lambda at, array: folder(at / "images", array),
    "tiff": lambda at, array: tiff(at / "stack.tif", array),
    "hdf5": lambda at, array: hdf5(at / "film.h5", array),
}


def read(path: Path, **arguments: Any) -> list[Frame]:
    return list(open_frames(path, **arguments))


def images(path: Path) -> np.ndarray:
    return np.stack([frame.image for frame in read(path) if frame.image is not None])


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("channels", "dtype"), [(1, np.uint8), (3, np.uint8), (1, np.uint16), (3, np.uint16)])
def test_pixels_are_those_stored_and_those_sleap_io_shows(
    tmp_path: Path, source: str, channels: int, dtype: Any
) -> None:
    array = pixels(channels=channels, dtype=dtype)
    path = SOURCES[source](tmp_path, array)
    info = probe(path)
    assert (info.size, info.channels, info.n_frames_hint, info.hint_is_count) == (Size(24, 32), channels, N, True)
    np.testing.assert_array_equal(images(path), eight_bit(array))
    if (source, channels) != ("tiff", 1):  # sleap-io 0.9.5 takes the pages of a gray stack for rows of one image
        reference = sleap_io.load_video(path.as_posix())
        assert len(reference) == N
        np.testing.assert_array_equal(images(path), np.stack([eight_bit(reference[i]) for i in range(N)]))
    assert [frame.index for frame in read(path, start=3, stop=9, only={2, 4, 8, 9})] == [4, 8]
    assert np.isnan([frame.time_s for frame in read(path)]).all()


def test_three_equal_channels_are_one(tmp_path: Path) -> None:
    for source, make in SOURCES.items():
        path = make(tmp_path, np.repeat(pixels(), 3, axis=-1))
        assert probe(path).channels == 1, source
        assert images(path).shape == (N, 24, 32, 1)


@pytest.mark.parametrize("name", ["*.png", "img*.png", "img%03d.png", "img%d.png"])
def test_patterns_name_images(tmp_path: Path, name: str) -> None:
    folder(tmp_path, pixels())
    (tmp_path / "notes.txt").write_text("not an image")
    np.testing.assert_array_equal(images(tmp_path / name), pixels())
    assert is_there(tmp_path / name)
    assert not is_there(tmp_path / "other*.png")
    with pytest.raises(VideoFault) as caught:
        probe(tmp_path / "other*.png")
    assert caught.value.reason == "missing"


def test_a_file_that_is_named_like_a_pattern_is_itself(tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "img%03d.png"), pixels()[0])
    assert probe(tmp_path / "img%03d.png").n_frames_hint == 1


def test_unpadded_numbers_are_counted_as_sleap_does_and_said(tmp_path: Path) -> None:
    path = folder(tmp_path / "images", pixels(), "img{}.png")
    (note,) = probe(path).notes
    assert "img11.png before img2.png" in note
    reference = sleap_io.load_video(path.as_posix())
    np.testing.assert_array_equal(images(path), np.stack([reference[i] for i in range(N)]))
    assert probe(folder(tmp_path / "padded", pixels())).notes == ()


def test_an_image_that_is_broken_or_gone_costs_its_number_only(tmp_path: Path) -> None:
    path = folder(tmp_path / "images", pixels())
    (path / "img004.png").write_bytes(b"no image")
    (path / "img007.png").write_bytes(b"")
    assert [frame.index for frame in read(path) if frame.image is None] == [4, 7]
    for name in path.iterdir():
        name.write_bytes(b"no image")
    with pytest.raises(VideoFault) as caught:
        probe(path)
    assert caught.value.reason == "no_frames"


def test_alpha_is_no_colour_in_training_and_prediction_alike(tmp_path: Path) -> None:
    array = pixels(channels=4)
    path = folder(tmp_path / "images", array)
    np.testing.assert_array_equal(images(path), array[..., :3])
    _, video = images_in("images", path, sorted(entry.name for entry in path.iterdir()))
    frame = LabeledFrame(0, 5, np.ones((1, 1, 2)), (None,))
    store_frames(LabelSet(Skeleton(("a",)), (video,), (frame,)), tmp_path / "store" / "store.json")
    np.testing.assert_array_equal(FrameStore(tmp_path / "store" / "store.json")[0, 5], array[5, ..., :3])


@pytest.mark.parametrize("source", SOURCES)
def test_labelled_frames_of_16_bits_are_stored_as_they_are_predicted(tmp_path: Path, source: str) -> None:
    path = SOURCES[source](tmp_path, pixels(dtype=np.uint16))
    video = VideoRef(str(path), path)
    frame = LabeledFrame(0, 5, np.ones((1, 1, 2)), (None,))
    store_frames(LabelSet(Skeleton(("a",)), (video,), (frame,)), tmp_path / "store" / "store.json")
    np.testing.assert_array_equal(FrameStore(tmp_path / "store" / "store.json")[0, 5], images(path)[5])


def test_16_bits_that_hold_12_are_said(tmp_path: Path) -> None:
    for source, make in SOURCES.items():
        path = make(tmp_path, pixels(dtype=np.uint16) // 16)
        assert "dark 8-bit images" in probe(path).notes[0], source


@pytest.mark.parametrize("source", SOURCES)
def test_pixels_of_other_kinds_are_a_fault(tmp_path: Path, source: str) -> None:
    array = pixels().astype(np.float32)
    path = tmp_path / "film.h5" if source == "hdf5" else tmp_path / "images"
    if source == "folder":
        path.mkdir()
        tifffile.imwrite(path / "one.tif", array[0, ..., 0])
    else:
        path = SOURCES[source](tmp_path, array)
    with pytest.raises(VideoFault) as caught:
        probe(path)
    assert caught.value.reason == "not_a_video"
    assert "bits" in caught.value.message


def test_hdf5_axes_are_told_by_the_channels(tmp_path: Path) -> None:
    array = pixels(channels=3)
    for name, stored in {"last": array, "first": array.transpose(0, 3, 2, 1), "flat": array[..., 0]}.items():
        path = hdf5(tmp_path / f"{name}.h5", stored)
        np.testing.assert_array_equal(images(path), array[..., :1] if name == "flat" else array)
    shown = sleap_io.Video.from_filename(str(tmp_path / "first.h5"), dataset="box", input_format="channels_first")
    np.testing.assert_array_equal(images(tmp_path / "first.h5")[3], shown[3])


def test_several_films_in_one_file_are_named(tmp_path: Path) -> None:
    path = tmp_path / "rig.h5"
    with h5py.File(path, "w") as file:
        file["left/film"], file["right/film"], file["scores"] = pixels(), pixels()[::-1], np.ones((3, 4, 5, 6))
        file["right/film"].attrs["fps"] = 50.0
    with pytest.raises(VideoFault, match=r"several films .found: left/film, right/film.; write rig.h5::left/film"):
        probe(path)
    chosen = Path(f"{path}::right/film")
    np.testing.assert_array_equal(images(chosen), pixels()[::-1])
    np.testing.assert_allclose([frame.time_s for frame in read(chosen)], np.arange(N) / 50)
    assert is_there(chosen)
    with pytest.raises(VideoFault, match="no film 'scores'"):
        probe(Path(f"{path}::scores"))


def test_broken_files_are_faults(tmp_path: Path) -> None:
    for source, reason in (("tiff", "no_frames"), ("hdf5", "not_a_video")):
        path = SOURCES[source](tmp_path, pixels())
        path.write_bytes(path.read_bytes()[:200])
        with pytest.raises(VideoFault) as caught:
            read(path)
        assert caught.value.reason == reason


def test_many_pages_are_read_in_blocks(tmp_path: Path) -> None:
    array = pixels(n=600)
    path = tmp_path / "long.tif"
    tifffile.imwrite(path, array[..., 0], compression="zlib", metadata=None)
    np.testing.assert_array_equal(images(path), array)
    assert [frame.index for frame in read(path, only={0, 299, 300, 599})] == [0, 299, 300, 599]


def test_a_stack_of_one_page_is_no_film_of_one_frame(tmp_path: Path) -> None:
    path = tmp_path / "stack.tif"
    tifffile.imwrite(path, pixels()[0, ..., 0], description="ImageJ=1.53t\nimages=12\nslices=12\n", metadata=None)
    with pytest.raises(VideoFault, match="ImageJ stack of 12 images stored as 1 pages"):
        probe(path)
