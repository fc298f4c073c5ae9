"""Which connections of one edge explain the drawn fields best, for any number of animals.

The score of a connection looks along one line only. Where limbs of several animals cross, run side by side or over one
another, their fields add up, and a wrong set of connections can score better than the right one. What cannot be
mistaken is the whole: the fields are the sum of what the true connections draw. So every possible connection between
the peaks of one edge in one frame is drawn, and the fields that were read are divided among the drawings by least
squares: on clean maps the share of a true connection is 1, of any other 0, however many animals lie over one another.
The one-to-one set with the largest shares replaces that of the scores where it explains the fields better (by the
matched filter: the largest squared inner product for its own length, which does not mind fields that are weaker than
drawn ones) and explains nearly all of them. On the vague maps of a network in its first minutes it does not, and the
scores decide.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

#: The fields are divided among all connections of one edge in one frame up to so many (those of ten animals); of more,
#: among those with the best scores, ...
_ALL_CONNECTIONS = 100
_PER_PEAK = 12  #: ... this many for each peak, if that is more.
_MOST_PEAKS = 50  #: beyond that, as in the noise of an untrained network, the scores decide
_NEARLY_ALL = 0.9  #: a set must explain so much of the fields: on vague maps the scores are the safer judge
_LEAST_SHARE = 0.5  #: a connection is seen when this share of its full size falls to it
_CLEARLY = 1e-6  #: a set must explain so much more, relatively, to replace the one with the best scores
#: Part of the drawings' mean squared length that steadies the least squares: where two drawings are nearly equal, or
#: the peaks are some hundredths of a cell off, shares do not run away. Ten times more misreads some of eight animals.
_RIDGE = 1e-4
_NUMBERS_AT_ONCE = 4_000_000  #: drawn numbers in memory at a time

#: (frame, edge, ends ``[group connection source-or-destination]`` as peaks) -> what the fields show at some cells
#: ``[group cell xy]``, and what each connection would draw there ``[group connection cell xy]``
Explain = Callable[
    [NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]], tuple[NDArray[np.float32], NDArray[np.float32]]
]


def better_explained(
    made: NDArray[np.bool_],
    scores: NDArray[np.float32],
    group: NDArray[np.int64],
    n_edges: int,
    ends: NDArray[np.int64],
    explain: Explain,
) -> NDArray[np.bool_]:
    """Return which connections are made after the fields of each group have been divided among them.

    Args:
        made: ``[connection]``, those of the best scores.
        scores: ``[connection]``.
        group: ``[connection]``, sorted: ``frame * n_edges + edge``.
        n_edges: edges of the skeleton.
        ends: ``[connection 2]``, source and destination peaks.
        explain: reads the fields and draws connections.

    A set never has fewer connections than the scores made: whether a limb is there at all is the scores' business, but
    for limbs whose fields cancel each other.
    """
    made = made.copy()
    groups, first, count = np.unique(group, return_index=True, return_counts=True)
    for size in np.unique(count[(count > 1) & (count <= _MOST_PEAKS**2)]).tolist():
        kept = min(size, max(_ALL_CONNECTIONS, _PER_PEAK * math.isqrt(size)))
        alike = np.flatnonzero(count == size)
        at_once = max(1, _NUMBERS_AT_ONCE // (20 * kept**2))
        for some in np.split(alike, range(at_once, len(alike), at_once)):
            connections = first[some, None] + np.arange(size)
            if kept < size:
                best = np.argpartition(-scores[connections], kept - 1, axis=1)[:, :kept]
                connections = np.take_along_axis(connections, best, axis=1)
            frame, edge = np.divmod(groups[some], n_edges)
            observed, drawn = explain(frame, edge, ends[connections])
            made[connections] = _best(made[connections], ends[connections], observed, drawn)
    return made


def _best(
    made: NDArray[np.bool_], ends: NDArray[np.int64], observed: NDArray[np.float32], drawn: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Return the set of largest shares ``[group connection]``, or the one that was made where it is no clear gain."""
    groups, connections = made.shape
    # near-parallel limbs differ in the sixth digit, which single precision would lose in the sums
    limbs: NDArray[np.float64] = drawn.reshape(groups, connections, -1).astype(np.float64)
    whole = observed.reshape(groups, -1).astype(np.float64)
    likeness = limbs @ whole[..., None]
    overlap = limbs @ limbs.transpose(0, 2, 1)
    steady = _RIDGE * np.einsum("gcc->g", overlap) / connections + 1e-9
    shares = np.linalg.solve(overlap + steady[:, None, None] * np.eye(connections), likeness)[..., 0]
    chosen = np.stack([_one_to_one(*group) for group in zip(shares, ends, strict=True)])
    gain, before = (_explained(some, likeness[..., 0], overlap) for some in (chosen, made))
    clearly = gain > before * (1 + _CLEARLY) + _CLEARLY
    nearly_all = gain > _NEARLY_ALL * (whole**2).sum(axis=1)
    complete = chosen.sum(axis=1) >= made.sum(axis=1)
    return np.where((clearly & nearly_all & complete)[:, None], chosen, made)


def _one_to_one(shares: NDArray[np.float64], ends: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Return the one-to-one set ``[connection]`` with the largest sum of shares, each of them large enough."""
    seen = np.flatnonzero(shares > _LEAST_SHARE)
    chosen = np.zeros(len(shares), bool)
    sources, row = np.unique(ends[seen, 0], return_inverse=True)
    destinations, column = np.unique(ends[seen, 1], return_inverse=True)
    if len(sources) == len(destinations) == len(seen):
        chosen[seen] = True
        return chosen
    gain = np.zeros((len(sources), len(destinations)))
    gain[row, column] = shares[seen]
    place = np.full(gain.shape, -1)
    place[row, column] = seen
    found = place[linear_sum_assignment(gain, maximize=True)]
    chosen[found[found >= 0]] = True
    return chosen


def _explained(
    chosen: NDArray[np.bool_], likeness: NDArray[np.float64], overlap: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return how much of the squared fields a set explains ``[group]``, at its best common strength."""
    weight = chosen.astype(np.float64)
    product = np.maximum((likeness * weight).sum(axis=1), 0.0)
    length = np.einsum("gc,gcd,gd->g", weight, overlap, weight)
    explained: NDArray[np.float64] = product**2 / np.maximum(length, 1e-9)
    return explained
