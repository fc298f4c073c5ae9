"""Class maps: for every identity, where its animal is.

Each instance claims the cells about its nodes. Where several instances claim a cell they share it by the height of
their Gaussians, so that between two animals the map of each falls from 1 to 0 (interoperability page, 5.3). The peer
writes these shares into the maps in a wrong order as soon as there are more than two classes; here the map of a class
is that of the animal which has it.
"""

from __future__ import annotations

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from posewright.codecs.confidence_maps import draw_confidence_maps
from posewright.shapes import Array, Size

_CLAIMED = 0.2  #: an instance claims the cells where its highest Gaussian exceeds this (peer: 5.3)


def draw_class_maps(
    slots: Array, class_ids: Array, n_classes: int, size: Size, stride: int, sigma_cells: float
) -> Array:
    """Draw maps ``[frame class height width]``.

    Args:
        slots: points ``[frame slot node xy]`` in pixels.
        class_ids: ``[frame slot]``; an instance of unknown class (-1) claims its cells, but for no class.
        n_classes: number of maps.
        size: of the network's input.
        stride: input pixels per cell.
        sigma_cells: standard deviation of the Gaussians, in cells.
    """
    xp = array_api_compat.array_namespace(slots)
    device = array_api_compat.device(slots)
    heights = []
    for slot in range(slots.shape[1]):
        nodes = draw_confidence_maps(slots[:, slot : slot + 1], size, stride, sigma_cells)
        heights.append(xp.max(nodes, axis=1))
    total = sum(heights[1:], heights[0])
    classes = xp.arange(n_classes, device=device)
    maps = xp.zeros((slots.shape[0], n_classes, *total.shape[1:]), dtype=slots.dtype, device=device)
    for slot, height in enumerate(heights):
        share = xp.where(height > _CLAIMED, height / xp.clip(total, _CLAIMED, None), xp.zeros_like(height))
        own = xp.astype(class_ids[:, slot, None] == classes, slots.dtype)
        maps = xp.maximum(maps, share[:, None] * own[:, :, None, None])
    return maps


def read_class_scores(
    maps: Array, stride: int, frame: NDArray[np.int64], points_px: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Return the maps' values ``[point class]`` at the cells nearest to ``points_px [point xy]``."""
    xp = array_api_compat.array_namespace(maps)
    device = array_api_compat.device(maps)
    height, width = maps.shape[-2:]
    column = np.clip(np.rint(points_px[:, 0] / stride), 0, width - 1).astype(np.int64)
    row = np.clip(np.rint(points_px[:, 1] / stride), 0, height - 1).astype(np.int64)
    at_frame, at_row, at_column = (xp.asarray(index, device=device) for index in (frame, row, column))
    scores = maps[at_frame, :, at_row, at_column]
    return np.asarray(scores if isinstance(scores, np.ndarray) else scores.detach().cpu(), np.float32)
