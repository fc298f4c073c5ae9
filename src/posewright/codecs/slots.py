"""Flat rows to a padded instance axis: what drawing needs, on NumPy and torch alike."""

from __future__ import annotations

import array_api_compat

from posewright.shapes import Array, PoseBatch


def to_slots(poses: PoseBatch) -> Array:
    """Return points ``[frame slot node xy]``; frames with fewer instances are filled with NaN (at least one slot)."""
    xp = array_api_compat.array_namespace(poses.points)
    device = array_api_compat.device(poses.points)
    rows = xp.arange(len(poses), device=device)
    first = xp.searchsorted(poses.frame, poses.frame)  # rows are sorted by frame: where each one's frame begins
    slot = rows - first
    n_slots = 1 + (int(xp.max(slot)) if len(poses) else 0)
    shape = (poses.n_frames, n_slots, poses.n_nodes, 2)
    slots = xp.full(shape, float("nan"), dtype=poses.points.dtype, device=device)
    slots[poses.frame, slot] = poses.points
    return slots
