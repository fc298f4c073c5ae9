"""Frames of a video, in order, with honest numbers: which frame, when, and whether it could be decoded.

What a path names decides what reads it: a film, a folder or pattern of images, the pages of a TIFF file, or an array in
an HDF5 file. All count frames from 0 and never depend on an index being right.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posewright.samples.sources.base import Frame, Source, VideoFault, VideoInfo, require_file
from posewright.samples.sources.film import Film
from posewright.samples.sources.hdf5 import MAGIC, Hdf5Film
from posewright.samples.sources.images import Images
from posewright.samples.sources.places import IMAGE_SUFFIXES, TIFF_SUFFIXES, file_and_dataset, images_of
from posewright.samples.sources.tiff import TiffPages

__all__ = ["Frame", "Source", "VideoFault", "VideoInfo", "glimpses", "open_frames", "probe", "source_of"]


def source_of(path: Path) -> Source:
    """Return what reads a path.

    Raises:
        VideoFault: there is nothing under the path that could hold frames.
    """
    images = images_of(path)
    if images is not None:
        if not images and path.is_dir():
            raise VideoFault("not_a_video", f"{str(path)!r} is a folder without images ({', '.join(_suffixes())})")
        if not images:
            raise VideoFault("missing", f"no image has a name like {str(path)!r}")
        return Images(str(path), images)
    file, dataset = file_and_dataset(path)
    require_file(file)
    with file.open("rb") as stream:
        is_hdf5 = stream.read(len(MAGIC)) == MAGIC
    if is_hdf5 or dataset is not None:
        return Hdf5Film(file, dataset)
    if file.suffix.lower() in TIFF_SUFFIXES:
        return TiffPages(file)
    return Images(str(file), [file]) if file.suffix.lower() in IMAGE_SUFFIXES else Film(file)


def probe(path: Path) -> VideoInfo:
    """Return size, channels, rate and length of a video; reads until the first picture."""
    return source_of(path).info()


def open_frames(
    path: Path, start: int = 0, stop: int | None = None, only: Container[int] | None = None
) -> Iterator[Frame]:
    """Yield the frames from ``start`` up to but not ``stop``, in order.

    Args:
        path: what `source_of` knows to read.
        start: first frame; a film's frames before it are decoded and passed over.
        stop: frame to stop before; None for the whole video.
        only: frame numbers wanted; others are not converted and not yielded.

    Raises:
        VideoFault: this is no usable video (raised before the first frame).
    """
    yield from source_of(path).frames(start, stop, only)


def glimpses(path: Path, times_s: Mapping[int, float]) -> dict[int, NDArray[np.uint8]]:
    """Return the images of a few frames: by seeking where that is exact, else by reading up to the last of them.

    Args:
        path: what `source_of` knows to read.
        times_s: frame -> its time as the file tells it; NaN where that is unknown, and nothing is sought then.

    Raises:
        VideoFault: this is no usable video.
    """
    if not times_s:
        return {}
    source = source_of(path)
    sought = source.glimpses(times_s) if isinstance(source, Film) else None
    if sought is not None:
        return sought
    frames = source.frames(min(times_s), max(times_s) + 1, frozenset(times_s))
    return {frame.index: frame.image for frame in frames if frame.image is not None}


def _suffixes() -> list[str]:
    return sorted(IMAGE_SUFFIXES)
