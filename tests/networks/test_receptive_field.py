"""The closed form against the network itself: which input pixels a cell at the bottom depends on."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from posewright.networks.receptive_field import unet_receptive_field_px
from posewright.networks.unet import UNetEncoder


@pytest.mark.parametrize(("max_stride", "convs", "kernel"), [(2, 2, 3), (8, 2, 3), (16, 2, 3), (8, 3, 3), (4, 2, 5)])
def test_a_cell_sees_as_many_pixels_as_the_formula_says(max_stride: int, convs: int, kernel: int) -> None:
    encoder = UNetEncoder(1, 2, 1.0, max_stride, convs, kernel)
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d):  # positive weights: nothing cancels, no unit is dead
            nn.init.constant_(module.weight, 0.1)
            nn.init.zeros_(module.bias)
    encoder.pool = nn.AvgPool2d(2)  # sees what the maximum looks at, and lets every pixel's gradient through
    expected = unet_receptive_field_px(max_stride, convs, kernel)
    side = -(-2 * expected // max_stride) * max_stride
    image = torch.ones(1, 1, side, side, dtype=torch.float64, requires_grad=True)
    _, bottom = encoder.double()(image)
    middle = bottom.shape[-1] // 2
    bottom[0, 0, middle, middle].backward()
    assert image.grad is not None
    seen = (image.grad[0, 0] != 0).any(dim=0)
    assert int(seen.sum()) == expected
