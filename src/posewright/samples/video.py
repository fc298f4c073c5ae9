"""Frames of a video file, in order, with honest numbers: which frame, when, and whether it could be decoded.

Videos are read from the beginning and never sought in, so frame numbers do not depend on an index being right. A frame
number counts *pictures the file holds*, also those that are damaged: a lost one takes its number and has no image.
"""

from __future__ import annotations

import heapq
import stat
from collections.abc import Container, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import numpy as np
from av.stream import Disposition
from numpy.typing import NDArray

from posewright.shapes import Size

#: Containers whose packets carry reliable presentation stamps, one packet a picture: losses can be counted there.
_STAMPED_FORMATS = frozenset({"mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"})
#: Codecs that hide reference pictures in packets of their own: a packet without a picture is no loss there.
_HIDDEN_PICTURES = frozenset({"vp8"})
#: Only local files: a playlist that calls itself .mp4 must not reach out to the network.
_OPEN_OPTIONS = {"protocol_whitelist": "file"}
#: Demuxers that accept plain text as pictures of a terminal.
_NOT_VIDEO_FORMATS = frozenset({"tty"})


class VideoFault(Exception):
    """A video cannot be used, and no second attempt will change that.

    Attributes:
        reason: missing, empty_file, permission_denied, not_a_video or no_frames.
        message: the fault in a sentence, with the path.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
        self.message = message


@dataclass(frozen=True)
class VideoInfo:
    """What a video says of itself.

    Attributes:
        size: height and width in pixels, as shown (after the rotation that phones store).
        channels: 1 if the first picture is gray, else 3.
        fps: average frame rate; 0 if the file does not tell.
        n_frames_hint: number of frames by the container's own account; 0 if it gives none.
        hint_is_count: the container lists its frames one by one, so the hint is a count and no estimate.
        duration_s: length by the container's own account; 0 if it gives none.
    """

    size: Size
    channels: int
    fps: float
    n_frames_hint: int
    hint_is_count: bool
    duration_s: float


@dataclass(frozen=True)
class Frame:
    """One frame of a video.

    Attributes:
        index: number in the file, from 0.
        time_s: time since the file's first frame, from its presentation time stamps.
        image: ``[height width channel]``, one channel for gray videos; None where it could not be decoded.
    """

    index: int
    time_s: float
    image: NDArray[np.uint8] | None


def probe(path: Path) -> VideoInfo:
    """Return size, channels, rate and length of a video; decodes until the first picture."""
    with _opened(path) as (container, stream):
        n_frames, is_count = _frames_by_container(stream)
        fps = float(stream.average_rate or stream.guessed_rate or 0)
        duration_s = _duration_s(container, stream)
        for picture, _pts in _pictures(container, stream):
            if picture is not None:
                image = _rgb(picture, picture.width, picture.height)
                channels = 1 if _is_gray(image) else 3
                hint = n_frames or round(duration_s * fps)
                return VideoInfo(Size(*image.shape[:2]), channels, fps, hint, is_count, duration_s)
    raise VideoFault("no_frames", f"{str(path)!r} holds no frame that can be decoded")


def open_frames(
    path: Path, start: int = 0, stop: int | None = None, only: Container[int] | None = None
) -> Iterator[Frame]:
    """Yield the frames from ``start`` up to but not ``stop``, in order.

    Args:
        path: a local video file.
        start: first frame; those before it are decoded and passed over.
        stop: frame to stop before; None for the whole video.
        only: frame numbers wanted; others are not converted and not yielded.

    Raises:
        VideoFault: the file is no usable video (raised before the first frame).
    """
    with _opened(path) as (container, stream):
        origin = stream.start_time or 0
        size: tuple[int, int] | None = None
        gray = False
        for index, (picture, pts) in enumerate(_pictures(container, stream)):
            if stop is not None and index >= stop:
                return
            if size is None and picture is not None:
                size = (picture.width, picture.height)
                gray = _is_gray(_rgb(picture, *size))
            if index < start or (only is not None and index not in only):
                continue
            image = None
            if picture is not None and size is not None:
                image = _rgb(picture, *size)
                image = np.ascontiguousarray(image[:, :, :1]) if gray else image
            yield Frame(index, _time_s(stream, index, pts, origin), image)


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, Any]]:
    """Open a file and its first video stream; data faults become a VideoFault, others pass."""
    _require_file(path)
    try:
        # an absolute path is never read as a protocol ("concat:...") or an option ("-i")
        container = av.open(str(path.absolute()), options=dict(_OPEN_OPTIONS), metadata_errors="replace")
    except av.error.FFmpegError as error:
        if _is_machine_fault(error):
            raise
        raise VideoFault("not_a_video", f"{str(path)!r} is not a video that can be read ({error.strerror})") from error
    with container:
        if container.format.name in _NOT_VIDEO_FORMATS:
            raise VideoFault("not_a_video", f"{str(path)!r} is text, not a video")
        films = [stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic]
        if not films:
            raise VideoFault("no_frames", f"{str(path)!r} holds no video stream")
        stream = films[0]
        if stream.codec_context is None:
            raise VideoFault("not_a_video", f"{str(path)!r} is coded in a way that cannot be decoded here")
        stream.thread_type = "AUTO"
        yield container, stream


def _require_file(path: Path) -> None:
    """Raise a VideoFault unless the path is a readable, not empty, regular file."""
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise VideoFault("not_a_video", f"{str(path)!r} is not a regular file")
        with path.open("rb"):
            pass
    except (FileNotFoundError, NotADirectoryError) as error:
        raise VideoFault("missing", f"{str(path)!r} does not exist") from error
    except ValueError as error:  # a NUL character in the name
        raise VideoFault("missing", f"{str(path)!r} cannot be the name of a file") from error
    except PermissionError as error:
        raise VideoFault("permission_denied", f"{str(path)!r} may not be read by this user") from error
    if status.st_size == 0:
        raise VideoFault("empty_file", f"{str(path)!r} is empty (0 bytes)")


def _is_machine_fault(error: BaseException) -> bool:
    """Return whether the machine failed (disk, memory), rather than the file's content."""
    return isinstance(error, OSError | MemoryError) and not isinstance(error, EOFError)


def _pictures(container: Any, stream: Any) -> Iterator[tuple[Any | None, int | None]]:
    """Yield (picture, time stamp) in the order of presentation, with None for each picture that was lost.

    Pictures leave the decoder in the order of their time stamps. A packet whose stamp is passed over has therefore lost
    its picture. Where stamps are missing or made up, losses are not counted.
    """
    waiting: list[int] = []  # a heap: stamps of the packets whose pictures have not come out yet
    counts_losses = container.format.name in _STAMPED_FORMATS and stream.codec_context.name not in _HIDDEN_PICTURES
    for packet in _packets(container, stream):
        if counts_losses and packet is not None and packet.pts is not None and not packet.is_discard:
            heapq.heappush(waiting, packet.pts)
        for picture in _decoded(stream, packet):
            if picture.pts is not None:
                while waiting and waiting[0] < picture.pts:
                    yield None, heapq.heappop(waiting)
                if waiting and waiting[0] == picture.pts:
                    heapq.heappop(waiting)
            # a damaged picture comes out patched up from its neighbours: no measurement, so it counts as lost
            yield None if picture.is_corrupt else picture, picture.pts
    while waiting:
        yield None, heapq.heappop(waiting)


def _packets(container: Any, stream: Any) -> Iterator[Any | None]:
    """Yield packets until the file ends or its content breaks off, then None, which flushes the decoder."""
    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets, None)
        except av.error.FFmpegError as error:
            if _is_machine_fault(error):
                raise
            packet = None
        if packet is None or packet.size:  # at a regular end PyAV adds an empty packet of its own
            yield packet
        if packet is None:
            return


def _decoded(stream: Any, packet: Any | None) -> list[Any]:
    """Return the pictures that come out when a packet goes in; none where the packet is damaged."""
    try:
        return list(stream.codec_context.decode(packet))
    except av.error.FFmpegError as error:
        if _is_machine_fault(error):
            raise
        return []


def _rgb(picture: Any, width: int, height: int) -> NDArray[np.uint8]:
    """Return ``[height width 3]``, upright; a size that changes within the file is brought to that of the start."""
    image: NDArray[np.uint8] = picture.to_ndarray(format="rgb24", width=width, height=height)
    turns = round((picture.rotation or 0) / 90) % 4
    return np.ascontiguousarray(np.rot90(image, turns)) if turns else image


def _is_gray(image: NDArray[np.uint8]) -> bool:
    """Return whether the three channels are equal."""
    return bool(np.array_equal(image[..., 0], image[..., 1]) and np.array_equal(image[..., 0], image[..., 2]))


def _time_s(stream: Any, index: int, pts: int | None, origin: int) -> float:
    """Return the time of a frame from its stamp, or from the rate where it has none."""
    if pts is not None:
        return float((pts - origin) * stream.time_base)
    rate = stream.average_rate or stream.guessed_rate
    return float(index / rate) if rate else float("nan")


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
