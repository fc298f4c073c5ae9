"""Label sets keep their frames sorted and unique, and their videos' numbers."""

from __future__ import annotations

import pytest

from posewright.labels.model import LabelSet, VideoRef

from .make_labels import make_labels


def test_a_part_keeps_all_videos() -> None:
    labels = make_labels([(0, 3), (1, 1), (1, 5)], ("a.mp4", "b.mp4"))
    part = labels.only([(1, 5)])
    assert part.videos == labels.videos
    assert [frame.key for frame in part.frames] == [(1, 5)]


def test_unsorted_and_doubled_frames_are_refused() -> None:
    labels = make_labels([(0, 3), (0, 4)])
    for frames in (labels.frames[::-1], labels.frames[:1] * 2):
        with pytest.raises(ValueError, match="unique and sorted"):
            LabelSet(labels.skeleton, labels.videos, frames)


def test_base_names_know_both_slashes() -> None:
    assert VideoRef("C:\\lab/day 1\\cam0.mp4", None).base_name == "cam0.mp4"
    assert VideoRef("labeled-data/m4s1/", None).base_name == "m4s1"
