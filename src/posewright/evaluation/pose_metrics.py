"""Numbers from matched poses, each with its denominator.

Axis words: ``true`` every true instance of every frame, ``node``. A metric whose denominator is 0 is None: it was not
measured, which is not the same as 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewright.evaluation.oks import Float

Bool = NDArray[np.bool_]

PCK_THRESHOLDS_PX = (1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 15, 20)
PERCENTILES = (50, 75, 90, 95, 99)


@dataclass(frozen=True)
class NodeOutcomes:
    """What became of every node of every true instance.

    Attributes:
        distance_px: ``[true node]``, NaN unless the truth shows the node and the matched prediction found it.
        visible: ``[true node]``, the truth shows the node.
        found: ``[true node]``, the matched prediction has the node.
        matched: ``[true]``, a prediction was matched.
    """

    distance_px: Float
    visible: Bool
    found: Bool
    matched: Bool

    @property
    def measured_px(self) -> Float:
        """The distances that exist, flat."""
        return self.distance_px[~np.isnan(self.distance_px)]


def ratio(numerator: float, denominator: float) -> float | None:
    """Return the quotient, or None where nothing was counted."""
    return float(numerator) / float(denominator) if denominator else None


def distance_summary(outcomes: NodeOutcomes) -> dict[str, Any]:
    """Mean and percentiles of the distances of nodes that both have, in matched instances."""
    return _summary(outcomes.measured_px)


def capped_distance_summary(outcomes: NodeOutcomes, cap_px: float) -> dict[str, Any]:
    """The same over all nodes the truth shows, a missing node counting ``cap_px`` (rule 7: survivorship)."""
    distance = outcomes.distance_px[outcomes.visible]
    return {"cap_px": cap_px, **_summary(np.minimum(np.where(np.isnan(distance), cap_px, distance), cap_px))}


def coverage(outcomes: NodeOutcomes) -> dict[str, Any]:
    """The part of the nodes the truth shows that has a distance; read it beside every distance (rule 7)."""
    n_visible = int(outcomes.visible.sum())
    n_instances = len(outcomes.matched)
    return {
        "value": ratio(len(outcomes.measured_px), n_visible),
        "denominator": n_visible,
        "instances": ratio(outcomes.matched.sum(), n_instances),
        "instances_denominator": n_instances,
    }


def pck(outcomes: NodeOutcomes, thresholds_px: Sequence[int] = PCK_THRESHOLDS_PX) -> dict[str, Any]:
    """The part of the nodes the truth shows that were found strictly nearer than each threshold; misses count."""
    n_visible = int(outcomes.visible.sum())
    hits = {str(k): ratio((outcomes.distance_px < k).sum(), n_visible) for k in thresholds_px}
    return {**hits, "denominator": n_visible}


def visibility(outcomes: NodeOutcomes) -> dict[str, Any]:
    """In matched instances: were the nodes found that the truth shows, and none where it shows none (rule 7)?"""
    visible = outcomes.visible[outcomes.matched]
    found = outcomes.found[outcomes.matched]
    both = int((visible & found).sum())
    n_found, n_visible, n_absent = int(found.sum()), int(visible.sum()), int((~visible).sum())
    return {
        "precision": ratio(both, n_found),
        "recall": ratio(both, n_visible),
        "hallucinated": ratio((found & ~visible).sum(), n_absent),
        "denominator": {"precision": n_found, "recall": n_visible, "hallucinated": n_absent},
    }


def identity(true_tracks: Sequence[str | None], predicted_tracks: Sequence[str | None]) -> dict[str, Any]:
    """Of the matched pairs where both sides carry a name, the part where it is the same name.

    Where no predicted name is one of the truth's, as with the numbers of a tracker, nothing is counted.
    """
    named = [(a, b) for a, b in zip(true_tracks, predicted_tracks, strict=True) if a is not None and b is not None]
    if not {a for a, _ in named} & {b for _, b in named}:
        named = []
    return {"accuracy": ratio(sum(a == b for a, b in named), len(named)), "denominator": len(named)}


def _summary(distance_px: Float) -> dict[str, Any]:
    n = len(distance_px)
    names = ["mean", *(f"p{level}" for level in PERCENTILES)]
    values = [float(distance_px.mean()), *np.percentile(distance_px, PERCENTILES).tolist()] if n else [None] * 6
    return {**dict(zip(names, values, strict=True)), "denominator": n}
