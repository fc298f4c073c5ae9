"""How the nodes of several skeletons become those of one: by name, with the names that the config translates."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from posewright.errors import InputError
from posewright.labels.skeleton import Skeleton


@dataclass(frozen=True)
class NodeNames:
    """What the config says of nodes.

    Attributes:
        renamed: name in a label file -> name in the data set; None leaves the node out.
        missing: nodes of the data set that a label file may lack.
    """

    renamed: Mapping[str, str | None] = field(default_factory=dict)
    missing: Collection[str] = ()

    def of(self, skeleton: Skeleton) -> tuple[str | None, ...]:
        """Return the data set's name of each node of a file's skeleton."""
        return tuple(self.renamed.get(node, node) for node in skeleton.nodes)

    def translated(self, skeleton: Skeleton, file: str) -> Skeleton:
        """Return a file's skeleton in the names of the data set, without the nodes that are left out."""
        if not set(self.renamed) & set(skeleton.nodes):
            return skeleton
        names = self.of(skeleton)
        kept = [name for name in names if name is not None]
        if not kept:
            raise InputError(f"{file}: node_map leaves out all nodes {list(skeleton.nodes)}; keep one.")
        doubled = sorted({name for name in kept if kept.count(name) > 1})
        if doubled:
            raise InputError(f"{file}: node_map gives {', '.join(doubled)} to several of {list(skeleton.nodes)}.")

        def pairs(given: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
            ends = [(names[a], names[b]) for a, b in given]
            return tuple((kept.index(a), kept.index(b)) for a, b in ends if a is not None and b is not None)

        return Skeleton(tuple(kept), pairs(skeleton.edges), pairs(skeleton.symmetries), skeleton.name)

    def joined(self, skeletons: Sequence[tuple[Skeleton, str]]) -> Skeleton:
        """Return one skeleton of several; the first gives the order, edges and symmetries it has are kept.

        Args:
            skeletons: translated ones, each with the file it is from.

        Raises:
            InputError: one lacks a node of another, and the config does not say that it may.
        """
        common, first = skeletons[0]
        for other, file in skeletons[1:]:
            differing = set(common.nodes) ^ set(other.nodes)
            if not differing:
                continue
            if not differing <= set(self.missing):
                raise InputError(
                    f"The skeletons differ: {first} has {list(common.nodes)}, {file} has {list(other.nodes)}; "
                    "translate names in node_map, list nodes that a file may lack in missing_nodes, or make a dataset "
                    "of each."
                )
            common = _union(common, other)
        return common


def placed(points: NDArray[np.float64], names: Sequence[str | None], nodes: Sequence[str]) -> NDArray[np.float64]:
    """Return ``[instance node xy]`` in the order of ``nodes``; NaN for those that ``names`` lacks."""
    missing = np.full((len(points), 1, 2), np.nan)
    columns = [names.index(node) if node in names else points.shape[1] for node in nodes]
    return np.concatenate([points, missing], axis=1)[:, columns]


def _union(first: Skeleton, other: Skeleton) -> Skeleton:
    """Return the nodes of both, and the second's pairs that end at a node which the first lacks."""
    nodes = first.nodes + tuple(node for node in other.nodes if node not in first.nodes)
    new = range(len(first.nodes), len(nodes))

    def pairs(own: Sequence[tuple[int, int]], others: Sequence[tuple[int, int]]) -> tuple[tuple[int, int], ...]:
        moved = [(nodes.index(other.nodes[a]), nodes.index(other.nodes[b])) for a, b in others]
        return (*own, *(pair for pair in moved if pair[0] in new or pair[1] in new))

    return Skeleton(nodes, pairs(first.edges, other.edges), pairs(first.symmetries, other.symmetries), first.name)
