"""Predict one video: decode ahead, estimate in batches, track, and write as a stream. Memory does not grow.

A video always yields its files and a status. Faults of the data become a state; faults of the machine are raised.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Self

import numpy as np

from posewright.discretion import publishable
from posewright.errors import InputError
from posewright.geometry import Transform, cut
from posewright.prediction.ahead import ahead
from posewright.prediction.contracts import Estimator, Tracker
from posewright.prediction.poses import FRAMES_NAME, POSES_NAME, FramesWriter, PosesWriter
from posewright.prediction.slp import SlpVideo, slp_video, write_poses_slp
from posewright.prediction.status import Status, ranges
from posewright.samples.video import Frame, Source, VideoFault, VideoInfo, source_of
from posewright.shapes import PoseBatch, Size

SLP_NAME = "poses.slp"

_BATCHES_AHEAD = 2
#: How much shorter than its container says a video may end, where that is an estimate: pictures may end before sound.
_END_TOLERANCE_S = 1.0
_END_TOLERANCE_PART = 0.02


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

    def times_s(self, frames: Sequence[Frame]) -> list[float]:
        """Return the times of frames: by the rate of the row, else by the file."""
        return [frame.time_s if self.fps is None else frame.index / self.fps for frame in frames]


@dataclass
class _Counts:
    """What has been seen of the stream so far."""

    next_frame: int
    decoded: int = 0
    predicted: int = 0
    last_time_s: float = 0.0
    lost: list[int] = field(default_factory=list)


def predict_video(
    task: VideoTask,
    estimator: Estimator,
    tracker: Tracker | None,
    folder: Path,
    frames_at_once: int = 8,
    with_slp: bool = True,
    before_each: Callable[[], None] = lambda: None,
) -> tuple[Status, dict[str, float]]:
    """Predict one video into a folder and return its state, with timings for the provenance.

    ``before_each`` is called before each ``frames_at_once`` frames; what it raises ends the prediction.
    """
    started = time.monotonic()
    record = SlpVideo(publishable(task.path))
    try:
        if task.exclude:
            status = Status("excluded", "excluded", "the sheet excludes this video")
            _write_nothing(folder, estimator)
        else:
            source = source_of(Path(task.path))
            info = source.info()
            record = slp_video(publishable(task.path), source, info, task.fps)
            _require_roi_inside(task, info)
            status = _predict_frames(task, source, info, estimator, tracker, folder, frames_at_once, before_each)
    except VideoFault as fault:
        status = Status("failed", fault.reason, fault.message)
        _write_nothing(folder, estimator)
    if with_slp:
        write_poses_slp(folder / POSES_NAME, folder / FRAMES_NAME, folder / SLP_NAME, record)
    seconds = time.monotonic() - started
    return status, {"seconds": seconds, "frames_per_s": status.frames_predicted / seconds if seconds else 0.0}


def _predict_frames(
    task: VideoTask,
    source: Source,
    info: VideoInfo,
    estimator: Estimator,
    tracker: Tracker | None,
    folder: Path,
    frames_at_once: int,
    before_each: Callable[[], None],
) -> Status:
    """Run the stream from frames to files; return what came of it."""
    if tracker is not None:
        tracker.reset()
    counts = _Counts(next_frame=task.start)
    frames = source.frames(task.start, task.stop)
    with (
        PosesWriter(folder / POSES_NAME, estimator.skeleton, bool(estimator.classes)) as poses_out,
        FramesWriter(folder / FRAMES_NAME) as frames_out,
    ):
        for batch in ahead(_batches(frames, frames_at_once), _BATCHES_AHEAD):
            before_each()
            poses = _estimate(batch, task, estimator)
            tracks = _track(poses, tracker, estimator.classes)
            numbers, times_s = [frame.index for frame in batch], task.times_s(batch)
            decoded = [frame.image is not None for frame in batch]
            poses_out.add_poses(numbers, times_s, poses, tracks)
            frames_out.add_frames(numbers, times_s, decoded, np.bincount(poses.frame, minlength=len(batch)).tolist())
            _count(counts, batch)
        expected_stop = _expected_stop(task, info, counts)
        absent = range(counts.next_frame, expected_stop)
        for begin in range(absent.start, absent.stop, 65536):
            part = range(begin, min(begin + 65536, absent.stop))
            nothing = [0] * len(part)
            frames_out.add_frames(part, [float("nan")] * len(part), [False] * len(part), nothing)
    return _status(task, info, counts, absent)


def _require_roi_inside(task: VideoTask, info: VideoInfo) -> None:
    """Refuse a part that shows nothing of the frame; one that sticks out is filled up with black."""
    if task.roi is not None and (task.roi[0] >= info.size.width or task.roi[1] >= info.size.height):
        message = (
            f"the roi {','.join(map(str, task.roi))} lies outside the frames of {task.path!r}, which are "
            f"{info.size.width} x {info.size.height} pixels; correct it in the sheet"
        )
        raise VideoFault("roi_outside", message)


def _batches(frames: Iterator[Frame], frames_at_once: int) -> Iterator[list[Frame]]:
    """Gather frames of one size into batches."""
    batch: list[Frame] = []
    shape: tuple[int, ...] | None = None
    for frame in frames:
        if frame.image is not None:
            if batch and shape not in (None, frame.image.shape):
                yield batch
                batch = []
            shape = frame.image.shape
        batch.append(frame)
        if len(batch) == frames_at_once:
            yield batch
            batch = []
    if batch:
        yield batch


def _estimate(batch: list[Frame], task: VideoTask, estimator: Estimator) -> PoseBatch:
    """Return the poses of a batch in full-frame pixels; frames without an image have none."""
    kept = [i for i, frame in enumerate(batch) if frame.image is not None]
    images = [frame.image for frame in batch if frame.image is not None]
    if not images:
        return _no_poses(len(batch), len(estimator.skeleton.nodes))
    if task.roi is not None:
        left, top, right, bottom = task.roi
        images = [cut(image, left, top, Size(bottom - top, right - left)) for image in images]
    poses = estimator.predict(np.stack(images))
    if task.roi is not None:
        poses = poses.with_points(Transform.crop(task.roi[0], task.roi[1]).inverse().apply(np.asarray(poses.points)))
    return replace(poses, frame=np.asarray(kept)[np.asarray(poses.frame, dtype=np.int64)], n_frames=len(batch))


def _track(poses: PoseBatch, tracker: Tracker | None, classes: tuple[str, ...]) -> list[str | None]:
    """Return the track of each row: the identity that the model names, or for other models the tracker's.

    Frames that could not be decoded pass in time, without animals.
    """
    if classes or tracker is None:
        return poses.class_names(classes)
    return [name for i in range(poses.n_frames) for name in tracker.update(poses.of_frame(i))]


def _count(counts: _Counts, batch: list[Frame]) -> None:
    decoded = sum(frame.image is not None for frame in batch)
    counts.decoded += decoded
    counts.predicted += decoded
    counts.lost += [frame.index for frame in batch if frame.image is None]
    counts.next_frame = batch[-1].index + 1
    counts.last_time_s = batch[-1].time_s


def _expected_stop(task: VideoTask, info: VideoInfo, counts: _Counts) -> int:
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


def _status(task: VideoTask, info: VideoInfo, counts: _Counts, absent: range) -> Status:
    """Return the state that follows from the counts."""
    n_expected = absent.stop - task.start
    result = Status(
        state="ok",
        frames_expected=max(n_expected, 0),
        frames_decoded=counts.decoded,
        frames_predicted=counts.predicted,
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


def _notes(task: VideoTask, info: VideoInfo, counts: _Counts) -> list[str]:
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


def _write_nothing(folder: Path, estimator: Estimator) -> None:
    """Write both tables without rows."""
    poses_out = PosesWriter(folder / POSES_NAME, estimator.skeleton, bool(estimator.classes))
    with poses_out, FramesWriter(folder / FRAMES_NAME):
        pass


def _no_poses(n_frames: int, n_nodes: int) -> PoseBatch:
    empty = np.zeros((0, n_nodes))
    return PoseBatch(np.zeros((0, n_nodes, 2)), np.zeros(0, np.int64), n_frames, empty, np.zeros(0))
