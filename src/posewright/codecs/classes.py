"""Who is who: the animals of a frame share out its classes, each at most once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment


def assign_classes(scores: NDArray[np.float32]) -> NDArray[np.int64]:
    """Return a class for each row of ``scores [row class]`` such that their sum is greatest; -1 for those left over."""
    ids = np.full(len(scores), -1, np.int64)
    rows, classes = linear_sum_assignment(scores, maximize=True)
    ids[rows] = classes
    return ids
