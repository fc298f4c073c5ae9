"""The gap follows the animals' own motion."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.motion import measured_gap
from posewright.labels.read import read_labels
from posewright.shapes import Size
from posewright.synthetic.dataset import make_dataset
from posewright.synthetic.spec import ArenaSpec

from .make_labels import SKELETON


def wandering(
    memory_frames: float, every: int = 1, n_frames: int = 4000, tracked: bool = True, seed: int = 0
) -> LabelSet:
    """Return two animals of four nodes, each on a random walk that forgets its place after so many frames."""
    rng = np.random.default_rng(seed)
    keep = np.exp(-1 / memory_frames)
    steps = rng.normal(0, 50 * np.sqrt(1 - keep**2), (n_frames, 2, 1, 2))
    place = rng.normal(0, 50, (2, 1, 2))
    shape = rng.normal(0, 5, (2, 4, 2))
    frames = []
    for frame in range(n_frames):
        place = keep * place + steps[frame]
        if frame % every == 0:
            order = [0, 1] if tracked and frame % 2 else [1, 0]
            names = tuple("ab"[animal] if tracked else None for animal in order)
            frames.append(LabeledFrame(0, frame, (place + shape)[order], names))
    return LabelSet(SKELETON, (VideoRef("a.mp4", None),), tuple(frames))


@pytest.mark.parametrize("memory_frames", [10, 30, 60])
@pytest.mark.parametrize("seed", range(3))
def test_the_gap_is_the_time_after_which_a_random_walk_is_half_away(memory_frames: float, seed: int) -> None:
    gap, reason = measured_gap(wandering(memory_frames, seed=seed), 100)
    half_away = -np.log(0.75) * memory_frames  # where sqrt(1 - exp(-lag / memory)) is 0.5
    assert gap == pytest.approx(half_away, rel=0.4, abs=1.5)
    assert reason.startswith("measured: animals")


def test_animals_without_tracks_are_matched_to_the_nearest() -> None:
    assert 1 <= measured_gap(wandering(30, tracked=False), 100)[0] <= measured_gap(wandering(30), 100)[0] + 2


def test_only_lags_that_were_labelled_are_measured() -> None:
    assert measured_gap(wandering(30, every=7), 100)[0] in (7, 14)
    assert measured_gap(wandering(30, every=60), 100) == (
        10,
        "a tenth of a block: too few labelled frames lie within 50 frames of each other to measure",
    )


def test_slow_animals_get_half_a_block_and_no_block_is_too_small() -> None:
    assert measured_gap(wandering(3000), 40)[0] == 20
    assert measured_gap(wandering(10), 1)[0] == 1
    assert measured_gap(wandering(10, n_frames=15), 5) == (
        1,
        "a tenth of a block: too few labelled frames lie 5 frames or more apart to measure",
    )


def test_rendered_animals_have_a_gap(tmp_path: Path) -> None:
    size = Size(72, 72)
    spec = ArenaSpec(animal_length_px=32, size=size, n_recordings=1, n_frames=400, n_labeled=400, hut=False)
    make_dataset(spec, tmp_path)
    gap, reason = measured_gap(read_labels([tmp_path / "labels.slp"]), 100)
    assert 2 <= gap <= 50
    assert reason.startswith(("measured", "half a block"))


def test_real_flies_have_a_gap(shared_data: Path) -> None:
    gap, reason = measured_gap(read_labels([shared_data / "flies-pair" / "labels.slp"]), 50)
    assert 1 <= gap <= 25
    assert reason.startswith(("measured", "half a block"))
