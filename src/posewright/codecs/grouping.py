"""Peaks and scored connections to instances, for skeletons that are forests.

Along every edge of every frame the best one-to-one set of connections is chosen (Hungarian assignment, a connection
below the threshold being worth as much as none). In a forest every chosen connection is then consistent with every
other, so the instances are simply the connected components: every edge counts, every part of the skeleton counts, and
no order of edges matters (the peer follows edges from one root and loses what it cannot reach; interoperability page,
7.4).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from posewright.codecs.peaks import Peaks

Score = Callable[[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]], NDArray[np.float32]]


def group_peaks(
    peaks: Peaks, n_frames: int, n_nodes: int, edges: tuple[tuple[int, int], ...], score: Score, min_score: float
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return the instance ``[peak]`` each peak belongs to (from 0, ordered by frame) and ``[instance]`` scores.

    Args:
        peaks: rows sorted by frame, then channel; the channel is the node.
        n_frames: number of frames.
        n_nodes: number of nodes.
        edges: (source, destination) nodes; must form a forest.
        score: called once with (edge, source peak, destination peak) of all candidates; returns their scores.
        min_score: connections below are not made.

    An instance's score is the sum of the scores of its connections, 0 for a lone peak.
    """
    edge, source, destination = _candidates(peaks, n_frames, n_nodes, edges)
    scores = score(edge, source, destination)
    made = _assign(peaks.frame[source] * len(edges) + edge, source, destination, scores, min_score)
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


def _candidates(
    peaks: Peaks, n_frames: int, n_nodes: int, edges: tuple[tuple[int, int], ...]
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return (edge, source peak, destination peak) of all pairs of one frame that an edge could join."""
    place = peaks.frame * n_nodes + peaks.channel
    count = np.bincount(place, minlength=n_frames * n_nodes).reshape(n_frames, n_nodes)
    begin = np.concatenate([[0], np.cumsum(count)[:-1]]).reshape(n_frames, n_nodes)
    ends = np.asarray(edges, np.int64)
    n_source, n_destination = count[:, ends[:, 0]], count[:, ends[:, 1]]
    n_pairs = (n_source * n_destination).ravel()
    group = np.repeat(np.arange(n_pairs.size), n_pairs)
    within = np.arange(group.size) - np.repeat(np.cumsum(n_pairs) - n_pairs, n_pairs)
    across = n_destination.ravel()[group]
    source = begin[:, ends[:, 0]].ravel()[group] + within // np.maximum(across, 1)
    destination = begin[:, ends[:, 1]].ravel()[group] + within % np.maximum(across, 1)
    return group % len(edges), source, destination


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
