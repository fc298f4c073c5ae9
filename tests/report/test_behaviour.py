"""The behaviour section shows what the tables hold, says what is missing, and is left out where there is nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posewright.config.sheet import VideoRow
from posewright.evaluation.videos.behaviour import Settings, compare_behaviour
from posewright.files import write_json
from posewright.report.behaviour import behaviour_section
from posewright.report.context import Context
from posewright.report.gather import gather
from posewright.report.page import Bullets, Gallery, Page, Section, Table, Text, render

from ..evaluation.published import publish, walkers


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Seven videos, in which one release sees the animals 4 px farther apart than the other."""
    root = tmp_path_factory.mktemp("results") / "<b>mice"

    def wider(frame: int) -> np.ndarray:
        return walkers(frame) + np.array([[[0.0, 0.0]], [[0.0, 4.0]]])

    for number in range(7):
        publish(root / "videos" / "dev-a" / f"v{number}", walkers, 20)
        publish(root / "videos" / "<i>b" / f"v{number}", wider, 20)
    rows = [*(VideoRow(f"v{number}", "x.mp4") for number in range(7)), VideoRow("<u>gone", "gone.mp4")]
    releases = [root / "videos" / "dev-a", root / "videos" / "<i>b"]
    compare_behaviour(rows=rows, releases=releases, settings=Settings(None, 0.05, 0.95), out=root / "behaviour")
    return root


def section_of(folder: Path) -> Section | None:
    return behaviour_section(Context(gather(folder, "val", None)))


def test_numbers_of_the_page_are_those_of_the_tables(results: Path) -> None:
    section = section_of(results)
    assert section is not None
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    rows = {row[0].text: row for row in table.rows}
    assert rows["distance to the nearest animal"][2].text == "100.000"
    assert rows["distance to the nearest animal"][4].text.replace("−", "-") == "-4.000"
    assert rows["time in contact"][4].note != "no interval"  # seven units
    bullets = [line for block in section.blocks if isinstance(block, Bullets) for line in block.lines]
    assert any("Distance to the nearest animal: 100 px under dev-a, 104 px under <i>b" in line for line in bullets)
    (gallery,) = (block for block in section.blocks if isinstance(block, Gallery))
    assert len(gallery.figures) == 4
    assert "<u>gone: without poses of every release." in bullets


def test_names_are_text_on_the_page(results: Path) -> None:
    section = section_of(results)
    assert section is not None
    page = render(Page("t", "s", [], "a", [], [section]))
    assert "&lt;i&gt;b" in page
    assert "<i>b" not in page
    assert "<u>gone" not in page


def test_without_a_comparison_there_is_no_section_and_without_tables_a_sentence(results: Path, tmp_path: Path) -> None:
    assert section_of(tmp_path) is None
    (tmp_path / "behaviour").mkdir()
    section = section_of(tmp_path)
    assert section is not None
    assert any(isinstance(one, Text) and "behaviour/pairs.parquet is not there" in one.text for one in section.blocks)
    write_json(tmp_path / "behaviour" / "summary.json", {"videos_left_out": ["v0"]})  # as older versions wrote it
    section = section_of(tmp_path)
    assert section is not None
    assert Bullets("Videos left out", ["v0: without poses of every release."]) in section.blocks


def test_a_release_that_finds_nothing_is_said_in_the_table_and_not_drawn(tmp_path: Path) -> None:
    places = {"sees": walkers, "blind": lambda frame: walkers(frame)[:0]}
    for release, poses in places.items():
        publish(tmp_path / "videos" / release / "v0", poses, 20)
    releases = [tmp_path / "videos" / release for release in places]
    rows = [VideoRow("v0", "x.mp4")]
    compare_behaviour(rows=rows, releases=releases, settings=Settings(None, 0.05, 0.95), out=tmp_path / "behaviour")
    section = section_of(tmp_path)
    assert section is not None
    (table,) = (block for block in section.blocks if isinstance(block, Table))
    assert table.rows
    assert not [block for block in section.blocks if isinstance(block, Gallery) and not block.figures]
