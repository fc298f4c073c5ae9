"""From a video to its pieces: frames are decoded ahead, go through the network in batches, and are saved by pieces.

Whatever of it is finished is passed over. Memory holds two batches and one piece.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from posewright.geometry import Transform, cut
from posewright.prediction.ahead import ahead
from posewright.prediction.contracts import Estimator
from posewright.prediction.pieces import Chunk, FramePoses, Pieces, joined, no_poses
from posewright.prediction.task import VideoTask
from posewright.samples.video import Frame, Source
from posewright.shapes import PoseBatch, Size

#: Called before each batch with the number of pieces, or frames, that were gained so far; what it raises ends the work.
BeforeEach = Callable[[int], None]

_BATCHES_AHEAD = 2


def ignored(n_gained: int) -> None:
    """Go on."""


def compute_pieces(
    task: VideoTask,
    source: Source,
    estimator: Estimator,
    pieces: Pieces,
    chunk: Chunk | None = None,
    before_each: BeforeEach = ignored,
) -> int:
    """Compute what is missing of a chunk, or of the whole video; return how many frames were looked at.

    What `before_each` raises ends the work; finished pieces stay.

    Raises:
        VideoFault: the video, or a frame of it, cannot be used.
    """
    first, behind = pieces.of_chunk(chunk)
    missing = pieces.first_missing(first, behind)
    if missing is None:
        return 0
    stop = task.stop if behind is None else pieces.first_frame(behind)
    stop = stop if task.stop is None or stop is None else min(stop, task.stop)
    frames = source.frames(pieces.first_frame(missing), stop, _Missing(pieces))
    n_nodes, n_frames, unseen = len(estimator.skeleton.nodes), 0, missing
    waiting: list[FramePoses] = []
    for batch in ahead(_batches(frames, task.start, pieces.cut.frames_at_once), _BATCHES_AHEAD):
        before_each(unseen - missing)
        waiting.append(_estimated(batch, task, estimator))
        n_frames += len(batch)
        piece, next_piece = pieces.piece_of(batch[0].index), pieces.piece_of(batch[-1].index + 1)
        if next_piece > piece:
            pieces.write(piece, joined(waiting, n_nodes), is_end=False)
            waiting, unseen = [], next_piece
    end = pieces.first_missing(first, behind)
    if end is not None and end < unseen:
        raise OSError(f"Pieces vanished from {str(pieces.folder)!r} while the video was predicted; run again.")
    if end is not None:  # all frames that were asked for have been seen, so this is where the video ends
        pieces.write(end, joined(waiting, n_nodes), is_end=True)
    return n_frames


class _Missing:
    """The numbers of frames whose pieces are not finished."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._known: tuple[int, bool] | None = None

    def __contains__(self, frame: object) -> bool:
        assert isinstance(frame, int)
        piece = self._pieces.piece_of(frame)
        if self._known is None or self._known[0] != piece:
            self._known = (piece, not self._pieces.has(piece))
        return self._known[1]


def _batches(frames: Iterator[Frame], start: int, frames_at_once: int) -> Iterator[list[Frame]]:
    """Gather frames of one size into batches, which end where the count of frames from ``start`` on says."""
    batch: list[Frame] = []
    shape: tuple[int, ...] | None = None
    for frame in frames:
        if frame.image is not None:
            if shape not in (None, frame.image.shape):
                yield batch
                batch = []
            shape = frame.image.shape
        batch.append(frame)
        if (frame.index + 1 - start) % frames_at_once == 0:
            yield batch
            batch, shape = [], None
    if batch:
        yield batch


def _estimated(batch: list[Frame], task: VideoTask, estimator: Estimator) -> FramePoses:
    """Return a batch with the poses that the estimator finds in it."""
    return FramePoses(
        np.array([frame.index for frame in batch], np.int64),
        np.array([frame.time_s for frame in batch], np.float64),
        np.array([frame.image is not None for frame in batch], np.bool_),
        _estimate(batch, task, estimator),
    )


def _estimate(batch: list[Frame], task: VideoTask, estimator: Estimator) -> PoseBatch:
    """Return the poses of a batch in full-frame pixels; frames without an image have none."""
    kept = [i for i, frame in enumerate(batch) if frame.image is not None]
    images = [frame.image for frame in batch if frame.image is not None]
    if not images:
        return no_poses(len(batch), len(estimator.skeleton.nodes))
    if task.roi is not None:
        left, top, right, bottom = task.roi
        images = [cut(image, left, top, Size(bottom - top, right - left)) for image in images]
    poses = estimator.predict(np.stack(images))
    if task.roi is not None:
        poses = poses.with_points(Transform.crop(task.roi[0], task.roi[1]).inverse().apply(np.asarray(poses.points)))
    return replace(poses, frame=np.asarray(kept)[np.asarray(poses.frame, dtype=np.int64)], n_frames=len(batch))
