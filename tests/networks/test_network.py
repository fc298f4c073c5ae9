"""The network's promises: sizes, strides, parameters of the peer's proportions, sensible first weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from posewright.config.recipe import Recipe, load_recipe
from posewright.errors import InputError
from posewright.networks.network import build_network, initialise
from posewright.networks.weights import load_network, weights_digest
from posewright.shapes import HeadSpec

HEADS = (HeadSpec("confmaps", 24, 2), HeadSpec("pafs", 46, 4))


def recipe(**unet: Any) -> Recipe:
    return load_recipe(
        {
            "model_config": {
                "backbone_config": {"unet": {"filters": 16, "filters_rate": 1.5, "max_stride": 16, **unet}},
                "head_configs": {"bottomup": {}},
            }
        }
    )


@pytest.mark.parametrize("max_stride", [4, 16, 32])
@pytest.mark.parametrize("interpolate", [True, False])
def test_each_head_has_its_channels_and_stride(max_stride: int, interpolate: bool) -> None:
    network = build_network(recipe(max_stride=max_stride, up_interpolate=interpolate), HEADS, 3)
    maps = network(torch.rand(2, 3, 64, 96))
    assert maps["confmaps"].shape == (2, 24, 32, 48)
    assert maps["pafs"].shape == (2, 46, 16, 24)


def test_the_bottom_itself_can_be_read() -> None:
    network = build_network(recipe(max_stride=8), (HeadSpec("confmaps", 2, 8),), 1)
    assert network(torch.rand(1, 1, 32, 32))["confmaps"].shape == (1, 2, 4, 4)
    assert len(network.decoder.blocks) == 0


def test_a_separate_head_has_all_to_itself_and_prediction_adds_the_activations() -> None:
    torch.manual_seed(0)
    heads = (
        HeadSpec("confmaps", 5, 2),
        HeadSpec("class_maps", 3, 4, "sigmoid"),
        HeadSpec("class_vectors", 3, 4, "softmax", separate=True, hidden=(8, 6)),
    )
    network = build_network(recipe(), heads, 1)
    initialise(network, "he")
    for image in (torch.rand(2, 1, 32, 48), torch.rand(1, 1, 64, 64)):
        raw, read = network(image), network.predict(image)
        assert raw["class_vectors"].shape == (len(image), 3, image.shape[2] // 4, image.shape[3] // 4)
        torch.testing.assert_close(read["confmaps"], raw["confmaps"])
        torch.testing.assert_close(read["class_maps"], torch.sigmoid(raw["class_maps"]))
        torch.testing.assert_close(read["class_vectors"], torch.softmax(raw["class_vectors"], dim=1))
    head = network.separate_heads["class_vectors"]
    layers = [module for module in (*head.layers, head.last) if isinstance(module, torch.nn.Conv2d)]
    assert [layer.kernel_size for layer in layers] == [(1, 1)] * 3, "cells do not look at one another"
    assert [layer.in_channels for layer in layers] == [head.decoder.levels[-1].channels, 8, 6]
    raw["class_vectors"].sum().backward()
    touched = {name for name, weight in network.named_parameters() if weight.grad is not None and weight.grad.any()}
    assert touched
    assert all(name.startswith("heads.class_vectors.") for name in touched)
    assert head.last.weight.std() > 0.1, "identities begin at full size"


def test_the_parameters_are_as_many_as_the_peers() -> None:
    """Peer README, section 1: 326k for this bottom-up model, 325k for the centered instance."""
    count = sum(p.numel() for p in build_network(recipe(), HEADS, 1).parameters())
    assert round(count / 1e3) == 326
    count = sum(p.numel() for p in build_network(recipe(), HEADS[:1], 1).parameters())
    assert round(count / 1e3) == 325


def test_strides_that_the_backbone_lacks_are_refused() -> None:
    with pytest.raises(InputError, match="output_stride 32"):
        build_network(recipe(), (HeadSpec("confmaps", 1, 32),), 1)


def test_he_weights_keep_the_signals_size_and_heads_begin_near_zero() -> None:
    torch.manual_seed(0)
    network = build_network(recipe(), HEADS, 1)
    initialise(network, "he")
    features = {}
    network.decoder.register_forward_hook(lambda module, args, output: features.update(output))
    maps = network(torch.rand(2, 1, 64, 64))
    assert 0.1 < features[2].std() < 10
    assert maps["confmaps"].std() < 0.1


def test_weights_come_back_and_others_are_refused(tmp_path: Any) -> None:
    network = build_network(recipe(), HEADS, 1).eval()
    torch.save({"state_dict": network.state_dict()}, tmp_path / "best.ckpt")
    digest = weights_digest(network.state_dict())
    again = load_network(tmp_path / "best.ckpt", recipe(), HEADS, 1, digest)
    images = torch.rand(1, 1, 32, 32)
    torch.testing.assert_close(again(images)["pafs"], network(images)["pafs"], rtol=0, atol=0)
    with pytest.raises(InputError, match="not those that model"):
        load_network(tmp_path / "best.ckpt", recipe(), HEADS, 1, "0" * 64)
