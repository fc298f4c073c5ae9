"""A skeleton: named nodes, directed edges between them, and which nodes are mirror images of each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from posewright.errors import InputError, nearest


@dataclass(frozen=True)
class Skeleton:
    """Nodes in a fixed order, and pairs of their indices.

    Attributes:
        nodes: names, unique.
        edges: (from, to) indices, in the order of the label file.
        symmetries: (left, right) indices; each pair once, smaller index first.
        name: the skeleton's own name, without effect.
    """

    nodes: tuple[str, ...]
    edges: tuple[tuple[int, int], ...] = ()
    symmetries: tuple[tuple[int, int], ...] = ()
    name: str = "skeleton"

    def __post_init__(self) -> None:
        doubled = sorted({node for node in self.nodes if self.nodes.count(node) > 1})
        if doubled:
            raise InputError(f"The skeleton names {', '.join(doubled)} more than once; node names must differ.")
        for pair in (*self.edges, *self.symmetries):
            if not all(0 <= end < len(self.nodes) for end in pair) or pair[0] == pair[1]:
                raise InputError(f"The skeleton's pair {pair} does not join two of its {len(self.nodes)} nodes.")

    def index(self, name: str) -> int:
        """Return the position of a node by its name."""
        if name not in self.nodes:
            raise InputError(f"The skeleton has no node {name!r}; {nearest(name, self.nodes)}")
        return self.nodes.index(name)

    @property
    def ring(self) -> tuple[str, str] | None:
        """The first edge that joins two nodes joined already, or None: the edges form a forest."""
        root = list(range(len(self.nodes)))

        def find(node: int) -> int:
            return node if root[node] == node else find(root[node])

        for a, b in self.edges:
            if find(a) == find(b):
                return self.nodes[a], self.nodes[b]
            root[find(a)] = find(b)
        return None

    @property
    def mirrored(self) -> tuple[int, ...]:
        """For each node the one that stands there in a mirror image: its symmetric partner, else itself."""
        partner = {a: b for pair in self.symmetries for a, b in (pair, pair[::-1])}
        return tuple(partner.get(node, node) for node in range(len(self.nodes)))

    def to_json(self) -> dict[str, Any]:
        """Return a JSON value with node names in edges and symmetries."""
        return {
            "name": self.name,
            "nodes": list(self.nodes),
            "edges": [[self.nodes[a], self.nodes[b]] for a, b in self.edges],
            "symmetries": [[self.nodes[a], self.nodes[b]] for a, b in self.symmetries],
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Skeleton:
        """Return the skeleton that `to_json` wrote."""
        nodes = tuple(value["nodes"])
        bare = cls(nodes)

        def pairs(key: str) -> tuple[tuple[int, int], ...]:
            return tuple((bare.index(a), bare.index(b)) for a, b in value.get(key, ()))

        return cls(nodes, pairs("edges"), pairs("symmetries"), value.get("name", "skeleton"))

    def reordered(self, nodes: tuple[str, ...]) -> Skeleton:
        """Return the same skeleton with its nodes in another order."""
        return Skeleton.from_json({**self.to_json(), "nodes": list(nodes)})
