from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewright.batches import batches

VIDEOS = {f"video_{number}": 10.0 for number in range(500)}


@given(
    st.dictionaries(st.text(min_size=1, max_size=8), st.floats(0, 100), max_size=60),
    st.integers(1, 9),
    st.floats(0, 200),
)
def test_every_video_lies_in_exactly_one_batch_within_the_bounds(
    videos: dict[str, float], count: int, minutes: float
) -> None:
    leaves = batches(videos, count, minutes)
    assert sorted(video for members in leaves.values() for video in members) == sorted(videos)
    for members in leaves.values():
        assert 0 < len(members) <= count
        assert len(members) == 1 or sum(videos[video] for video in members) <= minutes


def test_the_order_of_the_sheet_does_not_matter() -> None:
    shuffled = dict(random.Random(0).sample(list(VIDEOS.items()), len(VIDEOS)))
    assert batches(shuffled, 20) == batches(VIDEOS, 20)


def test_a_new_video_changes_one_batch_only() -> None:
    before, after = batches(VIDEOS, 20), batches({**VIDEOS, "new": 1.0}, 20)
    changed = [name for name, members in before.items() if after.get(name) != members]
    assert len(changed) <= 1


def test_few_videos_are_one_batch_and_none_are_none() -> None:
    assert batches({"b": 0.0, "a": 0.0}, 2) == {"all": ["a", "b"]}
    assert batches({}, 2) == {}


def test_a_batch_holds_at_least_one_video() -> None:
    with pytest.raises(ValueError, match="at least one"):
        batches(VIDEOS, 0)
