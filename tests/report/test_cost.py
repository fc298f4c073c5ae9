"""The section on cost: what was measured, what limits it, and who is beaten."""

from __future__ import annotations

import base64
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from posewright.evaluation.speed_rounds import ROUND_SCHEMA, round_rows, speed_summary
from posewright.files import write_json
from posewright.report.build import build_report
from posewright.report.cost import pareto_front
from posewright.report.cost_figures import Line, Offer, Point, pareto_figure

from .make_results import Made


def test_on_the_front_are_those_that_no_other_beats_in_both() -> None:
    given = {"cheap": (1, 0.7), "good": (3, 0.9), "beaten": (4, 0.8), "as cheap": (1, 0.6), "twin": (3, 0.9)}
    offers = [Offer(name, 0, Point(cost), Point(value)) for name, (cost, value) in given.items()]
    assert pareto_front(offers, higher_is_better=True) == {"cheap", "good", "twin"}
    assert pareto_front(offers, higher_is_better=False) == {"as cheap"}


def write_speed(
    results: Path, *, seconds: dict[str, float], untimed: dict[str, str] | None = None, **changes: Any
) -> None:
    """Write what the stage writes for rounds in which a frame takes each method ``seconds``."""
    chance = np.random.default_rng(0)
    rows: list[dict[str, Any]] = []
    for number in range(5):
        for place, (method, frame_s) in enumerate(seconds.items()):
            timings = {
                name: {"frames": 50, "seconds": 50 * frame_s * factor * chance.lognormal(0, 0.03)}
                for name, factor in (("all", 1.0), ("2", 1.0), ("3-4", 1.8))
            }
            answer = {"start_up_s": 3.0, "in_memory": timings, "video": timings["all"], "memory_mb": 812.0}
            rows += round_rows(number, place, method, answer, changes.pop("load", 0.4))
    facts = {
        name: {
            "batch": 8,
            "device": "cpu",
            "backend": "openvino",
            "network_bytes": 2_000_000,
            "models_digest": None,
            "agreement": {"part": 1.0, "nodes": 500, "same": True},
        }
        for name in seconds
    }
    told = {
        "machine": {"host": "node<07>"},
        "threads": 4,
        "memory_cap_mb": 4000,
        "frames": {"all": 32, "2": 20, "3-4": 12},
        "video": {"size": [480, 640], "video": "arena0"},
        "untimed": untimed or {},
        **speed_summary(pd.DataFrame(rows, columns=ROUND_SCHEMA.names), facts, 0.95),
    }
    for name, change in changes.items():
        told["methods"][name] |= change
    write_json(results / "speed" / "speed.json", told)


@pytest.fixture
def copied(small: Made, tmp_path: Path) -> Made:
    """The small results, to be added to."""
    shutil.copytree(small.results, tmp_path / "flies")
    return replace(small, results=tmp_path / "flies")


def section(made: Made, out: Path) -> str:
    build_report(results=made.results, side="val", status=made.status, out=out, store=made.store, title="Flies")
    html = re.sub(r'src="data:[^"]*"', 'src=""', out.read_text(encoding="utf-8"))
    found = re.search(r'<section id="cost">.*?</section>', html, re.DOTALL)
    assert found is not None
    return found[0]


def test_without_a_measurement_the_command_is_told(copied: Made, tmp_path: Path) -> None:
    html = section(copied, tmp_path / "index.html")
    assert "posewright run speed" in html and "not measured" in html
    assert "1800 steps" in html.replace("\N{NARROW NO-BREAK SPACE}", "")


def test_the_cost_is_told_in_hours_of_the_users_own_videos_with_who_is_beaten(copied: Made, tmp_path: Path) -> None:
    write_speed(copied.results, seconds={"topdown": 4.0, "bottomup": 2.0})
    html = section(copied, tmp_path / "index.html")
    assert "Measured on node&lt;07&gt; (cpu, 4 threads)" in html
    assert "640 x 480 px" in html
    assert re.search(r">(29|30|31)\.\d h<", html) and re.search(r">(14|15|16)\.\d h<", html)  # 27 000 frames
    assert re.search(r"bottomup takes 0\.[45]\d times as long as topdown per frame of a video", html)
    assert "3-4 animals: bottomup takes" in html
    assert "Nobody beats" in html and "it is no verdict" in html
    assert html.count("<figure>") == 2


@pytest.mark.parametrize(("frame_s", "unit"), [(0.0001, "s"), (0.01, "minutes"), (4.0, "hours")])
def test_the_picture_of_cost_counts_in_a_unit_that_fits(
    copied: Made, tmp_path: Path, frame_s: float, unit: str
) -> None:
    write_speed(copied.results, seconds={"topdown": frame_s, "bottomup": frame_s / 2})
    section(copied, tmp_path / "index.html")
    cost = (tmp_path / "index.html").read_text(encoding="utf-8").partition('<section id="cost">')[2]
    picture = re.search(r"svg\+xml;base64,([^\"]+)", cost)
    assert picture is not None
    assert f"decoding included ({unit})" in base64.b64decode(picture[1]).decode()


def test_what_limits_a_measurement_is_said(copied: Made, tmp_path: Path) -> None:
    other = {"agreement": {"part": 0.8, "nodes": 500, "same": False}, "models_digest": "of older weights"}
    write_speed(copied.results, seconds={"topdown": 0.04}, topdown={**other, "memory_mb": 5000.0}, load=9.0)
    html = section(copied, tmp_path / "index.html")
    assert "finds 80.00 % of the scored body parts at the same place" in html
    assert "more than the cap" in html
    assert "load up to 9.0" in html
    assert "bottomup was not timed, because it came after the measurement: posewright run speed." in html


def test_a_method_that_cannot_be_timed_is_a_row_a_line_and_a_sentence_with_the_reason(
    copied: Made, tmp_path: Path
) -> None:
    why = "it consists of poses that another <program> found"
    write_speed(copied.results, seconds={"topdown": 0.04}, untimed={"bottomup": why})
    html = section(copied, tmp_path / "index.html")
    assert html.count("because it consists of poses that another &lt;program&gt; found") == 2  # sentence and row
    assert ">not timed<" in html
    assert "Dotted: bottomup, accuracy alone, as not timed." in html
    offer, line = Offer("topdown", 0, Point(1.0), Point(0.9)), Line("bottomup", Point(0.8))
    uri = pareto_figure([offer], [line], {"topdown"}, "time", "PCK", percent=True, higher_is_better=True)
    assert "bottomup: not timed" in base64.b64decode(uri.partition(",")[2]).decode()


def test_a_broken_measurement_is_a_sentence(copied: Made, tmp_path: Path) -> None:
    (copied.results / "speed").mkdir()
    (copied.results / "speed" / "speed.json").write_text("{broken", encoding="utf-8")
    assert "speed/speed.json cannot be read" in section(copied, tmp_path / "index.html")
