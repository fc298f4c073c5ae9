"""The network's promises: sizes, strides, parameters of the peer's proportions, sensible first weights."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from posewright.config.recipe import Recipe, load_recipe
from posewright.errors import InputError
from posewright.networks.network import build_network, initialise
from posewright.networks.vector_head import VectorHead
from posewright.networks.weights import load_network, weights_digest
from posewright.shapes import HeadSpec, VectorHeadSpec

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


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (5, 4), (6, 6), (9, 7)])
def test_a_vector_head_asks_who_is_in_the_middle_third_of_its_crop(size: tuple[int, int]) -> None:
    head, (height, width) = VectorHead(4, (8,), 3), size
    features = torch.rand(2, 4, height, width)
    other = features.clone()
    inside = torch.zeros(size, dtype=torch.bool)
    inside[height // 3 : -(height // 3) or None, width // 3 : -(width // 3) or None] = True
    other[:, :, ~inside] = 9.0
    torch.testing.assert_close(head(other), head(features))
    other[:, :, inside] = 9.0
    assert not torch.allclose(head(other), head(features))


def test_a_vector_head_reads_the_bottom_and_prediction_adds_the_activations() -> None:
    torch.manual_seed(0)
    heads = (
        HeadSpec("confmaps", 5, 2),
        HeadSpec("class_maps", 3, 4, "sigmoid"),
        VectorHeadSpec("class_vectors", 3, (8, 6), "softmax"),
    )
    network = build_network(recipe(), heads, 1)
    initialise(network, "he")
    for image in (torch.rand(2, 1, 32, 48), torch.rand(1, 1, 64, 64)):
        raw, read = network(image), network.predict(image)
        assert raw["class_vectors"].shape == (len(image), 3)
        torch.testing.assert_close(read["confmaps"], raw["confmaps"])
        torch.testing.assert_close(read["class_maps"], torch.sigmoid(raw["class_maps"]))
        torch.testing.assert_close(read["class_vectors"], torch.softmax(raw["class_vectors"], dim=1))
    head = network.heads["class_vectors"]
    assert isinstance(head, VectorHead)
    assert [module.in_features for module in head.modules() if isinstance(module, torch.nn.Linear)] == [81, 8, 6]
    assert head.last.weight.std() < 0.02 < head.layers[0].weight.std(), "it begins undecided"


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
