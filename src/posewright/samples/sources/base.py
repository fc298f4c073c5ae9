"""What every source of frames is: information, and frames in order with honest numbers."""

from __future__ import annotations

import shlex
import stat
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from posewright.shapes import Size

#: 16-bit pixels below this, in the first frame, are those of a 12-bit camera: few gray levels survive as 8 bits.
_DARK_16_BIT = 4096


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
        notes: sentences about what a user should know, though it hinders nothing.
    """

    size: Size
    channels: int
    fps: float
    n_frames_hint: int
    hint_is_count: bool
    duration_s: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Frame:
    """One frame of a video.

    Attributes:
        index: number in the file, from 0.
        time_s: time since the file's first frame, from its presentation time stamps; NaN if the file does not tell.
        image: ``[height width channel]``, one channel for gray videos; None where it could not be decoded.
    """

    index: int
    time_s: float
    image: NDArray[np.uint8] | None


class Source(Protocol):
    """A film, images or an array: read from the beginning or, where that is exact, at any frame."""

    def info(self) -> VideoInfo:
        """Return size, channels, rate and length; reads until the first picture."""
        ...

    def frames(self, start: int = 0, stop: int | None = None, only: Container[int] | None = None) -> Iterator[Frame]:
        """Yield the frames from ``start`` up to but not ``stop``, in order; others than ``only`` are left out."""
        ...


def require_file(path: Path) -> None:
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


def reencode_command(path: Path) -> str:
    """Return the shell command that makes a film every reader agrees on: one stamp a frame, an index, no B-frames."""
    source, target = shlex.quote(str(path)), shlex.quote(str(path.with_name(f"{path.stem}.reencoded.mp4")))
    return (
        f"ffmpeg -i {source} -map 0:v:0 -fps_mode passthrough -c:v libx264 -crf 12 -g 30 -bf 0 "
        f"-pix_fmt yuv420p -movflags +faststart {target}"
    )


def is_gray(image: NDArray[np.uint8]) -> bool:
    """Return whether all channels of ``[height width channel]`` are equal."""
    first = image[..., 0]
    return all(np.array_equal(first, image[..., channel]) for channel in range(1, image.shape[2]))


def picture(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    """Return stored pixels as ``[height width channel]`` of 8 bits, without alpha.

    16-bit pixels are divided by 257, always: a rule that looked at the image would differ from frame to frame.

    Raises:
        ValueError: the pixels are neither of 8 nor of 16 bits, or no picture at all.
    """
    pixels = pixels[:, :, None] if pixels.ndim == 2 else pixels
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 2, 3, 4) or not pixels.size:
        raise ValueError(f"an array of shape {pixels.shape} is no picture")
    pixels = pixels[:, :, : 1 if pixels.shape[2] < 3 else 3]
    if pixels.dtype == np.uint16:
        pixels = (pixels.astype(np.uint32) + 128) // 257
    elif pixels.dtype == np.bool_:
        pixels = pixels * np.uint8(255)
    elif pixels.dtype != np.uint8:
        raise ValueError(f"its pixels are {pixels.dtype} numbers; store 8 or 16 bits")
    return np.ascontiguousarray(pixels, dtype=np.uint8)


def with_channels(image: NDArray[np.uint8], gray: bool) -> NDArray[np.uint8]:
    """Return an image with one channel (the first, as SLEAP takes it) or three."""
    if gray:
        return np.ascontiguousarray(image[:, :, :1])
    return np.repeat(image, 3, axis=2) if image.shape[2] == 1 else image


def notes_on(pixels: NDArray[Any]) -> tuple[str, ...]:
    """Return what is to be said of the first frame's stored pixels."""
    if pixels.dtype != np.uint16 or int(pixels.max()) >= _DARK_16_BIT:
        return ()
    return (
        f"its 16-bit pixels stay below {_DARK_16_BIT}, so they become dark 8-bit images of at most 16 levels; "
        "spread them over 16 bits before (multiply them by 16)",
    )
