"""The whole chain for real: synthetic animals, tiny budgets, every rule with its own script."""

from __future__ import annotations

import csv
import json
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sleap_io
import yaml

from posewright.config.stages import STAGE_VERSION
from posewright.crate import write_crate
from posewright.discretion import PRIVATE_VARIABLE
from posewright.evaluation.origins import SEPARATE
from posewright.files import digest_of, file_digest, read_json
from posewright.prediction.poses import read_poses
from posewright.records import read_records
from posewright.shapes import Size
from posewright.synthetic.dataset import make_dataset
from posewright.synthetic.spec import ArenaSpec

from .tiny_project import ON_REQUEST, ROOT, Project, write_yaml

pytestmark = pytest.mark.long

N_FRAMES = 30
N_RECORDINGS = 4
RECIPES = ("centroid", "centered_instance", "bottomup")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project run once: four recordings, of which one video is then missing from the sheet's folder."""
    project = Project(tmp_path_factory.mktemp("chain"), ROOT)
    arena = ArenaSpec(
        n_recordings=N_RECORDINGS, n_frames=N_FRAMES, n_labeled=12, size=Size(192, 192), animal_length_px=50.0
    )
    make_dataset(arena, project.folder / "data")
    sheet = project.folder / "data" / "videos.tsv"
    head = sheet.read_text().splitlines()[0].split("\t")
    rows = sheet.read_text() + "\t".join(["gone", "videos/gone.mp4"] + [""] * (len(head) - 2)) + "\n"
    sheet.write_text(rows.replace("videos/", f"{project.folder}/data/videos/"))
    for name in RECIPES:
        recipe = yaml.safe_load((ROOT / "config" / "recipes" / "demo" / f"{name}.yaml").read_text())
        recipe["posewright"] = {"max_steps": 20}
        recipe["trainer_config"] |= {"min_train_steps_per_epoch": 10, "max_epochs": 2}
        write_yaml(project.recipe(name), recipe)
    write_yaml(
        project.folder / "config" / "config.yaml",
        {
            "datasets": {"synthetic": {"labels": ["data/labels.slp"], "label_source": "human", "complete": True}},
            "split": {"by": "session", "val": 0.25, "test": 0.25},
            "recipes": {name: f"config/recipes/{name}.yaml" for name in RECIPES},
            "methods": {
                "topdown": {"type": "topdown", "recipes": ["centroid", "centered_instance"]},
                "bottomup": {"type": "bottomup", "recipes": ["bottomup"]},
                "frozen": {"type": "bottomup", "release": "first"},
            },
            "releases": {"first": {"method": "bottomup"}},
            "videos": "data/videos.tsv",
            "speed": {"seconds": 0.1},
            "learning_curve": {"percent": [50]},
            "predict": {"releases": ["dev-topdown", "dev-bottomup"], "batch": {"count": 3}, "max_failed_fraction": 0.5},
            "provenance": {"private": True},
        },
    )
    done = project.snakemake("--show-failed-logs")
    assert done.code == 0, done.text
    return project


def test_a_second_run_has_nothing_to_do(made: Project) -> None:
    assert made.dry_run().nothing


def test_the_answer_and_the_page_are_there(made: Project) -> None:
    results = made.folder / "results" / "synthetic"
    assert json.loads((results / "comparison" / "val" / "summary.json").read_text())["answer"]
    assert "<html" in (results / "report" / "index.html").read_text().lower()


def test_every_video_has_its_files_and_its_state(made: Project) -> None:
    with (made.folder / "results" / "status.tsv").open(newline="") as stream:
        rows = list(csv.DictReader(stream, delimiter="\t"))
    assert len(rows) == 2 * (N_RECORDINGS + 1)
    states = {(row["video"], row["state"], row["reason"]) for row in rows}
    assert ("gone", "failed", "missing") in states
    assert all(state == "ok" for video, state, _ in states if video != "gone")
    for row in rows:
        folder = made.folder / "results" / "synthetic" / "videos" / row["release"] / row["video"]
        names = {path.name for path in folder.iterdir()}
        assert names == {"poses.parquet", "frames.parquet", "poses.slp", "status.json"}


def test_the_slp_file_holds_the_instances_of_the_table(made: Project) -> None:
    folder = made.folder / "results" / "synthetic" / "videos" / "dev-bottomup" / "recording_1"
    table = read_poses(folder / "poses.parquet")
    labels = sleap_io.load_slp(str(folder / "poses.slp"), open_videos=False)
    assert sum(len(frame.instances) for frame in labels) == len(table[["frame", "instance"]].drop_duplicates())


def test_a_release_is_compared_and_scores_as_the_method_it_was_made_of(made: Project) -> None:
    results = made.folder / "results" / "synthetic"
    scores = {
        method: json.loads((results / f"evaluation/{method}/fold0_seed0/val/metrics.json").read_text())
        for method in ("frozen", "bottomup")
    }
    assert scores["frozen"]["training_data"]["status"] == "separate"
    assert scores["frozen"]["thresholds"]["source"] == "release"
    for key in ("counts", "oks", "pck", "distance_px"):
        assert scores["frozen"][key] == scores["bottomup"][key]
    pairs = pd.read_parquet(results / "comparison/val/pairs.parquet")
    assert {"frozen", "topdown"} in [{a, b} for a, b in zip(pairs["method_a"], pairs["method_b"], strict=True)]


def test_chosen_checkpoints_are_those_that_are_scored_and_released(made: Project, tmp_path: Path) -> None:
    project = made.copy(tmp_path / "project")
    project.change_config(compare={"checkpoints": "primary", "primary": "mean_distance_capped_px"})
    results = Path("results/synthetic")
    scored = results / "evaluation/topdown/fold0_seed0/test/metrics.json"
    targets = [str(scored), str(results / "releases/dev-topdown/release.json")]
    done = project.snakemake("--show-failed-logs", *targets)
    assert done.code == 0, done.text
    assert project.dry_run(*targets).nothing
    cards = []
    for recipe in RECIPES[:2]:
        place = f"{recipe}/fold0_seed0/model.json"
        trained, chosen = (read_json(project.folder / results / one / place) for one in ("models", "chosen/topdown"))
        tried = chosen["training"]["choice"]["candidates"]
        value = min(one["value"] for one in tried)
        assert chosen["training"]["choice"]["value"] == value
        assert tried[0]["val_loss"] == pytest.approx(trained["training"]["val_loss"])
        assert trained == read_json(made.folder / results / "models" / place) | {"training": trained["training"]}
        cards.append(chosen["weights_sha256"])
    metrics = read_json(project.folder / scored)
    assert metrics["models_digest"] == digest_of(sorted(cards))
    assert metrics["budget"]["chosen_by"] == 2 * ["mean_distance_capped_px"]
    assert metrics["training_data"]["status"] == SEPARATE
    with zipfile.ZipFile(project.folder / results / "releases/dev-topdown/dev-topdown.posewright") as bundle:
        manifest = json.loads(bundle.read("release.json"))
    assert sorted(model["weights_sha256"] for model in manifest["models"]) == sorted(cards)


def test_final_scores_the_test_frames_with_the_same_models(made: Project) -> None:
    done = made.dry_run("final")
    assert done.rules == {"evaluate_method", "compare_methods", "build_report"}
    assert made.snakemake("final").code == 0
    assert (made.folder / "results" / "synthetic" / "report" / "final.html").exists()
    assert made.dry_run().nothing


def test_speed_and_the_learning_curve_are_made_on_request_and_come_onto_the_page(made: Project) -> None:
    done = made.snakemake("speed", "learning_curve", "--show-failed-logs")
    assert done.code == 0, done.text
    results = made.folder / "results" / "synthetic"
    speed = json.loads((results / "speed" / "speed.json").read_text())
    assert speed["rounds"] == 5 and {tuple(sorted(order)) for order in speed["order"]} == {
        ("bottomup", "frozen", "topdown")
    }
    for method in speed["methods"].values():
        conditions = {timing["condition"] for timing in method["timings"]}
        assert conditions == {"start_up", "in_memory", "video"}
        assert method["agreement"]["same"] or not method["agreement"]["nodes"]  # 20 steps may find nothing at all
        assert method["memory_mb"] < speed["memory_cap_mb"]
    gains = json.loads((results / "learning_curve" / "summary.json").read_text())["gains"]
    assert {gain["method"] for gain in gains} == {"bottomup", "topdown"}
    assert all(gain["from_frames"] < gain["to_frames"] for gain in gains)
    part, whole = (
        json.loads((results / "models" / "bottomup" / f"{fold}_seed0" / "model.json").read_text())["training"]
        for fold in ("fold0_part50", "fold0")
    )
    assert part["steps"] == whole["steps"] and part["train_samples"] < whole["train_samples"]
    assert made.dry_run().rules == {"build_report"}
    assert made.snakemake().code == 0
    page = (results / "report" / "index.html").read_text()
    assert 'id="cost"' in page and 'id="learning"' in page
    assert made.dry_run().nothing


def test_logs_and_benchmarks_of_every_stage_are_there(made: Project) -> None:
    for kind in ("logs", "benchmarks"):
        found = {path.name for path in (made.folder / kind).iterdir()}
        scripts = {path.stem for path in (ROOT / "scripts").glob("*.py")}
        assert scripts - ON_REQUEST <= found <= scripts, kind
    assert all(path.read_text() for path in (made.folder / "benchmarks").rglob("*.tsv"))


def test_every_artefact_has_its_record_and_a_row_in_the_table(made: Project) -> None:
    results = made.folder / "results"
    with (results / "provenance.tsv").open(newline="") as stream:
        rows = {row["artefact"]: row for row in csv.DictReader(stream, delimiter="\t")}
    stages = {row["stage"] for row in rows.values()}
    assert stages - ON_REQUEST == set(STAGE_VERSION) - ON_REQUEST - {"publish_video", "collect_status"}
    assert {f"videos/{path.parent.parent.name}/{path.parent.name}" for path in results.rglob("status.json")} < set(rows)
    for artefact in read_records(results / "synthetic"):
        outputs = artefact.record["outputs"]
        assert artefact.name in rows and (outputs or artefact.record["stage"] == "predict_videos")
        for path in artefact.files():
            assert path.name not in outputs or outputs[path.name]["sha256"] == file_digest(path), path


def test_a_private_project_names_no_host_and_no_place(made: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Videos were given by absolute paths; a crate is part of what is published."""
    monkeypatch.setenv(PRIVATE_VARIABLE, "1")
    monkeypatch.chdir(made.folder)
    assert write_crate(Path("results/synthetic")) == []
    assert {one.record["machine"]["host"] for one in read_records(Path("results/synthetic"))} == {None}
    names = [name for name in (made.folder.parent.name, platform.node()) if len(name) > 4]  # shorter: in any bytes
    kept = [str(made.folder), f"{Path.home()}/", *names]
    for path in sorted(Path("results").rglob("*")):
        if not path.is_file():
            continue
        text = path.read_bytes().decode("latin-1")
        if path.suffix == ".parquet":
            text = pd.read_parquet(path).to_csv()
        if path.suffix == ".slp":
            labels = sleap_io.load_slp(str(path), open_videos=False)
            text += " ".join(str(video.filename) for video in labels.videos)
        assert not [word for word in kept if word in text], path


def test_a_script_works_by_hand(made: Project, tmp_path: Path) -> None:
    status = next((made.folder / "results").rglob("status.json"))
    words = ["--out", str(tmp_path / "status.tsv"), "--statuses", str(status)]
    subprocess.run([sys.executable, str(ROOT / "scripts" / "collect_status.py"), *words], check=True)
    assert (tmp_path / "status.tsv").read_text().count("\n") == 2


def test_a_second_clean_run_is_equal_to_the_bit(made: Project, tmp_path: Path) -> None:
    """Split, weights and metrics; only what was measured with a clock may differ."""
    again = Project(tmp_path, ROOT)
    for name in ("data", "config"):
        shutil.copytree(made.folder / name, again.folder / name, dirs_exist_ok=True)
    metrics = [f"results/synthetic/evaluation/{m}/fold0_seed0/val/metrics.json" for m in ("topdown", "bottomup")]
    done = again.snakemake(*metrics)
    assert done.code == 0, done.text
    for file in ("split/fold0/split.json", *(f"models/{recipe}/fold0_seed0/model.json" for recipe in RECIPES)):
        assert timeless(again.folder / "results/synthetic" / file) == timeless(made.folder / "results/synthetic" / file)
    for file in metrics:
        assert timeless(again.folder / file) == timeless(made.folder / file)


_TIMED = ("seconds", "frames_per_s", "bundle")


def test_poisoned_test_labels_change_nothing_but_test_metrics(made: Project, tmp_path: Path) -> None:
    """All labels of the test frames are moved: what learns, chooses, tunes or predicts stays as it was to the bit."""
    assert made.snakemake("final").code == 0
    clean = made.folder / "results" / "synthetic"
    split = json.loads((clean / "split" / "fold0" / "split.json").read_text())
    test_frames = {(video, frame) for video, frame, _, side in split["units"] if side == "test"}
    again = Project(tmp_path, ROOT)
    for name in ("data", "config"):
        shutil.copytree(made.folder / name, again.folder / name, dirs_exist_ok=True)
    path = again.folder / "data" / "labels.slp"
    labels = sleap_io.load_slp(str(path), open_videos=False)
    moved = 0
    for frame in labels.labeled_frames:
        if (labels.videos.index(frame.video), frame.frame_idx) in test_frames:
            for instance in frame.instances:
                instance.points["xy"] += 11.0
                moved += 1
    labels.save(str(path), verbose=False)
    assert moved >= 12
    done = again.snakemake("all", "final", "--show-failed-logs")
    assert done.code == 0, done.text
    poisoned = again.folder / "results" / "synthetic"
    for recipe in RECIPES:
        file = f"models/{recipe}/fold0_seed0/model.json"
        assert timeless(poisoned / file) == timeless(clean / file)
    for method in ("topdown", "bottomup"):
        run = f"evaluation/{method}/fold0_seed0"
        for file in (f"{run}/val/metrics.json", f"{run}/val/thresholds.json", f"releases/dev-{method}/release.json"):
            assert timeless(poisoned / file) == timeless(clean / file), file
        for table in ("instances", "keypoints", "curve"):
            file = f"{run}/val/{table}.parquet"
            pd.testing.assert_frame_equal(pd.read_parquet(poisoned / file), pd.read_parquet(clean / file))
        chosen = json.loads((poisoned / run / "test" / "metrics.json").read_text())["thresholds"]
        assert chosen == json.loads((clean / run / "val" / "metrics.json").read_text())["thresholds"]
    scored, before = (
        pd.read_parquet(place / "evaluation/topdown/fold0_seed0/test/keypoints.parquet") for place in (poisoned, clean)
    )
    np.testing.assert_allclose(scored["true_x"], before["true_x"] + 11.0)  # the poison did arrive there
    for file in sorted((clean / "videos").rglob("poses.parquet")):
        other = poisoned / file.relative_to(clean)
        pd.testing.assert_frame_equal(read_poses(other), read_poses(file))


def timeless(path: Path) -> Any:
    """Return a JSON file without seconds and rates, nor the digest of a bundle, whose provenance tells them."""

    def without(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: without(item) for key, item in value.items() if key not in _TIMED}
        return [without(item) for item in value] if isinstance(value, list) else value

    return without(json.loads(path.read_text()))
