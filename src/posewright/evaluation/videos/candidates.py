"""Frames that may be suggested: the best of every video, in constant memory, and the order in which they are taken."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from posewright.evaluation.videos.stretches import Float, Stretch


@dataclass(frozen=True, order=True)
class Candidate:
    """A frame that may be suggested.

    Attributes:
        score: from 0 to 1; what is more gets labelled first.
        video: id of its row in the sheet.
        frame: number in the video.
        time_s: NaN where not known.
    """

    score: float
    video: str
    frame: int
    time_s: float = field(compare=False)


def best_of_video(
    video: str,
    scored: Iterable[tuple[Stretch, Float]],
    count: int,
    apart_frames: int,
    is_free: Callable[[int], bool],
) -> list[Candidate]:
    """Return the best frames of a video, no two of them within ``apart_frames``, best first.

    Only the best frame of each run of ``apart_frames`` is looked at, and only the best ``3 * count`` of these are kept,
    so memory does not grow with the video.

    Args:
        video: its id.
        scored: stretches of it with a score for each frame, NaN for frames that have none.
        count: how many are wanted.
        apart_frames: least distance of two of them.
        is_free: whether a frame may be suggested at all.
    """
    kept: list[Candidate] = []
    for candidate in _best_of_runs(video, scored, apart_frames, is_free):
        if len(kept) < 3 * count:
            heapq.heappush(kept, candidate)
        else:
            heapq.heappushpop(kept, candidate)
    chosen: list[Candidate] = []
    for candidate in sorted(kept, key=_best_first):
        if len(chosen) < count and all(abs(candidate.frame - one.frame) >= apart_frames for one in chosen):
            chosen.append(candidate)
    return chosen


def spread(candidates: Mapping[str, Sequence[Candidate]]) -> Iterator[Candidate]:
    """Yield candidates over videos as d'Hondt deals seats: a video's next one counts by its score over 1, 2, 3, ….

    Args:
        candidates: video -> its candidates, best first.
    """
    taken: Counter[str] = Counter()
    while True:
        heads = [own[taken[video]] for video, own in candidates.items() if taken[video] < len(own)]
        if not heads:
            return
        best = min(heads, key=lambda one: (-one.score / (1 + taken[one.video]), one.video))
        taken[best.video] += 1
        yield best


def _best_of_runs(
    video: str, scored: Iterable[tuple[Stretch, Float]], apart_frames: int, is_free: Callable[[int], bool]
) -> Iterator[Candidate]:
    """Yield the best free frame of each run of frame numbers that begins at a multiple of ``apart_frames``."""
    best: Candidate | None = None
    for stretch, scores in scored:
        runs = stretch.frames // apart_frames
        for run in np.unique(runs):
            inside = np.flatnonzero((runs == run) & (scores > 0))
            for index in inside[np.argsort(-scores[inside], kind="stable")]:
                if is_free(int(stretch.frames[index])):
                    found = _candidate(video, stretch, scores, index)
                    break
            else:
                continue
            if best is not None and best.frame // apart_frames == run:
                best = max(best, found, key=lambda one: (one.score, -one.frame))
                continue
            if best is not None:
                yield best
            best = found
    if best is not None:
        yield best


def _candidate(video: str, stretch: Stretch, scores: Float, index: int) -> Candidate:
    return Candidate(float(scores[index]), video, int(stretch.frames[index]), float(stretch.times_s[index]))


def _best_first(candidate: Candidate) -> tuple[float, int]:
    return -candidate.score, candidate.frame
