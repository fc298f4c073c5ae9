"""TIFF files of several pages: each page is a frame."""

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
from posewright.samples.sources.images import rgb
from posewright.shapes import Size

_BYTES_AT_ONCE = 1 << 26
_PAGES_AT_ONCE = 256
_IMAGEJ = re.compile(rb"ImageJ=[^\0]*?images=(\d+)")


@dataclass(frozen=True)
class TiffPages:
    """A TIFF file of one size of page.

    Attributes:
        path: a local file.
    """

    path: Path

    def info(self) -> VideoInfo:
        """Return size and channels of the first page that can be read, and the number of pages."""
        n_pages = self._n_pages()
        for page in range(n_pages):
            pixels = self._pages(page, 1)[0]
            if pixels is not None:
                image = self._picture(pixels)
                channels = 1 if is_gray(image) else 3
                return VideoInfo(Size(*image.shape[:2]), channels, 0.0, n_pages, True, 0.0, notes_on(pixels))
        raise VideoFault("no_frames", f"{str(self.path)!r} holds no page that can be read")

    def frames(self, start: int = 0, stop: int | None = None, only: Container[int] | None = None) -> Iterator[Frame]:
        """Yield pages in order; they are read in blocks, because finding one costs a walk over those before it."""
        info = self.info()
        wanted = [page for page in range(info.n_frames_hint)[start:stop] if only is None or page in only]
        at_once = min(_PAGES_AT_ONCE, max(1, _BYTES_AT_ONCE // (info.size.height * info.size.width * 6)))
        for block in _neighbours(wanted, at_once):
            for page, pixels in zip(block, self._pages(block[0], len(block)), strict=True):
                image = None if pixels is None else with_channels(self._picture(pixels), info.channels == 1)
                yield Frame(page, float("nan"), image)

    def _n_pages(self) -> int:
        try:
            n_pages = int(cv2.imcount(str(self.path.absolute()), cv2.IMREAD_UNCHANGED))
        except cv2.error:
            n_pages = 0
        if n_pages < 1:
            raise VideoFault("not_a_video", f"{str(self.path)!r} is no TIFF file that can be read")
        with self.path.open("rb") as file:
            found = _IMAGEJ.search(file.read(1 << 16))
        if found is not None and int(found[1]) > n_pages:
            message = (
                f"{str(self.path)!r} is an ImageJ stack of {int(found[1])} images stored as {n_pages} pages; save it "
                "in ImageJ as an image sequence, or as TIFF below 4 GB"
            )
            raise VideoFault("not_a_video", message)
        return n_pages

    def _pages(self, first: int, count: int) -> Sequence[NDArray[Any] | None]:
        """Return some pages as they are stored; if one of them is broken, all are tried by themselves."""
        try:
            _, pages = cv2.imreadmulti(str(self.path.absolute()), first, count, flags=cv2.IMREAD_UNCHANGED)
        except cv2.error:
            pages = ()
        if len(pages) == count:
            return [rgb(page) for page in pages]
        return [None] if count == 1 else [self._pages(first + i, 1)[0] for i in range(count)]

    def _picture(self, pixels: NDArray[Any]) -> NDArray[np.uint8]:
        try:
            return picture(pixels)
        except ValueError as fault:
            raise VideoFault("not_a_video", f"{str(self.path)!r} cannot be used ({fault})") from None


def _neighbours(pages: Sequence[int], at_once: int) -> Iterator[list[int]]:
    """Yield runs of neighbouring pages, none longer than ``at_once``."""
    run: list[int] = []
    for page in pages:
        if run and (page != run[-1] + 1 or len(run) == at_once):
            yield run
            run = []
        run.append(page)
    if run:
        yield run
