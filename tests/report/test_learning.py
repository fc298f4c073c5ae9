"""The section on the learning curve: shown where it was asked for, as the stage wrote it."""

from __future__ import annotations

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from posewright.evaluation.learning_curve import compare_parts
from posewright.files import read_json, write_json
from posewright.report.build import build_report

from .make_results import Made


@pytest.fixture
def copied(small: Made, tmp_path: Path) -> Made:
    """The small results with evaluations of a part of the training side beside them: worse by what is left out."""
    shutil.copytree(small.results, tmp_path / "flies")
    for run in sorted((tmp_path / "flies" / "evaluation").glob("*/fold0_seed0")):
        part = run.with_name("fold0_part50_seed0")
        shutil.copytree(run, part)
        metrics = read_json(part / "val" / "metrics.json")
        metrics["split"]["frames"]["train"] = 168
        write_json(part / "val" / "metrics.json", metrics)
    return replace(small, results=tmp_path / "flies")


def page(made: Made, out: Path) -> str:
    build_report(results=made.results, side="val", status=made.status, out=out, store=made.store, title="Flies")
    return re.sub(r'src="data:[^"]*"', 'src=""', out.read_text(encoding="utf-8"))


def test_parts_are_no_further_methods_and_without_a_curve_nothing_is_said_of_it(copied: Made, tmp_path: Path) -> None:
    html = page(copied, tmp_path / "index.html")
    assert 'id="learning"' not in html
    assert "Each trained model by itself (2)" in html


def test_the_curve_is_told_and_drawn(copied: Made, tmp_path: Path) -> None:
    settings = {"primary": "pck_5px", "margin": 0.02, "confidence": 0.95}
    folders = sorted((copied.results / "evaluation").glob("*/fold0*_seed0/val"))
    compare_parts(evaluations=folders, settings=settings, out=copied.results / "learning_curve")
    html = page(copied, tmp_path / "index.html")
    section = re.search(r'<section id="learning">.*?</section>', html, re.DOTALL)
    assert section is not None
    assert "from 168 to 336 labelled frames" in section[0]
    assert "whether more labels help is undecided" in section[0]  # two videos are too few units
    assert section[0].count("<figure>") == 1 and "(4 points)" in section[0]


def test_a_broken_curve_is_a_sentence(copied: Made, tmp_path: Path) -> None:
    write_json(copied.results / "learning_curve" / "summary.json", {"primary": "pck_5px"})
    assert "learning_curve/points.parquet is not there" in page(copied, tmp_path / "index.html")
