"""Poses on stored, labelled frames: what evaluation compares with the truth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np

from posewright.prediction.contracts import Estimator
from posewright.samples.store import FrameStore
from posewright.shapes import PoseBatch, concatenate


def predict_labelled(
    estimator: Estimator, store: FrameStore, keys: Sequence[tuple[int, int]], batch: int = 8
) -> PoseBatch:
    """Return the poses on the frames ``keys`` (video, frame); row ``frame`` counts along ``keys``.

    Frames go through in batches of neighbours of one shape.
    """
    found = []
    for _, same in groupby(keys, key=lambda key: store[key].shape):
        run = list(same)
        for start in range(0, len(run), batch):
            images = np.stack([store[key] for key in run[start : start + batch]])
            found.append(estimator.predict(images))
    return concatenate(found)
