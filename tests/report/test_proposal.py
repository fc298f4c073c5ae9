"""What the labels suggested, beside what came out."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest

from posewright.files import read_json, write_json
from posewright.report.context import Context
from posewright.report.gather import gather
from posewright.report.page import Section, Table, Text, Verdict
from posewright.report.proposal import proposal_section

from .make_results import Made

TYPES = {"topdown": "topdown", "bottomup": "bottomup"}
SIGMA = "model_config.head_configs.centroid.confmaps.sigma"


def section(
    made: Made, folder: Path, suggested: list[str], verdict: str, types: dict[str, str] | None = None
) -> Section:
    """Return the section for results in which top-down has been judged against bottom-up."""
    results = folder / "flies"
    shutil.copytree(made.results, results, dirs_exist_ok=True)
    settings: dict[str, Any] = {"centroid": [{"key": SIGMA, "value": 2.5, "reason": "Nodes lie 12 px apart."}]}
    plan = {"schema": 1, "methods": {"key": "methods", "value": suggested, "reason": "1 % are in contact."}}
    write_json(results / "plan" / "fold0" / "plan.json", {**plan, "settings": settings})
    summary = results / "comparison" / "val" / "summary.json"
    pair = {"method_a": "bottomup", "method_b": "topdown", "verdict": verdict, "text": ""}
    write_json(summary, {**read_json(summary), "sentences": [pair]})
    found = proposal_section(Context(gather(results, "val", None), TYPES if types is None else types))
    assert found is not None
    return found


def outcome(found: Section) -> Verdict:
    return next(block for block in found.blocks if isinstance(block, Verdict))


def test_without_a_plan_there_is_no_section(small: Made) -> None:
    assert proposal_section(Context(gather(small.results, "val", None), TYPES)) is None


@pytest.mark.parametrize(
    ("suggested", "verdict", "word"),
    [
        (["topdown"], "worse", "borne out"),
        (["topdown"], "better", "not borne out"),
        (["bottomup"], "better", "borne out"),
        (["topdown"], "equal", "no difference"),
        (["topdown"], "undecided", "undecided"),
        (["single_instance"], "better", "not tried"),
        (["topdown", "bottomup"], "undecided", "undecided"),
    ],
)
def test_the_suggestion_is_judged_by_the_pair(
    small: Made, tmp_path: Path, suggested: list[str], verdict: str, word: str
) -> None:
    found = section(small, tmp_path, suggested, verdict)
    assert outcome(found).word == word
    texts = [block.text for block in found.blocks if isinstance(block, Text)]
    assert texts[0].endswith(f"suggested {' and '.join(suggested)}.")
    assert texts[1] == "1 % are in contact."


def test_a_method_of_unknown_type_is_not_taken_for_a_suggested_one(small: Made, tmp_path: Path) -> None:
    assert outcome(section(small, tmp_path, ["topdown"], "worse", {})).word == "not tried"


def test_every_setting_stands_beside_the_one_that_was_used(small: Made, tmp_path: Path) -> None:
    model = tmp_path / "flies" / "models" / "centroid.unet" / "fold0_seed0" / "model.json"

    def row(info: dict[str, Any]) -> list[str]:
        section(small, tmp_path, ["topdown"], "worse")
        write_json(model, {**read_json(model), **info})
        found = proposal_section(Context(gather(tmp_path / "flies", "val", None), TYPES))
        assert found is not None
        table = [block for block in found.blocks if isinstance(block, Table)][-1]
        return [cell.text for cell in table.rows[0]]

    def used(sigma: float) -> dict[str, Any]:
        head = {"centroid": {"confmaps": {"sigma": sigma}}}
        return {"recipe": {"model_config": {"head_configs": head}}}

    assert row(used(4.0))[2:5] == ["2.5", "4", "the recipe's own"]
    assert row(used(2.5))[2:5] == ["2.5", "2.5", "same"]
    taken = [{"key": SIGMA, "value": 2.0, "reason": "At the recipe's own stride."}]
    assert row({**used(2.0), "plan": taken})[2:] == ["2", "2", "taken (auto)", "At the recipe's own stride."]


def test_the_page_shows_the_section_between_pairs_and_curves(small: Made, tmp_path: Path) -> None:
    from posewright.report.build import build_report

    section(small, tmp_path, ["topdown"], "worse")
    out = tmp_path / "index.html"
    build_report(
        results=tmp_path / "flies", side="val", status=None, out=out, store=small.store, title="Flies", types=TYPES
    )
    html = out.read_text(encoding="utf-8")
    assert html.index('id="pairs"') < html.index('id="suggested"') < html.index('id="curves"')
