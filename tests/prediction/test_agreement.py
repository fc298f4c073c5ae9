from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posewright.shapes import DecodeOptions, PoseBatch

from .agreement import agreement, assert_agree

OPTIONS = DecodeOptions(peak_threshold=0.2)


def two_animals() -> PoseBatch:
    points = np.arange(20, dtype=np.float32).reshape(2, 5, 2) * 7
    scores = np.full((2, 5), 0.8, np.float32)
    return PoseBatch(points, np.zeros(2, np.int64), 1, scores, np.float32([3, 3]))


def with_node(poses: PoseBatch, row: int, node: int, point: float, score: float) -> PoseBatch:
    points, scores = poses.points.copy(), np.array(poses.node_scores)
    points[row, node], scores[row, node] = point, score
    return replace(poses, points=points, node_scores=scores)


def test_the_order_of_instances_does_not_matter() -> None:
    poses = two_animals()
    assert_agree(poses, poses.rows(np.array([1, 0])), OPTIONS, least_nodes=10)
    assert agreement(poses, poses, OPTIONS).n_nodes == 10


def test_nothing_to_compare_is_no_agreement() -> None:
    none = two_animals().rows(np.zeros(2, bool))
    with pytest.raises(AssertionError, match="only 0 nodes"):
        assert_agree(none, none, OPTIONS)


@pytest.mark.parametrize(
    ("point", "score", "excuse"),
    [
        (np.nan, 0.8, "threshold"),
        (50.0, 0.2003, "tie"),
        (50.0, 0.5, None),
    ],
)
def test_a_node_apart_needs_a_reason(point: float, score: float, excuse: str | None) -> None:
    poses = with_node(two_animals(), 0, 0, 5.0, 0.2003)
    found = agreement(poses, with_node(poses, 0, 0, point, score), OPTIONS)
    assert (len(found.excused), len(found.unexcused)) == ((0, 1) if excuse is None else (1, 0))
    assert excuse is None or excuse in found.excused[0]
    with pytest.raises(AssertionError):  # one in ten is too many, with or without a reason
        assert_agree(poses, with_node(poses, 0, 0, point, score), OPTIONS)


def test_a_node_that_one_side_misses_must_score_next_to_the_threshold() -> None:
    poses = two_animals()
    assert agreement(poses, with_node(poses, 0, 0, np.nan, np.nan), OPTIONS).unexcused
    assert len(agreement(poses, poses.rows(np.array([0])), OPTIONS).unexcused) == 5
    weak = replace(poses, raw_scores=np.float32([3, 0.2004]))
    assert len(agreement(weak, weak.rows(np.array([0])), OPTIONS).excused) == 5


def test_nodes_may_change_animals_only_where_both_ways_score_alike() -> None:
    poses = two_animals()
    points = poses.points.copy()
    points[[0, 1], 4] = points[[1, 0], 4]
    for raw, excused in (([3, 3], 2), ([2.9, 2.9], 0)):
        found = agreement(poses, replace(poses, points=points, raw_scores=np.float32(raw)), OPTIONS)
        assert len(found.excused) == excused
        assert len(found.unexcused) == 2 - excused
