"""Which connections of one edge explain the drawn fields best: an exact choice for the few animals of a cluster.

The score of a connection looks along one line only. Where limbs of several animals cross, run side by side or over one
another, their fields add up, and a wrong set of connections can score better than the right one. What cannot be
mistaken is the whole: drawn again, the right set gives the fields that were read. So every possible set of one-to-one
connections between the peaks of one edge in one frame is drawn on the lines between them, and the one whose drawing is
most like the reading wins: the largest squared inner product for its own length (a matched filter, which does not mind
fields that are weaker than drawn ones). On clean maps this is exact, by Cauchy and Schwarz. On the vague maps of a
network in its first minutes it is not better than the scores, so it decides only where it explains nearly everything.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

#: Peaks of one node in one frame up to which all sets of connections are tried: 4 by 4 peaks have 209.
MOST_PEAKS = 4
_NEARLY_ALL = 0.9  #: and must leave so little of the fields unexplained: on vague maps the scores are the safer judge
_LEAST_SHARE = 0.5  #: a connection more must be seen at this part of its full size once the others are taken away
_CLEARLY = 1e-6  #: a set must explain so much more, relatively, to replace the one with the best scores

#: (frame, edge, ends ``[group connection source-or-destination]`` as peaks) -> what the fields show at some cells
#: ``[group cell xy]``, and what each connection would draw there ``[group connection cell xy]``
Explain = Callable[
    [NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]], tuple[NDArray[np.float32], NDArray[np.float32]]
]


@cache
def one_to_one_sets(n_sources: int, n_destinations: int) -> NDArray[np.bool_]:
    """Return all sets of one-to-one connections ``[set source*destination]``, the empty one first."""
    sets = [np.zeros((n_sources, n_destinations), bool)]
    for source in range(n_sources):
        for made in list(sets):
            for destination in np.flatnonzero(~made.any(axis=0)):
                more = made.copy()
                more[source, destination] = True
                sets.append(more)
    return np.stack(sets).reshape(len(sets), -1)


def better_explained(
    made: NDArray[np.bool_],
    n_sources: NDArray[np.int64],
    n_destinations: NDArray[np.int64],
    frame: NDArray[np.int64],
    edge: NDArray[np.int64],
    ends: NDArray[np.int64],
    explain: Explain,
) -> NDArray[np.bool_]:
    """Return which connections are made after the sets of each group have been compared.

    Args:
        made: ``[connection]``, those of the best scores; connections of a group (one edge in one frame) follow one
            another, source by source.
        n_sources: ``[group]`` peaks at the edge's source.
        n_destinations: ``[group]`` peaks at its destination.
        frame: ``[group]``.
        edge: ``[group]``.
        ends: ``[connection 2]``, source and destination peaks.
        explain: reads the fields and draws connections.

    A set never has fewer connections than the scores made, and more only where each of them is plainly seen: whether a
    limb is there at all is the scores' business, but for limbs whose fields cancel each other.
    """
    made = made.copy()
    begin = np.cumsum(n_sources * n_destinations) - n_sources * n_destinations
    several = (n_sources * n_destinations > 1) & (np.maximum(n_sources, n_destinations) <= MOST_PEAKS)
    shapes = np.unique(np.stack([n_sources[several], n_destinations[several]], axis=1), axis=0)
    for sources, destinations in shapes.tolist():
        groups = np.flatnonzero(several & (n_sources == sources) & (n_destinations == destinations))
        connections = begin[groups, None] + np.arange(sources * destinations)
        observed, drawn = explain(frame[groups], edge[groups], ends[connections])
        sets = one_to_one_sets(sources, destinations)
        made[connections] = _best(made[connections], sets, observed, drawn)
    return made


def _best(
    made: NDArray[np.bool_], sets: NDArray[np.bool_], observed: NDArray[np.float32], drawn: NDArray[np.float32]
) -> NDArray[np.bool_]:
    """Return the best set ``[group connection]``, or the one that was made where none is clearly better."""
    groups, connections = made.shape
    # near-parallel limbs differ in the sixth digit, which single precision would lose in the sums
    drawn = drawn.reshape(groups, connections, -1).astype(np.float64)
    likeness = np.einsum("gck,gk->gc", drawn, observed.reshape(groups, -1))
    overlap = np.einsum("gck,gdk->gcd", drawn, drawn)
    chosen = sets.astype(np.float64)
    product = np.maximum(likeness @ chosen.T, 0.0)
    length = np.einsum("sc,gcd,sd->gs", chosen, overlap, chosen)
    explained = product**2 / np.maximum(length, 1e-9)
    share = _least_share(likeness, overlap, chosen)
    more = sets.sum(axis=1)[None, :] - made.sum(axis=1)[:, None]
    explained[(more < 0) | ((more > 0) & (share < _LEAST_SHARE))] = -1.0
    best = explained.argmax(axis=1)
    now = (made[:, None, :] == sets[None, :, :]).all(axis=2).argmax(axis=1)
    rows = np.arange(groups)
    clearly = explained[rows, best] > explained[rows, now] * (1 + _CLEARLY) + _CLEARLY
    nearly_all = explained[rows, best] > _NEARLY_ALL * (observed.reshape(groups, -1) ** 2).sum(axis=1)
    return np.where((clearly & nearly_all)[:, None], sets[best], made)


def _least_share(
    likeness: NDArray[np.float64], overlap: NDArray[np.float64], chosen: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return ``[group set]``: of each connection, what the others of its set leave over for it; the least of them."""
    own = np.maximum(np.einsum("gcc->gc", overlap), 1e-9)
    others = np.einsum("gcd,sd->gsc", overlap, chosen) - own[:, None] * chosen
    share = (likeness[:, None] - others) / own[:, None]
    least: NDArray[np.float64] = np.where(chosen[None] > 0, share, np.inf).min(axis=2)
    return least
