"""Whether a video file can be the one that a label file speaks of: by size, number of frames, and embedded images."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np

from posewright.labels.duplicates import Looks

_COUNT_TOLERANCE = 0.01  #: part by which two programs may count a container's frames differently
_LEAST_TOLERANCE = 2
_SAMPLED_IMAGES = 4  #: embedded images that a film has to show

Shape = tuple[int, int, int]  #: frames, height, width


def stored_shape(video: Any) -> Shape | None:
    """Return what a label file says of a ``sleap_io.Video``'s frames; None where it says nothing."""
    shape = video.backend_metadata.get("shape")
    if not isinstance(shape, Sequence) or len(shape) != 4 or not all(isinstance(one, int) for one in shape):
        return None
    frames, height, width, _ = shape
    return (frames, height, width) if min(frames, height, width) > 0 else None


def misfit(path: Path, stored: Shape | None) -> str | None:
    """Return how a file contradicts what the label file says, as a clause; None if it can be the video.

    A folder, a file of another kind and a container that does not tell are no contradiction: they are looked at where
    frames are read.
    """
    found = _shape_of(str(path)) if stored is not None and path.is_file() else None
    if stored is None or found is None:
        return None
    if found[1:] not in (stored[1:], stored[:0:-1]):  # a phone's video may be stored lying
        return f"its frames are {found[2]}x{found[1]}, the label file says {stored[2]}x{stored[1]}"
    tolerance = max(_LEAST_TOLERANCE, round(_COUNT_TOLERANCE * stored[0]))
    if found[0] and abs(found[0] - stored[0]) > tolerance:
        return f"it has {found[0]} frames, the label file says {stored[0]}"
    return None


def shows(path: Path, embedded: Any) -> bool:
    """Return whether a film shows, at their numbers, some of the images that a label file carries of it.

    It is sought in as SLEAP does, for that is how the images came about. They may have been compressed once more: the
    same picture is one that `posewright.labels.duplicates` calls a near-duplicate, in frames of equal size.

    Args:
        path: a candidate.
        embedded: the ``sleap_io.Video`` of the embedded images.
    """
    import sleap_io

    try:
        if embedded.backend is None:
            embedded.open()
        numbers = sorted(embedded.backend.embedded_frame_inds)
        film = sleap_io.load_video(path.as_posix())
        places = np.linspace(0, len(numbers) - 1, min(_SAMPLED_IMAGES, len(numbers)))
        return bool(numbers) and all(_is_alike(film, embedded, numbers[round(place)]) for place in places)
    except (AttributeError, IndexError, KeyError, ValueError, OSError):  # no film, or too short for it
        return False


def _is_alike(film: Any, embedded: Any, number: int) -> bool:
    image, other = np.asarray(embedded[number]), np.asarray(film[number])
    looks = Looks()
    looks.add(image)
    return image.shape[:2] == other.shape[:2] and looks.like(other) is not None


@lru_cache(maxsize=4096)
def _shape_of(path: str) -> Shape | None:
    """Return what a container says of its video, without decoding; 0 frames where it gives no count."""
    try:
        with av.open(path, options={"protocol_whitelist": "file"}) as container:
            stream = container.streams.video[0]
            return int(stream.frames), int(stream.height), int(stream.width)
    except (av.FFmpegError, OSError, IndexError, ValueError):
        return None
