"""What became of a video: its state, by what its stream gave and what its container and its row promised."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from posewright.prediction.pieces import FramePoses
from posewright.prediction.status import Status, ranges
from posewright.prediction.task import VideoTask
from posewright.samples.video import VideoInfo

#: How much shorter than its container says a video may end, where that is an estimate: pictures may end before sound.
_END_TOLERANCE_S = 1.0
_END_TOLERANCE_PART = 0.02


@dataclass
class Counts:
    """What has been seen of the stream so far."""

    next_frame: int
    decoded: int = 0
    last_time_s: float = 0.0
    lost: list[int] = field(default_factory=list)

    def add(self, part: FramePoses) -> None:
        """Count the next frames."""
        self.decoded += int(part.decoded.sum())
        self.lost += part.numbers[~part.decoded].tolist()
        self.next_frame = int(part.numbers[-1]) + 1
        self.last_time_s = float(part.times_s[-1])


def expected_stop(task: VideoTask, info: VideoInfo, counts: Counts) -> int:
    """Return the frame the video should reach, by the row and the container's account.

    A container that lists its frames is believed. An estimate from rate and length is believed only if the stream also
    ends clearly before its time is up: with a variable rate the number alone says little.
    """
    if task.stop is not None and counts.next_frame >= task.stop:
        return task.stop
    expected = info.n_frames_hint
    if not info.hint_is_count:
        tolerance = min(_END_TOLERANCE_S, _END_TOLERANCE_PART * info.duration_s) + (2 / info.fps if info.fps else 0.0)
        if counts.last_time_s + tolerance >= info.duration_s:
            expected = counts.next_frame
    expected = max(expected, counts.next_frame)
    return expected if task.stop is None else min(expected, task.stop)


def status_of(task: VideoTask, info: VideoInfo, counts: Counts, absent: range) -> Status:
    """Return the state that follows from the counts."""
    n_expected = absent.stop - task.start
    result = Status(
        state="ok",
        frames_expected=max(n_expected, 0),
        frames_decoded=counts.decoded,
        frames_predicted=counts.decoded,
        frames_missing=_joined(ranges(counts.lost), absent),
    )
    if counts.decoded == 0:
        message = f"{task.path!r} has no frame that can be decoded from frame {task.start} on"
        return replace(result, state="failed", reason="no_frames", message=message)
    if absent:
        message = f"{task.path!r} ends at frame {absent.start}, where {absent.stop} were expected"
        return replace(result, state="partial", reason="truncated", message=message)
    if counts.lost:
        message = f"{task.path!r} has {len(counts.lost)} frames that cannot be decoded"
        return replace(result, state="partial", reason="undecodable_frames", message=message)
    return replace(result, message="; ".join(_notes(task, info, counts)))


def _notes(task: VideoTask, info: VideoInfo, counts: Counts) -> list[str]:
    """Return what a user should know of a video that was predicted all the same."""
    notes = list(info.notes)
    if task.fps is None and math.isnan(counts.last_time_s):
        notes.append(f"{task.path!r} does not tell when its frames were: times are unknown; give `fps` in the sheet")
    if task.roi is not None and (task.roi[2] > info.size.width or task.roi[3] > info.size.height):
        frame = f"{info.size.width} x {info.size.height}"
        notes.append(f"the roi sticks out of the frames, which are {frame} pixels: black was added there")
    return notes


def _joined(missing: tuple[tuple[int, int], ...], absent: range) -> tuple[tuple[int, int], ...]:
    """Return the ranges with that at the end added, without listing each of its frames."""
    if not absent:
        return missing
    if missing and missing[-1][1] == absent.start - 1:
        return (*missing[:-1], (missing[-1][0], absent.stop - 1))
    return (*missing, (absent.start, absent.stop - 1))
