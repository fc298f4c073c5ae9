"""Strata: groups of truth within which methods are compared, by cut points fixed beforehand (rule 12).

All are computed from the truth alone, so no method decides where its own errors are counted. The cut points are part of
the code: whoever changes one changes the stage's version.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posewright.evaluation.frames import FrameMatch
from posewright.evaluation.oks import Float, seen

FAST = 0.1  #: animal lengths per frame; from here on an animal is fast
SPEED_REACH_FRAMES = 10  #: labelled frames further apart tell no speed

#: factor -> its two levels and what divides them
FACTORS: Mapping[str, tuple[str, str, str]] = {
    "crowding": ("apart", "crowded", "the box around another animal's visible nodes overlaps this one's"),
    "occlusion": ("clear", "covered", "the node lies within the box around another animal's visible nodes"),
    "visibility": ("whole", "partial", "not every node of the animal is visible"),
    "speed": (
        "slow",
        "fast",
        f"the animal moves {FAST:g} of a median animal's length per frame or more, measured to the nearest labelled "
        f"frame within {SPEED_REACH_FRAMES} frames",
    ),
}
UNCORRECTED = "uncorrected"  #: labels that did not begin as a model's prediction (rule 10)
STRATA = ("all", *(level for factor in FACTORS.values() for level in factor[:2]), UNCORRECTED)


def in_stratum(table: pd.DataFrame, stratum: str) -> pd.Series:
    """Return which rows lie in a stratum; rows that tell nothing of a factor lie in none of its levels."""
    if stratum in ("apart", "crowded"):
        return (table["crowding"] > 0) == (stratum == "crowded")
    if stratum in ("clear", "covered"):
        return (table["n_covered"] > 0) == (stratum == "covered")
    if stratum in ("whole", "partial"):
        share = table["visible_share"]
        return share.notna() & ((share < 1) == (stratum == "partial"))
    if stratum in ("slow", "fast"):
        speed = table["speed"]
        return speed.notna() & ((speed >= FAST) == (stratum == "fast"))
    if stratum == UNCORRECTED:
        return table["corrected"] == 0
    return pd.Series(True, index=table.index)


def covered(truth: Float) -> NDArray[np.bool_]:
    """Return ``[true node]``, which visible nodes lie within another animal's box."""
    found = np.zeros(truth.shape[:2], dtype=np.bool_)
    for other, points in enumerate(truth):
        low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
        inside = ((truth >= low) & (truth <= high)).all(axis=-1)  # NaN compares false
        inside[other] = False
        found |= inside
    return found


def speeds(frames: Sequence[FrameMatch], length_px: float) -> dict[tuple[int, int, int], float]:
    """Return animal lengths per frame of each (video, frame, index of the true instance) that can be told.

    An animal is followed by its track's name, or by being the only one in both frames.
    """
    places: dict[tuple[int, str], list[tuple[int, int, Float]]] = {}
    for frame in frames:
        for row, name in enumerate(frame.true_tracks):
            key = name if name is not None else ("" if len(frame.truth) == 1 else None)
            if key is not None:
                place = (frame.frame, int(frame.true_index[row]), frame.truth[row])
                places.setdefault((frame.video, key), []).append(place)
    found = {}
    for (video, _), stops in places.items():
        stops.sort(key=lambda stop: stop[0])
        for index, (number, instance, points) in enumerate(stops):
            near = [stops[other] for other in (index - 1, index + 1) if 0 <= other < len(stops)]
            steps = [_step(number, points, other[0], other[2]) for other in near]
            known = [
                (lag, moved / lag) for lag, moved in steps if 0 < lag <= SPEED_REACH_FRAMES and not np.isnan(moved)
            ]
            if known:
                found[video, number, instance] = min(known)[1] / length_px
    return found


def _step(frame: int, points: Float, other_frame: int, others: Float) -> tuple[int, float]:
    """Return how many frames lie between, and how far the nodes seen in both have moved on the mean."""
    both = seen(points) & seen(others)
    moved = float(np.linalg.norm((others - points)[both].mean(axis=0))) if both.any() else float("nan")
    return abs(other_frame - frame), moved
