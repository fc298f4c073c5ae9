"""The laws of staged encoders for ConvNeXt, and the peer's numbers (interop 13.1b)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision

from ..training.small import CONVNEXT, HEADS
from .golden import golden_image, golden_network, worst_difference
from .staged_laws import (
    has_heads_at_every_stride,
    keeps_its_own_first_weights,
    learns,
    network_with,
    shapes,
    trains_exports_and_predicts,
)

LONG = pytest.mark.long
GOLDEN = {"model_type": "custom", "arch": {"depths": [1, 1, 2, 1], "channels": [16, 24, 40, 64]}}


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"stem_patch_stride": 4},
        {"stem_patch_stride": 4, "stem_patch_kernel": 5, "up_interpolate": False},
        {"stem_patch_kernel": 3, "convs_per_block": 1, "filters_rate": 1.5, "kernel_size": 5},
    ],
)
@pytest.mark.parametrize("in_channels", [1, 3])
def test_every_stride_can_be_read(odd: dict[str, Any], in_channels: int) -> None:
    has_heads_at_every_stride({"convnext": {**CONVNEXT["convnext"], **odd}}, in_channels)


def test_it_learns() -> None:
    learns(CONVNEXT)


def test_torchvisions_first_weights_stay() -> None:
    keeps_its_own_first_weights(CONVNEXT)


@pytest.mark.parametrize("model_type", list(HEADS))
def test_every_type_trains_exports_and_predicts(small_data: Path, tmp_path: Path, model_type: str) -> None:
    trains_exports_and_predicts(CONVNEXT, model_type, small_data, tmp_path)


@pytest.mark.parametrize(
    ("settings", "stride", "in_channels", "parameters", "golden"),
    [
        (
            {**GOLDEN, "up_interpolate": False},
            *(2, 1, 1_055_986),
            (0.207141, 0.731474, -1.93282, 2.00089, 0.289787, -0.685914),
        ),
        (
            {**GOLDEN, "up_interpolate": False, "convs_per_block": 3},
            *(1, 1, 1_208_210),
            (0.0443524, 0.373842, -1.0785, 1.53799, -0.318275, 0.243898),
        ),
        pytest.param(
            *({}, 2, 1, 87_873_122, (-0.339378, 0.490472, -1.91212, 1.32319, 0.0936527, 0.0190636)), marks=LONG
        ),
        pytest.param(*({}, 1, 3, 87_959_234, (0.306848, 0.37566, -1.34838, 1.43157, -0.317591, -0.172205)), marks=LONG),
    ],
)
def test_the_peers_numbers(
    settings: dict[str, Any], stride: int, in_channels: int, parameters: int, golden: tuple[float, ...]
) -> None:
    network = golden_network({"convnext": settings}, stride, in_channels)
    assert sum(parameter.numel() for parameter in network.parameters()) == parameters
    with torch.inference_mode():
        maps = network(golden_image(in_channels, 64, 96))["confmaps"]
    assert maps.shape == (1, 2, 64 // stride, 96 // stride)
    assert worst_difference(maps, golden) < 1e-4


@pytest.mark.parametrize("size", ["tiny", "small", "base", "large"])
def test_named_sizes_have_torchvisions_shapes(size: str) -> None:
    """So that their ImageNet weights fit. On the device without memory: nothing is drawn."""
    with torch.device("meta"):
        ours = network_with({"convnext": {"model_type": size}}, {"confmaps": 2}, in_channels=3).backbone.stages  # type: ignore[attr-defined]
        theirs = getattr(torchvision.models, f"convnext_{size}")(weights=None).features
    assert shapes(ours) == shapes(theirs)
