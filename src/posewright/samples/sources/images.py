"""Images of a folder, by a pattern or as a label file lists them: each frame is a file of its own."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from posewright.samples.sources.base import Frame, VideoFault, VideoInfo, is_gray, notes_on, picture, with_channels
from posewright.shapes import Size

_LAST_NUMBER = re.compile(r"(\d+)\D*$")


@dataclass(frozen=True)
class Images:
    """Image files as the frames of a video; their sizes may differ.

    Attributes:
        name: how the user names them.
        files: in the order of the frames.
    """

    name: str
    files: Sequence[Path]

    def info(self) -> VideoInfo:
        """Return size and channels of the first image that can be read, and how many there are."""
        for file in self.files:
            pixels = _read(file)
            if pixels is not None:
                image = _picture(pixels, file)
                size, channels = Size(*image.shape[:2]), 1 if is_gray(image) else 3
                notes = notes_on(pixels) + self._note_on_order()
                return VideoInfo(size, channels, 0.0, len(self.files), True, 0.0, notes)
        raise VideoFault("no_frames", f"{self.name!r} holds no image that can be read")

    def frames(self, start: int = 0, stop: int | None = None, only: Container[int] | None = None) -> Iterator[Frame]:
        """Yield images in order, with the channels of the first one; only those that are wanted are read."""
        gray = self.info().channels == 1
        for index in range(len(self.files))[start:stop]:
            if only is not None and index not in only:
                continue
            pixels = _read(self.files[index])
            image = None if pixels is None else with_channels(_picture(pixels, self.files[index]), gray)
            yield Frame(index, float("nan"), image)

    def _note_on_order(self) -> tuple[str, ...]:
        """Return a sentence if the files' numbers do not ascend in the order of their names."""
        found = [_LAST_NUMBER.search(file.stem) for file in self.files]
        numbers = [int(match[1]) for match in found if match is not None]
        fall = next((i for i in range(1, len(numbers)) if numbers[i] < numbers[i - 1]), None)
        if fall is None or len(numbers) < len(self.files) or len({file.parent for file in self.files}) > 1:
            return ()
        before, after = self.files[fall - 1].name, self.files[fall].name
        return (f"images are counted in the order of their names, as SLEAP does: {before} before {after}; if that is "
                "not their order in time, give all numbers the same count of digits",)  # fmt: skip


def _read(file: Path) -> NDArray[Any] | None:
    """Return the pixels as they are stored, colours as RGB; None where the file is gone or no image.

    A camera's orientation tag is not obeyed: SLEAP does not, and labels are in pixels as stored.
    """
    try:
        content = np.frombuffer(file.read_bytes(), np.uint8)
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError, PermissionError):
        return None
    if not len(content):
        return None
    try:
        return rgb(cv2.imdecode(content, cv2.IMREAD_UNCHANGED))
    except cv2.error:
        return None


def rgb(pixels: NDArray[Any] | None) -> NDArray[Any] | None:
    """Return OpenCV's pixels with the channels as RGB, or as RGBA."""
    if pixels is None or pixels.ndim == 2 or pixels.shape[2] < 3:
        return pixels
    return pixels[:, :, [2, 1, 0, 3][: pixels.shape[2]]]


def _picture(pixels: NDArray[Any], file: Path) -> NDArray[np.uint8]:
    try:
        return picture(pixels)
    except ValueError as fault:
        raise VideoFault("not_a_video", f"{str(file)!r} cannot be used ({fault})") from None
