"""Flagged frames gathered into intervals, from a stream, the longest of them kept."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MOST_KEPT = 20  #: intervals of one reason in one video
_JOINED_FRAMES = 15  #: frames of the same reason no further apart than this make one interval


@dataclass(frozen=True, order=True)
class Interval:
    """Frames to look at.

    Attributes:
        length: from the first to the last frame, both counted.
        first: number of the first frame.
        flagged: how many of them are flagged themselves.
        reason: why.
    """

    length: int
    first: int
    flagged: int
    reason: str

    @property
    def last(self) -> int:
        """Number of the last frame."""
        return self.first + self.length - 1


class Runs:
    """Gathers the intervals of one reason; memory does not grow with their number."""

    def __init__(self, reason: str) -> None:
        self.count = 0
        self._reason = reason
        self._kept: list[Interval] = []  # a heap: the shortest first
        self._open: tuple[int, int, int] | None = None  # first, last, flagged

    def add(self, frames: NDArray[np.int64], flagged: NDArray[np.bool_]) -> None:
        """Go on with ``[frame]`` numbers in order, and which of them are flagged."""
        where = frames[flagged]
        if not len(where):
            return
        begins = np.flatnonzero(np.diff(where, prepend=where[0] - _JOINED_FRAMES - 1) > _JOINED_FRAMES)
        for begin, end in zip(begins, [*begins[1:], len(where)], strict=True):
            first, last, number = int(where[begin]), int(where[end - 1]), int(end - begin)
            if self._open is not None and first - self._open[1] <= _JOINED_FRAMES:
                self._open = self._open[0], last, self._open[2] + number
            else:
                self._close()
                self._open = first, last, number

    def longest(self) -> list[Interval]:
        """End the stream and return what was kept, the longest first."""
        self._close()
        return sorted(self._kept, key=lambda one: (-one.length, one.first))

    def _close(self) -> None:
        if self._open is None:
            return
        first, last, flagged = self._open
        self._open = None
        self.count += 1
        interval = Interval(last - first + 1, first, flagged, self._reason)
        if len(self._kept) < MOST_KEPT:
            heapq.heappush(self._kept, interval)
        else:
            heapq.heappushpop(self._kept, interval)
