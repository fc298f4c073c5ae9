"""Our window attention is torchvision's to the bit, and stays so for other sizes once it is traced."""

from __future__ import annotations

import warnings

import pytest
import torch
from torchvision.models.swin_transformer import ShiftedWindowAttention

from posewright.networks.windows import WindowAttention

SIZES = [(1, 7), (3, 2), (7, 7), (7, 20), (8, 9), (14, 13), (21, 15)]


def pair(shift: int) -> tuple[torch.nn.Module, WindowAttention]:
    torch.manual_seed(shift)
    theirs = ShiftedWindowAttention(12, [7, 7], [shift, shift], 3).eval()
    ours = WindowAttention(12, (7, 7), (shift, shift), 3).eval()
    ours.load_state_dict(
        {name: value for name, value in theirs.state_dict().items() if name != "relative_position_index"}
    )
    return theirs, ours


@pytest.mark.parametrize("shift", [0, 3])
@pytest.mark.parametrize("size", SIZES)
def test_it_equals_torchvisions(shift: int, size: tuple[int, int]) -> None:
    theirs, ours = pair(shift)
    features = torch.rand(2, *size, 12)
    torch.testing.assert_close(ours(features), theirs(features), rtol=0, atol=0)


def test_a_trace_of_one_size_serves_all_others() -> None:
    _, ours = pair(3)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*torch.jit.*")
        traced = torch.jit.trace(ours, torch.rand(1, 14, 14, 12))
    for size in SIZES:
        features = torch.rand(2, *size, 12)
        torch.testing.assert_close(traced(features), ours(features))
