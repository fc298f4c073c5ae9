"""What the page says of leakage between the sides of a split, and takes from its labels."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np

from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.write import write_labels
from posewright.report.context import Context
from posewright.report.data import _leakage
from posewright.report.gather import gather

from .make_results import FLY, Made

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


def test_where_nothing_was_trained_the_split_tells_the_skeleton(small: Made, tmp_path: Path) -> None:
    results = tmp_path / "flies"
    shutil.copytree(small.results, results)
    assert Context(gather(results, "val", None)).skeleton == FLY
    shutil.rmtree(results / "models")
    (results / "split" / "fold0" / "val.slp").write_bytes(b"broken")
    assert Context(gather(results, "val", None)).skeleton is None
    frame = LabeledFrame(0, 3, np.ones((1, len(FLY.nodes), 2)), (None,))
    write_labels(LabelSet(FLY, (VideoRef("a.mp4", None),), (frame,)), results / "split" / "fold0" / "val.slp")
    found = Context(gather(results, "val", None)).skeleton
    assert found is not None and (found.nodes, found.edges) == (FLY.nodes, FLY.edges)
