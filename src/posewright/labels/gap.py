"""How long the pictures of one video stay alike: the gap between time blocks, from the autocorrelation of the frames.

What counts is what moves: from each coarse picture (`posewright.labels.duplicates`) the median picture of its video is
taken away, and what is left of noise and compression is set to zero. The correlation of two such pictures, squared, is
the part of one that the other explains; a training frame that explains half or more of a held-back one is too near.

All labelled frames are read, whatever their side: the gap has to be there before the sides are. Nothing of it is a
label, and no held-back frame decides which side any frame stands on (``comparison.md`` rule 2).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from posewright.labels.duplicates import Frames, Key, coarse
from posewright.labels.model import LabelSet
from posewright.labels.recordings import video_names

EXPLAINED = 0.5  #: frames are too near while one explains so much of the variance of the other
#: Grey levels (of 255) that a cell may differ from the background by noise; frames stored again as JPEG of quality 40
#: differ from themselves by less in nearly all cells.
_NOISE = 8.0
_ENOUGH_FRAMES = 10  #: of fewer frames a median is no background
_ENOUGH_PAIRS = 20  #: fewer pairs of frames at a lag say nothing
_MOST_PAIRS = 400  #: more of them cost time and change little

Moving = Mapping[int, NDArray[np.float32]]  #: frame number -> what differs from the background, flat


def measured_gap(labels: LabelSet, frames: Frames, block_frames: int) -> tuple[int, str]:
    """Return how many frames pictures stay alike, and a sentence on how that was found.

    It is the smallest lag at which pictures explain less than half of each other, from 1 frame to half a block. A lag
    of which too few labelled frames exist is passed over.

    Args:
        labels: of a dataset; which frames there are.
        frames: their pictures.
        block_frames: length of a block.
    """
    most, fallback = max(1, block_frames // 2), max(1, block_frames // 10)
    videos = [_moving(keys, frames) for keys in _recordings(labels) if len(keys) >= _ENOUGH_FRAMES]
    last: tuple[int, float] | None = None
    for lag in range(1, most + 1):
        pairs = [(video, number) for video in videos for number in video if number + lag in video]
        if len(pairs) < _ENOUGH_PAIRS:
            continue
        alike = _correlation(pairs, lag)
        if max(alike, 0.0) ** 2 < EXPLAINED:
            found = f"measured: what moves in pictures {lag} frames apart is correlated by {alike:.2f}"
            before = "" if last is None else f" ({last[1]:.2f} at {last[0]})"
            return lag, f"{found}{before}, so that one explains less than half of the other"
        last = (lag, alike)
    if last is None:
        return (
            fallback,
            f"a tenth of a block: too few labelled frames lie within {most} frames of each other to measure",
        )
    return most, (
        f"half a block, the longest gap: what moves in pictures {last[0]} frames apart is still correlated by "
        f"{last[1]:.2f}; longer blocks would keep them further apart"
    )


def _recordings(labels: LabelSet) -> list[dict[int, Key]]:
    """Return frame number -> key for each recording; label files made of one film are one."""
    names = video_names(labels.videos)
    found: dict[str, dict[int, Key]] = {}
    for key in sorted([*(frame.key for frame in labels.frames), *labels.negatives]):
        found.setdefault(names[key[0]], {}).setdefault(key[1], key)
    return list(found.values())


def _moving(keys: Mapping[int, Key], frames: Frames) -> Moving:
    pictures = np.stack([coarse(frames[key]).ravel() for key in keys.values()])
    apart = pictures - np.median(pictures, axis=0)
    apart[np.abs(apart) < _NOISE] = 0.0
    return dict(zip(keys, apart, strict=True))


def _correlation(pairs: Sequence[tuple[Moving, int]], lag: int) -> float:
    """Return the correlation over at most `_MOST_PAIRS` pairs, evenly spread; 1 where nothing moves."""
    chosen = np.linspace(0, len(pairs) - 1, min(len(pairs), _MOST_PAIRS)).astype(int)
    products = np.zeros(3)
    for video, number in (pairs[index] for index in chosen):
        early, late = video[number], video[number + lag]
        products += float(early @ late), float(early @ early), float(late @ late)
    power = float(np.sqrt(products[1] * products[2]))
    return float(products[0]) / power if power > 0 else 1.0
