"""Do scores mean what they say? Reliability tables and the expected calibration error (ECE; Guo et al. 2017)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

RIGHT_PX = 5.0  #: a node nearer than this is right, as in PCK@5
RIGHT_OKS = 0.5  #: an animal at least as alike is right, as in AP's lowest threshold
N_BINS = 10

Float = NDArray[np.float64]


def calibration(keypoints: pd.DataFrame, instances: pd.DataFrame, complete: bool) -> dict[str, Any]:
    """Return the reliability of node scores and of instance scores.

    Nodes: those found in matched animals that the truth shows. Instances: all predicted ones, unmatched ones being
    wrong; where labels are incomplete only matched ones, as nobody knows whether the others are wrong (rule 8).
    """
    nodes = keypoints[keypoints["distance_px"].notna()]
    predicted = instances[instances["kind"].isin(["matched", "extra"] if complete else ["matched"])]
    return {
        "nodes": reliability(
            nodes["score"].to_numpy(np.float64),
            nodes["distance_px"].to_numpy() < RIGHT_PX,
            f"nearer than {RIGHT_PX:g} px",
        ),
        "instances": reliability(
            predicted["score"].to_numpy(np.float64),
            predicted["oks"].fillna(0.0).to_numpy() >= RIGHT_OKS,
            f"OKS of at least {RIGHT_OKS:g}",
        ),
    }


def reliability(scores: Float, right: NDArray[np.bool_], meaning: str) -> dict[str, Any]:
    """Return, for ten equal bins of the score, its mean and the share that is right; and the ECE.

    The ECE is the mean over all predictions of the distance between a bin's mean score and its share of right ones.
    Scores beyond 0 to 1 are counted at the end; those without a score are left out.
    """
    known = ~np.isnan(scores)
    scores, right = np.clip(scores[known], 0.0, 1.0), right[known]
    place = np.minimum((scores * N_BINS).astype(int), N_BINS - 1)
    bins = []
    for index in np.unique(place).tolist():
        own = place == index
        bins.append(
            {
                "low": index / N_BINS,
                "high": (index + 1) / N_BINS,
                "n": int(own.sum()),
                "mean_score": float(scores[own].mean()),
                "share_right": float(right[own].mean()),
            }
        )
    gaps = [entry["n"] * abs(entry["mean_score"] - entry["share_right"]) for entry in bins]
    n = len(scores)
    return {"ece": float(sum(gaps)) / n if n else None, "denominator": n, "right": meaning, "bins": bins}
