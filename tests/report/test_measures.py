"""Figures count as the tables do: misses count against, order follows the skeleton, curves end at known numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from posewright.report.gather import Evaluation, entry, gather
from posewright.report.measures import (
    error_coverage,
    frame_quality,
    node_errors,
    pck_curve,
    pck_threshold_px,
    unit_differences,
    visible_nodes,
)

from .make_results import FLY, Made


@pytest.fixture(scope="module")
def evaluation(made: Made) -> Evaluation:
    """One method with one seed."""
    return gather(made.results, "val", None).of_method("bottomup")[0]


@pytest.fixture(scope="module")
def nodes(evaluation: Evaluation) -> pd.DataFrame:
    """Its labelled nodes."""
    table = visible_nodes([evaluation])
    assert table is not None
    return table


def test_the_pck_curve_passes_through_the_metrics(evaluation: Evaluation, nodes: pd.DataFrame) -> None:
    curve = pck_curve(nodes, 159.0)  # one point a pixel
    for threshold in (1, 5, 10):
        value, below = entry(evaluation.metrics, ("pck", str(threshold)))
        assert curve.y[threshold] == pytest.approx(value)
        assert curve.n_nodes == below
    assert (np.diff(curve.y) >= 0).all()


def test_the_error_coverage_curve_ends_at_coverage_and_median(evaluation: Evaluation, nodes: pd.DataFrame) -> None:
    curve = error_coverage(nodes)
    assert curve.x[-1] == pytest.approx(entry(evaluation.metrics, ("coverage", "value"))[0])
    assert curve.y[-1] == pytest.approx(entry(evaluation.metrics, ("distance_px", "p50"))[0])


def test_nothing_found_is_an_empty_curve(nodes: pd.DataFrame) -> None:
    lost = nodes.assign(distance_px=np.nan, score=np.nan)
    assert len(error_coverage(lost).x) == 0
    assert (pck_curve(lost, 10.0).y == 0).all()


def test_body_parts_keep_the_order_of_the_skeleton_even_if_the_first_animal_lacks_some(nodes: pd.DataFrame) -> None:
    assert [error.node for error in node_errors(nodes)] == list(FLY.nodes)
    assert sum(error.n_visible for error in node_errors(nodes)) == len(nodes)


def test_pooling_adds_the_models_up(evaluation: Evaluation, nodes: pd.DataFrame) -> None:
    both = visible_nodes([evaluation, evaluation])
    assert both is not None
    assert len(both) == 2 * len(nodes)
    assert visible_nodes([replace(evaluation, keypoints=None)]) is None
    assert visible_nodes([]) is None


def test_a_missed_and_an_extra_animal_count_zero_unless_labels_are_incomplete(evaluation: Evaluation) -> None:
    kinds = ["matched", "missed", "matched", "extra"]
    rows = {"video": 0, "frame": [3, 3, 7, 7], "unit": "v0", "kind": kinds, "oks": [0.8, np.nan, 0.6, np.nan]}
    made_up = replace(evaluation, instances=pd.DataFrame(rows))
    frames = frame_quality(made_up)
    assert frames is not None
    assert frames["frame"].tolist() == [7, 3]
    assert frames["quality"].tolist() == pytest.approx([0.3, 0.4])
    unknown = replace(made_up, metrics={"counts": {"extra": None}})
    frames = frame_quality(unknown)
    assert frames is not None
    assert frames["quality"].tolist() == pytest.approx([0.4, 0.6])


def test_unit_differences_are_the_comparisons_own(made: Made) -> None:
    (pair,) = unit_differences(gather(made.results, "val", None), "pck_5px")
    assert len(pair.units) == 8
    assert pair.estimate == pytest.approx(pair.differences.mean(), abs=1e-9)
    assert pair.low is not None and pair.high is not None
    assert pair.low < pair.estimate < pair.high


def test_thresholds_are_read_from_the_name_of_the_metric() -> None:
    assert pck_threshold_px("pck_5px") == 5
    assert pck_threshold_px("coverage") is None


def test_no_results_at_all_is_no_error(tmp_path: Path) -> None:
    empty = gather(tmp_path / "nothing", "val", tmp_path / "status.tsv")
    assert empty.method_names == ()
    assert unit_differences(empty, "pck_5px") == []
    assert len(empty.missing) == 4
