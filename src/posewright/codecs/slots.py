"""Flat rows to a padded instance axis: what drawing needs, on NumPy and torch alike."""

from __future__ import annotations

import array_api_compat

from posewright.shapes import Array, PoseBatch


def to_slots(poses: PoseBatch) -> Array:
    """Return points ``[frame slot node xy]``; frames with fewer instances are filled with NaN (at least one slot)."""
    return _in_slots(poses, poses.points, float("nan"))


def class_slots(poses: PoseBatch) -> Array:
    """Return class ids ``[frame slot]`` in the slots of `to_slots`; -1 where unknown or empty."""
    xp = array_api_compat.array_namespace(poses.points)
    ids = poses.class_ids if poses.class_ids is not None else xp.full_like(poses.frame, -1)
    return _in_slots(poses, ids, -1)


def _in_slots(poses: PoseBatch, values: Array, empty: float) -> Array:
    """Spread ``values [row …]`` over ``[frame slot …]``."""
    xp = array_api_compat.array_namespace(poses.points)
    device = array_api_compat.device(poses.points)
    rows = xp.arange(len(poses), device=device)
    first = xp.searchsorted(poses.frame, poses.frame)  # rows are sorted by frame: where each one's frame begins
    slot = rows - first
    n_slots = 1 + (int(xp.max(slot)) if len(poses) else 0)
    slots = xp.full((poses.n_frames, n_slots, *values.shape[1:]), empty, dtype=values.dtype, device=device)
    slots[poses.frame, slot] = values
    return slots
