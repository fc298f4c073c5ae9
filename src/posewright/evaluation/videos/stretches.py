"""Published poses of a video, stretch by stretch: memory does not grow with its length."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewright.evaluation.oks import box_sides
from posewright.prediction.poses import FRAMES_NAME, POSES_NAME, frame_chunks, pose_chunks, read_skeleton

Float = NDArray[np.float64]

STRETCH_FRAMES = 1024
_ROWS = 8192  #: read at once
_SAMPLE_ROWS = 65536  #: poses that tell how long an animal is


@dataclass(frozen=True)
class Stretch:
    """Some frames of a video, ascending, as one release predicted them; dense, padded with NaN.

    Attributes:
        frames: ``[frame]`` numbers in the video.
        times_s: ``[frame]`` seconds, NaN where not known.
        decoded: ``[frame]``.
        counts: ``[frame]`` number of animals found.
        points: ``[frame animal node xy]`` px; the animals of a frame come first, absent ones are NaN.
        node_scores: ``[frame animal node]``.
        scores: ``[frame animal]`` instance scores.
        tracks: ``[frame animal]`` names, None without one.
        n_before: leading frames that an earlier stretch held too, there for what happens between two frames.
    """

    frames: NDArray[np.int64]
    times_s: Float
    decoded: NDArray[np.bool_]
    counts: NDArray[np.int64]
    points: Float
    node_scores: Float
    scores: Float
    tracks: NDArray[np.object_]
    n_before: int = 0

    def only(self, kept: NDArray[np.int64] | NDArray[np.bool_]) -> Stretch:
        """Return some of its frames; ``n_before`` counts those kept among the leading ones."""
        index = np.flatnonzero(kept) if kept.dtype == np.bool_ else kept
        return Stretch(
            self.frames[index],
            self.times_s[index],
            self.decoded[index],
            self.counts[index],
            self.points[index],
            self.node_scores[index],
            self.scores[index],
            self.tracks[index],
            int((index < self.n_before).sum()),
        )


def side_by_side(folders: Sequence[Path], nodes: Sequence[str]) -> Iterator[tuple[Stretch, ...]]:
    """Yield the same frames of a video as each release predicted them; frames that one of them lacks are left out.

    Args:
        folders: ``results/<dataset>/videos/<release>/<video>``, one a release.
        nodes: which nodes, in this order; every release must know them.
    """
    readers = [_Reader(folder, nodes) for folder in folders]
    for table in frame_chunks(folders[0] / FRAMES_NAME, STRETCH_FRAMES):
        last = int(table["frame"][-1])
        own = [reader.until(last) for reader in readers]
        shared = own[0].frames
        for other in own[1:]:
            shared = np.intersect1d(shared, other.frames)
        if len(shared):
            yield tuple(one.only(np.searchsorted(one.frames, shared)) for one in own)


def common_nodes(folders: Sequence[Path]) -> tuple[str, ...]:
    """Return the nodes that the releases behind all folders know, in the order of the first; none where they differ."""
    skeletons = [read_skeleton(folder / POSES_NAME) for folder in folders]
    return tuple(node for node in skeletons[0].nodes if all(node in other.nodes for other in skeletons[1:]))


def usual_length_px(folders: Sequence[Path]) -> float:
    """Return the median longer side of the boxes around the first 65,536 poses of each folder; NaN without any."""
    sides = [np.zeros(0)]
    for folder in folders:
        chunk = next(pose_chunks(folder / POSES_NAME, _SAMPLE_ROWS), None)
        if chunk is not None:
            sides.append(box_sides(np.asarray(chunk["points"], np.float64)).max(axis=-1))
    found = np.concatenate(sides)
    found = found[found > 0]
    return float(np.median(found)) if len(found) else float("nan")


class _Reader:
    """Hands out the frames and poses of one folder in order, with the last frame of the stretch before."""

    def __init__(self, folder: Path, nodes: Sequence[str]) -> None:
        known = read_skeleton(folder / POSES_NAME).nodes
        self._nodes = [known.index(node) for node in nodes]
        self._frames = Rows(frame_chunks(folder / FRAMES_NAME, STRETCH_FRAMES))
        self._poses = Rows(pose_chunks(folder / POSES_NAME, _ROWS))
        self._before: Stretch | None = None

    def until(self, last: int) -> Stretch:
        """Return what comes up to and with the frame ``last``."""
        stretch = self._dense(self._frames.until(last), self._poses.until(last))
        before, self._before = self._before, stretch.only(np.arange(len(stretch.frames))[-1:])
        return stretch if before is None else _joined(before, stretch)

    def _dense(self, table: Mapping[str, Any], poses: Mapping[str, Any]) -> Stretch:
        frames = np.asarray(table.get("frame", ()), np.int64)
        place = np.searchsorted(frames, np.asarray(poses.get("frame", ()), np.int64))
        counts = np.bincount(place, minlength=len(frames)).astype(np.int64)
        widest = int(counts.max(initial=0))
        shape = (len(frames), widest, len(self._nodes))
        points, node_scores = np.full((*shape, 2), np.nan), np.full(shape, np.nan)
        scores, tracks = np.full(shape[:2], np.nan), np.full(shape[:2], None, dtype=object)
        if len(place):
            column = np.arange(len(place)) - np.searchsorted(place, place, side="left")
            points[place, column] = poses["points"][:, self._nodes]
            node_scores[place, column] = poses["scores"][:, self._nodes]
            scores[place, column] = poses["instance_score"]
            tracks[place, column] = poses["track"]
        return Stretch(
            frames,
            np.asarray(table.get("time_s", ()), np.float64),
            np.asarray(table.get("decoded", ()), np.bool_),
            counts,
            points,
            node_scores,
            scores,
            tracks,
        )


class Rows:
    """Rows of a published table, which is sorted by frame, handed out up to a frame: a chunk or two are in memory.

    Args:
        chunks: of the table, columns by name.
    """

    def __init__(self, chunks: Iterator[dict[str, Any]]) -> None:
        self._chunks = chunks
        self._waiting: list[dict[str, Any]] = []

    def until(self, last: int) -> dict[str, Any]:
        """Return the rows up to and with the frame ``last`` that were not handed out yet; empty if there are none."""
        while not self._waiting or self._waiting[-1]["frame"][-1] <= last:
            chunk = next(self._chunks, None)
            if chunk is None:
                break
            if len(chunk["frame"]):
                self._waiting.append({name: _array(column) for name, column in chunk.items()})
        if not self._waiting:
            return {}
        rows = {name: np.concatenate([part[name] for part in self._waiting]) for name in self._waiting[0]}
        end = int(np.searchsorted(rows["frame"], last, side="right"))
        rest = {name: column[end:] for name, column in rows.items()}
        self._waiting = [rest] if len(rest["frame"]) else []
        return {name: column[:end] for name, column in rows.items()}


def _array(column: Any) -> NDArray[Any]:
    return np.array(column, dtype=object) if isinstance(column, list) else np.asarray(column)


def _joined(before: Stretch, stretch: Stretch) -> Stretch:
    """Put the last frame of an earlier stretch before a later one."""
    widest = max(before.points.shape[1], stretch.points.shape[1])

    def padded(name: str, fill: Any) -> NDArray[Any]:
        parts = []
        for one in (before, stretch):
            values = getattr(one, name)
            missing = [(0, 0), (0, widest - values.shape[1]), *[(0, 0)] * (values.ndim - 2)]
            parts.append(np.pad(values, missing, constant_values=fill))
        return np.concatenate(parts)

    def plain(name: str) -> NDArray[Any]:
        return np.concatenate([getattr(before, name), getattr(stretch, name)])

    return Stretch(
        plain("frames"),
        plain("times_s"),
        plain("decoded"),
        plain("counts"),
        padded("points", np.nan),
        padded("node_scores", np.nan),
        padded("scores", np.nan),
        padded("tracks", None),
        len(before.frames),
    )
