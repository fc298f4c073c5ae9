"""Labels in memory: videos, and what a person marked on some of their frames."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewright.labels.skeleton import Skeleton


@dataclass(frozen=True)
class VideoRef:
    """A video as the labels name it, and where it was found.

    Attributes:
        path: the user's own spelling, as stored in the label file; for a list of images their common folder.
        source: local file or folder found for it (for embedded frames: the label file); None if missing.
        handle: ``sleap_io.Video`` for image sequences and embedded frames; None for a video file.
        stored: frames, height and width by the label file's account; None where it gives none.
        original: the film that embedded frames were taken from, where it was found; None for all else.
        is_images: whether it is a list of image files, whose numbers say nothing of the time between them.
    """

    path: str
    source: Path | None
    handle: Any = field(default=None, compare=False, repr=False)
    stored: tuple[int, int, int] | None = field(default=None, compare=False, repr=False)
    original: Path | None = field(default=None, compare=False, repr=False)
    is_images: bool = field(default=False, compare=False, repr=False)

    @property
    def base_name(self) -> str:
        """The last part of the path, whichever slashes it is spelled with."""
        return self.path.replace("\\", "/").rstrip("/").rpartition("/")[2]


@dataclass(frozen=True, eq=False)
class LabeledFrame:
    """The user instances of one frame.

    Attributes:
        video: index into the set's videos.
        frame: number of the frame in its video, from 0.
        points: ``[instance node xy]`` pixels, NaN where a node is not marked.
        tracks: name of each instance's track, None without one.
        file: index of the label file it was read from; no part of what was labelled.
    """

    video: int
    frame: int
    points: NDArray[np.float64]
    tracks: tuple[str | None, ...]
    file: int = 0

    @property
    def key(self) -> tuple[int, int]:
        """(video, frame), unique in a set."""
        return (self.video, self.frame)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, LabeledFrame):
            return NotImplemented
        same = self.key == other.key and self.tracks == other.tracks
        return same and np.array_equal(self.points, other.points, equal_nan=True)

    def __hash__(self) -> int:
        return hash(self.key)


@dataclass(frozen=True)
class LabelSet:
    """A skeleton, videos, and labelled frames sorted by (video, frame).

    Attributes:
        skeleton: of all instances.
        videos: what the frames' numbers count in.
        frames: those with instances.
        negatives: (video, frame) of frames that are marked as without any animal, sorted; none of them in ``frames``.
    """

    skeleton: Skeleton
    videos: tuple[VideoRef, ...]
    frames: tuple[LabeledFrame, ...]
    negatives: tuple[tuple[int, int], ...] = ()

    def __post_init__(self) -> None:
        keys = [frame.key for frame in self.frames]
        if any(a >= b for own in (keys, self.negatives) for a, b in pairwise(own)):
            raise ValueError("labelled frames must be unique and sorted by video and frame")
        if set(keys) & set(self.negatives):
            raise ValueError("a frame with animals cannot be marked as without any")

    @property
    def n_instances(self) -> int:
        """Number of instances in all frames."""
        return sum(len(frame.points) for frame in self.frames)

    @property
    def track_names(self) -> tuple[str, ...]:
        """Names of all tracks, sorted."""
        return tuple(sorted({name for frame in self.frames for name in frame.tracks if name is not None}))

    @property
    def with_negatives(self) -> LabelSet:
        """The set with the frames that are marked as without any animal among the others, as frames of no instance."""
        nobody = np.zeros((0, len(self.skeleton.nodes), 2))
        empty = (LabeledFrame(video, frame, nobody, ()) for video, frame in self.negatives)
        frames = sorted((*self.frames, *empty), key=lambda frame: frame.key)
        return replace(self, frames=tuple(frames), negatives=())

    def only(self, keys: Collection[tuple[int, int]]) -> LabelSet:
        """Return the frames with the given (video, frame) keys; all videos stay, so indices keep their meaning."""
        wanted = set(keys)
        return replace(
            self,
            frames=tuple(frame for frame in self.frames if frame.key in wanted),
            negatives=tuple(key for key in self.negatives if key in wanted),
        )
