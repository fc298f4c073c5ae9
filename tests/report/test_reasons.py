"""The section on why: every number it shows stands in metrics.json or the comparison's summary."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from posewright.report.context import Context
from posewright.report.gather import gather
from posewright.report.measures import threshold_free
from posewright.report.page import Bullets, Page, Table, render
from posewright.report.reasons import reasons_section

from .make_results import make_results


def test_errors_oracles_thresholds_and_crowding_are_told(tmp_path: Path) -> None:
    made = make_results(tmp_path, seeds=(0,))
    results = gather(made.results, "val", None)
    section = reasons_section(Context(results))
    tables = [block for block in section.blocks if isinstance(block, Table)]
    metrics = json.loads((made.results / "evaluation/bottomup/fold0_seed0/val/metrics.json").read_text())
    assert [cell.text for cell in tables[0].rows[0]][:2] == ["bottomup", f"{100 * metrics['errors']['good']:.1f} %"]
    assert [cell.text for cell in tables[1].rows[0]] == ["bottomup", "31.0 %", "23.0 %", "10.0 %", "16.0 %", "5.0 %"]
    ece = f"{100 * metrics['calibration']['nodes']['ece']:.1f} %"
    assert [cell.text for cell in tables[2].rows[0]][1:5] == ["0.25", "0.10", "pck_5px", ece]
    summary = json.loads((made.results / "comparison/val/summary.json").read_text())
    told = [line for block in section.blocks if isinstance(block, Bullets) for line in block.lines]
    assert summary["crowding"][0]["text"] in told
    page = render(Page("flies", "", [], "", [], [section]))
    assert "no peak &lt;b&gt;near" in page


def test_results_without_these_numbers_say_so(tmp_path: Path) -> None:
    made = make_results(tmp_path, methods=("topdown",), seeds=(0,), n_videos=2)
    path = made.results / "evaluation/topdown/fold0_seed0/val/metrics.json"
    path.write_text(json.dumps({key: value for key, value in json.loads(path.read_text()).items() if key != "errors"}))
    section = reasons_section(Context(gather(made.results, "val", None)))
    assert [block.text for block in section.blocks] == ["No evaluation tells kinds of error."]


def test_the_threshold_free_curve_is_the_mean_over_trained_models(tmp_path: Path) -> None:
    made = make_results(tmp_path, methods=("topdown",), n_videos=2)
    evaluations = gather(made.results, "val", None).of_method("topdown")
    curve = threshold_free(evaluations)
    assert curve is not None and len(evaluations) == 2
    ends = [one.curve["median_px"].iloc[-1] for one in evaluations if one.curve is not None]
    assert min(ends) * 0.8 <= curve.y[-1] <= max(ends) * 1.2
    assert curve.n_nodes == sum(int(one.curve["n_visible"].iloc[0]) for one in evaluations if one.curve is not None)
    assert (np.diff(curve.x) > 0).all()
    assert threshold_free([]) is None
    alone = threshold_free(evaluations[:1])
    assert alone is not None and alone.y[-1] == pytest.approx(ends[0])
