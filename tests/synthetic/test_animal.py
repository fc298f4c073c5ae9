from __future__ import annotations

import numpy as np
import pytest

from posewright.synthetic.animal import SKELETON, STATIONS, Floor, bodies
from posewright.synthetic.motion import Posture

ROOM = Floor(0, 0, 999, 999)


def posture(**given: float) -> Posture:
    """One posture in the middle of the room, at rest and stretched unless told otherwise."""
    values = dict.fromkeys(("heading", "head_yaw", "bend", "gait_phase", "gait_gain", "tail_phase"), 0.0) | given
    return Posture(position=np.array([[500.0, 400.0]]), **{name: np.array([value]) for name, value in values.items()})


def node(points: np.ndarray, name: str) -> np.ndarray:
    return points[SKELETON.index(name)]


def test_skeleton_is_a_tree_from_the_thorax() -> None:
    children = [child for _, child in SKELETON.edges]
    assert len(SKELETON.edges) == len(SKELETON.nodes) - 1
    assert sorted([*children, SKELETON.index("thorax")]) == list(range(len(SKELETON.nodes)))
    for left, right in SKELETON.symmetries:
        assert SKELETON.nodes[left].replace("left", "right") == SKELETON.nodes[right]


def test_nodes_lie_on_the_spine_where_the_plan_says() -> None:
    points = bodies(posture(), 100.0, ROOM).nodes()[0]
    assert node(points, "thorax") == pytest.approx([500, 400])
    assert node(points, "head") == pytest.approx([517, 400])
    assert node(points, "nose") == pytest.approx([533, 400])
    assert node(points, "tail_base") == pytest.approx([470, 400])
    assert STATIONS[[0, 4, 8, 14, 20]] == pytest.approx([0, 0.16, 0.33, 0.63, 1])


def test_left_is_left_of_an_animal_seen_from_above() -> None:
    points = bodies(posture(heading=0.0), 100.0, ROOM).nodes()[0]  # it walks to the right, y points down
    assert node(points, "forepaw_left")[1] < 400 < node(points, "forepaw_right")[1]
    assert node(points, "hindpaw_left")[1] < 400 < node(points, "hindpaw_right")[1]


def test_turning_the_animal_turns_every_node() -> None:
    bent = {"head_yaw": 0.4, "bend": -0.5, "gait_phase": 1.0, "gait_gain": 0.7, "tail_phase": 2.0}
    straight = bodies(posture(heading=0.0, **bent), 100.0, ROOM).nodes()[0] - [500, 400]
    turned = bodies(posture(heading=0.9, **bent), 100.0, ROOM).nodes()[0] - [500, 400]
    rotation = np.array([[np.cos(0.9), -np.sin(0.9)], [np.sin(0.9), np.cos(0.9)]])
    assert turned == pytest.approx(straight @ rotation.T)


def test_a_clockwise_turn_leaves_the_rear_behind() -> None:
    points = bodies(posture(head_yaw=0.3, bend=0.5), 100.0, ROOM).nodes()[0]
    assert node(points, "nose")[1] > 400  # the nose looks where it turns to
    assert node(points, "tail_base")[1] > 400  # the rear is still on the circle's rim


def test_diagonal_paws_swing_together() -> None:
    ahead = bodies(posture(gait_phase=np.pi / 2, gait_gain=1.0), 100.0, ROOM).nodes()[0]
    rest = bodies(posture(), 100.0, ROOM).nodes()[0]
    step = {name: (node(ahead, name) - node(rest, name))[0] for name in SKELETON.nodes if "paw" in name}
    assert step["forepaw_left"] > 3
    assert step["hindpaw_right"] > 3
    assert step["forepaw_right"] < -3
    assert step["hindpaw_left"] < -3


def test_walls_hold_the_tail() -> None:
    body = bodies(posture(heading=0.0), 100.0, Floor(450, 0, 999, 999))
    assert body.spine[..., 0].min() == pytest.approx(451)
