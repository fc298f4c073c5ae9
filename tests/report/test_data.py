"""What the page says of leakage between the sides of a split."""

from __future__ import annotations

from typing import Any

from posewright.report.data import _leakage

LOOKS: dict[str, Any] = {
    "measure": "no cell differs",
    "val": 0,
    "test": 1,
    "frames": {"val": 10, "test": 40},
    "pairs": {"val": [], "test": [[[2, 7], [0, 5]]]},
}


def test_near_duplicates_are_counted_with_their_measure_and_the_first_is_named() -> None:
    (said,) = [line for line in _leakage({"leakage": {"near_duplicates": LOOKS}}) if "Looking" in line]
    assert "(no cell differs): 0 of 10 validation frames, 1 of 40 test frames." in said
    assert "The first: frame 7 of video 2 and training frame 5 of video 0." in said


def test_a_split_that_nobody_looked_at_says_so() -> None:
    assert "Near-duplicates across the sides were not looked for." in _leakage({"leakage": {"groups_on_two_sides": []}})
