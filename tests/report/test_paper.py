"""The paragraph says what the files say, and cites what was used and nothing else."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from posewright.report.context import Context
from posewright.report.gather import gather
from posewright.report.page import Bullets, Command
from posewright.report.paper import paper_section

from .make_results import Made, make_results


def told(results: Path) -> tuple[str, list[str]]:
    """Return the paragraph and its references."""
    section = paper_section(Context(gather(results, "val", None)))
    assert section is not None
    [text] = [block.text for block in section.blocks if isinstance(block, Command)]
    [works] = [list(block.lines) for block in section.blocks if isinstance(block, Bullets)]
    return text, works


def test_its_numbers_are_those_of_the_files(made: Made) -> None:
    text, works = told(made.results)
    assert "labelled by people, 9 body parts per animal" in text
    assert "divided by video with seed 0" in text and "336 for training (24 groups)" in text
    assert "48 for validation (8 groups), 20 for test (1 group)" in text
    assert "The unit of inference was the video (n = 8" in text
    assert "PCK@5 px, with a margin of 2.0 points" in text
    assert "less those invented, was greatest" in text
    assert "Posewright (0.1.0, commit 3f2a" in text and "PyTorch (2.14.1)" in text
    summary = json.loads((made.results / "comparison" / "val" / "summary.json").read_text())
    assert summary["answer"] in text
    assert [work.split(" ")[0] for work in works] == sorted(work.split(" ")[0] for work in works)


def test_every_work_named_is_listed_and_every_listed_one_named(made: Made) -> None:
    text, works = told(made.results)
    for work in works:
        author, year = work.split(" ")[0], re.search(r"\((\d{4})\)", work)
        assert year is not None
        assert re.search(rf"{author}[^;)]* {year[1]}", text), work
    assert not any("Holm" in work or "Nadeau" in work for work in works)  # one pair, one fold


def test_more_pairs_and_hard_keypoints_are_cited(tmp_path: Path) -> None:
    made = make_results(tmp_path, methods=["topdown", "bottomup", "third"], seeds=[0], n_videos=2, frames_each=1)
    model = made.results / "models" / "third" / "fold0_seed0" / "model.json"
    recipe = {"trainer_config": {"online_hard_keypoint_mining": {"online_mining": True}}}
    model.write_text(json.dumps({**json.loads(model.read_text()), "recipe": recipe}))
    text, works = told(made.results)
    assert "Holm 1979" in text and "third used online hard keypoint mining (Shrivastava et al. 2016)" in text
    assert sum("Holm" in work or "Shrivastava" in work for work in works) == 2


@pytest.mark.parametrize("piece", ["model.json", "split.json", "provenance.json", "summary.json"])
def test_what_is_not_recorded_is_not_made_up(small: Made, tmp_path: Path, piece: str) -> None:
    shutil.copytree(small.results, tmp_path / "flies")
    for path in (tmp_path / "flies").rglob(piece):
        path.write_text("{}")
    text, _ = told(tmp_path / "flies")
    assert "None" not in text and "nan" not in text
    if piece == "provenance.json":
        assert "version not recorded" in text
