"""Measures of animals whose sizes, distances, directions and names are known."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from posewright.files import canonical_json
from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.neighbours import neighbours_in
from posewright.labels.read import read_labels, read_side
from posewright.labels.skeleton import Skeleton
from posewright.labels.statistics import LabelStatistics, measure_labels
from posewright.labels.write import write_labels
from posewright.shapes import Size

ANIMAL = Skeleton(("nose", "middle", "left", "right", "tail"), ((0, 1), (1, 4), (1, 2), (1, 3)), ((2, 3),))
BODY = np.array([[50.0, 0.0], [0.0, 0.0], [0.0, -10.0], [0.0, 10.0], [-50.0, 0.0]])
IMAGE = Size(400, 600)


def animal(x: float, y: float, degrees: float = 0.0) -> NDArray[np.float64]:
    angle = math.radians(degrees)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return BODY @ turn + (x, y)


def labels(frames: Sequence[Sequence[NDArray[np.float64]]], names: Sequence[str | None], videos: int = 1) -> LabelSet:
    """Return frames dealt to videos in equal runs; every tenth frame of a video is labelled."""
    each = -(-len(frames) // videos)
    made = tuple(
        LabeledFrame(index // each, 10 * (index % each), np.stack(own), tuple(names[: len(own)]))
        for index, own in enumerate(frames)
    )
    return LabelSet(ANIMAL, tuple(VideoRef(f"v{number}.mp4", None) for number in range(videos)), made)


def measure(found: LabelSet) -> LabelStatistics:
    return measure_labels(found, [IMAGE])


def test_sizes_spacing_and_the_middle() -> None:
    found = measure(labels([[animal(200, 200, 30 * k)] for k in range(12)], [None]))
    assert (found.frames, found.n_animals, found.most_animals, found.image) == (12, 12, 1, IMAGE)
    assert found.length_px.p50 == pytest.approx(100)
    assert found.spacing_px.p50 == pytest.approx(10)
    assert found.nodes[int(np.argmin(found.centrality))] == "middle"
    assert found.extent_px["nose"] == pytest.approx(200, rel=0.05)
    assert found.extent_px["middle"] == pytest.approx(100, rel=0.05)
    assert found.mirrored == ("left", "right")
    assert found.neighbours is None


def test_hidden_nodes_count_as_such_and_shorten_no_animal() -> None:
    frames = [[animal(200, 200)] for _ in range(10)]
    for own in frames[:6]:
        own[0][4] = np.nan
    found = measure(labels(frames, [None]))
    assert found.visibility[4] == pytest.approx(0.4)
    assert found.length_px.p10 == pytest.approx(100)


@pytest.mark.parametrize(("gap_px", "touching", "overlapping"), [(20, 0, 0), (4, 1, 0), (-40, 0, 1)])
def test_contact_is_touching_or_overlapping(gap_px: float, touching: float, overlapping: float) -> None:
    """Two animals in one line, nose to tail; overlapping ones are turned away so that their nodes do not meet."""
    pair = [animal(100, 100), animal(200 + gap_px, 100)]
    if gap_px < 0:
        pair = [animal(100, 100, 45), animal(100 - gap_px, 100, 45)]
    found = neighbours_in([np.stack(pair)] * 3, 100.0)
    assert found is not None
    assert (found.frames, found.animals) == (3, 6)
    assert (found.touching, found.overlapping) == (touching, overlapping)
    assert found.in_contact == max(touching, overlapping)
    assert found.nearest_p50 == pytest.approx((100 + gap_px) / 100 if gap_px > 0 else 0.4)


def test_which_ways_animals_point() -> None:
    every_way = measure(labels([[animal(200, 200, 15 * k)] for k in range(24)], [None])).axis
    level = measure(labels([[animal(200, 200, 180 * (k % 2) + k / 2)] for k in range(24)], [None])).axis
    assert every_way is not None and level is not None
    assert {every_way.tail, every_way.head} <= {"nose", "middle", "tail"}
    assert every_way.alignment < 0.01
    assert level.alignment > 0.95


def test_motion_is_between_frames_that_follow_each_other_in_a_video_file() -> None:
    found = labels([[animal(200 + 3 * k, 200)] for k in range(6)], [None])
    assert measure(found).motion is None
    dense = replace(found, frames=tuple(replace(frame, frame=frame.frame // 10) for frame in found.frames))
    assert measure(dense).motion == pytest.approx(0.03)
    assert measure(replace(dense, videos=(VideoRef("folder", None, is_images=True),))).motion is None


def test_a_side_of_listed_images_has_no_motion_though_its_images_are_not_looked_for(
    shared_data: Path, tmp_path: Path
) -> None:
    write_labels(read_labels([shared_data / "mouse-openfield"]), tmp_path / "train.slp")
    side = read_side(tmp_path / "train.slp")
    assert side.videos[0].source is None
    assert any(late.frame == early.frame + 1 for early, late in pairwise(side.frames))
    assert measure(side).motion is None


def test_names_that_recur_are_told_from_those_of_a_tracker() -> None:
    frames = [[animal(100, 100), animal(300, 300)] for _ in range(8)]
    assert measure(labels(frames, ["mia", "max"], videos=2)).names == ("max", "mia")
    assert measure(labels(frames, ["mia", "max"])).names == ()
    for names in (["track_0", "Track 1"], ["0", "1"], [None, None]):
        found = measure(labels(frames, names, videos=2))
        assert (found.names, found.named) == ((), 0.0)


def test_measures_survive_their_json() -> None:
    frames = [[animal(100, 100), animal(300, 300)] for _ in range(8)]
    for frame in frames:
        frame[0][0] = np.nan
    found = measure(labels(frames, ["mia", None]))
    value = found.to_json()
    canonical_json(value)  # no NaN
    again = LabelStatistics.from_json(value)
    assert again.to_json() == value
    assert again.neighbours is not None and again.axis is not None


def test_one_node_is_measured_too() -> None:
    points = np.array([[[5.0, 5.0]], [[50.0, 50.0]]])
    spot = LabelSet(Skeleton(("spot",)), (VideoRef("v.mp4", None),), (LabeledFrame(0, 0, points, (None, None)),))
    found = measure_labels(spot, [IMAGE])
    assert found.axis is None and math.isnan(found.spacing_px.p50)
    assert LabelStatistics.from_json(found.to_json()).length_px.p50 == 0.0
