"""What kind of error a node is: good, jitter, inversion, swap or miss (rule 14; Ronchi & Perona 2017).

Alike means OKS's similarity of one node: ``exp(-d^2 / (2 area (2 sigma)^2))``. In this order, for a node the truth
shows and its animal's prediction:

- good: at least 0.85 alike its own truth;
- jitter: at least 0.5 alike its own truth;
- inversion or swap: at least 0.5 alike another node of the same animal, or any node of another animal; of both, the
  more alike;
- miss: none of these, not found, or the whole animal not found.

Ronchi & Perona look for inversions among mirrored pairs only; animals have more parts that are taken for each other, so
here every other node counts. The denominator is always the nodes the truth shows, of all true animals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posewright.evaluation.oks import Float, Sigmas, box_area, has_area, seen

CLASSES = ("good", "jitter", "inversion", "swap", "miss")
GOOD, NEAR = 0.85, 0.5


def scales_px2(truth: Float, sigmas: Sigmas, reach_px: float) -> Float:
    """Return ``[true node]`` the squared distance that counts as one; an animal without an area has the mean one."""
    area = np.where(has_area(truth), box_area(truth), reach_px**2)
    spread = (2 * np.broadcast_to(np.asarray(sigmas, dtype=np.float64), truth.shape[1:2])) ** 2
    return np.asarray(area[:, None] * spread, dtype=np.float64)


def error_classes(truth: Float, true: int, found: Float, scales: Float) -> list[str | None]:
    """Return the class of each node; None where the truth does not show it.

    Args:
        truth: ``[true node xy]``, all animals of the frame.
        true: the animal spoken of.
        found: ``[node xy]``, its prediction; NaN where not found.
        scales: ``[true node]``, of `scales_px2`.
    """
    squared = ((found[None, :, None] - truth[:, None, :]) ** 2).sum(axis=-1)  # [true found-node true-node]
    alike = np.exp(-squared / (2 * scales[:, None, :]))
    alike = np.where(np.isnan(alike), 0.0, alike)
    own = np.diagonal(alike[true]).copy()
    same_animal = alike[true].copy()
    np.fill_diagonal(same_animal, 0.0)
    inverted = same_animal.max(axis=1, initial=0.0)
    others = np.delete(alike, true, axis=0)
    swapped = others.max(axis=(0, 2), initial=0.0)
    kinds = np.select(
        [
            own >= GOOD,
            own >= NEAR,
            (inverted >= NEAR) & (inverted >= swapped),
            swapped >= NEAR,
        ],
        CLASSES[:4],
        CLASSES[4],
    )
    return [str(kind) if shown else None for kind, shown in zip(kinds, seen(truth[true]), strict=True)]


def error_summary(
    classes: Sequence[str | None] | pd.Series, found: NDArray[np.bool_], sigma: float | Mapping[str, float]
) -> dict[str, Any]:
    """Return the share of each class among the nodes the truth shows, and how many misses were not found at all."""
    kinds = pd.Series(classes, dtype=object)
    shown = kinds.notna().to_numpy()
    n = int(shown.sum())
    counts = kinds[shown].value_counts()
    return {
        **{name: float(counts.get(name, 0)) / n if n else None for name in CLASSES},
        "not_found": float((shown & ~found).sum()) / n if n else None,
        "denominator": n,
        "similarity": {"good": GOOD, "near": NEAR, "sigma": sigma},
    }
