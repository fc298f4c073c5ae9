"""Held-back frames that look like a training frame: what a split by numbers alone cannot see.

Two pictures are near-duplicates when no cell of a coarse picture of both differs by more than a few grey levels. The
largest difference and not the mean counts, so that a small animal in a large arena matters as much as a large one;
noise and compression average out within a cell, and the mean brightness of both is made equal before. They are
reported, not moved (``comparison.md`` rule 2).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from posewright.labels.sides import Side

CELLS = 64  #: the coarse picture has so many cells in each direction
#: Largest difference of a cell in grey levels (of 255) between near-duplicates. On flies-pair, flies-wide and mice-home
#: frames stored again as JPEG of quality 40 and 5 % darker differ by up to 11 from themselves; frames of the slowest of
#: them differ by 46 (median 150 and more) from those a second later; labelled frames of mouse-openfield by 50 and more.
THRESHOLD = 16.0
_LEVELS = (8, 16, 32, CELLS)  #: each is looked at only where all before agree: a mean differs less than its parts
_FINE = 8  #: stored steps per grey level

Key = tuple[int, int]


class Frames(Protocol):
    """Pictures by (video, frame), as the frame store gives them."""

    def __getitem__(self, key: Key) -> NDArray[np.uint8]:
        """Return ``[height width channel]``."""
        ...


class Looks:
    """Pictures that were seen, and which of them another one looks like."""

    def __init__(self) -> None:
        self._levels: list[list[NDArray[np.int16]]] = [[] for _ in _LEVELS]

    def add(self, image: NDArray[np.uint8]) -> None:
        """Remember ``[height width channel]``."""
        for level, picture in zip(self._levels, _pyramid(image), strict=True):
            level.append(picture)

    def like(self, image: NDArray[np.uint8]) -> int | None:
        """Return the number of the first picture added that is a near-duplicate of this one; None if none is."""
        rows = np.arange(len(self._levels[0]))
        for level, own in zip(self._levels, _pyramid(image), strict=True):
            rows = rows[_apart(level, rows, own) <= THRESHOLD * _FINE]
        return int(rows[0]) if len(rows) else None


def near_duplicates(frames: Frames, train: Sequence[Key], held_back: Sequence[Key]) -> list[tuple[Key, Key]]:
    """Return each held-back frame that looks like a training frame, with the first such."""
    known = Looks()
    for key in train:
        known.add(frames[key])
    found = [(key, known.like(frames[key])) for key in held_back]
    return [(key, train[place]) for key, place in found if place is not None]


def leakage_by_looks(frames: Frames, sides: Mapping[Side, Collection[Key]]) -> dict[str, Any]:
    """Return what `near_duplicates` finds for each side that is held back, as JSON."""
    train = sorted(sides["train"])
    held_back: tuple[Side, ...] = ("val", "test")
    found = {side: near_duplicates(frames, train, sorted(sides[side])) for side in held_back}
    return {
        "measure": f"no cell of {CELLS}x{CELLS} differs by more than {THRESHOLD:g} of 255 grey levels",
        **{side: len(pairs) for side, pairs in found.items()},
        "frames": {side: len(sides[side]) for side in found},
        "pairs": {side: [[list(one), list(other)] for one, other in pairs[:20]] for side, pairs in found.items()},
    }


def coarse(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the coarse picture ``[CELLS CELLS]`` of ``[height width channel]``, in grey levels, with the mean zero."""
    gray = image[..., 0] if image.shape[2] == 1 else cv2.cvtColor(np.ascontiguousarray(image), cv2.COLOR_RGB2GRAY)
    fine: Any = cv2.resize(gray.astype(np.float32), (CELLS, CELLS), interpolation=cv2.INTER_AREA)
    picture: NDArray[np.float32] = fine - fine.mean(dtype=np.float32)
    return picture


def _pyramid(image: NDArray[np.uint8]) -> list[NDArray[np.int16]]:
    """Return the coarse pictures of one frame, flat, in eighths of a grey level, each with the mean zero."""
    fine = coarse(image)
    blocks = [fine.reshape(side, CELLS // side, side, CELLS // side).mean(axis=(1, 3)) for side in _LEVELS]
    return [np.rint(block * _FINE).astype(np.int16).ravel() for block in blocks]


def _apart(thumbnails: Sequence[NDArray[np.int16]], rows: NDArray[np.intp], own: NDArray[np.int16]) -> NDArray[Any]:
    """Return the largest difference of any cell, for the given rows."""
    if not len(rows):
        return np.zeros(0)
    parts = np.array_split(rows, max(1, len(rows) // 512))
    return np.concatenate([np.abs(np.stack([thumbnails[row] for row in part]) - own).max(axis=1) for part in parts])
