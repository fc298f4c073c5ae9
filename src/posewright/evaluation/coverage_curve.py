"""Error against coverage, at every threshold at once: what a method could give, whatever threshold it is run with.

The rows come from maps read at the lowest threshold, so the curve does not depend on the chosen one (``comparison.md``
rule 6), and every error stands beside its coverage (rule 7).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa

CURVE_SCHEMA = pa.schema(
    [
        ("score", pa.float64()),
        ("coverage", pa.float64()),
        ("n_found", pa.int32()),
        ("n_visible", pa.int32()),
        ("mean_px", pa.float64()),
        ("median_px", pa.float64()),
        ("p90_px", pa.float64()),
    ]
)

_POINTS = 100
_FEWEST = 10  #: fewer nodes have no stable error


def coverage_curve(keypoints: pd.DataFrame) -> pd.DataFrame:
    """Return the errors of the nodes whose score reaches ``score``, for up to 100 scores from the highest down.

    Args:
        keypoints: rows of `tables.keypoint_table`; nodes the truth does not show have no part in it.
    """
    shown = keypoints[keypoints["true_x"].notna()]
    found = shown[shown["distance_px"].notna()].sort_values("score", ascending=False, kind="stable")
    scores, distances = (found[name].to_numpy(np.float64) for name in ("score", "distance_px"))
    fewest = min(_FEWEST, len(found))
    counts = np.unique(np.linspace(fewest, len(found), _POINTS).astype(int)) if fewest else np.zeros(0, int)
    rows = [
        (
            scores[count - 1],
            count / len(shown),
            count,
            len(shown),
            distances[:count].mean(),
            *np.percentile(distances[:count], (50, 90)),
        )
        for count in counts
    ]
    return pd.DataFrame(rows, columns=CURVE_SCHEMA.names)
