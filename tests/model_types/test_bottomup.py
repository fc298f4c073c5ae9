"""The laws, for several animals and their grouping; and what grouping must not lose."""

from __future__ import annotations

import numpy as np
import pytest

from posewright.config.recipe import Recipe, load_recipe
from posewright.errors import InputError
from posewright.labels.skeleton import Skeleton
from posewright.model_types import from_recipe
from posewright.model_types.bottomup import BottomUp
from posewright.shapes import DecodeOptions, PoseBatch, Size

from . import laws


def several(sigma: float, stride: int) -> tuple[PoseBatch, Size]:
    size = Size(97 * stride + 1, 110 * stride - 1)
    return laws.animals(11, 12, 4, size, laws.apart_px(sigma, stride), 1.01 * stride), size


def bottomup(skeleton: Skeleton, sigma: float, stride: int, paf_stride: int | None = None) -> BottomUp:
    return BottomUp(skeleton, stride, sigma, paf_stride or stride, 2.0 * stride**2)


@laws.strides
@laws.grid
def test_round_trip_and_noise(sigma: float, stride: int) -> None:
    poses, size = several(sigma, stride)
    model_type = bottomup(laws.SKELETON, sigma, stride)
    laws.check_round_trip(model_type, poses, poses, size, stride)
    laws.check_noise(model_type, poses, poses, size, stride)


@pytest.mark.parametrize("paf_sigma_px2", [2.0, 15.0])
@pytest.mark.parametrize("reach_px", [24.0, 96.0])
@pytest.mark.parametrize("n_animals", [2, 3, 4, 6, 8])
def test_animals_that_lie_over_one_another_are_told_apart(
    n_animals: int, reach_px: float, paf_sigma_px2: float
) -> None:
    """Jumbles of crossing and overlapping limbs: each drawing of the fields has but one explanation."""
    rng, size, n_frames = np.random.default_rng(n_animals), Size(96, 96), 120 // n_animals
    points = []
    while len(points) < n_animals * n_frames:
        centre = rng.uniform(2, 93, 2)
        animal = rng.uniform(np.maximum(centre - reach_px, 2), np.minimum(centre + reach_px, 93), (7, 2))
        frame_mates = points[len(points) - len(points) % n_animals :]
        apart = all(np.linalg.norm(animal - other, axis=1).min() >= 4 for other in frame_mates)
        if apart:
            points.append(animal)
    poses = PoseBatch(np.array(points, np.float32), np.repeat(np.arange(n_frames), n_animals), n_frames)
    model_type = BottomUp(laws.SKELETON, 1, 1.0, 1, paf_sigma_px2)
    laws.assert_same(model_type.decode(model_type.encode(poses, size), DecodeOptions()), poses, 0.02)


@pytest.mark.parametrize("n_animals", [8, 16])
def test_a_crowd_is_told_apart(n_animals: int) -> None:
    """More animals than all pairs of peaks could be drawn for: those with the best scores are enough."""
    size = Size(200, 200)
    poses = laws.animals(5, 20, n_animals, size, 4.0, 1.01)
    model_type = BottomUp(laws.SKELETON, 1, 1.0, 1, 15.0)
    laws.assert_same(model_type.decode(model_type.encode(poses, size), DecodeOptions()), poses, 0.02)


def test_noise_is_read_in_reasonable_memory() -> None:
    """An untrained network has peaks everywhere: of those no sets are compared."""
    rng = np.random.default_rng(0)
    model_type = bottomup(Skeleton(("a", "b"), ((0, 1),)), 1.0, 1)
    maps = {"confmaps": rng.random((1, 2, 64, 64), np.float32), "pafs": rng.random((1, 2, 64, 64), np.float32)}
    assert len(model_type.decode(maps, DecodeOptions())) > 100


def test_fields_may_be_coarser_than_the_confidence_maps() -> None:
    poses, size = several(2.5, 2)
    laws.check_round_trip(bottomup(laws.SKELETON, 2.5, 2, paf_stride=4), poses, poses, size, 2)


@laws.strides
def test_shift_batch_torch_permutation(stride: int) -> None:
    poses, size = several(1.5, stride)
    model_type = bottomup(laws.SKELETON, 1.5, stride)
    laws.check_shift(model_type, poses, size, stride)
    laws.check_batch_is_loop(model_type, poses, size)
    laws.check_torch_is_numpy(model_type, poses, size)
    order = [3, 0, 6, 2, 5, 1, 4]
    laws.check_permutation(model_type, bottomup(laws.permuted_skeleton(order), 1.5, stride), order, poses, size)


def test_every_edge_and_every_root_counts() -> None:
    """The peer follows edges from one root: here two roots point at one node, and a chain hangs on the second."""
    skeleton = Skeleton(("a", "b", "c", "d"), ((0, 1), (2, 1), (2, 3)))
    points = np.array([[[10, 10], [25, 10], [40, 12], [50, 25]]], np.float32)
    poses = PoseBatch(points, np.array([0]), 1)
    model_type = bottomup(skeleton, 1.5, 1)
    laws.assert_same(model_type.decode(model_type.encode(poses, Size(64, 64)), DecodeOptions()), poses, 0.02)


def test_parts_of_a_skeleton_that_no_edge_joins_are_instances_of_their_own() -> None:
    skeleton = Skeleton(("a", "b", "c", "d", "lone"), ((0, 1), (2, 3)))
    points = np.array([[[10, 10], [20, 10], [40, 40], [50, 40], [30, 20]]], np.float32)
    model_type = bottomup(skeleton, 1.5, 1)
    found = model_type.decode(model_type.encode(PoseBatch(points, np.array([0]), 1), Size(64, 64)), DecodeOptions())
    assert sorted((~np.isnan(found.points[..., 0])).sum(axis=1).tolist()) == [1, 2, 2]
    few = model_type.decode(
        model_type.encode(PoseBatch(points, np.array([0]), 1), Size(64, 64)), DecodeOptions(min_nodes=2)
    )
    assert len(few) == 2


def test_parallel_neighbours_are_not_crossed() -> None:
    """Between two near, parallel limbs the summed fields exceed 1, which must not favour the crossed pairs."""
    skeleton = Skeleton(("a", "b"), ((0, 1),))
    points = np.array([[[10, 20], [40, 20]], [[10, 26], [40, 26]]], np.float32)
    poses = PoseBatch(points, np.array([0, 0]), 1)
    model_type = BottomUp(skeleton, 1, 1.5, 1, 30.0)
    laws.assert_same(model_type.decode(model_type.encode(poses, Size(48, 48)), DecodeOptions()), poses, 0.02)


@pytest.mark.parametrize("edges", [(), ((0, 1), (1, 2), (2, 0))])
def test_skeletons_that_cannot_be_grouped_are_refused_with_a_remedy(edges: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(InputError, match=r"top-down method|closes a cycle"):
        BottomUp(Skeleton(("a", "b", "c"), edges), 1, 1.0, 1, 15.0)


def test_a_recipe_may_repeat_the_labels_edges_but_not_choose_others() -> None:
    def recipe(edges: list[list[str]]) -> Recipe:
        head = {"bottomup": {"pafs": {"edges": edges}}}
        return load_recipe({"model_config": {"backbone_config": {"unet": {}}, "head_configs": head}})

    skeleton = Skeleton(("a", "b", "c"), ((0, 1), (1, 2)))
    assert from_recipe(recipe([["a", "b"], ["b", "c"]]), skeleton).output_skeleton == skeleton
    with pytest.raises(InputError, match=r"pafs\.edges lists"):
        from_recipe(recipe([["a", "b"]]), skeleton)
