"""Is a labelled frame the frame it is taken for? The same number, reached by different ways, must show one picture.

Counting from the beginning is what training and prediction do. SLEAP seeks, and label packages carry images of their
own: where these show a neighbour instead, all labels lie beside their animals.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewright.samples.video import open_frames

WINDOW_FRAMES = 3  #: how far beside its number a frame is looked for
SAMPLED_FRAMES = 4
#: Decoding goes from the beginning: frames are sampled below the first of these, else one below the second.
_NEAR_FRAMES, _FAR_FRAMES = 5000, 20000
#: Another frame has to fit clearly better, and whatever fits must differ by less than the picture's own contrast.
_CLEARLY, _OF_CONTRAST, _NOISE = 0.9, 0.5, 2.0

Image = NDArray[np.uint8]
Offsets = dict[int, int | None]


def frame_offset(image: Image, frames: Mapping[int, Image], frame: int) -> int | None:
    """Return by how many frames an image lies beside ``frame``: 1 if it shows the next one; None if it shows none.

    Args:
        image: ``[height width channel]``, what is taken for ``frame``; it may have been compressed once more.
        frames: number -> image, of ``frame`` and its neighbours as counted from the beginning.
        frame: its number.
    """
    seen = _luma(image)
    known = {number: _luma(other) for number, other in frames.items() if other.shape[:2] == image.shape[:2]}
    differences = {number: float(np.abs(seen - other).mean()) for number, other in known.items()}
    if not differences:
        return None
    best = min(differences, key=lambda number: (differences[number], abs(number - frame)))
    if frame in differences and differences[best] >= _CLEARLY * differences[frame]:
        best = frame
    contrast = float(np.abs(seen - seen.mean()).mean())
    return best - frame if differences[best] <= max(_NOISE, _OF_CONTRAST * contrast) else None


def sampled(frames: Sequence[int]) -> list[int]:
    """Return some of the labelled frames, spread over those near enough to the beginning; none if all are too far."""
    near = [frame for frame in frames if frame < _NEAR_FRAMES] or [frame for frame in frames[:1] if frame < _FAR_FRAMES]
    places = np.linspace(0, len(near) - 1, min(SAMPLED_FRAMES, len(near)))
    return [near[round(place)] for place in places]


def compare_frames(
    path: Path, frames: Sequence[int], ways: Mapping[str, Callable[[int], Image | None]]
) -> dict[str, Offsets]:
    """Decode a video once in order and return, for each other way to its frames, the offset of each frame.

    Args:
        path: the video.
        frames: numbers to compare, in ascending order.
        ways: name -> what gives the image of a frame, None where it gives none.

    Raises:
        VideoFault: the video cannot be used.
    """
    near = {frame: range(frame - WINDOW_FRAMES, frame + WINDOW_FRAMES + 1) for frame in frames}
    wanted = frozenset(number for numbers in near.values() for number in numbers)
    counted = {
        found.index: np.round(_luma(found.image)).astype(np.uint8)[..., None]
        for found in open_frames(path, stop=max(wanted, default=-1) + 1, only=wanted)
        if found.image is not None
    }
    offsets: dict[str, Offsets] = {name: {} for name in ways}
    for frame, numbers in near.items():
        neighbours = {number: counted[number] for number in numbers if number in counted}
        for name, way in ways.items():
            image = way(frame)
            offsets[name][frame] = None if image is None else frame_offset(image, neighbours, frame)
    return offsets


def seeking(path: Path) -> Callable[[int], Image | None] | None:
    """Return what shows a frame as SLEAP does, by seeking; None for a file that SLEAP's data model does not open."""
    import sleap_io

    try:
        video = sleap_io.load_video(path.as_posix())
    except (ValueError, OSError):
        return None
    return by_handle(video)


def by_handle(video: Any) -> Callable[[int], Image | None]:
    """Return what shows a frame of a ``sleap_io.Video``."""

    def show(frame: int) -> Image | None:
        try:
            return np.asarray(video[frame])
        except (IndexError, KeyError, ValueError, OSError):
            return None

    return show


def _luma(image: Image) -> NDArray[np.float32]:
    luma: NDArray[np.float32] = image.mean(axis=2, dtype=np.float32)
    return luma
