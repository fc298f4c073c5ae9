from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posewright.synthetic.animal import Bodies, Floor, bodies
from posewright.synthetic.motion import Posture
from posewright.synthetic.silhouette import Silhouette, silhouette

LENGTH_PX = 80.0


def walking(heading: float = 0.7) -> Bodies:
    angles = {"heading": heading, "head_yaw": 0.3, "bend": 0.4, "gait_phase": 1.0, "gait_gain": 1.0, "tail_phase": 0.5}
    posture = Posture(np.array([[64.0, 60.0]]), **{name: np.array([angle]) for name, angle in angles.items()})
    return bodies(posture, LENGTH_PX, Floor(0, 0, 127, 127))


def on_pixels(everything: Bodies) -> tuple[Silhouette, np.ndarray, np.ndarray]:
    y, x = np.mgrid[:128, :128].astype(np.float32)
    return silhouette(everything.at(0), x, y), x, y


def test_an_animal_covers_its_own_nodes() -> None:
    body = walking()
    x, y = body.nodes()[0].T.astype(np.float32)
    covered = silhouette(body.at(0), x, y).whole
    assert (covered[:9] > 0.99).all()


def test_points_far_away_are_bare() -> None:
    far = np.array([0.0, 120.0], np.float32)
    assert (silhouette(walking().at(0), far, far).whole == 0).all()


@pytest.mark.parametrize("heading", [0.0, 1.0, 2.5, -2.0])
def test_along_and_across_know_head_and_left(heading: float) -> None:
    body = walking(heading).at(0)
    left_paw, right_paw = body.paws[:2].astype(np.float32)
    points = np.stack([left_paw, right_paw, body.spine[0], body.spine[-1]]).astype(np.float32)
    shape = silhouette(body, points[:, 0], points[:, 1])
    assert shape.across[0] < -1
    assert shape.across[1] > 1
    assert shape.along[2] == pytest.approx(0, abs=1e-3)
    assert shape.along[3] == pytest.approx(1, abs=1e-3)


def test_moving_the_body_by_part_of_a_pixel_moves_the_drawing_by_as_much() -> None:
    body = walking()
    shift = np.array([0.3, -0.4])
    moved = replace(body, spine=body.spine + shift, sockets=body.sockets + shift, paws=body.paws + shift)

    def centre(everything: Bodies) -> np.ndarray:
        shape, x, y = on_pixels(everything)
        return np.array([(shape.whole * axis).sum() for axis in (x, y)]) / shape.whole.sum()

    assert centre(moved) - centre(body) == pytest.approx(shift, abs=0.03)
