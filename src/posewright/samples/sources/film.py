"""Films: whatever FFmpeg decodes, read from the beginning and never sought in, but for `Film.glimpses`.

Frame numbers therefore do not depend on an index being right. A frame number counts *pictures the file holds*, also
those that are damaged: a lost one takes its number and has no image.
"""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray

from posewright.samples.sources.base import Frame, VideoFault, VideoInfo, is_gray, reencode_command, require_file
from posewright.samples.sources.pictures import (
    Unproven,
    all_pictures,
    has_no_stamps,
    is_machine_fault,
    sure_pictures,
)
from posewright.shapes import Size

#: Only local files: a playlist that calls itself .mp4 must not reach out to the network.
_OPEN_OPTIONS = {"protocol_whitelist": "file"}
#: Demuxers that accept plain text as pictures of a terminal.
_NOT_VIDEO_FORMATS = frozenset({"tty"})
_AVI_HEADER_BYTES = 1 << 16


@dataclass(frozen=True)
class Film:
    """A video file.

    Attributes:
        path: a local file.
    """

    path: Path

    def info(self) -> VideoInfo:
        """Return size, channels, rate and length; decodes until the first picture."""
        with _opened(self.path) as (container, stream):
            n_frames, is_count = _frames_by_container(stream)
            tells_time = _tells_time(container, self.path)
            fps = float(stream.average_rate or stream.guessed_rate or 0) if tells_time else 0.0
            duration_s = _duration_s(container, stream) if tells_time else 0.0
            for picture, _pts in all_pictures(container, stream):
                if picture is not None:
                    image = _bgr(picture, picture.width, picture.height)
                    channels = 1 if is_gray(image) else 3
                    hint = n_frames or round(duration_s * fps)
                    return VideoInfo(Size(*image.shape[:2]), channels, fps, hint, is_count, duration_s)
        raise VideoFault("no_frames", f"{str(self.path)!r} holds no frame that can be decoded")

    def frames(self, start: int = 0, stop: int | None = None, only: Container[int] | None = None) -> Iterator[Frame]:
        """Yield frames in order; those before ``start`` are only counted where that is safe.

        A film that is damaged is decoded in one thread from its beginning: what the decoder makes of damage otherwise
        depends on how many threads there are, which of them was faster, and where it began.
        """
        begin = start
        try:
            for frame in self._frames(start, stop, only, is_sure=True):
                yield frame
                begin = frame.index + 1
        except Unproven:
            yield from self._frames(begin, stop, only, is_sure=False)

    def _frames(self, start: int, stop: int | None, only: Container[int] | None, is_sure: bool) -> Iterator[Frame]:
        """Yield the frames that are sure, or all of them."""
        with _opened(self.path) as (container, stream):
            stream.thread_count = 0 if is_sure else 1
            pictures = sure_pictures(container, stream, start) if is_sure else all_pictures(container, stream)
            clock = _Clock(stream, _tells_time(container, self.path), _orders_stamps(container, stream))
            size: tuple[int, int] | None = None
            gray = False
            for index, (picture, pts) in enumerate(pictures):
                if stop is not None and index >= stop:
                    return
                if size is None and picture is not None:
                    size = (picture.width, picture.height)
                    gray = is_gray(_bgr(picture, *size))
                time_s = clock.time_s(index, pts)
                if index < start or (only is not None and index not in only):
                    continue
                image = None
                if picture is not None and size is not None:
                    image = _shown(_bgr(picture, *size), gray)
                yield Frame(index, time_s, image)

    def glimpses(self, times_s: Mapping[int, float]) -> dict[int, NDArray[np.uint8]] | None:
        """Return the images of a few frames by seeking, where that is sure to find them; None where it is not.

        A picture is taken for a frame only if its time stamp is that of the frame: a wrong index makes frames missing
        here, never wrong ones.

        Args:
            times_s: frame -> its time, as `frames` told it.
        """
        if not all(math.isfinite(time_s) for time_s in times_s.values()):
            return None
        with _opened(self.path) as (container, stream):
            if not _tells_time(container, self.path) or not _orders_stamps(container, stream):
                return None
            if _open_options(self.path).get("seekable") == "0":
                return None
            clock, found, gray = _Clock(stream, True, True), {}, False
            for index, (picture, pts) in enumerate(all_pictures(container, stream)):
                clock.time_s(index, pts)
                if picture is not None:
                    size = (picture.width, picture.height)
                    gray = is_gray(_bgr(picture, *size))
                    break
            else:
                return {}
            for frame, time_s in sorted(times_s.items()):
                wanted = clock.stamp(time_s)
                if wanted is None:
                    return None
                try:
                    container.seek(wanted, stream=stream)
                except av.error.FFmpegError as error:
                    if is_machine_fault(error):
                        raise
                    continue
                for picture, pts in all_pictures(container, stream):
                    if pts is None or pts >= wanted:
                        if picture is not None and pts == wanted:
                            found[frame] = _shown(_bgr(picture, *size), gray)
                        break
            return found


class _Clock:
    """Times of frames, from their stamps or, where they have none, from the rate."""

    def __init__(self, stream: Any, tells_time: bool, orders_stamps: bool) -> None:
        rate = stream.average_rate or stream.guessed_rate
        self._tick_s = stream.time_base if tells_time and orders_stamps else None
        self._rate = rate if tells_time else None
        self._origin: int | None = None  # the container's own begins before the first picture where B-frames delay it

    def time_s(self, index: int, pts: int | None) -> float:
        """Return the time of a frame since the first one; NaN where the file does not tell."""
        if pts is not None and self._tick_s is not None:
            if self._origin is None:
                passed = 0 if self._rate is None else round(index / self._rate / self._tick_s)
                self._origin = pts - passed
            return float((pts - self._origin) * self._tick_s)
        return float(index / self._rate) if self._rate else float("nan")

    def stamp(self, time_s: float) -> int | None:
        """Return the time stamp of a frame with this time; None where stamps tell nothing."""
        if self._origin is None or self._tick_s is None:
            return None
        return int(self._origin + round(time_s / self._tick_s))


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """Open a file and its first video stream; data faults become a VideoFault, others pass."""
    require_file(path)
    otherwise = f"if a player shows it, re-encode it: {reencode_command(path)}"
    try:
        # an absolute path is never read as a protocol ("concat:...") or an option ("-i")
        container = av.open(str(path.absolute()), options=_open_options(path), metadata_errors="replace")
    except av.error.FFmpegError as error:
        if is_machine_fault(error):
            raise
        message = f"{str(path)!r} is not a video that can be read ({error.strerror}); {otherwise}"
        raise VideoFault("not_a_video", message) from error
    with container:
        if container.format.name in _NOT_VIDEO_FORMATS:
            raise VideoFault("not_a_video", f"{str(path)!r} is text, not a video")
        films = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
        if not films:
            raise VideoFault("no_frames", f"{str(path)!r} holds no video stream")
        stream = films[0]
        if stream.codec_context is None:
            raise VideoFault("not_a_video", f"{str(path)!r} is coded in a way unknown here; {otherwise}")
        stream.thread_type = "AUTO"
        yield container, stream


def _open_options(path: Path) -> dict[str, str]:
    """Return what FFmpeg is told: an AVI's pictures follow each other in the file, whatever its index says."""
    with path.open("rb") as file:
        is_avi = file.read(4) == b"RIFF"
    return {**_OPEN_OPTIONS, "seekable": "0"} if is_avi else dict(_OPEN_OPTIONS)


def _tells_time(container: Any, path: Path) -> bool:
    """Return whether the file knows when its frames were: raw streams do not, nor does an AVI whose rate is 0.

    FFmpeg makes up 25 frames per second for both.
    """
    if has_no_stamps(container):
        return False
    return container.format.name != "avi" or _avi_rate_is_set(path)


def _orders_stamps(container: Any, stream: Any) -> bool:
    """Return whether stamps belong to pictures: an AVI numbers its packets, which B-frames bring out of order."""
    return container.format.name != "avi" or not stream.codec_context.has_b_frames


def _avi_rate_is_set(path: Path) -> bool:
    """Return whether the header of an AVI gives its video a rate, in the stream's header or in the file's."""
    with path.open("rb") as file:
        head = file.read(_AVI_HEADER_BYTES)
    stream, main = head.find(b"vids"), head.find(b"avih")
    scale_and_rate = (head[stream + 20 : stream + 24], head[stream + 24 : stream + 28])
    if stream < 0 or all(int.from_bytes(number, "little") for number in scale_and_rate):
        return True
    return main >= 0 and int.from_bytes(head[main + 8 : main + 12], "little") > 0


def _bgr(picture: Any, width: int, height: int) -> NDArray[np.uint8]:
    """Return ``[height width 3]`` as blue, green, red, upright, all of the size given.

    A size that changes within the file is so brought to that of the start. The way over BGR and bicubic interpolation
    is OpenCV's, and so SLEAP's: other ways give other colours beyond 8 bits.
    """
    image: NDArray[np.uint8] = picture.to_ndarray(format="bgr24", width=width, height=height, interpolation="BICUBIC")
    turns = round((picture.rotation or 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _shown(bgr: NDArray[np.uint8], gray: bool) -> NDArray[np.uint8]:
    """Return red, green and blue, or one channel; SLEAP's gray is the red one."""
    rgb: Any = bgr[:, :, 2:] if gray else cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB)
    return np.ascontiguousarray(rgb)


def _frames_by_container(stream: Any) -> tuple[int, bool]:
    """Return the number of frames the container lists, without those its edit list cuts away; (0, False) if none."""
    if not stream.frames:
        return 0, False
    entries = stream.index_entries
    if len(entries) == stream.frames:
        return sum(not entry.is_discard for entry in entries), True
    return int(stream.frames), True


def _duration_s(container: Any, stream: Any) -> float:
    """Return the length of the video stream, or of the file where the stream does not tell."""
    if stream.duration is not None:
        return float(stream.duration * stream.time_base)
    return container.duration / av.time_base if container.duration else 0.0
