"""Whether what is timed finds the poses that were scored: speed at another accuracy says nothing (rule 13)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from posewright.evaluation.reading import in_node_order
from posewright.evaluation.scoring import evaluate_poses
from posewright.labels.read import read_side
from posewright.prediction.contracts import Estimator
from posewright.prediction.labelled import predict_labelled
from posewright.samples.store import FrameStore

SAME_PX = 1e-3  #: nodes this near to each other are the same
LEAST_PART = 0.999  #: of the nodes that have to be the same: what other batches, threads and backends may change

_KEY = ["video", "frame", "true_instance", "node"]


def agreement(estimator: Estimator, store: FrameStore, scored: Path, truth_file: Path) -> dict[str, Any]:
    """Compare the poses on validation frames with those that an evaluation scored, animal by animal.

    Args:
        estimator: the release as it is timed.
        store: of the decoded frames.
        scored: the evaluation's ``keypoints.parquet``.
        truth_file: ``val.slp`` of the split.
    """
    truth = read_side(truth_file).with_negatives
    poses = predict_labelled(estimator, store, [frame.key for frame in truth.frames])
    now = evaluate_poses(truth, in_node_order(poses, estimator.skeleton, truth.skeleton), complete=True)
    return compared(now.keypoints, pd.read_parquet(scored))


def compared(now: pd.DataFrame, then: pd.DataFrame) -> dict[str, Any]:
    """Return the part of the nodes of true animals that lie at the same place in two evaluations of them."""
    joined = now.merge(then, on=_KEY, suffixes=("", "_then"))
    found = joined[joined["x"].notna() | joined["x_then"].notna()]
    apart = np.hypot(found["x"] - found["x_then"], found["y"] - found["y_then"])
    part = float((apart <= SAME_PX).mean()) if len(found) else 0.0  # a distance to nothing is NaN, and not the same
    complete = len(joined) == len(now) == len(then)
    return {"part": part, "nodes": len(found), "same": complete and part >= LEAST_PART}
