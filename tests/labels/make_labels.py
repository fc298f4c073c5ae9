"""Small label sets for laws that need many shapes of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.skeleton import Skeleton

SKELETON = Skeleton(("head", "left", "right", "tail"), ((0, 3), (0, 1), (0, 2)), ((1, 2),))


def make_labels(frames: Iterable[tuple[int, int]], videos: Sequence[str] = ("a.mp4",), animals: int = 1) -> LabelSet:
    """Return labels with the given (video, frame) keys; points are functions of the key."""
    made = []
    for video, frame in sorted(frames):
        points = np.random.default_rng((video, frame)).uniform(0, 100, (animals, 4, 2))
        points[0, 3] = np.nan
        made.append(LabeledFrame(video, frame, points, tuple(["mia", None, "max"][:animals])))
    return LabelSet(SKELETON, tuple(VideoRef(path, None) for path in videos), tuple(made))
