"""Poses on stored, labelled frames: what evaluation compares with the truth."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from posewright.prediction.contracts import Estimator
from posewright.prediction.estimator import ModelEstimator, TopDownEstimator
from posewright.samples.store import FrameStore
from posewright.shapes import DecodeOptions, PoseBatch, concatenate


def predict_labelled(
    estimator: Estimator, store: FrameStore, keys: Sequence[tuple[int, int]], batch: int = 8
) -> PoseBatch:
    """Return the poses on the frames ``keys`` (video, frame); row ``frame`` counts along ``keys``."""
    return concatenate([estimator.predict(images) for images in stacks(store, keys, batch)])


def predict_labelled_each(
    estimator: ModelEstimator | TopDownEstimator,
    store: FrameStore,
    keys: Sequence[tuple[int, int]],
    readings: Sequence[DecodeOptions],
    batch: int = 8,
) -> list[PoseBatch]:
    """Return the same by each way of reading the maps; every frame goes through the network once."""
    parts: list[list[PoseBatch]] = [[] for _ in readings]
    for images in stacks(store, keys, batch):
        for own, found in zip(parts, estimator.predict_each(images, readings), strict=True):
            own.append(found)
    return [concatenate(own) for own in parts]


def stacks(store: FrameStore, keys: Sequence[tuple[int, int]], batch: int) -> Iterator[NDArray[np.uint8]]:
    """Yield the frames ``[batch height width channel]`` in order, neighbours of one shape together."""
    for _, same in groupby(keys, key=lambda key: store[key].shape):
        run = list(same)
        for start in range(0, len(run), batch):
            yield np.stack([store[key] for key in run[start : start + batch]])
