"""Predict one video: its pieces are computed, then joined, tracked and written as a stream. Memory does not grow.

A video always yields its files and a status. Faults of the data become a state; faults of the machine are raised.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import numpy as np

from posewright.discretion import publishable
from posewright.prediction.contracts import Estimator, Tracker
from posewright.prediction.edited import SLP_NAME
from posewright.prediction.outcome import Counts, expected_stop, status_of
from posewright.prediction.pieces import Chunk, Cut, Pieces, pieces_name
from posewright.prediction.poses import FRAMES_NAME, POSES_NAME, FramesWriter, PosesWriter
from posewright.prediction.slp import SlpVideo, slp_video, write_poses_slp
from posewright.prediction.status import Status
from posewright.prediction.stream import BeforeEach, compute_pieces, ignored
from posewright.prediction.task import VideoTask
from posewright.samples.video import VideoFault, VideoInfo, source_of
from posewright.shapes import PoseBatch

_ABSENT_AT_ONCE = 65536


def predict_video(
    task: VideoTask,
    estimator: Estimator,
    tracker: Tracker | None,
    folder: Path,
    cut: Cut | None = None,
    with_slp: bool = True,
    pieces: Path | None = None,
    before_each: BeforeEach = ignored,
) -> tuple[Status, dict[str, float]]:
    """Predict one video into a folder and return its state, with timings for the provenance.

    Args:
        task: the video.
        estimator: finds the poses.
        tracker: names them; None for no tracks.
        folder: where the files go.
        cut: how it is cut in pieces, with no effect on what comes out.
        with_slp: whether ``poses.slp`` is written.
        pieces: folder that keeps finished pieces of this very task; None for one that goes when this returns.
        before_each: called before each batch; what it raises ends the prediction.
    """
    started = time.monotonic()
    cut = cut or Cut.of()
    record, n_computed = SlpVideo(publishable(task.path)), 0
    with ExitStack() as stack:
        kept = pieces or Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder, prefix=".pieces.")))
        try:
            if task.exclude:
                status = Status("excluded", "excluded", "the sheet excludes this video")
                _write_nothing(folder, estimator)
            else:
                source = source_of(Path(task.path))
                info = source.info()
                record = slp_video(publishable(task.path), source, info, task.fps)
                _require_roi_inside(task, info)
                finished = _pieces(task, kept, cut)
                n_computed = compute_pieces(task, source, estimator, finished, before_each=before_each)
                status = _join(task, info, finished, estimator, tracker, folder, partial(before_each, n_computed))
        except VideoFault as fault:
            status = Status("failed", fault.reason, fault.message)
            _write_nothing(folder, estimator)
    if with_slp:
        write_poses_slp(folder / POSES_NAME, folder / FRAMES_NAME, folder / SLP_NAME, record)
    seconds = time.monotonic() - started
    return status, {
        "seconds": seconds,
        "frames_computed": n_computed,
        "frames_per_s": n_computed / seconds if seconds else 0.0,
    }


def write_slp_again(task: VideoTask, folder: Path) -> None:
    """Write ``poses.slp`` of the tables in a folder; of a video that is no longer there it tells the path only."""
    record = SlpVideo(publishable(task.path))
    with suppress(VideoFault):
        source = source_of(Path(task.path))
        record = slp_video(publishable(task.path), source, source.info(), task.fps)
    write_poses_slp(folder / POSES_NAME, folder / FRAMES_NAME, folder / SLP_NAME, record)


def predict_chunk(
    task: VideoTask,
    estimator: Estimator,
    cut: Cut,
    pieces: Path,
    chunk: Chunk,
    before_each: BeforeEach = ignored,
) -> None:
    """Compute the pieces of one chunk of a video; what hinders it is told by the job that joins them."""
    if task.exclude:
        return
    with suppress(VideoFault):
        source = source_of(Path(task.path))
        _require_roi_inside(task, source.info())
        compute_pieces(task, source, estimator, _pieces(task, pieces, cut), chunk, before_each)


def _pieces(task: VideoTask, folder: Path, cut: Cut) -> Pieces:
    return Pieces(folder / pieces_name(Path(task.path), cut), task.start, task.stop, cut)


def _join(
    task: VideoTask,
    info: VideoInfo,
    pieces: Pieces,
    estimator: Estimator,
    tracker: Tracker | None,
    folder: Path,
    before_each: Callable[[], None],
) -> Status:
    """Track and write all pieces; return what came of the video."""
    if tracker is not None:
        tracker.reset()
    counts = Counts(next_frame=task.start)
    with (
        PosesWriter(folder / POSES_NAME, estimator.skeleton, bool(estimator.classes)) as poses_out,
        FramesWriter(folder / FRAMES_NAME) as frames_out,
    ):
        for part in (part for piece in pieces for part in piece.parts(pieces.cut.frames_at_once)):
            before_each()
            tracks = _track(part.poses, tracker, estimator.classes)
            numbers = part.numbers.tolist()
            times_s = task.times_s(numbers, part.times_s.tolist())
            n_instances = np.bincount(part.poses.frame, minlength=len(part)).tolist()
            poses_out.add_poses(numbers, times_s, part.poses, tracks)
            frames_out.add_frames(numbers, times_s, part.decoded.tolist(), n_instances)
            counts.add(part)
        absent = range(counts.next_frame, expected_stop(task, info, counts))
        for begin in range(absent.start, absent.stop, _ABSENT_AT_ONCE):
            numbers = list(range(begin, min(begin + _ABSENT_AT_ONCE, absent.stop)))
            nothing = [0] * len(numbers)
            frames_out.add_frames(numbers, [float("nan")] * len(numbers), [False] * len(numbers), nothing)
    return status_of(task, info, counts, absent)


def _require_roi_inside(task: VideoTask, info: VideoInfo) -> None:
    """Refuse a part that shows nothing of the frame; one that sticks out is filled up with black."""
    if task.roi is not None and (task.roi[0] >= info.size.width or task.roi[1] >= info.size.height):
        message = (
            f"the roi {','.join(map(str, task.roi))} lies outside the frames of {task.path!r}, which are "
            f"{info.size.width} x {info.size.height} pixels; correct it in the sheet"
        )
        raise VideoFault("roi_outside", message)


def _track(poses: PoseBatch, tracker: Tracker | None, classes: tuple[str, ...]) -> list[str | None]:
    """Return the track of each row: the identity that the model names, or for other models the tracker's.

    Frames that could not be decoded pass in time, without animals.
    """
    if classes or tracker is None:
        return poses.class_names(classes)
    return [name for i in range(poses.n_frames) for name in tracker.update(poses.of_frame(i))]


def _write_nothing(folder: Path, estimator: Estimator) -> None:
    """Write both tables without rows."""
    poses_out = PosesWriter(folder / POSES_NAME, estimator.skeleton, bool(estimator.classes))
    with poses_out, FramesWriter(folder / FRAMES_NAME):
        pass
