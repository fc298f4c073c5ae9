"""The laws of staged encoders for Swin, and the peer's numbers (interop 13.1b)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision

from posewright.networks.stochastic_depth import StochasticDepth
from posewright.training.memory import in_parts

from ..training.small import HEADS, SWINT
from .golden import golden_image, golden_network, worst_difference
from .staged_laws import (
    has_heads_at_every_stride,
    keeps_its_own_first_weights,
    learns,
    network_with,
    shapes,
    trains_exports_and_predicts,
)

GOLDEN = {"model_type": "custom", "arch": {"embed": 24, "depths": [2, 2, 2, 2], "num_heads": [1, 2, 4, 8]}}


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"stem_patch_stride": 4},
        {"stem_patch_stride": 4, "patch_size": 6, "up_interpolate": False},
        {"patch_size": 3, "window_size": 4, "convs_per_block": 3, "filters_rate": 1.5},
    ],
)
@pytest.mark.parametrize("in_channels", [1, 3])
def test_every_stride_can_be_read(odd: dict[str, Any], in_channels: int) -> None:
    has_heads_at_every_stride({"swint": {**SWINT["swint"], **odd}}, in_channels)


def test_it_learns() -> None:
    learns(SWINT)


def test_torchvisions_first_weights_stay() -> None:
    keeps_its_own_first_weights(SWINT)


@pytest.mark.parametrize("model_type", list(HEADS))
def test_every_type_trains_exports_and_predicts(small_data: Path, tmp_path: Path, model_type: str) -> None:
    trains_exports_and_predicts(SWINT, model_type, small_data, tmp_path)


@pytest.mark.parametrize(
    ("settings", "stride", "in_channels", "size", "parameters", "golden"),
    [
        (
            {**GOLDEN, "up_interpolate": False},
            *(4, 3, (64, 96), 5_459_000),
            (2.69089, 0.735065, -0.367416, 4.08318, 0.488615, 1.32628),
        ),
        (
            {**GOLDEN, "stem_patch_stride": 4},
            *(2, 1, (64, 128), 5_048_384),
            (0.865514, 1.53468, -1.79925, 3.95883, 0.102813, 0.0200384),
        ),
        pytest.param(
            *({}, 2, 1, (64, 96), 87_573_884, (-0.205719, 0.477144, -1.82741, 1.26676, 0.799215, -0.302712)),
            marks=pytest.mark.long,
        ),
    ],
)
def test_the_peers_numbers(
    settings: dict[str, Any],
    stride: int,
    in_channels: int,
    size: tuple[int, int],
    parameters: int,
    golden: tuple[float, ...],
) -> None:
    network = golden_network({"swint": settings}, stride, in_channels)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    with torch.inference_mode():
        maps = network(golden_image(in_channels, *size))["confmaps"]
    assert maps.shape == (1, 2, size[0] // stride, size[1] // stride)
    assert worst_difference(maps, golden) < 1e-4


@pytest.mark.parametrize("size", ["tiny", "small", "base"])
def test_named_sizes_have_torchvisions_shapes(size: str) -> None:
    """So that their ImageNet weights fit, but for the table of relative positions, which is made anew."""
    with torch.device("meta"):
        ours = network_with({"swint": {"model_type": size}}, {"confmaps": 2}, in_channels=3).backbone.stages  # type: ignore[attr-defined]
        theirs = getattr(torchvision.models, f"swin_{size[0]}")(weights=None).features
    wanted = {name: shape for name, shape in shapes(theirs).items() if not name.endswith("relative_position_index")}
    assert shapes(ours) == wanted


def test_blocks_are_left_out_for_the_same_images_in_parts_of_a_batch() -> None:
    """So that a batch which goes through in parts, for want of memory or by `accumulate`, teaches the same."""
    torch.manual_seed(1)
    network = network_with(SWINT, {"confmaps": 2}).train()
    for layer in network.modules():
        if isinstance(layer, StochasticDepth) and layer.rate:
            layer.rate = 0.5
    images = torch.rand(6, 1, 32, 32)
    found = []
    for most in (None, 4, 1):
        torch.manual_seed(2)
        network.zero_grad()
        maps = in_parts(network, images, most)["confmaps"]
        maps.square().mean().backward()
        found.append((maps.detach(), [p.grad.clone() for p in network.parameters() if p.grad is not None]))
    for maps, gradients in found[1:]:
        torch.testing.assert_close(maps, found[0][0])
        torch.testing.assert_close(gradients, found[0][1])
    torch.manual_seed(3)
    other = network(images)["confmaps"]
    assert (other - found[0][0]).abs().max() > 0.01 * found[0][0].abs().max()


def test_stochastic_depth_draws_as_torchvisions() -> None:
    features = torch.rand(8, 3, 4, 4)
    torch.manual_seed(0)
    ours = StochasticDepth(0.3)(features)
    torch.manual_seed(0)
    theirs = torchvision.ops.StochasticDepth(0.3, "row")(features)
    torch.testing.assert_close(ours, theirs, rtol=0, atol=0)
    assert StochasticDepth(0.3).eval()(features) is features
