"""Pictures that look alike across sides are found, those in which an animal moved are not (rule 2)."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from posewright.labels.duplicates import leakage_by_looks, near_duplicates
from posewright.samples.video import open_frames

Key = tuple[int, int]


@pytest.fixture(scope="module", params=["flies-pair", "flies-wide", "mice-home"])
def frames(request: pytest.FixtureRequest, shared_data: Path) -> dict[Key, NDArray[np.uint8]]:
    wanted = frozenset(range(0, 500, 50))
    found = open_frames(shared_data / request.param / "video.mp4", stop=500, only=wanted)
    return {(0, frame.index): frame.image for frame in found if frame.image is not None}


def stored_again(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The frame as another program might have kept it: a little darker, noisy, compressed."""
    noise = np.random.default_rng(0).normal(0, 4, image.shape)
    darker = np.clip(image * 0.95 + noise, 0, 255).astype(np.uint8)
    coded = cv2.imencode(".jpg", darker, [cv2.IMWRITE_JPEG_QUALITY, 40])[1]
    return cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)[:, :, None]


def test_a_frame_stored_again_is_found_and_a_second_later_is_another(frames: dict[Key, NDArray[np.uint8]]) -> None:
    keys = sorted(frames)
    copies = {(1, frame): stored_again(frames[0, frame]) for _, frame in keys}
    assert near_duplicates({**frames, **copies}, keys, sorted(copies)) == [
        ((1, frame), (0, frame)) for _, frame in keys
    ]
    assert near_duplicates(frames, keys[::2], keys[1::2]) == []


def test_the_report_of_a_split_counts_and_names_them(frames: dict[Key, NDArray[np.uint8]]) -> None:
    first, second, third = sorted(frames)[:3]
    every = {**frames, (1, 0): stored_again(frames[first])}
    found = leakage_by_looks(every, {"train": [first, third], "val": [second, (1, 0)], "test": []})
    assert (found["val"], found["test"], found["frames"]) == (1, 0, {"val": 2, "test": 0})
    assert found["pairs"]["val"] == [[[1, 0], list(first)]]
    assert leakage_by_looks(every, {"train": [], "val": [second], "test": []})["val"] == 0
