"""Skeletons: names in JSON, indices in memory."""

from __future__ import annotations

import pytest

from posewright.errors import InputError
from posewright.labels.skeleton import Skeleton

FLY = Skeleton(("head", "wingL", "wingR"), ((0, 1), (0, 2)), ((1, 2),), "fly")


def test_json_names_nodes_and_reads_back_equal() -> None:
    assert FLY.to_json()["edges"] == [["head", "wingL"], ["head", "wingR"]]
    assert Skeleton.from_json(FLY.to_json()) == FLY


def test_reordering_moves_indices_with_their_nodes() -> None:
    turned = FLY.reordered(("wingR", "wingL", "head"))
    assert turned.edges == ((2, 1), (2, 0))
    assert turned.reordered(FLY.nodes) == FLY


def test_an_unknown_node_names_the_nearest() -> None:
    assert FLY.index("wingR") == 2
    with pytest.raises(InputError, match="did you mean 'wingL'"):
        FLY.index("wing_L")


def test_doubled_nodes_and_edges_to_nowhere_are_refused() -> None:
    with pytest.raises(InputError, match="more than once"):
        Skeleton(("a", "a"))
    with pytest.raises(InputError, match="does not join two"):
        Skeleton(("a", "b"), ((0, 2),))
    with pytest.raises(InputError, match="does not join two"):
        Skeleton(("a", "b"), ((1, 1),))
