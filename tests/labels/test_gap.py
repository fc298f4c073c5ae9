"""The gap follows the autocorrelation of what moves in the pictures, and nothing else in them (rule 2)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from posewright.labels.gap import measured_gap
from posewright.labels.model import LabelSet, VideoRef
from posewright.labels.read import read_labels
from posewright.samples.store import FrameStore, store_frames

from .make_labels import SKELETON, make_labels

Pictures = dict[tuple[int, int], NDArray[np.uint8]]
SIDE = 64


def forgetting(memory_frames: float, n_frames: int = 600, every: int = 1, video: int = 0, seed: int = 0) -> Pictures:
    """Return pictures in which each cell wanders and is correlated by exp(-lag / memory) with itself."""
    rng = np.random.default_rng(seed)
    keep = float(np.exp(-1 / memory_frames))
    wave = rng.normal(0, 35, (SIDE, SIDE))
    found: Pictures = {}
    for frame in range(n_frames):
        if frame % every == 0:
            found[video, frame] = np.clip(np.rint(wave + 128), 0, 255).astype(np.uint8)[..., None]
        wave = keep * wave + rng.normal(0, 35 * np.sqrt(1 - keep**2), (SIDE, SIDE))
    return found


def gap(pictures: Pictures, block_frames: int = 100) -> tuple[int, str]:
    return measured_gap(make_labels(pictures), pictures, block_frames)


@pytest.mark.parametrize("memory_frames", [4, 20, 60])
def test_it_is_the_lag_at_which_one_picture_explains_less_than_half_of_another(memory_frames: float) -> None:
    found, reason = gap(forgetting(memory_frames))
    half = 0.5 * np.log(2) * memory_frames  # exp(-lag / memory) is the root of one half
    assert found == pytest.approx(half, rel=0.2, abs=1)
    assert reason.startswith(f"measured: what moves in pictures {found} frames apart is correlated by 0.")


def test_what_does_not_move_does_not_count() -> None:
    rng = np.random.default_rng(1)
    wall = rng.integers(-60, 60, (SIDE, SIDE, 1))
    plain = {key: (image // 2 + 64).astype(np.uint8) for key, image in forgetting(20).items()}
    noisy = {
        key: np.clip(image + wall + rng.normal(0, 1.5, wall.shape) + rng.integers(-9, 9), 0, 255).astype(np.uint8)
        for key, image in plain.items()
    }
    assert abs(gap(plain)[0] - gap(noisy)[0]) <= 1


def test_a_small_animal_in_a_noisy_arena_counts() -> None:
    rng = np.random.default_rng(2)
    pictures: Pictures = {}
    for frame in range(400):
        image = 128 + rng.normal(0, 2.0, (SIDE, SIDE))
        column = (frame // 12 * 7) % (SIDE - 4)  # it jumps every 12 frames
        image[20:24, column : column + 4] = 20
        pictures[0, frame] = np.clip(image, 0, 255).astype(np.uint8)[..., None]
    assert 3 <= gap(pictures)[0] <= 5  # after 12 * (1 - .71) frames


def test_only_lags_that_were_labelled_are_measured() -> None:
    assert gap(forgetting(20, every=7))[0] == 7
    few = "a tenth of a block: too few labelled frames lie within 50 frames of each other to measure"
    assert gap(forgetting(20, every=60)) == (10, few)
    assert gap(forgetting(20, n_frames=9)) == (10, few)


def test_slow_and_still_pictures_get_half_a_block_and_no_block_is_too_small() -> None:
    found, reason = gap(forgetting(3000), 40)
    assert (found, reason[:37]) == (20, "half a block, the longest gap: what m")
    still = {(0, frame): np.full((SIDE, SIDE, 1), 90, np.uint8) for frame in range(100)}
    assert gap(still, 40)[0] == 20
    assert gap(forgetting(4), 1)[0] == 1


def test_files_of_one_film_are_one_and_films_are_not_mixed() -> None:
    pictures = forgetting(20)
    whole = gap(pictures)
    parted = {(frame % 2, frame): image for (_, frame), image in pictures.items()}
    labels = make_labels(parted, ("a.mp4", "b.mp4"))
    sources = [VideoRef("a.mp4", Path(f"{name}.pkg.slp")) for name in ("train", "val")]
    assert measured_gap(LabelSet(SKELETON, tuple(sources), labels.frames), parted, 100) == whole
    both = {**forgetting(20), **{(1, frame): 255 - image for (_, frame), image in forgetting(20, seed=5).items()}}
    assert measured_gap(make_labels(both, ("a.mp4", "b.mp4")), both, 100)[0] == pytest.approx(whole[0], abs=1)


def test_real_flies_have_a_gap(shared_data: Path, tmp_path: Path) -> None:
    labels = read_labels([shared_data / "flies-pair" / "labels.slp"])
    near = labels.only([frame.key for frame in labels.frames][:300])
    store_frames(near, tmp_path / "store.json")
    found, reason = measured_gap(near, FrameStore(tmp_path / "store.json"), 100)
    assert 2 <= found < 50, reason
