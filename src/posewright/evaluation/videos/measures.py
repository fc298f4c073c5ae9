"""Simple measures of behaviour, frame by frame, from the poses of one release. Missing is NaN, never zero.

All are means over the animals of a frame, so that two releases can be compared without knowing who is who.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from posewright.errors import InputError, nearest
from posewright.evaluation.oks import seen
from posewright.evaluation.videos.disagreement import track_codes
from posewright.evaluation.videos.stretches import Float, Stretch
from posewright.prediction.poses import POSES_NAME, pose_chunks, read_skeleton

_SAMPLE_ROWS = 65536
_USUAL = 0.5  #: share of the poses in which an end of the body is known


@dataclass(frozen=True)
class Measure:
    """What is measured.

    Attributes:
        name: in tables.
        words: on the page and in sentences.
        unit: of its values; empty for a share of the time.
        meaning: its definition in a sentence.
    """

    name: str
    words: str
    unit: str
    meaning: str


MEASURES = (
    Measure(
        "speed",
        "speed",
        "px/s",
        "how far a track moved since the frame before (mean over the nodes found in both), over the time between",
    ),
    Measure(
        "distance",
        "distance to the nearest animal",
        "px",
        "from the middle of an animal's nodes to the nearest other middle; frames with two or more animals",
    ),
    Measure(
        "contact",
        "time in contact",
        "",
        "share of the frames with two or more animals in which nodes of two come nearer than contact_body_lengths",
    ),
    Measure("length", "body length", "px", "distance between the two ends of the body"),
)


@dataclass(frozen=True)
class Body:
    """What the measures need to know of the animals.

    Attributes:
        ends: places of the two nodes that body length lies between; None where no video tells them.
        contact_px: animals are in contact when nodes come nearer than this; NaN where their length is not known.
    """

    ends: tuple[int, int] | None
    contact_px: float


def measured(view: Stretch, body: Body) -> dict[str, Float]:
    """Return measure -> ``[frame]``; NaN where a frame does not tell."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # means of nothing are NaN, as they should be
        apart, near = _between_animals(view)
        several = view.counts >= 2
        is_told = several & ~np.isnan(near) & ~np.isnan(body.contact_px)
        return {
            "speed": _mean_of_animals(_speeds(view)),
            "distance": np.where(several, apart, np.nan),
            "contact": np.where(is_told, near < body.contact_px, np.nan),
            "length": _mean_of_animals(_lengths(view, body)),
        }


def _mean_of_animals(values: Float) -> Float:
    """Return the means of ``[frame animal]`` over animals; NaN where there is none."""
    return np.asarray(np.nanmean(values, axis=1)) if values.shape[1] else np.full(len(values), np.nan)


def _lengths(view: Stretch, body: Body) -> Float:
    """Return ``[frame animal]`` the distance between the ends of the body."""
    if body.ends is None:
        return np.full(view.scores.shape, np.nan)
    first, last = (view.points[:, :, end] for end in body.ends)
    return np.asarray(np.linalg.norm(first - last, axis=-1))


def chosen_ends(nodes: tuple[str, ...], chosen: tuple[str, str]) -> tuple[str, str]:
    """Return the two ends of the body that the config chose.

    Raises:
        InputError: one of them is unknown.
    """
    for node in chosen:
        if node not in nodes:
            raise InputError(f"behaviour.body_ends: the releases know no node {node!r}; {nearest(node, nodes)}.")
    return chosen


def farthest_ends(folder: Path, nodes: tuple[str, ...]) -> tuple[str, str] | None:
    """Return the ends of the body by the first poses of a video; None where these do not tell.

    They are the nodes with the largest median distance, of those that are known in half of the poses or more. Where two
    or more of these have no mirror image, the ends are among them: the body's axis, and no leg or wing.
    """
    chunk = next(pose_chunks(folder / POSES_NAME, _SAMPLE_ROWS), None)
    if chunk is None or not len(chunk["points"]):
        return None
    skeleton = read_skeleton(folder / POSES_NAME)
    points = np.asarray(chunk["points"], np.float64)
    known = (~np.isnan(points[..., 0])).mean(axis=0)
    usual = [node for node in nodes if known[skeleton.index(node)] >= _USUAL]
    mirrored = {skeleton.nodes[end] for pair in skeleton.symmetries for end in pair}
    axis = [node for node in usual if node not in mirrored]
    lengths: dict[tuple[str, str], float] = {}
    for a, b in combinations(axis if len(axis) > 1 else usual, 2):
        distances = np.linalg.norm(points[:, skeleton.index(a)] - points[:, skeleton.index(b)], axis=-1)
        if not np.isnan(distances).all():
            lengths[a, b] = float(np.nanmedian(distances))
    return max(lengths, key=lambda pair: lengths[pair], default=None)


def _speeds(view: Stretch) -> Float:
    """Return ``[frame animal]`` px/s since the frame before; NaN at gaps and for animals without a track."""
    speeds = np.full(view.scores.shape, np.nan)
    if len(view.frames) < 2:
        return speeds
    codes = track_codes(view)
    same = (codes[1:, :, None] == codes[:-1, None, :]) & (codes[1:, :, None] >= 0)
    seconds = np.where(np.diff(view.frames) == 1, np.diff(view.times_s), np.nan)
    seconds = np.where(seconds > 0, seconds, np.nan)
    moved = np.nanmean(view.points[1:, :, None] - view.points[:-1, None, :], axis=3)  # over the nodes found in both
    distance = np.where(same, np.linalg.norm(moved, axis=-1), np.nan)
    speeds[1:] = np.nanmean(distance, axis=2) / seconds[:, None] if distance.shape[2] else np.nan
    return speeds


def _between_animals(view: Stretch) -> tuple[Float, Float]:
    """Return ``[frame]`` the mean distance to the nearest other middle, and the smallest of nodes of two animals."""
    n_frames, widest = view.scores.shape
    apart, near = np.full(n_frames, np.nan), np.full(n_frames, np.nan)
    if widest < 2:
        return apart, near
    middles = np.nanmean(view.points, axis=2)
    nearest_other = np.full((n_frames, widest), np.inf)
    for a, b in combinations(range(widest), 2):
        gap = np.linalg.norm(middles[:, a] - middles[:, b], axis=-1)
        nodes = np.linalg.norm(view.points[:, a, :, None] - view.points[:, b, None, :], axis=-1)
        near = np.fmin(near, np.nanmin(nodes, axis=(1, 2)))
        for own in (a, b):
            nearest_other[:, own] = np.fmin(nearest_other[:, own], gap)
    there = seen(view.points).any(axis=-1) & np.isfinite(nearest_other)
    return np.nanmean(np.where(there, nearest_other, np.nan), axis=1), near
