"""Films as an array in an HDF5 file, as SLEAP's older tools and many rigs store them."""

from __future__ import annotations

from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from posewright.samples.sources.base import Frame, VideoFault, VideoInfo, is_gray, notes_on, picture, with_channels
from posewright.shapes import Size

MAGIC = b"\x89HDF\r\n\x1a\n"
_PIXELS = (np.dtype(np.uint8), np.dtype(np.uint16))


@dataclass(frozen=True)
class Hdf5Film:
    """An array ``[frame height width channel]``, ``[frame height width]`` or SLEAP's ``[frame channel width height]``.

    Attributes:
        path: a local file.
        dataset: name of the data set; None for the only one that can be a film.
    """

    path: Path
    dataset: str | None = None

    def info(self) -> VideoInfo:
        """Return what array and attributes tell; the rate is the attribute ``fps``, if there is one."""
        with self._opened() as film:
            for index in range(len(film)):
                pixels = _pixels(film, index)
                if pixels is not None:
                    image = picture(pixels)
                    channels, size = 1 if is_gray(image) else 3, Size(*image.shape[:2])
                    fps = _fps(film)
                    duration_s = len(film) / fps if fps else 0.0
                    return VideoInfo(size, channels, fps, len(film), True, duration_s, notes_on(pixels))
        raise VideoFault("no_frames", f"{str(self.path)!r} holds no frame that can be read")

    def frames(self, start: int = 0, stop: int | None = None, only: Container[int] | None = None) -> Iterator[Frame]:
        """Yield frames in order; only those that are wanted are read."""
        info = self.info()
        with self._opened() as film:
            for index in range(len(film))[start:stop]:
                if only is not None and index not in only:
                    continue
                pixels = _pixels(film, index)
                image = None if pixels is None else with_channels(picture(pixels), info.channels == 1)
                yield Frame(index, index / info.fps if info.fps else float("nan"), image)

    def layout(self) -> tuple[str, bool]:
        """Return the name of the data set, and whether its channels stand before width and height."""
        with self._opened() as film:
            return film.name.strip("/"), film.ndim == 4 and film.shape[3] not in (1, 3, 4)

    @contextmanager
    def _opened(self) -> Iterator[Any]:
        try:
            file = h5py.File(self.path, "r")
        except OSError as fault:
            if fault.errno is not None:
                raise
            raise VideoFault("not_a_video", f"{str(self.path)!r} is a broken HDF5 file ({fault})") from None
        with file:
            yield file[self._name(file)]

    def _name(self, file: h5py.File) -> str:
        """Return the data set to read; several that fit are a fault that lists them."""
        found: list[str] = []
        file.visititems(lambda name, item: found.append(name) if _is_film(item) else None)
        if self.dataset is not None and self.dataset.strip("/") in found:
            return self.dataset
        if self.dataset is None and len(found) == 1:
            return found[0]
        films = ", ".join(found) if found else "none: arrays of 8 or 16 bits with 3 or 4 axes are looked for"
        asked = "several films" if self.dataset is None and found else "no film"
        named = f" {self.dataset!r}" if self.dataset is not None else ""
        remedy = f"; write {self.path.name}::{found[0]}" if found else ""
        raise VideoFault("not_a_video", f"{str(self.path)!r} holds {asked}{named} (found: {films}){remedy}")


def _is_film(item: Any) -> bool:
    if not isinstance(item, h5py.Dataset) or item.dtype not in _PIXELS or 0 in item.shape:
        return False
    return item.ndim == 3 or (item.ndim == 4 and (item.shape[3] in (1, 3, 4) or item.shape[1] in (1, 3)))


def _pixels(film: Any, index: int) -> NDArray[Any] | None:
    """Return one frame as ``[height width channel]``; None where the file is damaged there."""
    try:
        pixels = np.asarray(film[index])
    except OSError as fault:
        if "errno = " in str(fault):  # HDF5 tells of the disk so, and of damaged data without
            raise
        return None
    channels_first = pixels.ndim == 3 and pixels.shape[2] not in (1, 3, 4)
    return pixels.transpose(2, 1, 0) if channels_first else pixels


def _fps(film: Any) -> float:
    for attributes in (film.attrs, film.parent.attrs):
        if "fps" in attributes:
            return max(float(attributes["fps"]), 0.0)
    return 0.0
