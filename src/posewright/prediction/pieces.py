"""Pieces of a video: the poses of so many frames, before tracking, each in a file that appears when it is finished.

A piece begins and ends where batches of the network do, and no batch depends on what was seen before it. So pieces may
be computed in any order, by any jobs, and again after an interruption, and their row is the same to the bit as one run
over the whole video. What goes from frame to frame, tracking and counting, happens when they are joined.
"""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from posewright.files import atomic_path, digest_of
from posewright.samples.sources.places import file_and_dataset, images_of
from posewright.shapes import PoseBatch, concatenate

PIECE_FRAMES = 4096  #: frames of a piece where the configuration cuts no chunks

_END = ".end.npz"
_WHOLE = ".npz"
_ROW_FIELDS = tuple(field.name for field in fields(PoseBatch) if field.name != "n_frames")


@dataclass(frozen=True)
class Cut:
    """How a video is cut.

    Attributes:
        frames_at_once: frames that go through the network together.
        piece_frames: frames of a piece, a multiple of ``frames_at_once``.
        chunk_pieces: pieces of a chunk, which is what one job of several computes.
    """

    frames_at_once: int
    piece_frames: int
    chunk_pieces: int

    @classmethod
    def of(cls, frames_at_once: int = 8, chunk_frames: int | None = None) -> Self:
        """Return the cut with chunks of at least ``chunk_frames``, by fewer than two batches longer than that."""
        wanted = chunk_frames or PIECE_FRAMES
        chunk_pieces = -(-wanted // PIECE_FRAMES)
        piece_batches = -(-wanted // (chunk_pieces * frames_at_once))
        return cls(frames_at_once, piece_batches * frames_at_once, chunk_pieces)


@dataclass(frozen=True)
class Chunk:
    """One of several jobs' part of a video; the last one goes on to the end, wherever that is.

    Attributes:
        number: from 0.
        count: how many chunks there are.
    """

    number: int
    count: int


@dataclass(frozen=True)
class FramePoses:
    """Some frames of a video, one after the other, and the poses in them.

    Attributes:
        numbers: ``[frame]`` integer, number in the file.
        times_s: ``[frame]``, as the file tells them.
        decoded: ``[frame]`` boolean.
        poses: their instances, in full-frame pixels; frames count from 0 here.
    """

    numbers: NDArray[np.int64]
    times_s: NDArray[np.float64]
    decoded: NDArray[np.bool_]
    poses: PoseBatch

    def __len__(self) -> int:
        return len(self.numbers)

    def parts(self, size: int) -> Iterator[FramePoses]:
        """Yield the frames in parts of ``size``."""
        row_frames = np.asarray(self.poses.frame)
        for begin in range(0, len(self), size):
            end = min(begin + size, len(self))
            rows = slice(*np.searchsorted(row_frames, [begin, end]))
            poses = self.poses.rows(rows)
            poses = replace(poses, frame=poses.frame - begin, n_frames=end - begin)
            yield FramePoses(self.numbers[begin:end], self.times_s[begin:end], self.decoded[begin:end], poses)


def joined(parts: Sequence[FramePoses], n_nodes: int) -> FramePoses:
    """Return parts as one; number types of parts without instances have no say."""
    begins = np.cumsum([0, *map(len, parts)])
    rows = [
        replace(part.poses, frame=part.poses.frame + begin, n_frames=0)
        for part, begin in zip(parts, begins, strict=False)
        if len(part.poses)
    ]
    return FramePoses(
        np.concatenate([np.zeros(0, np.int64), *(part.numbers for part in parts)]),
        np.concatenate([np.zeros(0), *(part.times_s for part in parts)]),
        np.concatenate([np.zeros(0, np.bool_), *(part.decoded for part in parts)]),
        replace(concatenate(rows) if rows else no_poses(0, n_nodes), n_frames=int(begins[-1])),
    )


def no_poses(n_frames: int, n_nodes: int) -> PoseBatch:
    """Return frames without instances."""
    empty = np.zeros((0, n_nodes))
    return PoseBatch(np.zeros((0, n_nodes, 2)), np.zeros(0, np.int64), n_frames, empty, np.zeros(0))


@dataclass(frozen=True)
class Pieces:
    """The pieces of one video, in a folder: those that are finished.

    Attributes:
        folder: where they lie; made with the first piece.
        start: first frame that is asked for.
        stop: frame to stop before; None for all.
        cut: how the video is cut.
    """

    folder: Path
    start: int
    stop: int | None
    cut: Cut

    def of_chunk(self, chunk: Chunk | None) -> tuple[int, int | None]:
        """Return the first piece of a chunk and the one behind its last; None where only the video's end is the end."""
        end = None if self.stop is None else -(-(self.stop - self.start) // self.cut.piece_frames)
        if chunk is None:
            return 0, end
        first, behind = (number * self.cut.chunk_pieces for number in (chunk.number, chunk.number + 1))
        if chunk.number == chunk.count - 1:
            return first, end
        return first, behind if end is None else min(behind, end)

    def first_frame(self, piece: int) -> int:
        """Return the number of a piece's first frame."""
        return self.start + piece * self.cut.piece_frames

    def piece_of(self, frame: int) -> int:
        """Return the piece that a frame belongs to."""
        return (frame - self.start) // self.cut.piece_frames

    def has(self, piece: int) -> bool:
        """Return whether a piece is finished."""
        return self._path(piece, _WHOLE).exists() or self.is_end(piece)

    def is_end(self, piece: int) -> bool:
        """Return whether a finished piece is the video's last."""
        return self._path(piece, _END).exists()

    def first_missing(self, first: int, behind: int | None) -> int | None:
        """Return the first piece from ``first`` on that is to be computed; None if there is none."""
        piece = first
        while behind is None or piece < behind:
            if not self.has(piece):
                return piece
            if self.is_end(piece):
                return None
            piece += 1
        return None

    def write(self, piece: int, content: FramePoses, is_end: bool) -> None:
        """Save a piece; it appears whole or not at all."""
        rows = {name: getattr(content.poses, name) for name in _ROW_FIELDS}
        arrays: dict[str, Any] = {f"row_{name}": np.asarray(rows[name]) for name in rows if rows[name] is not None}
        with atomic_path(self._path(piece, _END if is_end else _WHOLE)) as temporary, temporary.open("wb") as file:
            np.savez(file, numbers=content.numbers, times_s=content.times_s, decoded=content.decoded, **arrays)

    def read(self, piece: int) -> FramePoses:
        """Return a finished piece.

        Raises:
            OSError: the machine lost what was written; the piece is removed, so that it is computed again.
        """
        path = self._path(piece, _END if self.is_end(piece) else _WHOLE)
        try:
            with path.open("rb") as file, np.load(file, allow_pickle=False) as found:
                arrays: dict[str, Any] = dict(found)
        except (EOFError, ValueError, zipfile.BadZipFile) as fault:
            path.unlink(missing_ok=True)
            raise OSError(f"The piece {str(path)!r} is damaged ({fault}) and was removed; run again.") from fault
        rows = {name: arrays.get(f"row_{name}") for name in _ROW_FIELDS}
        poses = PoseBatch(n_frames=len(arrays["numbers"]), **rows)
        return FramePoses(arrays["numbers"], arrays["times_s"], arrays["decoded"], poses)

    def __iter__(self) -> Iterator[FramePoses]:
        """Yield all pieces in order; none may be missing."""
        piece, behind = self.of_chunk(None)
        while behind is None or piece < behind:
            yield self.read(piece)
            if self.is_end(piece):
                return
            piece += 1

    def _path(self, piece: int, suffix: str) -> Path:
        return self.folder / f"{piece:06d}{suffix}"


def pieces_name(path: Path, cut: Cut) -> str:
    """Return a name for a folder of pieces: another cut, or a file that was changed meanwhile, has other pieces."""
    return digest_of([cut.frames_at_once, cut.piece_frames, _stamps(path)])[:16]


def _stamps(path: Path) -> list[list[int]]:
    """Return size and time of each file behind a path; nothing where they cannot be looked at."""
    try:
        stats = [file.stat() for file in images_of(path) or [file_and_dataset(path)[0]]]
    except (OSError, ValueError):
        return []
    return [[found.st_size, found.st_mtime_ns] for found in stats]
