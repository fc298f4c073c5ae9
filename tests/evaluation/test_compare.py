"""Every verdict word, and everything that forbids one (``comparison.md`` rules 2 to 12)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from posewright.config.comparison import OTHER_METRICS
from posewright.config.project import load_project
from posewright.errors import InputError
from posewright.evaluation.compare import compare_methods
from posewright.evaluation.ledger import append_test_evaluation
from posewright.evaluation.question import question_digest
from posewright.evaluation.unit_metrics import metrics_reported
from posewright.plan.methods import MethodPlan

SETTINGS = {"primary": "pck_5px", "margin": 0.02, "baseline": None, "confidence": 0.95}


@pytest.fixture
def compare(tmp_path: Path) -> Any:
    """Run the stage; return summary, pairs of the primary metric, and the folder."""

    def run(folders: list[Path], **settings: Any) -> tuple[dict[str, Any], pd.DataFrame, Path]:
        out = tmp_path / "comparison"
        compare_methods(evaluations=folders, settings={**SETTINGS, **settings}, out=out)
        summary = json.loads((out / "summary.json").read_text())
        pairs = pd.read_parquet(out / "pairs.parquet")
        primary = (pairs["metric"] == summary["primary"]) & (pairs["stratum"] == "all")
        return summary, pairs[primary].reset_index(drop=True), out

    return run


@pytest.fixture
def two(make_truth: Any, make_poses: Any, make_folder: Any) -> Any:
    """Folders of methods ``one`` and ``two`` with the given jitters on the same truth."""

    def make(jitter_one: Any, jitter_two: Any, n_videos: int = 8, n_frames: int = 5, **facts: Any) -> list[Path]:
        truth = make_truth(n_videos=n_videos, n_frames=n_frames)
        return [
            make_folder(name, truth, make_poses(truth, jitter_px=jitter, seed=seed), **facts)
            for seed, (name, jitter) in enumerate((("one", jitter_one), ("two", jitter_two)))
        ]

    return make


def test_the_config_knows_every_metric_that_may_decide() -> None:
    deciding = {metric.name for metric in metrics_reported("pck_5px") if not metric.of_names}
    assert deciding == {"pck_5px", *OTHER_METRICS}


def test_names_are_compared_between_methods_that_name_animals(
    make_truth: Any, make_poses: Any, make_folder: Any, compare: Any
) -> None:
    truth = make_truth(n_videos=8, n_frames=5)
    right = [name for frame in truth.frames for name in frame.tracks]
    wrong = [*right[:-8], *reversed(right[-8:])]
    folders = [
        make_folder(name, truth, make_poses(truth, jitter_px=1.0), predicted_tracks=names)
        for name, names in (("right", right), ("wrong", wrong), ("nameless", None))
    ]
    _, _, out = compare(folders)
    pairs, methods = (pd.read_parquet(out / f"{name}.parquet") for name in ("pairs", "methods"))
    own = methods[(methods["metric"] == "identity_accuracy") & (methods["stratum"] == "all")].set_index("method")
    assert set(own.index) == {"right", "wrong"}
    assert own["estimate"]["right"] == 1.0 > own["estimate"]["wrong"]
    names = pairs[(pairs["metric"] == "identity_accuracy") & (pairs["stratum"] == "all")]
    assert names[["method_a", "method_b"]].to_numpy().tolist() == [["right", "wrong"]]


def test_better_and_worse(two: Any, compare: Any) -> None:
    summary, pairs, _ = compare(two(1.0, 5.0))
    assert pairs["verdict"].tolist() == ["better"]
    assert pairs["n_units"].tolist() == [8]
    assert pairs["low"][0] > 0 and pairs["p_adjusted"][0] < 0.001
    text = summary["sentences"][0]["text"]
    assert text.startswith("For these trained models: one places 100.0 %")
    assert "8 videos" in text and text.endswith("one is better.")
    assert summary["answer"] == text
    summary, pairs, _ = compare(two(5.0, 1.0))
    assert pairs["verdict"].tolist() == ["worse"]
    assert summary["answer"].endswith("two is better.")


def test_lower_errors_are_better(two: Any, compare: Any) -> None:
    summary, pairs, _ = compare(two(1.0, 5.0), primary="median_distance_px", margin=0.5)
    assert (pairs["verdict"][0], pairs["difference"][0] < 0) == ("better", True)
    assert "one has a median error of 1." in summary["answer"] and " px; 8 videos)" in summary["answer"]


def test_equal(two: Any, compare: Any) -> None:
    summary, pairs, _ = compare(two(1.0, 1.0))
    assert pairs["verdict"].tolist() == ["equal"]
    assert summary["answer"].endswith("the 90 % interval lies within 2.0 percentage points.")


def test_undecided(two: Any, compare: Any) -> None:
    summary, pairs, _ = compare(two(4.0, 4.05, n_frames=3))
    assert pairs["verdict"].tolist() == ["undecided"]
    assert pairs["low"][0] < 0 < pairs["high"][0]
    assert summary["answer"].endswith("allow no difference as well as one above the margin of 2.0 percentage points.")


def test_fewer_than_six_units_give_estimates_only(two: Any, compare: Any) -> None:
    summary, pairs, out = compare(two(1.0, 9.0, n_videos=5))
    assert pairs["verdict"].tolist() == ["undecided"]
    assert pairs[["low", "high", "p", "p_adjusted"]].isna().all(axis=None)
    assert pairs["difference"][0] > 0.3
    assert "at least 6 independent units, here: 5 videos" in summary["answer"]
    assert len(summary["sentences"][0]["unit_differences"]) == 5
    assert pd.read_parquet(out / "methods.parquet")["low"].isna().all()


def test_one_recording_is_said_and_blocks_are_units(
    make_truth: Any, make_poses: Any, make_folder: Any, compare: Any
) -> None:
    truth = make_truth(n_frames=60)
    units = {frame.key: f"v0/b{frame.frame // 6}" for frame in truth.frames}
    folders = [
        make_folder(name, truth, make_poses(truth, jitter), unit="block", units=units)
        for name, jitter in (("one", 1.0), ("two", 6.0))
    ]
    summary, pairs, _ = compare(folders)
    assert summary["banner"] == "conclusions concern this recording only"
    assert summary["unit"]["kind"] == "block" and summary["unit"]["n"] == 10
    assert pairs["verdict"].tolist() == ["better"]
    assert "10 time blocks" in summary["answer"]


def test_blocks_of_several_videos_count_as_videos(
    make_truth: Any, make_poses: Any, make_folder: Any, compare: Any
) -> None:
    truth = make_truth(n_videos=2, n_frames=60)
    units = {frame.key: f"v{frame.video}/b{frame.frame // 6}" for frame in truth.frames}
    folders = [
        make_folder(name, truth, make_poses(truth, jitter), unit="block", units=units)
        for name, jitter in (("one", 1.0), ("two", 6.0))
    ]
    summary, pairs, _ = compare(folders)
    assert (summary["unit"]["kind"], pairs["n_units"][0], pairs["verdict"][0]) == ("video", 2, "undecided")
    assert any("not independent" in condition for condition in summary["conditions"])


def test_labels_of_a_model_give_no_verdict(two: Any, compare: Any) -> None:
    summary, pairs, _ = compare(two(1.0, 6.0, label_source="model"))
    assert summary["banner"] == "agreement with an earlier model"
    assert pairs["verdict"].tolist() == ["undecided"]
    assert pairs["p"].isna().all()
    assert "agreement with that model" in summary["answer"]


@pytest.mark.parametrize(
    ("budget_one", "verdict", "words"),
    [
        ({"converged": True, "seconds": 999.0, "trials": 9}, "better", ""),
        ({"converged": False, "seconds": 62.0, "trials": 1}, "better", "one is not converged"),
        ({"converged": False, "seconds": 90.0, "trials": 1}, "undecided", "budgets differ"),
        ({"converged": False, "seconds": 60.0, "trials": 5}, "undecided", "budgets differ"),
        ({"converged": None, "seconds": None, "trials": 1}, "undecided", "not recorded"),
    ],
)
def test_budgets(
    make_truth: Any,
    make_poses: Any,
    make_folder: Any,
    compare: Any,
    budget_one: dict[str, Any],
    verdict: str,
    words: str,
) -> None:
    truth = make_truth(n_videos=8)
    base = {"steps": 100, "parameters": 10}
    other = {**base, "converged": True, "seconds": 60.0, "trials": 1}
    folders = [
        make_folder("one", truth, make_poses(truth, 1.0), budget={**base, **budget_one}),
        make_folder("two", truth, make_poses(truth, 6.0), budget=other),
    ]
    summary, pairs, _ = compare(folders)
    assert pairs["verdict"].tolist() == [verdict]
    assert words in " ".join([summary["answer"], *summary["conditions"]])
    assert summary["budgets"]["one"]["converged"] is budget_one["converged"]


def test_holm_makes_the_family_pay(make_truth: Any, make_poses: Any, make_folder: Any, compare: Any) -> None:
    truth = make_truth(n_videos=8)
    jitters = {"one": 1.0, "three": 4.0, "two": 3.9}
    folders = [make_folder(name, truth, make_poses(truth, jitter, seed=7)) for name, jitter in jitters.items()]
    summary, pairs, _ = compare(folders)
    assert len(pairs) == 3
    assert (pairs["p_adjusted"] >= pairs["p"]).all()
    assert summary["answer"].startswith("For these trained models: one places")
    assert "It is better than three and two." in summary["answer"]
    against, few, _ = compare(folders, baseline="two")
    assert sorted(few["method_a"]) == ["one", "three"] and set(few["method_b"]) == {"two"}
    assert against["question_digest"] != summary["question_digest"]


def test_what_the_config_asks_is_what_is_compared(two: Any, tmp_path: Path) -> None:
    asked = {"primary": "median_distance_px", "margin": 0.5, "baseline": "two", "confidence": 0.9}
    methods = {name: {"type": "bottomup", "recipes": ["r"]} for name in ("one", "two")}
    project = load_project(
        {"datasets": {"flies": {}}, "recipes": {"r": "r.yaml"}, "methods": methods, "compare": asked}
    )
    plan = MethodPlan(project, {})
    settings = json.loads(plan.comparison_settings())
    compare_methods(evaluations=two(1.0, 5.0), settings=settings, out=tmp_path / "comparison")
    summary = json.loads((tmp_path / "comparison" / "summary.json").read_text())
    assert {name: summary[name] for name in asked} == asked
    assert summary["question_digest"] == plan.question()


def test_a_question_changed_after_the_first_look_at_the_test_gets_no_verdict(two: Any, tmp_path: Path) -> None:
    folders, ledger = two(1.0, 5.0, side="test"), tmp_path / "ledger.tsv"

    def verdict(**changes: Any) -> tuple[str, str]:
        out = tmp_path / "comparison"
        compare_methods(evaluations=folders, settings={**SETTINGS, **changes}, out=out, ledger=ledger)
        summary = json.loads((out / "summary.json").read_text())
        return summary["sentences"][0]["verdict"], " ".join([summary["answer"], *summary["conditions"]])

    word, text = verdict()
    assert word == "better" and "was not recorded when" in text
    digest = question_digest(SETTINGS, ["two", "one"])
    for question in (digest, "another one"):
        append_test_evaluation(ledger, test_digest="digest0", method="one", models_digest="1", question=question)
    word, text = verdict()
    assert word == "better" and "is the one that stood when" in text
    word, text = verdict(margin=0.01)
    assert word == "undecided" and "the question was changed after these frames had first been scored" in text


def test_five_seeds_speak_of_the_methods(make_truth: Any, make_poses: Any, make_folder: Any, compare: Any) -> None:
    truth = make_truth(n_videos=8)
    folders = [
        make_folder(name, truth, make_poses(truth, jitter, seed=seed), seed=seed)
        for name, jitter in (("one", 1.0), ("two", 6.0))
        for seed in range(5)
    ]
    summary, pairs, out = compare(folders)
    assert summary["answer"].startswith("one places")
    assert pairs["verdict"].tolist() == ["better"]
    assert set(pd.read_parquet(out / "methods.parquet")["n_seeds"]) == {5}


def test_folds_with_units_of_their_own(make_truth: Any, make_poses: Any, make_folder: Any, compare: Any) -> None:
    """Four folds of two videos: eight units, and an interval with three degrees of freedom."""
    whole = make_truth(n_videos=8)
    folders = []
    for fold in range(4):
        truth = whole.only([frame.key for frame in whole.frames if frame.video // 2 == fold])
        for name, jitter in (("one", 1.0), ("two", 6.0)):
            folders.append(make_folder(name, truth, make_poses(truth, jitter, seed=fold), fold=fold))
    summary, pairs, _ = compare(folders)
    assert (pairs["n_units"][0], pairs["verdict"][0]) == (8, "better")
    half = (pairs["high"][0] - pairs["low"][0]) / 2
    means = np.array(list(summary["sentences"][0]["unit_differences"].values())).reshape(4, 2).mean(axis=1)
    spread = np.sqrt((1 / 4 + 12 / 100) * means.var(ddof=1))
    assert half == pytest.approx(3.1824463 * spread, rel=1e-5)


def test_one_method_alone(make_truth: Any, make_poses: Any, make_folder: Any, compare: Any) -> None:
    truth = make_truth(n_videos=8)
    summary, pairs, out = compare([make_folder("one", truth, make_poses(truth, 1.0))])
    assert pairs.empty and summary["sentences"] == []
    assert summary["answer"].endswith("It is the only method, so there is nothing to compare.")
    assert len(pd.read_parquet(out / "methods.parquet")) > 5


def test_distances_between_methods_use_nodes_both_found(
    make_truth: Any, make_poses: Any, make_folder: Any, compare: Any
) -> None:
    """A method that drops its worst nodes must not look better on the nodes it kept."""
    truth = make_truth(n_videos=8)
    honest = make_poses(truth, 4.0)
    distance = np.linalg.norm(honest.points - np.concatenate([f.points for f in truth.frames]), axis=-1)
    picky_points = np.where((distance > 4.0)[..., None], np.nan, honest.points)
    picky = make_poses(truth).with_points(picky_points)
    folders = [make_folder("honest", truth, honest), make_folder("picky", truth, picky)]
    _, pairs, out = compare(folders, primary="median_distance_px", margin=0.01)
    assert (pairs["verdict"][0], pairs["difference"][0]) == ("equal", 0.0)
    methods = pd.read_parquet(out / "methods.parquet").set_index(["metric", "stratum", "method"])["estimate"]
    assert methods["median_distance_px", "all", "picky"] < methods["median_distance_px", "all", "honest"]
    assert methods["coverage", "all", "picky"] < methods["coverage", "all", "honest"]


def test_incomplete_labels_leave_false_positives_out(two: Any, compare: Any) -> None:
    _, _, whole = compare(two(1.0, 2.0))
    assert "extra_per_animal" in set(pd.read_parquet(whole / "methods.parquet")["metric"])
    summary, _, out = compare(two(1.0, 2.0, complete=False))
    assert "extra_per_animal" not in set(pd.read_parquet(out / "methods.parquet")["metric"])
    assert any("not computed" in condition for condition in summary["conditions"])


def test_low_average_precision_decides_nothing(two: Any, compare: Any) -> None:
    summary, pairs, _ = compare(two(6.0, 12.0))
    assert any("AP decides nothing" in condition for condition in summary["conditions"])
    assert pairs["verdict"].tolist() == ["better"]  # PCK still may
    _, pairs, _ = compare(two(6.0, 12.0), primary="oks")
    assert pairs["verdict"].tolist() == ["undecided"]


def test_methods_without_a_common_training_are_not_compared(
    make_truth: Any, make_poses: Any, make_folder: Any, compare: Any
) -> None:
    truth = make_truth(n_videos=8)
    folders = [make_folder(name, truth, make_poses(truth, 1.0), seed=seed) for seed, name in enumerate(("one", "two"))]
    summary, pairs, _ = compare(folders)
    assert (pairs["verdict"][0], pairs["n_units"][0]) == ("undecided", 0)
    assert summary["answer"].startswith("one and two are not compared: the two methods share no fold and seed")


def test_strata_are_described_not_judged(make_truth: Any, make_poses: Any, make_folder: Any, compare: Any) -> None:
    near, far = make_truth(n_videos=8, apart_px=60.0), make_truth(n_videos=8)
    frames = tuple(a if a.frame % 2 else b for a, b in zip(near.frames, far.frames, strict=True))
    truth = type(near)(near.skeleton, near.videos, frames)
    folders = [make_folder(name, truth, make_poses(truth, jitter)) for name, jitter in (("one", 1.0), ("two", 6.0))]
    _, _, out = compare(folders)
    pairs = pd.read_parquet(out / "pairs.parquet")
    assert set(pairs["stratum"]) >= {"all", "apart", "crowded", "clear", "covered"}
    judged = pairs["verdict"].notna()
    assert judged.sum() == 1 and pairs.loc[judged, "stratum"].tolist() == ["all"]


def test_what_cannot_be_compared_is_an_error(
    two: Any, compare: Any, make_truth: Any, make_poses: Any, make_folder: Any
) -> None:
    folders = two(1.0, 2.0)
    with pytest.raises(InputError, match="no evaluation to compare"):
        compare([])
    with pytest.raises(InputError, match="did you mean 'median_distance_px'"):
        compare(folders, primary="median_distance")
    with pytest.raises(InputError, match="baseline names 'tow'"):
        compare(folders, baseline="tow")
    truth = make_truth(n_videos=8)
    other = make_folder("three", truth, make_poses(truth), test_digest="another")
    with pytest.raises(InputError, match="differ in test_digest"):
        compare([*folders, other])
    with pytest.raises(InputError, match="comes twice"):
        compare([*folders, folders[0]])


def test_scores_by_other_sigmas_are_not_compared(two: Any, compare: Any) -> None:
    folders = two(1.0, 5.0, n_videos=2)
    path = folders[1] / "metrics.json"
    metrics = json.loads(path.read_text())
    metrics["oks"]["sigma"] = {"nose": 0.01}
    path.write_text(json.dumps(metrics))
    with pytest.raises(InputError, match=r"differ in oks\.sigma"):
        compare(folders)
