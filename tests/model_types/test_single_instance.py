"""The laws, for one animal a frame."""

from __future__ import annotations

import numpy as np
import pytest

from posewright.model_types.centered_instance import CenteredInstance
from posewright.model_types.single_instance import SingleInstance
from posewright.shapes import DecodeOptions, PoseBatch, Size

from . import laws


def one_a_frame(sigma: float, stride: int) -> tuple[PoseBatch, Size]:
    size = Size(61 * stride + 1, 70 * stride - 1)
    return laws.animals(3, 12, 1, size, laws.apart_px(sigma, stride), 1.01 * stride), size


@laws.strides
@laws.grid
def test_round_trip_and_noise(sigma: float, stride: int) -> None:
    poses, size = one_a_frame(sigma, stride)
    model_type = SingleInstance(laws.SKELETON, stride, sigma)
    laws.check_round_trip(model_type, poses, poses, size, stride)
    laws.check_noise(model_type, poses, poses, size, stride)


@laws.strides
def test_shift_batch_torch_permutation(stride: int) -> None:
    poses, size = one_a_frame(1.5, stride)
    model_type = SingleInstance(laws.SKELETON, stride, 1.5)
    laws.check_shift(model_type, poses, size, stride)
    laws.check_batch_is_loop(model_type, poses, size)
    laws.check_torch_is_numpy(model_type, poses, size)
    order = [3, 0, 6, 2, 5, 1, 4]
    laws.check_permutation(model_type, SingleInstance(laws.permuted_skeleton(order), stride, 1.5), order, poses, size)


def test_a_centered_instance_keeps_its_row_when_nothing_is_found() -> None:
    model_type = CenteredInstance(laws.SKELETON, 2, 2, 1.5)
    maps = {"confmaps": np.zeros((3, 7, 20, 20), np.float32)}
    found = model_type.decode(maps, DecodeOptions())
    assert len(found) == 3
    assert np.isnan(found.points).all()
    assert (found.instance_scores == 0).all()


def test_scores_are_peak_values_and_their_mean_counts_missing_nodes_as_zero() -> None:
    poses, size = one_a_frame(2.5, 1)
    model_type = SingleInstance(laws.SKELETON, 1, 2.5)
    found = model_type.decode(model_type.encode(poses, size), DecodeOptions())
    seen = ~np.isnan(found.node_scores)
    assert found.node_scores[seen].min() > 0.95
    np.testing.assert_allclose(found.instance_scores, np.where(seen, found.node_scores, 0).mean(axis=1), rtol=1e-6)
    np.testing.assert_allclose(found.raw_scores, np.nansum(found.node_scores, axis=1), rtol=1e-6)


@pytest.mark.parametrize("refinement", ["integral", "none"])
def test_other_refinements_stay_within_half_a_cell(refinement: str) -> None:
    poses, size = one_a_frame(1.5, 2)
    model_type = SingleInstance(laws.SKELETON, 2, 1.5)
    found = model_type.decode(model_type.encode(poses, size), DecodeOptions(refinement=refinement))
    laws.assert_same(found, poses, 0.5 * 2 + 1e-3)
