"""Peaks and scored connections to instances, for skeletons that are forests.

Along every edge of every frame the best one-to-one set of connections is chosen: by Hungarian assignment of their
scores, a connection below the threshold being worth as much as none, and then by how well the set explains the fields
as a whole (`matchings`). In a forest every chosen connection is consistent with every other, so the
instances are simply the connected components: every edge counts, every part of the skeleton counts, and no order of
edges matters (the peer follows edges from one root and loses what it cannot reach; interoperability page, 7.4).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from posewright.codecs.matchings import Explain, better_explained
from posewright.codecs.peaks import Peaks

Score = Callable[[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]


def group_peaks(
    peaks: Peaks,
    n_frames: int,
    n_nodes: int,
    edges: tuple[tuple[int, int], ...],
    score: Score,
    min_score: float,
    explain: Explain | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the instance ``[peak]`` each peak belongs to (from 0, ordered by frame) and ``[instance]`` scores.

    Args:
        peaks: rows sorted by frame, then channel; the channel is the node.
        n_frames: number of frames.
        n_nodes: number of nodes.
        edges: (source, destination) nodes; must form a forest.
        score: called once with (edge, source peak, destination peak) of all candidates; returns their scores.
        min_score: connections below are not made, unless the fields as a whole are explained by them.
        explain: reads the fields along connections and draws them (`matchings`); None leaves it at the scores.

    An instance's score is the sum of the scores of its connections, 0 for a lone peak.
    """
    n_sources, n_destinations = _ends_of_edges(peaks, n_frames, n_nodes, edges)
    group, source, destination = _candidates(peaks, n_nodes, edges, n_sources, n_destinations)
    scores = score(group % len(edges), source, destination)
    made = _assign(group, source, destination, scores, min_score)
    if explain is not None:
        chosen = np.zeros(len(group), bool)
        chosen[made] = True
        ends = np.stack([source, destination], axis=1)
        made = np.flatnonzero(better_explained(chosen, scores, group, len(edges), ends, explain))
    n_peaks = len(peaks.frame)
    graph = coo_array((np.ones(len(made)), (source[made], destination[made])), shape=(n_peaks, n_peaks))
    n_instances, label = connected_components(graph, directed=False)
    # Number the instances by their first peak, so that they come in the order of frames.
    first = np.full(n_instances, n_peaks)
    np.minimum.at(first, label, np.arange(n_peaks))
    rank = np.empty(n_instances, np.int64)
    rank[np.argsort(first)] = np.arange(n_instances)
    instance = rank[label]
    totals = np.bincount(instance[source[made]], weights=scores[made], minlength=n_instances)
    return instance, totals.astype(np.float32)


def _ends_of_edges(
    peaks: Peaks, n_frames: int, n_nodes: int, edges: tuple[tuple[int, int], ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return how many source and destination peaks each group has; group ``frame * edges + edge``."""
    count = np.bincount(peaks.frame * n_nodes + peaks.channel, minlength=n_frames * n_nodes).reshape(n_frames, n_nodes)
    ends = np.asarray(edges, np.int64)
    return count[:, ends[:, 0]].ravel(), count[:, ends[:, 1]].ravel()


def _candidates(
    peaks: Peaks,
    n_nodes: int,
    edges: tuple[tuple[int, int], ...],
    n_sources: NDArray[np.int64],
    n_destinations: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return (group, source peak, destination peak) of all pairs that an edge could join, group by group."""
    n_pairs = n_sources * n_destinations
    group = np.repeat(np.arange(n_pairs.size), n_pairs)
    within = np.arange(group.size) - np.repeat(np.cumsum(n_pairs) - n_pairs, n_pairs)
    across = np.maximum(n_destinations[group], 1)
    frame, edge = group // len(edges), group % len(edges)
    ends = np.asarray(edges, np.int64)[edge]
    place = peaks.frame * n_nodes + peaks.channel  # sorted: where a node's peaks begin is a search away
    source = np.searchsorted(place, frame * n_nodes + ends[:, 0]) + within // across
    destination = np.searchsorted(place, frame * n_nodes + ends[:, 1]) + within % across
    return group, source, destination


def _assign(
    group: NDArray[np.int64],
    source: NDArray[np.int64],
    destination: NDArray[np.int64],
    scores: NDArray[np.float32],
    min_score: float,
) -> NDArray[np.int64]:
    """Return the indices of the candidates that the best assignment of each group makes.

    Only candidates that reach the threshold can be made; a group in which no peak has two of them needs no search.
    """
    able = np.flatnonzero(scores >= min_score)
    group_source, group_destination = (group[able], source[able]), (group[able], destination[able])
    alone = (_times(*group_source) == 1) & (_times(*group_destination) == 1)
    contested = np.unique(group[able[~alone]])
    searched = np.isin(group[able], contested)
    made = [able[~searched]]
    rest = able[searched]
    rest = rest[np.argsort(group[rest], kind="stable")]
    for members in np.split(rest, np.flatnonzero(np.diff(group[rest])) + 1) if len(rest) else []:
        rows, row = np.unique(source[members], return_inverse=True)
        columns, column = np.unique(destination[members], return_inverse=True)
        gain = np.zeros((len(rows), len(columns)))
        gain[row, column] = scores[members]
        candidate = np.full(gain.shape, -1)
        candidate[row, column] = members
        chosen = candidate[linear_sum_assignment(gain, maximize=True)]
        made.append(chosen[chosen >= 0])
    return np.sort(np.concatenate(made))


def _times(group: NDArray[np.int64], peak: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return how often each (group, peak) pair occurs, one count a pair."""
    if len(group) == 0:
        return np.zeros(0, np.int64)
    _, which, count = np.unique(group * (int(peak.max()) + 1) + peak, return_inverse=True, return_counts=True)
    times: NDArray[np.int64] = count[which]
    return times
