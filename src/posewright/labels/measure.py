"""What labels say of the animals' size and number, and what follows for the crop around each."""

from __future__ import annotations

import math
from itertools import count

import numpy as np
from numpy.typing import NDArray

from posewright.geometry import anchor_points
from posewright.labels.model import LabelSet

_ANIMALS_HELD = 0.99  #: part of the animals that a measured crop holds whole: labels have outliers
_CROP_MARGIN = 0.1  #: added to a measured crop size: an animal of the next video may stretch a little further
_LOST_NODES = 0.05  #: a given crop size may cut off at most this part of the visible nodes


def node_reach_px(labels: LabelSet, anchor: int | None) -> NDArray[np.float64]:
    """Return ``[animal node]``: how far each visible node lies from its animal's anchor, the larger of both axes."""
    rows = [np.abs(f.points - anchor_points(f.points, anchor)[:, None, :]).max(axis=-1) for f in labels.frames]
    return np.concatenate([np.zeros((0, len(labels.skeleton.nodes))), *rows])


def measured_crop_px(
    reach_px: NDArray[np.float64], unit_px: float, padding_px: int | None = None, least_px: int | None = None
) -> int:
    """Return the side that holds all but the most outlying hundredth of the animals, with a margin.

    Args:
        reach_px: ``[animal node]`` from `node_reach_px`.
        unit_px: the side is rounded up to a multiple of it: what the network divides by, in pixels before scaling.
        padding_px: the margin; None for a tenth of the animals' size.
        least_px: lower bound; None for none.
    """
    return crop_px(extent_px(reach_px), unit_px, padding_px, least_px)


def extent_px(reach_px: NDArray[np.float64]) -> float:
    """Return the side of the square that holds all but the most outlying hundredth of the animals, without margin."""
    farthest = np.nanmax(np.where(np.isnan(reach_px), 0.0, reach_px), axis=1, initial=0.0)
    return 2 * float(np.quantile(farthest, _ANIMALS_HELD, method="higher")) if len(farthest) else 0.0


def crop_px(extent_px: float, unit_px: float, padding_px: int | None = None, least_px: int | None = None) -> int:
    """Return the side of a crop for animals of an extent; arguments as in `measured_crop_px`."""
    margin = padding_px if padding_px is not None else math.ceil(_CROP_MARGIN * extent_px)
    wanted = max(extent_px + margin, least_px or 0)
    return math.ceil(math.ceil(wanted / unit_px) * unit_px)


def divides(crop_px: int, scale: float, stride: int) -> bool:
    """Return whether the network's input for a crop is a whole number of cells at a stride."""
    return int(crop_px * scale) % stride == 0


def dividing_crops_px(crop_px: int, scale: float, stride: int) -> list[int]:
    """Return the sides next to that of a crop whose inputs are whole numbers of cells, the smaller one first."""

    def is_first(side: int) -> bool:  # of those that are scaled to the same input
        return divides(side, scale, stride) and not divides(side - 1, scale, stride)

    smaller = next(filter(is_first, range(crop_px, 0, -1)), None)
    larger = next(filter(is_first, count(crop_px + 1)))
    return [larger] if smaller is None else [smaller, larger]


def crop_fault(reach_px: NDArray[np.float64], crop_px: int) -> str | None:
    """Return what is wrong with a crop side, as a clause: too many visible nodes lie outside; None if it will do."""
    lost = float((reach_px > crop_px / 2).sum() / max(1, np.isfinite(reach_px).sum()))
    if lost <= _LOST_NODES:
        return None
    return f"{crop_px} px is smaller than the animals: {lost:.0%} of their visible nodes lie outside"


def most_animals(labels: LabelSet) -> int:
    """Return the largest number of animals in one frame."""
    return max((len(frame.points) for frame in labels.frames), default=0)
