"""Problems are sentences."""

from __future__ import annotations

import pytest

from posewright.errors import Problem, nearest


@pytest.mark.parametrize(
    ("remedy", "end"),
    [(nearest("thorx", ["thorax", "head"]), "did you mean 'thorax'?"), ("correct it", "correct it.")],
)
def test_a_problem_ends_with_one_stop(remedy: str, end: str) -> None:
    assert str(Problem("here", "there is a fault", remedy)) == f"here: there is a fault; {end}"
