"""The page is made from any results: complete ones, parts of them, or none."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from posewright.files import read_json
from posewright.report.build import build_report
from posewright.report.measures import overall
from posewright.report.words import value_of

from .make_results import Made, make_results


def _text(path: Path) -> str:
    """Return the page without its pictures."""
    return re.sub(r'src="data:[^"]*"', 'src=""', path.read_text(encoding="utf-8"))


def _build(made: Made, out: Path, *, status: Path | None = None, side: str = "val") -> str:
    build_report(results=made.results, side=side, status=status, out=out, store=made.store, title="Flies")
    return _text(out)


def test_the_page_stands_alone_and_is_small(page: Path) -> None:
    html = page.read_text(encoding="utf-8")
    assert len(html) < 10_000_000
    assert not re.search(r"(?:src|href)\s*=\s*[\"']?(?:https?:)?//", html)
    assert "@import" not in html
    assert re.findall(r'<img src="([^:"]*):', html)
    assert set(re.findall(r'<img src="([^:"]*):', html)) == {"data"}


def test_the_answer_comes_before_tables_and_tables_before_pictures(page: Path) -> None:
    anchors = re.findall(r'<section id="(\w+)"', _text(page))
    first, then = (
        ["answer", "methods", "pairs", "reasons", "cost"],
        ["curves", "frames", "training", "data", "quality", "videos", "paper", "origin"],
    )
    assert anchors == first + then


def test_numbers_have_intervals_denominators_and_verdicts(page: Path) -> None:
    html = _text(page)
    assert re.search(r"<small>[\d.]+ to [\d.]+\nof [\d\s]+</small>", html)
    assert 'class="badge good">better' in html or 'class="badge bad">worse' in html


def test_a_mean_over_units_says_so_and_shows_the_value_of_all_frames_where_it_differs(made: Made, page: Path) -> None:
    html = _text(page)
    assert "a median is the mean of the medians of the videos, not the median of all errors" in html
    assert "Means over units; “pooled”: the same of all frames together, as in metrics.json" in html
    table = overall(pd.read_parquet(made.results / "comparison" / "val" / "methods.parquet"), "median_distance_px")
    for method, estimate in zip(table["method"], table["estimate"], strict=True):
        folders = (made.results / "evaluation" / method).glob("*/val/metrics.json")
        pooled = np.mean([read_json(path)["distance_px"]["p50"] for path in folders])
        of_units, together = (value_of("median_distance_px", value) for value in (estimate, pooled))
        assert of_units != together
        assert re.search(rf"{re.escape(of_units)}<small>[^<]*\npooled {re.escape(together)}</small>", html)


def test_the_table_of_budgets_says_what_chose_the_weights(page: Path) -> None:
    assert _text(page).count(">chosen by the loss on validation frames<") == 2
    assert "Checkpoints of all methods were chosen by the loss on validation frames." in _text(page)


def test_incomplete_videos_are_listed_and_other_datasets_are_not(made: Made, page: Path, tmp_path: Path) -> None:
    html = _build(made, tmp_path / "index.html", status=made.status)
    assert html == _text(page)
    assert "Of 5 videos: 1 excluded, 1 failed, 2 ok, 1 partial." in html
    assert "the file ends inside frame 7412" in html
    assert "belongs to another dataset" not in html


def test_equal_results_give_equal_bytes(made: Made, page: Path, tmp_path: Path) -> None:
    _build(made, tmp_path / "index.html", status=made.status)
    assert (tmp_path / "index.html").read_bytes() == page.read_bytes()


def test_pictures_show_worst_and_median_frames_of_each_method_under_both(page: Path) -> None:
    html = _text(page)
    for place in (1, 2, 3):
        assert len(re.findall(f"<h4[^>]*>Worst frame {place}: ", html)) == 2
    assert len(re.findall("<h4[^>]*>Median frame: ", html)) == 4
    assert html.count("truth and prediction of topdown") == html.count("truth and prediction of bottomup") == 10


def test_one_method_one_video_no_videos(tmp_path: Path) -> None:
    made = make_results(tmp_path, methods=["topdown"], seeds=[0], n_videos=1, frames_each=3, states=())
    html = _build(made, tmp_path / "index.html", status=made.status)
    assert "nothing to compare" in html
    assert "recording only" in html
    assert "No videos were asked for" in html
    assert "One method alone has no pairs." in html


def test_methods_that_name_animals_are_told_how_often_rightly(tmp_path: Path) -> None:
    made = make_results(tmp_path, methods=["topdown", "multi_class_topdown"], seeds=[0], n_videos=2, frames_each=3)
    html = _build(made, tmp_path / "index.html")
    assert "Own name<" in html
    folder = made.results / "evaluation" / "multi_class_topdown" / "fold0_seed0" / "val"
    identity = read_json(folder / "metrics.json")["identity"]
    told = re.escape(value_of("identity_accuracy", identity["accuracy"]))
    assert re.search(rf"{told}<small>[^<]*of {identity['denominator']}</small>", html)


def test_no_names_are_told_where_no_method_gives_any(page: Path) -> None:
    assert "Own name<" not in _text(page)


def test_all_videos_predicted_is_said(tmp_path: Path, small: Made) -> None:
    status = tmp_path / "status.tsv"
    lines = small.status.read_text(encoding="utf-8").splitlines()
    status.write_text("\n".join([lines[0], *(line for line in lines if "\tok\t" in line)]) + "\n", encoding="utf-8")
    assert "Predicted completely: 2 videos." in _build(small, tmp_path / "index.html", status=status)


def test_labels_from_a_model_are_shouted(tmp_path: Path) -> None:
    made = make_results(tmp_path, seeds=[0], n_videos=2, frames_each=2, label_source="model")
    html = _build(made, tmp_path / "index.html", status=made.status)
    assert re.search(r'class="banner bad"[^>]*>Agreement with an earlier model', html)


def test_the_test_side_says_how_often_it_was_read(tmp_path: Path) -> None:
    made = make_results(tmp_path, seeds=[0], n_videos=2, frames_each=2, side="test")
    html = _build(made, tmp_path / "index.html", side="test")
    assert "is not recorded" in html
    digest = "7e57" + 60 * "0"
    rows = [f"2026-01-01\t{digest}\ttopdown\taa", f"2026-01-02\t{digest}\tbottomup\tbb", "2026-01-02\tother\tx\tcc"]
    ledger = made.results / "evaluation" / "ledger.tsv"
    ledger.write_text("\n".join(["time\ttest_digest\tmethod\tmodels_digest", *rows]) + "\n", encoding="utf-8")
    html = _build(made, tmp_path / "index.html", side="test")
    assert "has scored 2 configurations" in html
    assert "snakemake --profile profiles/local final" in html


#: of every third one a broken version is tried, too: JSON, a table, a log
PIECES = [
    "comparison/val/summary.json",
    "comparison/val/methods.parquet",
    "comparison/val/pairs.parquet",
    "evaluation/topdown/fold0_seed0/val/keypoints.parquet",
    "evaluation/topdown/fold0_seed0/val/instances.parquet",
    "evaluation/topdown/fold0_seed0/val/metrics.json",
    "models/bottomup.unet/fold0_seed0/training_log.csv",
    "models/bottomup.unet/fold0_seed0/model.json",
    "split/fold0/split.json",
]


@pytest.mark.parametrize(
    ("piece", "damage"), [*((piece, "gone") for piece in PIECES), *((piece, "garbage") for piece in PIECES[::3])]
)
def test_a_missing_or_broken_piece_is_a_sentence_not_a_crash(
    small: Made, tmp_path: Path, piece: str, damage: str
) -> None:
    results = tmp_path / "flies"
    shutil.copytree(small.results, results)
    if damage == "gone":
        (results / piece).unlink()
    else:
        (results / piece).write_text("{broken", encoding="utf-8")
    html = _build(Made(results, small.store, small.status), tmp_path / "index.html")
    if not (damage == "gone" and piece.endswith("split.json")):  # folds are found by their split file
        assert piece in html
    assert "The table of video states was not given" in html


def test_results_with_nothing_in_them_give_a_page(tmp_path: Path) -> None:
    nothing = Made(tmp_path / "none", tmp_path / "store.json", tmp_path / "status.tsv")
    html = _build(nothing, tmp_path / "index.html", status=nothing.status)
    assert "No method has been evaluated yet" in html
    assert "could not be read" in html
    assert "The store of decoded frames was not found" in html
