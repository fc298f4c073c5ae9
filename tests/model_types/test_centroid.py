"""The laws, for anchors of several animals."""

from __future__ import annotations

import numpy as np
import pytest

from posewright.model_types.centroid import Centroid
from posewright.shapes import DecodeOptions, PoseBatch, Size

from . import laws


def several(sigma: float, stride: int) -> tuple[PoseBatch, Size]:
    size = Size(77 * stride + 1, 90 * stride - 1)
    return laws.animals(5, 10, 4, size, laws.apart_px(sigma, stride), 1.01 * stride), size


@laws.strides
@laws.grid
@pytest.mark.parametrize("anchor", [None, 0, 2])
def test_round_trip_and_noise(sigma: float, stride: int, anchor: int | None) -> None:
    poses, size = several(sigma, stride)
    model_type = Centroid(laws.SKELETON, anchor, stride, sigma)
    # where the anchor node is missing, the mean of the others stands in and may come too near to another animal's
    keep = np.ones(len(poses), bool) if anchor is None else ~np.isnan(poses.points[:, anchor, 0])
    poses = poses.rows(keep)
    truth = model_type.anchors(poses)
    laws.check_round_trip(model_type, poses, truth, size, stride)
    laws.check_noise(model_type, poses, truth, size, stride)


@laws.strides
def test_shift_batch_torch(stride: int) -> None:
    poses, size = several(2.5, stride)
    model_type = Centroid(laws.SKELETON, 2, stride, 2.5)
    laws.check_shift(model_type, poses, size, stride)
    laws.check_batch_is_loop(model_type, poses, size)
    laws.check_torch_is_numpy(model_type, poses, size)


def test_a_missing_anchor_is_replaced_by_the_mean_of_the_visible_nodes() -> None:
    points = np.array([[[10, 10], [20, 30]], [[np.nan, np.nan], [20, 30]], [[np.nan] * 2] * 2], np.float32)
    poses = PoseBatch(points, np.array([0, 0, 0]), 1)
    anchors = Centroid(laws.SKELETON, 0, 1, 1.0).anchors(poses).points[:, 0]
    np.testing.assert_array_equal(anchors, [[10, 10], [20, 30], [np.nan, np.nan]])
    means = Centroid(laws.SKELETON, None, 1, 1.0).anchors(poses).points[:, 0]
    np.testing.assert_array_equal(means, [[15, 20], [20, 30], [np.nan, np.nan]])


def test_only_the_best_centroids_of_each_frame_are_kept_in_their_order() -> None:
    maps = np.zeros((2, 1, 30, 30), np.float32)
    maps[0, 0, 5, 5], maps[0, 0, 5, 20], maps[0, 0, 20, 5] = 0.5, 0.9, 0.7
    maps[1, 0, 10, 10] = 0.4
    found = Centroid(laws.SKELETON, 0, 1, 1.0).decode({"confmaps": maps}, DecodeOptions(max_instances=2))
    np.testing.assert_array_equal(found.frame, [0, 0, 1])
    np.testing.assert_allclose(found.raw_scores, [0.9, 0.7, 0.4])
