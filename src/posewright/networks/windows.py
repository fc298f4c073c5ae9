"""Attention in shifted windows, of any image size in one traced graph.

torchvision's own layer decides in Python whether a map is large enough to be shifted; traced for export it would keep
the decision of the example's size for every other size. Here the shift is a number that is computed from the size.
Parameters have torchvision's names and the results are its results.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

_APART = -100.0  #: added before softmax where two cells are no neighbours, but were shifted into one window


class WindowAttention(nn.Module):
    """Multi-head attention among the cells of each window, after the map was rolled by a part of a window.

    Args:
        channels: of the features.
        window_size: (height, width) in cells, equal.
        shift_size: by how many cells the map is rolled, (height, width), equal; 0 for none.
        n_heads: attention heads.
        attention_dropout: rate of dropout after softmax.
        dropout: rate of dropout of the result.
    """

    def __init__(
        self,
        channels: int,
        window_size: Sequence[int],
        shift_size: Sequence[int],
        n_heads: int,
        attention_dropout: float = 0.0,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self._side, self._shift, self._n_heads = window_size[0], shift_size[0], n_heads
        self.qkv = nn.Linear(channels, 3 * channels)
        self.proj = nn.Linear(channels, channels)
        self.attention_dropout, self.dropout = nn.Dropout(attention_dropout), nn.Dropout(dropout)
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * self._side - 1) ** 2, n_heads))
        nn.init.trunc_normal_(self.relative_position_bias_table, std=0.02)
        self.relative_position_index: Tensor
        self.register_buffer("relative_position_index", relative_positions(self._side), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Return features ``[batch height width channel]`` of the same shape."""
        side = self._side
        batch, height, width, channels = features.shape
        features = functional.pad(features, (0, 0, 0, -width % side, 0, -height % side))
        _, padded_height, padded_width, _ = features.shape
        down, right = self._shift_within(padded_height), self._shift_within(padded_width)
        windows = self._to_windows(roll(roll(features, down, 1), right, 2))

        cells = side * side
        qkv = self.qkv(windows).reshape(-1, cells, 3, self._n_heads, channels // self._n_heads)
        queries, keys, values = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        attention = queries * (channels // self._n_heads) ** -0.5 @ keys.transpose(-2, -1) + self._bias()
        if self._shift:
            apart = self._apart(padded_height, padded_width, down, right)
            attention = attention.reshape(batch, -1, self._n_heads, cells, cells) + apart
            attention = attention.reshape(-1, self._n_heads, cells, cells)
        attention = self.attention_dropout(attention.softmax(-1))
        windows = self.dropout(self.proj((attention @ values).transpose(1, 2).reshape(-1, cells, channels)))

        features = self._from_windows(windows, padded_height, padded_width)
        features = roll(roll(features, padded_height - down, 1), padded_width - right, 2)
        return features[:, :height, :width]

    def _shift_within(self, length: int) -> int:
        """Return the shift along an axis of ``length`` cells: none where a single window covers it."""
        return self._shift * (length > self._side)

    def _bias(self) -> Tensor:
        """Return what is added to the attention for the offset between two cells, ``[head cell cell]``."""
        cells = self._side**2
        return self.relative_position_bias_table[self.relative_position_index].view(cells, cells, -1).permute(2, 0, 1)

    def _apart(self, height: int, width: int, down: int, right: int) -> Tensor:
        """Return `_APART` for cells that only the roll brought together, else 0: ``[window 1 cell cell]``."""
        rows, columns = self._regions(height, down), self._regions(width, right)
        regions = 3 * rows[:, None] + columns[None]
        windows = self._to_windows(regions[None, :, :, None])[..., 0]
        return _APART * (windows[:, None, :, None] != windows[:, None, None, :]).to(self.qkv.weight.dtype)

    def _regions(self, length: int, shift: int) -> Tensor:
        """Return for each cell along a rolled axis which of its neighbourhoods it is in: 0, 1 or 2."""
        cells = torch.arange(length, device=self.qkv.weight.device)
        rolled = cells >= length - shift  # these came around from the other end
        last_window = (cells >= length - self._side) * (shift > 0)
        return rolled.long() + last_window.long()

    def _to_windows(self, features: Tensor) -> Tensor:
        """Return ``[window cell channel]``, the windows of each image in a row."""
        batch, height, width, channels = features.shape
        side = self._side
        parts = features.reshape(batch, height // side, side, width // side, side, channels)
        return parts.permute(0, 1, 3, 2, 4, 5).reshape(-1, side * side, channels)

    def _from_windows(self, windows: Tensor, height: int, width: int) -> Tensor:
        """Return ``[batch height width channel]``."""
        side = self._side
        parts = windows.reshape(-1, height // side, width // side, side, side, windows.shape[-1])
        return parts.permute(0, 1, 3, 2, 4, 5).reshape(-1, height, width, windows.shape[-1])


def roll(features: Tensor, by: int, axis: int) -> Tensor:
    """Return features whose first ``by`` cells along an axis come last; unlike torch's roll, ``by`` may be traced."""
    length = features.shape[axis]
    return torch.cat([features.narrow(axis, by, length - by), features.narrow(axis, 0, by)], axis)


def relative_positions(side: int) -> Tensor:
    """Return for every pair of cells of a window the row of the bias table for the offset between them, flat."""
    rows, columns = torch.meshgrid(torch.arange(side), torch.arange(side), indexing="ij")
    down = rows.flatten()[:, None] - rows.flatten()[None] + side - 1
    right = columns.flatten()[:, None] - columns.flatten()[None] + side - 1
    return (down * (2 * side - 1) + right).flatten()
