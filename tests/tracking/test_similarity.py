from __future__ import annotations

import numpy as np
import pytest

from posewright.tracking.similarity import SIMILARITIES, centroids

NAN = float("nan")
MEASURES = sorted(SIMILARITIES)


def animals(n: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    points = rng.uniform(0, 300, (n, 1, 2)) + rng.uniform(-20, 20, (n, 5, 2))
    points[rng.random((n, 5)) < 0.2] = NAN
    return points


@pytest.mark.parametrize("name", MEASURES)
def test_the_matrix_is_the_measure_of_each_pair(name: str) -> None:
    measure, a, b = SIMILARITIES[name], animals(6), animals(4, seed=1)
    matrix = measure(a, b)
    assert matrix.shape == (6, 4)
    for i in range(6):
        for j in range(4):
            np.testing.assert_allclose(matrix[i, j], measure(a[i : i + 1], b[j : j + 1])[0, 0], rtol=1e-12)


@pytest.mark.parametrize("name", MEASURES)
def test_equal_instances_are_wholly_alike_and_distance_lessens_it(name: str) -> None:
    a = animals(5)
    near, far = a + 3.0, a + 6.0
    own, one, two = (np.diag(SIMILARITIES[name](other, a)) for other in (a, near, far))
    np.testing.assert_allclose(own, 1.0)
    assert (one < own).all()
    assert (two < one).all()
    assert (two >= 0).all()


@pytest.mark.parametrize("name", MEASURES)
def test_an_instance_without_nodes_is_like_nothing(name: str) -> None:
    empty = np.full((1, 5, 2), NAN)
    assert SIMILARITIES[name](empty, animals(3)).tolist() == [[0, 0, 0]]
    assert SIMILARITIES[name](animals(3), empty).tolist() == [[0], [0], [0]]


def test_iou_of_boxes_worked_by_hand() -> None:
    a = np.array([[[0.0, 0.0], [9.0, 9.0]]])  # 10 by 10 pixels
    b = np.array([[[5.0, 0.0], [14.0, 9.0]]])
    assert SIMILARITIES["iou"](a, b)[0, 0] == pytest.approx(50 / 150)


def test_centroids_leave_missing_nodes_out() -> None:
    points = np.array([[[0.0, 2.0], [NAN, NAN], [4.0, 4.0]], [[NAN, NAN]] * 3])
    np.testing.assert_array_equal(centroids(points), [[2.0, 3.0], [NAN, NAN]])
