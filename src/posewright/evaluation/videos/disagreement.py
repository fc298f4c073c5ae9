"""How much releases disagree on a frame, and how much one release doubts its own poses: numbers from 0 to 1.

Two releases: their animals are paired so that they agree best; each node that either of them found counts the distance
between both in body lengths, at most 1, and 1 where only one found it. Animals that have no partner count 1 a node, and
so do animals that both miss of the number that is expected. The mean over all these nodes is the disagreement; of more
than two releases, the mean over their pairs. Ensembles that differ where they are wrong are the oldest way to choose
what to label next (query by committee: Seung, Opper & Sompolinsky 1992).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from posewright.evaluation.oks import seen
from posewright.evaluation.videos.stretches import Float, Stretch

_AT_ONCE = 2_000_000  #: distances in memory


def disagreement(views: Sequence[Stretch], length_px: float, n_animals: int | None) -> Float:
    """Return ``[frame]``; NaN where a release did not decode the frame.

    Args:
        views: the same frames by two or more releases.
        length_px: the usual body length.
        n_animals: how many there should be; None if unknown.
    """
    pairs = [_between(a, b, length_px, n_animals) for a, b in combinations(views, 2)]
    decoded = np.all([view.decoded for view in views], axis=0)
    return np.where(decoded, np.mean(pairs, axis=0), np.nan)


def doubt(view: Stretch, length_px: float, n_animals: int | None) -> Float:
    """Return ``[frame]``, by one release alone; NaN where it did not decode the frame.

    An animal counts how far its score is below 1, or how far its track jumped since the frame before in body lengths
    (at most 1), whichever is more; animals that are missing from the expected number, or beyond it, count 1 each.
    """
    unsure = np.fmax(1.0 - np.clip(view.scores, 0.0, 1.0), np.clip(jumps_px(view) / length_px, 0.0, 1.0))
    found = view.counts.astype(np.float64)
    wrong_number = 0.0 if n_animals is None else np.abs(found - n_animals)
    expected = found if n_animals is None else np.maximum(found, n_animals)
    total = np.nansum(unsure, axis=1) + wrong_number
    return np.where(view.decoded, np.minimum(total / np.maximum(expected, 1.0), 1.0), np.nan)


def jumps_px(view: Stretch) -> Float:
    """Return ``[frame animal]``: how far the middle of a track moved since the frame before; NaN where not known."""
    middle = np.full(view.scores.shape, np.nan)[..., None].repeat(2, axis=-1)
    there = np.asarray(seen(view.points).any(axis=-1))
    middle[there] = np.nanmean(view.points[there], axis=1)
    moved = np.full(view.scores.shape, np.nan)
    if len(view.frames) < 2 or not view.scores.size:
        return moved
    codes = track_codes(view)
    is_next = np.equal(np.diff(view.frames), 1)
    same = (codes[1:, :, None] == codes[:-1, None, :]) & (codes[1:, :, None] >= 0) & is_next[:, None, None]
    distance = np.linalg.norm(middle[1:, :, None] - middle[:-1, None, :], axis=-1)
    moved[1:] = np.where(same, np.nan_to_num(distance), 0.0).sum(axis=-1)
    moved[1:][~same.any(axis=-1) | ~there[1:]] = np.nan
    return moved


def track_codes(view: Stretch) -> NDArray[np.int64]:
    """Return a number for each track's name, -1 for none."""
    known: dict[str, int] = {}
    flat = [-1 if name is None else known.setdefault(name, len(known)) for name in view.tracks.ravel()]
    return np.array(flat, np.int64).reshape(view.tracks.shape)


def _between(a: Stretch, b: Stretch, length_px: float, n_animals: int | None) -> Float:
    """Return the disagreement of two releases ``[frame]``."""
    n_nodes = a.points.shape[2]
    widest = max(a.points.shape[1], b.points.shape[1])
    left, right = _wide(a.points, widest), _wide(b.points, widest)
    step = max(1, _AT_ONCE // max(1, widest**2 * n_nodes * 2))
    found = np.maximum(a.counts, b.counts)
    missed = np.maximum((n_animals or 0) - found, 0) * n_nodes
    apart, nodes = np.zeros(len(found)), np.zeros(len(found))
    for begin in range(0, len(found), step):
        part = slice(begin, begin + step)
        apart[part], nodes[part] = _paired(left[part], right[part], length_px)
    return np.asarray((apart + missed) / np.maximum(nodes + missed, 1.0), np.float64)


def _wide(points: Float, widest: int) -> Float:
    return np.pad(points, [(0, 0), (0, widest - points.shape[1]), (0, 0), (0, 0)], constant_values=np.nan)


def _paired(left: Float, right: Float, length_px: float) -> tuple[Float, Float]:
    """Return for each frame the sum of what its nodes differ by under the best pairing, and the number of nodes.

    An absent animal shows no node, so leaving an animal alone is pairing it with an absent one.
    """
    gap = np.linalg.norm(left[:, :, None] - right[:, None, :], axis=-1) / length_px
    shown, shown_too = seen(left)[:, :, None], seen(right)[:, None, :]
    either = (shown | shown_too).sum(axis=-1)
    cost = np.where(shown & shown_too, np.minimum(np.nan_to_num(gap, nan=1.0), 1.0), shown ^ shown_too).sum(axis=-1)
    alone = shown.sum(axis=-1) + shown_too.sum(axis=-1)
    total, nodes = np.zeros(len(left)), np.zeros(len(left))
    for frame in range(len(left)):
        # a node that two animals share is one node and no longer two, so it is the total that is made least
        rows, columns = linear_sum_assignment(cost[frame] - alone[frame])
        total[frame], nodes[frame] = cost[frame, rows, columns].sum(), either[frame, rows, columns].sum()
    return total, nodes
