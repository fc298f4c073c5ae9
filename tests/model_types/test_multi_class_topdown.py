"""The laws on crops, and the classes of a frame shared out over its crops."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from posewright.config.recipe import load_recipe
from posewright.errors import InputError
from posewright.labels.skeleton import Skeleton
from posewright.model_types import from_json, from_recipe
from posewright.model_types.centroid import Centroid
from posewright.model_types.multi_class_topdown import MultiClassTopDown, cross_entropy
from posewright.model_types.topdown import TopDown, told_apart
from posewright.prediction.estimator import surely_found
from posewright.shapes import DecodeOptions, PoseBatch, Size

from . import laws
from .test_topdown import ANCHOR, CROP_PX, EXACT_PX, SIZE, animals, images_of, place_of

NAMES = ("ann", "bob", "cid", "dot", "eve")

classes = pytest.mark.parametrize("n_classes", [2, 3, 5])


def multi_class(
    n_classes: int, sigma: float = 1.5, stride: int = 2, skeleton: Skeleton = laws.SKELETON
) -> MultiClassTopDown:
    return MultiClassTopDown(skeleton, NAMES[:n_classes], ANCHOR, stride, sigma, 2 * stride)


def crops(stride: int, n_classes: int) -> tuple[PoseBatch, Size]:
    """Return crops with one animal each, each of any class."""
    size = Size(60 * stride, 60 * stride)
    poses = laws.animals(5, 12, 1, size, 0.0, 1.01 * stride)
    ids = np.random.default_rng(3).integers(0, n_classes, len(poses))
    assert len(poses) == 12
    return replace(poses, class_ids=ids), size


@classes
@laws.strides
@laws.grid
def test_round_trip_and_noise(sigma: float, stride: int, n_classes: int) -> None:
    poses, size = crops(stride, n_classes)
    model_type = multi_class(n_classes, sigma, stride)
    laws.check_round_trip(model_type, poses, poses, size, stride)
    laws.check_noise(model_type, poses, poses, size, stride)
    found = model_type.decode(model_type.encode(poses, size), DecodeOptions())
    laws.assert_same_individuals(found, poses, laws.EXACT_CELLS * stride)


@classes
def test_shift_batch_torch_permutation(n_classes: int) -> None:
    poses, size = crops(2, n_classes)
    model_type = multi_class(n_classes)
    laws.check_shift(model_type, poses, size, 2)
    laws.check_batch_is_loop(model_type, poses, size)
    laws.check_torch_is_numpy(model_type, poses, size)
    order = [3, 0, 6, 2, 5, 1, 4]
    permuted = multi_class(n_classes, skeleton=laws.permuted_skeleton(order))
    laws.check_permutation(model_type, permuted, order, poses, size)
    assert from_json(model_type.name, model_type.to_json()) == model_type


def test_a_crop_of_unknown_class_trains_its_nodes_alone() -> None:
    poses, size = crops(2, 3)
    model_type = multi_class(3)
    unknown = model_type.encode(replace(poses, class_ids=np.full(12, -1)), size)
    np.testing.assert_array_equal(unknown["confmaps"], model_type.encode(poses, size)["confmaps"])
    assert not unknown["class_vectors"].any()
    noise = np.random.default_rng(0).normal(size=unknown["class_vectors"].shape)
    assert model_type.loss({"confmaps": unknown["confmaps"], "class_vectors": noise}, unknown)["loss"] == 0


def test_the_cross_entropy_is_torchs_over_the_cells_of_known_animals() -> None:
    logits = torch.randn(6, 3, 4, 5) * 30
    ids = torch.randint(-1, 3, (6, 4, 5), generator=torch.Generator().manual_seed(0))
    targets = (ids[:, None] == torch.arange(3)[:, None, None]).float()
    expected = torch.nn.functional.cross_entropy(logits, ids, ignore_index=-1)
    torch.testing.assert_close(cross_entropy(logits, targets), expected)
    doubled = cross_entropy(logits, targets, torch.tensor([2.0, 1, 1, 1, 1, 1])) - cross_entropy(logits, targets)
    first = torch.nn.functional.cross_entropy(logits[:1], ids[:1], ignore_index=-1, reduction="sum") / (ids >= 0).sum()
    torch.testing.assert_close(doubled, first)


def test_all_animals_of_a_crop_claim_cells_and_the_first_alone_has_nodes() -> None:
    poses, size = crops(2, 3)
    model_type = multi_class(3)
    alone = model_type.encode(poses, size)
    other = model_type.encode(replace(poses, points=poses.points + 5, class_ids=(poses.class_ids + 1) % 3), size)
    both = poses.rows(np.repeat(np.arange(12), 2))
    both.points[1::2] += 5
    both.class_ids[1::2] = (both.class_ids[1::2] + 1) % 3
    found = model_type.encode(both, size)
    np.testing.assert_array_equal(found["confmaps"], alone["confmaps"])
    claimed = alone["class_vectors"] + other["class_vectors"]
    undisputed = claimed.sum(axis=1) == 1
    assert 0.1 < undisputed.sum() / claimed.any(axis=1).sum() < 1
    mostly = found["class_vectors"].swapaxes(0, 1)[:, undisputed] > 0.5
    np.testing.assert_array_equal(mostly, claimed.swapaxes(0, 1)[:, undisputed] == 1)


def test_who_it_is_is_asked_at_the_nodes_that_were_found() -> None:
    poses, size = crops(2, 3)
    model_type = multi_class(3)
    maps = model_type.encode(poses, size)
    vectors = maps["class_vectors"]
    about = vectors.any(axis=1, keepdims=True)
    other = np.where(about, vectors, np.roll(np.eye(3), 1, axis=1)[poses.class_ids][:, :, None, None])
    found = model_type.decode({**maps, "class_vectors": other}, DecodeOptions())
    np.testing.assert_array_equal(found.class_ids, poses.class_ids)
    assert found.class_scores is not None
    assert (found.class_scores == 1).all()
    half = np.where(about, 0.6 * vectors + 0.4 * other[:, [1, 2, 0]], other)
    np.testing.assert_allclose(model_type.decode({**maps, "class_vectors": half}, DecodeOptions()).class_scores, 0.6)
    nothing = model_type.decode({**maps, "confmaps": np.zeros_like(maps["confmaps"])}, DecodeOptions())
    assert nothing.class_probabilities is not None
    np.testing.assert_allclose(nothing.class_probabilities, 1 / 3)


def test_faint_nodes_count_less_for_who_it_is() -> None:
    """The faint nodes lie on another animal, which covers this one."""
    poses, size = crops(2, 3)
    model_type = multi_class(3)
    maps = model_type.encode(poses, size)
    n_nodes = maps["confmaps"].shape[1]
    is_faint = (np.arange(n_nodes) + np.arange(12)[:, None]) % 2 == 1
    own = replace(poses, points=np.where(is_faint[..., None], np.nan, poses.points))
    other = replace(poses, points=np.where(is_faint[..., None], poses.points, np.nan))
    other = replace(other, class_ids=(poses.class_ids + 1) % 3)
    vectors = np.maximum(*(model_type.encode(part, size)["class_vectors"] for part in (own, other)))
    found = []
    for height in (1.0, 0.3):
        confmaps = maps["confmaps"] * np.where(is_faint, height, 1.0)[..., None, None]
        read = model_type.decode({"confmaps": confmaps, "class_vectors": vectors}, DecodeOptions())
        assert read.class_probabilities is not None
        np.testing.assert_allclose(read.class_probabilities.sum(axis=1), 1.0, rtol=1e-6)
        found.append(read.class_probabilities[np.arange(12), poses.class_ids])
    seen = ~np.isnan(poses.points[..., 0])
    disputed = (seen & is_faint).any(axis=1) & (seen & ~is_faint).any(axis=1)
    assert disputed.sum() >= 10
    gain = (found[1] - found[0])[disputed]
    assert gain.min() > 0.01 and gain.mean() > 0.1


def perfect(truth: PoseBatch, n_classes: int) -> TopDown:
    """Return top-down with stages that know the truth and see each crop's place in its pixels (see test_topdown)."""
    centroid, instance = Centroid(laws.SKELETON, ANCHOR, 2, 1.5), multi_class(n_classes)
    anchors = centroid.anchors(truth).points[:, 0]

    def locate(images: NDArray[np.uint8]) -> PoseBatch:
        maps = centroid.encode(truth, Size(*images.shape[1:3]))
        return centroid.decode(maps, DecodeOptions())

    def describe(crops: NDArray[np.uint8]) -> PoseBatch:
        rows, corners = [], []
        for crop in crops:
            corner, frame = place_of(crop)
            away = np.linalg.norm(anchors - corner - CROP_PX // 2, axis=1)
            away[truth.frame != frame] = np.inf
            rows.append(int(away.argmin()))
            corners.append(corner)
        own = truth.rows(np.array(rows, np.int64))
        points = own.points - np.array(corners, np.float32).reshape(-1, 1, 2)
        own = replace(own, points=points, frame=np.arange(len(rows)), n_frames=len(rows))
        return instance.decode(instance.encode(own, Size(CROP_PX, CROP_PX)), DecodeOptions())

    return TopDown(locate, describe, CROP_PX)


@pytest.mark.parametrize("n_classes", [3, 5])
def test_animals_come_back_under_their_names(n_classes: int) -> None:
    truth = laws.with_classes(animals(), n_classes)
    found = perfect(truth, n_classes).predict(images_of(4, SIZE))
    laws.assert_same_individuals(found, truth, EXACT_PX)
    assert found.class_scores is not None
    assert (found.class_scores == 1).all()


@pytest.mark.parametrize("n_rows", [1, 2, 3, 4, 6])
@classes
def test_the_classes_are_shared_out_for_the_greatest_sum(n_rows: int, n_classes: int) -> None:
    rng = np.random.default_rng(n_rows)
    likeness = rng.dirichlet(np.ones(n_classes), 3 * n_rows).astype(np.float32)
    points = np.zeros((3 * n_rows, 1, 2), np.float32)
    poses = told_apart(PoseBatch(points, np.repeat([0, 1, 3], n_rows), 4, class_probabilities=likeness))
    assert poses.class_ids is not None and poses.class_scores is not None
    for index in (0, 1, 3):
        rows = np.flatnonzero(poses.frame == index)
        ids, own = poses.class_ids[rows], likeness[rows]
        named = ids[ids >= 0]
        assert len(set(named.tolist())) == len(named) == min(n_rows, n_classes)
        np.testing.assert_array_equal(np.isnan(poses.class_scores[rows]), ids < 0)
        square = own if n_rows >= n_classes else own.T
        chosen = permutations(range(len(square)), len(named))
        best = max(float(square[list(rows_of), range(len(named))].sum()) for rows_of in chosen)
        assert np.nansum(poses.class_scores[rows]) == pytest.approx(best, rel=1e-5)
    assert poses.class_names(NAMES) == [NAMES[index] if index >= 0 else None for index in poses.class_ids.tolist()]


def test_what_is_dropped_as_too_unsure_takes_no_class() -> None:
    likeness = np.array([[0.8, 0.2], [0.1, 0.9], [0.9, 0.1]], np.float32)
    sure = np.array([[0.9, 0.8], [0.9, 0.7], [0.2, np.nan]], np.float32)
    every = told_apart(PoseBatch(np.zeros((3, 2, 2)), np.zeros(3, np.int64), 1, sure, class_probabilities=likeness))
    assert every.class_names(NAMES) == [None, "bob", "ann"]
    kept = surely_found(every, DecodeOptions(min_instance_score=0.3))
    assert kept.class_names(NAMES) == ["ann", "bob"]
    np.testing.assert_array_equal(kept.class_scores, np.array([0.8, 0.9], np.float32))


def test_a_model_of_an_earlier_version_is_refused_in_words() -> None:
    earlier = multi_class(3).to_json()
    del earlier["class_stride"]
    with pytest.raises(InputError, match="says no class_stride: another version of Posewright trained it"):
        from_json("multi_class_topdown", earlier)


def test_the_recipe_says_how_many_layers_there_are_and_how_wide() -> None:
    vectors = {"num_fc_layers": 3, "num_fc_units": 24, "classes": ["bob", "ann"]}
    heads = {"multi_class_topdown": {"confmaps": {"output_stride": 2}, "class_vectors": vectors}}
    recipe = load_recipe({"model_config": {"backbone_config": {"unet": {}}, "head_configs": heads}})
    head = from_recipe(recipe, laws.SKELETON, ["ann", "bob", "cid"]).heads[1]
    assert (head.name, head.channels, head.hidden) == ("class_vectors", 2, (24, 24, 24))
    assert (head.stride, head.separate) == (4, True)
