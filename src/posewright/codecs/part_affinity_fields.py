"""Part affinity fields: along every edge of the skeleton, unit vectors from its source node to its destination.

Alone they give no keypoints; read back, they score proposed connections (Cao et al. 2017). The peer's form is used
(interoperability page, 5.2): the weight falls with the *fourth* power of the distance, ``sigma_px2`` has the unit of
squared pixels and does not depend on the stride, and the fields of several instances add up.
"""

from __future__ import annotations

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from posewright.shapes import Array, Size

_SAMPLES = 10  #: points read along a proposed connection, both ends included (peer: n_points)


def draw_part_affinity_fields(
    slots: Array, edges: tuple[tuple[int, int], ...], size: Size, stride: int, sigma_px2: float
) -> Array:
    """Draw fields ``[frame 2*edge height width]`` (x then y of each edge) from points ``[frame slot node xy]`` (px).

    An edge with a missing end, or of length zero, draws nothing.
    """
    xp = array_api_compat.array_namespace(slots)
    device = array_api_compat.device(slots)
    frames, n_slots = slots.shape[:2]
    x = xp.arange(-(-size.width // stride), dtype=slots.dtype, device=device)[None, :] * stride
    y = xp.arange(-(-size.height // stride), dtype=slots.dtype, device=device)[:, None] * stride
    fields = []
    for source, destination in edges:
        start = slots[:, :, source]
        along = slots[:, :, destination] - start
        squared = xp.sum(along * along, axis=-1)
        drawn = xp.where(squared > 0, xp.ones_like(squared), xp.zeros_like(squared))  # NaN compares false
        start = xp.where(xp.isnan(start), xp.zeros_like(start), start)
        along = xp.where(xp.isnan(along), xp.zeros_like(along), along)
        unit = along / xp.sqrt(xp.where(drawn > 0, squared, xp.ones_like(squared)))[..., None] * drawn[..., None]
        total_x = xp.zeros((frames, y.shape[0], x.shape[1]), dtype=slots.dtype, device=device)
        total_y = xp.zeros_like(total_x)
        for slot in range(n_slots):
            sx, sy = start[:, slot, 0, None, None], start[:, slot, 1, None, None]
            ex, ey = along[:, slot, 0, None, None], along[:, slot, 1, None, None]
            weight = _weight(x - sx, y - sy, ex, ey, sigma_px2)
            total_x = total_x + weight * unit[:, slot, 0, None, None]
            total_y = total_y + weight * unit[:, slot, 1, None, None]
        fields += [total_x, total_y]
    return xp.stack(fields, axis=1)


def _weight(dx: Array, dy: Array, ex: Array, ey: Array, sigma_px2: float) -> Array:
    """Return the weight of a limb ``(ex, ey)`` at offsets ``(dx, dy)`` from its source: 1 on it, less beside it."""
    xp = array_api_compat.array_namespace(dx)
    along = xp.clip((dx * ex + dy * ey) / xp.clip(ex * ex + ey * ey, 1.0, None), 0.0, 1.0)
    away2 = (dx - along * ex) ** 2 + (dy - along * ey) ** 2
    return xp.exp(-(away2 * away2) / (2 * sigma_px2 * sigma_px2))


def explain_connections(
    fields: Array,
    stride: int,
    sigma_px2: float,
    frame: NDArray[np.int64],
    edge: NDArray[np.int64],
    source_px: NDArray[np.float32],
    destination_px: NDArray[np.float32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Read the fields of one edge along all proposed connections, and draw each connection at the same cells.

    Args:
        fields: ``[frame 2*edge height width]``.
        stride: pixels per cell.
        sigma_px2: width of the fields.
        frame: ``[group]``.
        edge: ``[group]``.
        source_px: ``[group connection xy]``.
        destination_px: ``[group connection xy]``.

    Returns:
        What is read ``[group cell xy]``, and what each connection draws ``[group connection cell xy]``.
    """
    xp = array_api_compat.array_namespace(fields)
    device = array_api_compat.device(fields)
    height, width = fields.shape[-2:]
    steps = np.linspace(0.0, 1.0, _SAMPLES, dtype=np.float32)[:, None]
    limb = destination_px - source_px
    points = (source_px[:, :, None] + steps * limb[:, :, None]).reshape(len(frame), -1, 2)
    cells = np.clip(np.rint(points / stride), 0, [width - 1, height - 1]).astype(np.int64)
    at = [
        xp.asarray(index, device=device) for index in (frame[:, None], 2 * edge[:, None], cells[..., 1], cells[..., 0])
    ]
    read = xp.stack([fields[at[0], at[1], at[2], at[3]], fields[at[0], at[1] + 1, at[2], at[3]]], axis=-1)
    observed = np.asarray(read if isinstance(read, np.ndarray) else read.detach().cpu(), np.float32)
    away = cells[:, None].astype(np.float32) * stride - source_px[:, :, None]
    unit = limb / np.maximum(np.sqrt((limb * limb).sum(-1, keepdims=True)), 1e-6)
    weight = _weight(away[..., 0], away[..., 1], limb[:, :, None, 0], limb[:, :, None, 1], sigma_px2)
    return observed, weight[..., None] * unit[:, :, None]


def score_connections(
    fields: Array,
    stride: int,
    frame: NDArray[np.int64],
    edge: NDArray[np.int64],
    source_px: NDArray[np.float32],
    destination_px: NDArray[np.float32],
    longest_px: float | None,
) -> NDArray[np.float32]:
    """Return the mean agreement ``[connection]`` of the fields with each proposed connection, 1 where perfect.

    Connections longer than ``longest_px`` lose up to 1 (the peer's distance penalty, 7.4); None for no such penalty.
    Fields are read at the cell nearest to each of ten points.
    """
    xp = array_api_compat.array_namespace(fields)
    device = array_api_compat.device(fields)
    height, width = fields.shape[-2:]
    along = destination_px - source_px
    length = np.sqrt((along * along).sum(-1))
    unit = along / np.maximum(length, 1e-6)[:, None]
    steps = np.linspace(0.0, 1.0, _SAMPLES, dtype=np.float32)
    points = source_px[:, None] + steps[None, :, None] * along[:, None]
    column = np.clip(np.rint(points[..., 0] / stride), 0, width - 1).astype(np.int64)
    row = np.clip(np.rint(points[..., 1] / stride), 0, height - 1).astype(np.int64)
    at = [xp.asarray(index, device=device) for index in (frame[:, None], 2 * edge[:, None], row, column)]
    vector_x = fields[at[0], at[1], at[2], at[3]]
    vector_y = fields[at[0], at[1] + 1, at[2], at[3]]
    # Fields of neighbours add up: between two parallel limbs they exceed 1 and would favour the crossed connections.
    size = xp.clip(xp.sqrt(vector_x * vector_x + vector_y * vector_y), 1.0, None)
    unit_xy = xp.asarray(unit, device=device)
    agreement = xp.mean((vector_x * unit_xy[:, 0, None] + vector_y * unit_xy[:, 1, None]) / size, axis=-1)
    scores = np.asarray(agreement if isinstance(agreement, np.ndarray) else agreement.detach().cpu(), np.float32)
    if longest_px is None:
        return scores
    penalty = np.minimum(0.0, longest_px / np.maximum(length, 1e-6) - 1.0)
    penalised: NDArray[np.float32] = (scores + penalty).astype(np.float32)
    return penalised
