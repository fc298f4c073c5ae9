"""Confidence maps: a Gaussian of height 1 on every node; several instances share a map by their maximum.

``sigma_cells`` is the standard deviation in cells of the map. The peer's key ``sigma`` has this unit although it is
documented as pixels: its code multiplies it by the output stride (interoperability page, 5.1).
"""

from __future__ import annotations

import array_api_compat

from posewright.shapes import Array, Size


def draw_confidence_maps(slots: Array, size: Size, stride: int, sigma_cells: float) -> Array:
    """Draw maps ``[frame node height width]`` from points ``[frame slot node xy]`` in pixels.

    Cells lie on pixels 0, stride, 2 * stride, … below ``size``. A missing node (NaN) leaves its map as it is.
    """
    xp = array_api_compat.array_namespace(slots)
    column = _profile(slots[..., 0], -(-size.width // stride), stride, sigma_cells)
    row = _profile(slots[..., 1], -(-size.height // stride), stride, sigma_cells)
    maps = row[:, 0, :, :, None] * column[:, 0, :, None, :]
    for slot in range(1, slots.shape[1]):
        maps = xp.maximum(maps, row[:, slot, :, :, None] * column[:, slot, :, None, :])
    return maps


def _profile(positions_px: Array, n_cells: int, stride: int, sigma_cells: float) -> Array:
    """Return the Gaussian of one axis ``[… cell]`` for positions ``[…]``; zero where the position is NaN."""
    xp = array_api_compat.array_namespace(positions_px)
    cells = xp.arange(n_cells, dtype=positions_px.dtype, device=array_api_compat.device(positions_px))
    distance = (cells - positions_px[..., None] / stride) / sigma_cells
    profile = xp.exp(-0.5 * distance * distance)
    return xp.where(xp.isnan(profile), xp.zeros_like(profile), profile)
