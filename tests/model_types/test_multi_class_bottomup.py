"""The laws, with identities: every animal comes back under its own class, whoever else is there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from posewright.config.recipe import load_recipe
from posewright.errors import InputError
from posewright.labels.skeleton import Skeleton
from posewright.model_types import from_json, from_recipe
from posewright.model_types.bottomup import BottomUp
from posewright.model_types.multi_class_bottomup import MultiClassBottomUp, share_loss
from posewright.shapes import DecodeOptions, PoseBatch, Size

from . import laws

NAMES = ("ann", "bob", "cid", "dot", "eve")

classes = pytest.mark.parametrize("n_classes", [2, 3, 5])


def several(sigma: float, stride: int, n_classes: int) -> tuple[PoseBatch, Size]:
    """Return animals with classes; in most frames some are missing."""
    size = Size(97 * stride + 1, 110 * stride - 1)
    poses = laws.animals(11, 12, n_classes, size, laws.apart_px(sigma, stride), 1.01 * stride, clear_of_others=True)
    return laws.with_classes(poses, n_classes), size


def multi_class(skeleton: Skeleton, n_classes: int, sigma: float, stride: int, coarser: int = 1) -> MultiClassBottomUp:
    return MultiClassBottomUp(skeleton, NAMES[:n_classes], stride, sigma, stride * coarser, max(1.0, sigma / coarser))


@classes
@laws.strides
@laws.grid
def test_round_trip_and_noise(sigma: float, stride: int, n_classes: int) -> None:
    poses, size = several(sigma, stride, n_classes)
    model_type = multi_class(laws.SKELETON, n_classes, sigma, stride)
    laws.check_round_trip(model_type, poses, poses, size, stride)
    laws.check_noise(model_type, poses, poses, size, stride)
    found = model_type.decode(model_type.encode(poses, size), DecodeOptions())
    laws.assert_same_individuals(found, poses, laws.EXACT_CELLS * stride)
    assert found.class_scores is not None
    assert (found.class_scores > 0.9).all()


@classes
def test_class_maps_may_be_coarser_than_the_confidence_maps(n_classes: int) -> None:
    poses, size = several(2.5, 2, n_classes)
    model_type = multi_class(laws.SKELETON, n_classes, 2.5, 2, coarser=2)
    laws.assert_same_individuals(model_type.decode(model_type.encode(poses, size), DecodeOptions()), poses, 0.04)


@classes
def test_shift_batch_torch_permutation(n_classes: int) -> None:
    poses, size = several(1.5, 2, n_classes)
    model_type = multi_class(laws.SKELETON, n_classes, 1.5, 2)
    laws.check_shift(model_type, poses, size, 2)
    laws.check_batch_is_loop(model_type, poses, size)
    laws.check_torch_is_numpy(model_type, poses, size)
    order = [3, 0, 6, 2, 5, 1, 4]
    permuted = multi_class(laws.permuted_skeleton(order), n_classes, 1.5, 2)
    laws.check_permutation(model_type, permuted, order, poses, size)


@pytest.mark.parametrize("ids", [[0, 1], [2, 0], [1, 2], [1, 2, 0], [2, 0, 1]])
def test_the_map_of_a_class_is_that_of_its_animal(ids: list[int]) -> None:
    """The peer's maps of these go wrong (interoperability page, 5.3): it reshapes where it should transpose."""
    centres = np.float32([[20, 20], [60, 20], [40, 60]])[: len(ids)]
    poses = PoseBatch(centres[:, None], np.zeros(len(ids), np.int64), 1, class_ids=np.array(ids))
    model_type = multi_class(Skeleton(("body",)), 3, 2.0, 1)
    maps = model_type.encode(poses, Size(80, 80))["class_maps"][0]
    for animal, (x, y) in enumerate(centres.astype(int)):
        np.testing.assert_allclose(maps[:, y, x], np.eye(3)[ids[animal]], atol=1e-6)


def test_between_two_animals_the_cells_are_shared() -> None:
    poses = PoseBatch(np.float32([[[20, 10]], [[26, 10]]]), np.zeros(2, np.int64), 1, class_ids=np.array([1, 0]))
    maps = multi_class(Skeleton(("body",)), 2, 4.0, 1).encode(poses, Size(20, 48))["class_maps"][0]
    np.testing.assert_allclose(maps[:, 10, 23], 0.5, atol=1e-6)
    assert maps[1, 10, 21] > 0.5 > maps[0, 10, 21]
    assert (maps.sum(axis=0) <= 1 + 1e-6).all()
    assert maps[:, 10, 40].tolist() == [0, 0], "cells that nobody claims"


def test_an_animal_of_unknown_class_is_drawn_but_belongs_to_nobody() -> None:
    poses, size = several(1.5, 1, 3)
    assert poses.class_ids is not None
    known = poses.class_ids != 1
    mixed = replace(poses, class_ids=np.where(known, poses.class_ids, -1))
    model_type = multi_class(laws.SKELETON, 3, 1.5, 1)
    targets = model_type.encode(mixed, size)
    np.testing.assert_array_equal(targets["confmaps"], model_type.encode(poses, size)["confmaps"])
    laws.assert_same_individuals(model_type.decode(targets, DecodeOptions()), poses.rows(known), 0.02)


def test_a_second_claim_to_a_class_loses_and_is_not_renamed() -> None:
    """Two peaks look like class 0: the surer one is it; the other has no better name and stays out (peer: 7.5)."""
    poses = PoseBatch(np.float32([[[10, 10]], [[30, 10]]]), np.zeros(2, np.int64), 1, class_ids=np.array([0, 1]))
    model_type = multi_class(Skeleton(("body",)), 2, 1.5, 1)
    maps = dict(model_type.encode(poses, Size(20, 40)))
    maps["class_maps"] = np.zeros_like(maps["class_maps"])
    maps["class_maps"][0, :, 10, 10] = 0.7, 0.2
    maps["class_maps"][0, :, 10, 30] = 0.9, 0.1
    found = model_type.decode(maps, DecodeOptions())
    assert found.class_ids is not None and found.class_scores is not None
    assert found.class_ids.tolist() == [0]
    np.testing.assert_allclose(found.points[0, 0], [30, 10], atol=0.02)
    assert found.class_scores[0] == pytest.approx(0.9)


def test_a_faint_double_of_a_peak_does_not_take_its_place() -> None:
    poses = PoseBatch(np.float32([[[10, 10]]]), np.zeros(1, np.int64), 1, class_ids=np.zeros(1, np.int64))
    model_type = multi_class(Skeleton(("body",)), 2, 1.5, 1)
    maps = model_type.encode(poses, Size(20, 40))
    double = model_type.encode(poses.with_points(poses.points + np.float32([12, 0])), Size(20, 40))
    maps = {"confmaps": maps["confmaps"] + 0.3 * double["confmaps"], "class_maps": maps["class_maps"] * 0.9}
    maps["class_maps"][0, 0, 10, 22] = 1.0
    found = model_type.decode(maps, DecodeOptions())
    np.testing.assert_allclose(found.points, poses.points, atol=0.02)


def test_max_instances_and_min_nodes() -> None:
    poses, size = several(1.5, 1, 5)
    model_type = multi_class(laws.SKELETON, 5, 1.5, 1)
    maps = model_type.encode(poses, size)
    assert np.bincount(model_type.decode(maps, DecodeOptions(max_instances=2)).frame).max() == 2
    whole = model_type.decode(maps, DecodeOptions(min_nodes=7))
    assert 0 < len(whole) < len(poses)
    assert not np.isnan(whole.points).any()


def test_limbs_are_drawn_and_learnt_as_by_bottom_up_and_change_nothing_that_is_found() -> None:
    poses, size = several(2.5, 2, 3)
    without, plain = multi_class(laws.SKELETON, 3, 2.5, 2), BottomUp(laws.SKELETON, 2, 2.5, 4, 15.0, 1.0, 0.5)
    helped = replace(without, paf_stride=4, paf_sigma_px2=15.0, paf_loss_weight=0.5)
    assert [head.name for head in helped.heads] == ["confmaps", "pafs", "class_maps"]
    assert helped.heads[:2] == plain.heads
    maps, fields = helped.encode(poses, size), plain.encode(poses, size)["pafs"]
    np.testing.assert_array_equal(maps["pafs"], fields)
    found, as_before = (one.decode(maps, DecodeOptions()) for one in (helped, without))
    np.testing.assert_array_equal(found.points, as_before.points)
    missed = {name: 0.9 * drawn for name, drawn in maps.items()}
    lost, before = helped.loss(missed, maps), without.loss(missed, maps)
    assert lost["loss"] - before["loss"] == pytest.approx(0.5 * 0.01 * np.mean(fields**2), rel=1e-4)


def test_without_edges_there_are_no_limbs_to_learn() -> None:
    heads = {"multi_class_bottomup": {"pafs": {"sigma": 9.0, "output_stride": 2}}}
    recipe = load_recipe({"model_config": {"backbone_config": {"unet": {}}, "head_configs": heads}})
    for skeleton in (laws.SKELETON, replace(laws.SKELETON, edges=())):
        model_type = from_recipe(recipe, skeleton, NAMES)
        assert [head.name for head in model_type.heads] == ["confmaps", *["pafs"][: len(skeleton.edges)], "class_maps"]
        assert from_json(model_type.name, model_type.to_json()) == model_type


def test_classes_are_stable_and_as_listed() -> None:
    def built(tracks: list[str], listed: list[str] | None = None) -> MultiClassBottomUp:
        heads = {"multi_class_bottomup": {"class_maps": {"classes": listed}}}
        recipe = load_recipe({"model_config": {"backbone_config": {"unet": {}}, "head_configs": heads}})
        model_type = from_recipe(recipe, laws.SKELETON, tracks)
        assert isinstance(model_type, MultiClassBottomUp)
        assert from_json(model_type.name, model_type.to_json()) == model_type
        return model_type

    assert built(["cid", "ann", "bob"]).classes == built(["bob", "cid", "ann"]).classes == ("ann", "bob", "cid")
    assert built(["cid", "ann", "bob"], ["cid", "ann"]).classes == ("cid", "ann")
    with pytest.raises(InputError, match="'eva'; label such"):
        built(["cid", "ann"], ["cid", "eva"])
    with pytest.raises(InputError, match="a name twice"):
        built(["cid", "ann"], ["cid", "cid"])
    with pytest.raises(InputError, match="give each labelled animal its own track"):
        built(["ann"])


def test_class_maps_are_trained_where_animals_are_and_nowhere_else() -> None:
    model_type = multi_class(laws.SKELETON, 2, 2.0, 1)
    poses = PoseBatch(np.full((1, 7, 2), 20.0, np.float32), np.array([0]), 1, class_ids=np.array([1]))
    targets = model_type.encode(poses, Size(40, 40))
    wrong = {**targets, "class_maps": np.full_like(targets["class_maps"], 3.0)}
    everywhere = model_type.loss(wrong, targets)["class_maps"]
    wrong["class_maps"][0, :, :5, :5] = -9.0
    np.testing.assert_allclose(model_type.loss(wrong, targets)["class_maps"], everywhere)
    wrong["class_maps"][0, 0, 20, 20] = -9.0
    assert model_type.loss(wrong, targets)["class_maps"] < everywhere


def test_the_loss_of_class_maps_is_the_cross_entropy_above_its_least_value() -> None:
    shares = torch.tensor([0.7, 0.3, 0.0]).reshape(1, 3, 1, 1).expand(1, 3, 1, 2).clone()
    shares[..., 1] = 0.0  # a cell that nobody claims
    entropy = torch.nn.functional.binary_cross_entropy_with_logits
    least = entropy(torch.logit(shares, 1e-7), shares, reduction="none")
    for logits in (torch.logit(shares, 1e-6), torch.full_like(shares, 6.0), torch.zeros_like(shares)):
        leaf = logits.clone().requires_grad_()
        loss = share_loss(leaf, shares)
        loss.backward()
        assert leaf.grad is not None
        excess = (entropy(logits, shares, reduction="none") - least)[..., 0].mean()
        assert loss.item() == pytest.approx(excess.item(), rel=1e-5, abs=1e-5)
        torch.testing.assert_close(leaf.grad[..., 0], (torch.sigmoid(logits) - shares)[..., 0] / 3)
        assert leaf.grad[..., 1].abs().max() == 0.0
        assert float(share_loss(logits.numpy(), shares.numpy())) == pytest.approx(loss.item(), rel=1e-5, abs=1e-9)
    twice = share_loss(torch.cat([logits, logits]), torch.cat([shares, shares]), torch.tensor([1.0, 0.0]))
    torch.testing.assert_close(twice, share_loss(logits, shares) / 2)
    assert share_loss(logits, torch.zeros_like(shares)) == 0.0
