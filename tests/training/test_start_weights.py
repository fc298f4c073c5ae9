"""A training may start from another model's weights, and leave a part of the network as it began."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from posewright.config.recipe import Recipe, load_recipe
from posewright.errors import InputError, InputProblems
from posewright.first_weights import first_weights_identity
from posewright.networks.network import build_network
from posewright.shapes import HeadSpec
from posewright.training.start_weights import freeze, load_first_weights

from .processes import weights
from .small import CONVNEXT, SWINT, UNET, small_recipe, train


@pytest.fixture(scope="module")
def model(data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return train(data, small_recipe("centroid"), tmp_path_factory.mktemp("models") / "model")


def recipe(own: dict[str, Any], network: dict[str, Any] | None = None, backbone: dict[str, Any] = UNET) -> Recipe:
    value = small_recipe("centroid", backbone, max_epochs=1).to_json()
    value["posewright"] |= own
    value["model_config"] |= network or {}
    return load_recipe(value)


def moved(before: dict[str, torch.Tensor], after: dict[str, torch.Tensor], part: str) -> bool:
    names = [name for name in before if name.startswith(part)]
    assert names
    return not all(torch.equal(before[name], after[name]) for name in names)


@pytest.mark.parametrize(("frozen", "moving"), [("encoder", ["decoder.", "heads."]), ("backbone", ["heads."])])
def test_what_is_frozen_does_not_move(frozen: str, moving: list[str], data: Path, model: Path, tmp_path: Path) -> None:
    """Not by a last bit, also where the mean of the weights over steps is kept."""
    tried = recipe({"start_from": {"path": str(model)}, "freeze": frozen, "ema_decay": 0.9})
    after = weights(train(data, tried, tmp_path / "model"))
    for part in ("backbone.", "decoder.", "heads."):
        assert moved(weights(model), after, part) == (part in moving), part


@pytest.mark.parametrize("backbone", [CONVNEXT, pytest.param(SWINT, marks=pytest.mark.long)], ids=["convnext", "swint"])
def test_frozen_norms_do_not_move_either(backbone: dict[str, Any], data: Path, tmp_path: Path) -> None:
    first = train(data, recipe({}, backbone=backbone), tmp_path / "first")
    tried = recipe({"start_from": {"path": str(first)}, "freeze": "encoder"}, backbone=backbone)
    second = weights(train(data, tried, tmp_path / "second"))
    assert not moved(weights(first), second, "backbone.")
    assert moved(weights(first), second, "decoder.")


@pytest.mark.parametrize(
    ("own", "network", "taken"),
    [
        ({"start_from": {"path": "MODEL", "parts": "whole"}}, {}, ["backbone.", "decoder.", "heads."]),
        ({"start_from": {"path": "MODEL", "parts": "backbone"}}, {}, ["backbone.", "decoder."]),
        ({}, {"pretrained_backbone_weights": "MODEL/best.ckpt"}, ["backbone.", "decoder."]),
        ({}, {"pretrained_head_weights": "MODEL"}, ["heads."]),
    ],
)
def test_the_parts_that_are_asked_for_are_taken_over(
    own: dict[str, Any], network: dict[str, Any], taken: list[str], model: Path
) -> None:
    def named(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: named(inner) for key, inner in value.items()}
        return value.replace("MODEL", str(model))

    tried = recipe(named(own), named(network))
    first = build_network(tried, (HeadSpec("confmaps", 1, 4),), 1)
    load_first_weights(first, tried)
    for part in ("backbone.", "decoder.", "heads."):
        assert moved(weights(model), first.state_dict(), part) == (part not in taken), part


def test_the_peers_models_can_be_started_from(shared_data: Path) -> None:
    folder = shared_data / "sleap-nn-models" / "old-format" / "minimal_instance_centroid"
    unet = {"unet": {"filters": 16, "filters_rate": 1.5, "max_stride": 8, "up_interpolate": False}}
    tried = recipe({"start_from": {"path": str(folder)}}, backbone=unet)
    first = build_network(tried, (HeadSpec("confmaps", 1, 4),), 1)
    load_first_weights(first, tried)
    peer = torch.cat([value.flatten() for value in first.state_dict().values()])
    assert len(peer) == 127_161


def test_a_separate_head_begins_as_a_copy_of_the_peers_only_network(shared_data: Path) -> None:
    folder = shared_data / "sleap-nn-models" / "v0.3.5" / "bottomup"
    unet = {"unet": {"filters": 16, "filters_rate": 1.5, "max_stride": 16, "up_interpolate": True}}
    tried = recipe({"start_from": {"path": str(folder)}}, backbone=unet)
    image = torch.rand(1, 1, 64, 96, generator=torch.Generator().manual_seed(0))
    outputs = []
    for separate in (False, True):
        heads = (HeadSpec("confmaps", 24, 2), HeadSpec("pafs", 46, 4, separate=separate))
        network = build_network(tried, heads, 1)
        load_first_weights(network, tried)
        with torch.no_grad():
            outputs.append(network(image))
    for name in ("confmaps", "pafs"):
        torch.testing.assert_close(outputs[1][name], outputs[0][name], rtol=0, atol=0)


def test_separate_heads_take_over_and_rest_with_the_rest_of_the_network(model: Path) -> None:
    tried = recipe({"start_from": {"path": str(model), "parts": "backbone"}, "freeze": "backbone"})
    network = build_network(tried, (HeadSpec("confmaps", 1, 4), HeadSpec("class_maps", 3, 4, separate=True)), 1)
    load_first_weights(network, tried)
    freeze(network, tried)
    given, found = weights(model), network.state_dict()
    for name in (name for name in given if name.startswith(("backbone.", "decoder."))):
        assert torch.equal(found[name], given[name])
        assert torch.equal(found[f"heads.class_maps.{name}"], given[name])
    learning = {name for name, weight in network.named_parameters() if weight.requires_grad}
    last = ("confmaps", "class_maps.last")
    assert learning == {f"heads.{head}.{leaf}" for head in last for leaf in ("weight", "bias")}


def test_all_shapes_that_differ_are_named_at_once(model: Path) -> None:
    wider = {"unet": {**UNET["unet"], "filters": 12}}
    tried = recipe({"start_from": {"path": str(model)}}, backbone=wider)
    with pytest.raises(InputError, match="do not fit") as fault:
        load_first_weights(build_network(tried, (HeadSpec("confmaps", 1, 4),), 1), tried)
    assert "- backbone.blocks.0.0.weight is [8, 1, 3, 3] there, [12, 1, 3, 3] here" in str(fault.value)
    assert "- heads.confmaps.weight" in str(fault.value)


def test_the_weights_and_not_their_path_are_part_of_the_identity(data: Path, model: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(model, copy)
    here, there = (recipe({"start_from": {"path": str(folder)}}) for folder in (model, copy))
    assert first_weights_identity(here) == first_weights_identity(there) != []
    assert here.science() == there.science()
    other = train(data, small_recipe("centroid"), tmp_path / "other", seed=1)
    assert first_weights_identity(recipe({"start_from": {"path": str(other)}})) != first_weights_identity(here)


def test_recipes_without_it_keep_their_identity() -> None:
    science = recipe({}).science()
    assert "start_from" not in science["posewright"] and "freeze" not in science["posewright"]
    assert first_weights_identity(recipe({})) == []
    assert recipe({"freeze": "encoder"}).science() != science
    assert recipe({"checkpoint_minutes": 1.0}).science() == science


def test_models_that_are_not_there_are_named_at_once(tmp_path: Path) -> None:
    tried = recipe({"start_from": {"path": "no/model"}}, {"pretrained_head_weights": "other.ckpt"})
    with pytest.raises(InputProblems, match=r"no/model does not exist[\s\S]*other\.ckpt does not exist"):
        first_weights_identity(tried)


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    (tmp_path / "best.ckpt").write_text("weights")
    tried = recipe({"start_from": {"path": str(tmp_path)}})
    with pytest.raises(InputError, match="is no checkpoint"):
        load_first_weights(build_network(tried, (HeadSpec("confmaps", 1, 4),), 1), tried)
