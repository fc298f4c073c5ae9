"""What is proposed for mirror images: only what no name contradicts."""

from __future__ import annotations

from dataclasses import replace

import pytest

from posewright.training.variation_plan import propose_variation

from .test_recipe_plan import MEASURED

NODES = ("nose", "ear_left", "ear_right", "pawL", "pawR")
EARS, PAWS = NODES[1:3], NODES[3:]


@pytest.mark.parametrize(
    ("nodes", "mirrored", "flip_p", "said"),
    [
        (NODES[:3], EARS, 0.5, "One pair of nodes is declared mirror images"),
        (NODES, EARS + PAWS, 0.5, "2 pairs of nodes are declared mirror images"),
        (NODES, EARS, 0.0, "By their names pawL and pawR are left and right, but"),
        (NODES, (), 0.0, "By their names ear_left and ear_right, pawL and pawR are left and right, but"),
        (NODES[:1], (), 0.0, "No nodes are declared mirror images"),
    ],
)
def test_pictures_are_mirrored_where_all_sides_are_declared(
    nodes: tuple[str, ...], mirrored: tuple[str, ...], flip_p: float, said: str
) -> None:
    found = {
        key: (value, why) for key, value, why in propose_variation(replace(MEASURED, nodes=nodes, mirrored=mirrored))
    }
    assert found["flip_p"][0] == flip_p
    assert found["flip_p"][1].startswith(said)
