"""What is asked of one video."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from posewright.errors import InputError


@dataclass(frozen=True)
class VideoTask:
    """What is asked of one video: the fields of its row in the sheet that decide what comes out.

    Attributes:
        video: its id.
        path: as the sheet spells it.
        start: first frame.
        stop: frame to stop before; None for all.
        roi: part of the frame to predict, as x0, y0, x1, y1 in whole pixels (the last two excluded); None for all.
        n_animals: how many animals there are; None if unknown.
        fps: frames per second that stand above what the file says; None if it is to be believed.
        exclude: not to be predicted.
    """

    video: str
    path: str
    start: int = 0
    stop: int | None = None
    roi: tuple[int, int, int, int] | None = None
    n_animals: int | None = None
    fps: float | None = None
    exclude: bool = False

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> Self:
        """Return the task of a row of the sheet, given as JSON; other columns have no part in it."""
        roi = row.get("roi")
        if isinstance(roi, str):
            roi = [float(side) for side in roi.split(",")] if roi.strip() else None
        if roi is not None and len(roi) != 4:
            raise InputError(f"Video {row['video']!r} has the roi {roi}; write four numbers x0,y0,x1,y1.")
        stop, n_animals, fps = row.get("stop"), row.get("n_animals"), row.get("fps")
        return cls(
            video=str(row["video"]),
            path=str(row["path"]),
            start=int(row.get("start") or 0),
            stop=None if stop is None else int(stop),
            roi=None if roi is None else (round(roi[0]), round(roi[1]), round(roi[2]), round(roi[3])),
            n_animals=None if n_animals is None else int(n_animals),
            fps=None if fps is None else float(fps),
            exclude=bool(row.get("exclude")),
        )

    def science(self) -> dict[str, Any]:
        """Return what determines the result, as JSON; the id is not part of it."""
        return {
            "path": self.path,
            "start": self.start,
            "stop": self.stop,
            "roi": None if self.roi is None else list(self.roi),
            "n_animals": self.n_animals,
            "exclude": self.exclude,
            **({} if self.fps is None else {"fps": self.fps}),
        }

    def times_s(self, numbers: Sequence[int], times_s: Sequence[float]) -> list[float]:
        """Return the times of frames: by the rate of the row, else as the file tells them."""
        return list(times_s) if self.fps is None else [number / self.fps for number in numbers]
