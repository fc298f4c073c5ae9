"""What can be told of the poses of a video without any truth: counts, scores, jumps, breaks, intervals to look at.

Both tables of a video are read as a stream, twice: first for what is usual in this video (an animal's length, a step, a
score), then for what is not. Memory does not grow with the video, but for one last position of each track.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from posewright.evaluation.oks import box_sides
from posewright.evaluation.videos.intervals import Interval, Runs
from posewright.evaluation.videos.stretches import Float, Rows
from posewright.prediction.poses import FRAMES_NAME, POSES_NAME, frame_chunks, pose_chunks, read_skeleton

BINS = 60  #: parts of the video in which scores and counts are told over time
#: A whole animal moves this part of its length between neighbouring frames, and this many usual steps: a jump.
JUMP_LENGTHS, JUMP_STEPS = 0.5, 20.0
LOW_SCORE = 0.5  #: a frame's mean score below this part of the video's median is low
REASONS = ("fewer animals", "more animals", "low score", "jump", "not decoded")

Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class VideoQuality:
    """The quality of one video's poses. Shares are of decoded frames; what was not measured is NaN.

    Attributes:
        n_animals: number of animals expected in each frame.
        is_assumed: nobody said so: it is the most frequent number in frames of this video with any, 1 if there are
            none. A release that finds nothing does so in no frame as expected.
        frames: expected frames.
        decoded: of these, the decoded ones.
        as_expected: share of frames with the expected number of animals; ``fewer`` and ``more`` are the others.
        clean: share of frames in which nothing was flagged.
        score_median: of the frames' mean instance scores.
        length_px: median longer side of the boxes around animals.
        tracks: how many there are; ``breaks``: how often one ends before the video or is interrupted.
        jumps: steps of a whole animal that are not plausible, see `JUMP_LENGTHS`. NaN where no animal has a track.
        score_over_time: mean instance score in each of `BINS` parts of the video.
        expected_over_time: share of frames with the expected number of animals, likewise.
        intervals: the longest flagged ones; ``n_intervals`` counts all.
    """

    n_animals: int
    is_assumed: bool
    frames: int
    decoded: int
    as_expected: float
    fewer: float
    more: float
    clean: float
    score_median: float
    length_px: float
    tracks: int
    breaks: int
    jumps: float
    score_over_time: list[float]
    expected_over_time: list[float]
    n_intervals: int
    intervals: list[Interval]


def judge_video(folder: Path, n_animals: int | None = None) -> VideoQuality:
    """Return the quality of the poses in ``folder``, which holds ``poses.parquet`` and ``frames.parquet``.

    Args:
        folder: a published video.
        n_animals: how many animals there are; None: not said.
    """
    usual = _Usual.of(folder)
    expected = usual.most_frequent if n_animals is None else n_animals
    frames = pq.read_metadata(folder / FRAMES_NAME).num_rows
    runs = {reason: Runs(reason) for reason in REASONS}
    counts: Counter[str] = Counter()
    score_sums, score_counts, right_sums, right_counts = (np.zeros(BINS) for _ in range(4))
    steps, decoded, row = _Steps(), 0, 0
    for block in _blocks(folder):
        bins = (row + np.arange(len(block.frames))) * BINS // max(frames, 1)
        row += len(block.frames)
        decoded += int(block.decoded.sum())
        jumped = steps.jumps(block, usual)
        flags = {
            "fewer animals": block.decoded & (block.counts < expected),
            "more animals": block.decoded & (block.counts > expected),
            "low score": block.scores < LOW_SCORE * usual.score,
            "jump": jumped,
            "not decoded": ~block.decoded,
        }
        for reason, where in flags.items():
            runs[reason].add(block.frames, where)
            counts[reason] += int((where & block.decoded).sum())
        counts["any"] += int((np.any(list(flags.values()), axis=0) & block.decoded).sum())
        has_score = ~np.isnan(block.scores)
        score_sums += np.bincount(bins[has_score], block.scores[has_score], BINS)
        score_counts += np.bincount(bins[has_score], minlength=BINS)
        right_sums += np.bincount(bins[block.decoded & (block.counts == expected)], minlength=BINS)
        right_counts += np.bincount(bins[block.decoded], minlength=BINS)
    found = sorted((one for each in runs.values() for one in each.longest()), key=lambda one: (-one.length, one.first))
    fewer, more = (counts[name] / decoded if decoded else np.nan for name in REASONS[:2])
    return VideoQuality(
        n_animals=expected,
        is_assumed=n_animals is None,
        frames=frames,
        decoded=decoded,
        as_expected=1.0 - fewer - more,
        fewer=fewer,
        more=more,
        clean=1.0 - counts["any"] / decoded if decoded else np.nan,
        score_median=usual.score,
        length_px=usual.length_px,
        tracks=len(steps.last),
        breaks=steps.breaks(),
        jumps=np.nan if steps.untracked and not any(steps.last) else float(steps.n_jumps),
        score_over_time=_quotient(score_sums, score_counts),
        expected_over_time=_quotient(right_sums, right_counts),
        n_intervals=sum(each.count for each in runs.values()),
        intervals=found,
    )


@dataclass(frozen=True)
class _Block:
    """Some frames in order, and the poses in them.

    Attributes:
        frames: ``[frame]`` numbers; ``decoded``, ``counts`` and ``scores`` (mean of the instances, NaN for none) too.
        row_frame: ``[row]`` frame number of each pose; ``tracks`` and ``points [row node xy]`` likewise.
    """

    frames: NDArray[np.int64]
    decoded: Bools
    counts: NDArray[np.int64]
    scores: Float
    row_frame: NDArray[np.int64]
    tracks: list[str | None]
    points: Float


def _blocks(folder: Path, frames_at_once: int = 16384) -> Iterator[_Block]:
    """Yield the video in blocks of frames, each with all poses of its frames."""
    n_nodes = len(read_skeleton(folder / POSES_NAME).nodes)
    poses = Rows(pose_chunks(folder / POSES_NAME, frames_at_once))
    for chunk in frame_chunks(folder / FRAMES_NAME, frames_at_once):
        frames = chunk["frame"].astype(np.int64)
        own = poses.until(int(frames[-1]))
        row_frame = np.asarray(own.get("frame", ()), np.int64)
        where = np.searchsorted(frames, row_frame)
        counts = np.bincount(where, minlength=len(frames))
        with np.errstate(invalid="ignore"):
            scores = np.bincount(where, own.get("instance_score"), len(frames)) / counts
        points = np.asarray(own.get("points", np.zeros((0, n_nodes, 2))), np.float64)
        tracks = list(own.get("track", ()))
        yield _Block(frames, chunk["decoded"].astype(bool), counts, scores, row_frame, tracks, points)


@dataclass(frozen=True)
class _Usual:
    """What is usual in this video: medians of an animal's length, its step from frame to frame, and a frame's score."""

    length_px: float
    step_px: float
    score: float
    most_frequent: int

    @classmethod
    def of(cls, folder: Path) -> _Usual:
        lengths, sizes, scores = _Median(1e-1, 1e5), _Median(1e-3, 1e5), _Median(1e-3, 1.0)
        numbers: Counter[int] = Counter()
        steps = _Steps()
        for block in _blocks(folder):
            lengths.add(box_sides(block.points).max(axis=-1))
            sizes.add(steps.sizes_px(block)[1])
            scores.add(block.scores)
            numbers.update(block.counts[block.decoded].tolist())
        found = (number for number in numbers if number > 0)
        most_frequent = max(found, key=lambda number: (numbers[number], number), default=1)
        return cls(lengths.value(), sizes.value(), scores.value(), most_frequent)


class _Median:
    """A median to within half a percent, from a histogram on a logarithmic scale: memory does not grow."""

    def __init__(self, low: float, high: float) -> None:
        self._edges = np.geomspace(low, high, int(np.log(high / low) / 0.01) + 1)
        self._counts = np.zeros(len(self._edges) + 1)

    def add(self, values: Float) -> None:
        """Count values; NaN is none."""
        places = np.searchsorted(self._edges, values[~np.isnan(values)])
        self._counts += np.bincount(places, minlength=len(self._counts))

    def value(self) -> float:
        """Return the median, NaN of nothing."""
        if not self._counts.any():
            return float("nan")
        place = int(np.searchsorted(np.cumsum(self._counts), self._counts.sum() / 2))
        return float(self._edges[min(place, len(self._edges) - 1)])


@dataclass
class _Steps:
    """Follows tracks from block to block.

    Attributes:
        last: track -> (frame, points) where it was seen last.
        untracked: frames hold animals without tracks beside others; nobody can tell the steps of these.
        n_jumps: jumps so far.
    """

    last: dict[str, tuple[int, Float]] = field(default_factory=dict)
    untracked: bool = False
    n_jumps: int = 0
    _gaps: int = 0
    _last_frame: int = -1

    def sizes_px(self, block: _Block) -> tuple[NDArray[np.int64], Float]:
        """Return (frame, step) of each pose that follows one of the same track in the frame before, and remember it.

        A step is the median over the body parts found in both: one that flips to the other side moves no animal.
        """
        if len(block.frames) and block.decoded.any():
            self._last_frame = int(block.frames[block.decoded][-1])
        by_track: dict[str, list[int]] = {}
        for row, track in enumerate(block.tracks):
            if track is None and block.counts.max(initial=0) > 1:
                self.untracked = True
                continue
            by_track.setdefault("" if track is None else track, []).append(row)
        at, sizes = [np.zeros(0, np.int64)], [np.zeros(0)]
        for track, rows in by_track.items():
            frames, points = block.row_frame[rows], block.points[rows]
            if track in self.last:
                before, there = self.last[track]
                frames, points = np.concatenate([[before], frames]), np.concatenate([there[None], points])
            ago = np.diff(frames)
            self._gaps += int((ago > 1).sum())
            moved = np.linalg.norm(np.diff(points, axis=0), axis=-1)
            both = ~np.isnan(moved).all(axis=-1) & (ago == 1)
            at.append(frames[1:][both])
            sizes.append(np.nanmedian(moved[both], axis=-1) if both.any() else np.zeros(0))
            self.last[track] = int(frames[-1]), points[-1]
        return np.concatenate(at), np.concatenate(sizes)

    def jumps(self, block: _Block, usual: _Usual) -> Bools:
        """Return which frames of a block an animal jumped into."""
        frames, sizes = self.sizes_px(block)
        far = sizes > max(JUMP_LENGTHS * usual.length_px, JUMP_STEPS * usual.step_px)
        self.n_jumps += int(far.sum())
        return np.isin(block.frames, frames[far])

    def breaks(self) -> int:
        """Return how often a track was interrupted or ended before the last decoded frame."""
        return self._gaps + sum(frame < self._last_frame for frame, _ in self.last.values())


def _quotient(sums: Float, counts: Float) -> list[float]:
    """Return the means, NaN where nothing was counted."""
    return [float(value) for value in np.divide(sums, counts, out=np.full(BINS, np.nan), where=counts > 0)]
