from __future__ import annotations

import numpy as np
import pytest

from posewright.synthetic.motion import STEPS_PER_FRAME, Posture, Walk, simulate

LOW, HIGH, LENGTH_PX = np.array([40.0, 40.0]), np.array([216.0, 180.0]), 80.0


def walk(crowding: float = 0.5, n_frames: int = 200, fps: float = 25.0, seed: int = 0) -> list[Posture]:
    room = Walk(LOW, HIGH, LENGTH_PX, crowding, shelter=None)
    return simulate(room, 3, n_frames, fps, np.random.default_rng(seed))


def test_series_have_a_step_for_each_part_of_a_frame() -> None:
    for posture in walk(n_frames=20):
        assert posture.position.shape == (20 * STEPS_PER_FRAME + 1, 2)
        assert posture.heading.shape == posture.bend.shape == (20 * STEPS_PER_FRAME + 1,)


@pytest.mark.parametrize("crowding", [0.0, 1.0])
def test_nobody_leaves_the_room(crowding: float) -> None:
    for posture in walk(crowding):
        assert (posture.position >= LOW).all()
        assert (posture.position <= HIGH).all()


def test_motion_is_smooth_and_goes_somewhere() -> None:
    for posture in walk():
        moved_px = np.linalg.norm(np.diff(posture.position, axis=0), axis=1) * STEPS_PER_FRAME
        assert moved_px.max() < 2.5 * LENGTH_PX / 25  # never faster than 2.5 lengths per second
        assert np.abs(np.diff(posture.heading)).max() < 0.08
        assert np.ptp(posture.position, axis=0).max() > LENGTH_PX


@pytest.mark.parametrize("fps", [1.0, 500.0])
def test_slow_and_fast_cameras_see_the_same_kind_of_motion(fps: float) -> None:
    for posture in walk(fps=fps, n_frames=60):
        speed = np.linalg.norm(np.diff(posture.position, axis=0), axis=1) * fps * STEPS_PER_FRAME / LENGTH_PX
        assert speed.max() < 2.5
        assert np.isfinite(posture.heading).all()


def test_frames_lie_in_the_middle_of_their_steps() -> None:
    posture = walk(n_frames=10)[0]
    middle = STEPS_PER_FRAME // 2
    assert np.array_equal(posture.at(np.array([0.0])).position[0], posture.position[middle])
    assert np.array_equal(posture.at(np.array([9.5])).heading, posture.heading[-1:])
    between = posture.at(np.array([3.125])).heading[0]
    first = posture.heading[3 * STEPS_PER_FRAME + middle]
    second = posture.heading[3 * STEPS_PER_FRAME + middle + 1]
    assert between == pytest.approx((first + second) / 2)


def test_the_same_seed_walks_the_same_way() -> None:
    first, again, other = walk(n_frames=30), walk(n_frames=30), walk(n_frames=30, seed=1)
    assert np.array_equal(first[1].position, again[1].position)
    assert not np.array_equal(first[1].position, other[1].position)
