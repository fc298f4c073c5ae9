"""Real projects as they come: from their own label files to a split, decoded frames and predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from posewright.check import check_inputs
from posewright.config.project import load_project
from posewright.files import read_json
from posewright.labels.digest import labels_digest
from posewright.labels.duplicates import leakage_by_looks
from posewright.labels.read import read_labels
from posewright.labels.sides import Side
from posewright.labels.split import SIDES, Split, leakage, split_labels, write_split
from posewright.plan import Plan
from posewright.samples.store import FrameStore, store_frames

from .workflow.tiny_project import ROOT, Project


@pytest.mark.parametrize("spelled", ["config.yaml", ".", "labeled-data/m4s1/CollectedData_Pranav.csv"])
def test_a_deeplabcut_project_needs_no_conversion(shared_data: Path, tmp_path: Path, spelled: str) -> None:
    project = shared_data / "mouse-openfield"
    labels_file = project / spelled
    config: dict[str, Any] = {
        "datasets": {"mouse": {"labels": [str(labels_file)], "label_source": "human"}},
        "split": {"by": "block", "block_frames": 8, "gap_frames": 1},
        "work_dir": str(tmp_path / "work"),
    }
    plan = Plan.load(config)
    assert plan.labels.labelled == ["mouse"]
    assert plan.labels.digests["mouse"] == (labels_digest(labels_file),) == (labels_digest(project / "config.yaml"),)
    assert plan.labels.split_identity("mouse") == Plan.load(config).labels.split_identity("mouse")

    check_inputs(plan.project, "mouse", tmp_path / "check.json")
    facts = read_json(tmp_path / "check.json")
    assert facts["labels"]["frames"] == 116

    labels = read_labels(**plan.project.datasets["mouse"].reading())
    split = split_labels(labels, by="block", val=0.1, test=0.2, block_frames=8, gap_frames=1)
    assert all(side.frames for side in (split.train, split.val, split.test))
    assert leakage(split)["groups_on_two_sides"] == []
    assert facts["split"][0]["digest"] == split.digest
    write_split(split, tmp_path / "split")
    assert read_labels([tmp_path / "split" / "val.slp"]).frames == split.val.frames

    store_frames(labels, tmp_path / "store" / "store.json")
    store = FrameStore(tmp_path / "store" / "store.json")
    assert store.keys == tuple(frame.key for frame in labels.frames)
    assert min(store[store.keys[-1]].shape[:2]) > 100


@pytest.mark.parametrize("name", ["mouse-openfield", "flies-wide", "mice-home"])
def test_original_files_and_a_short_config_are_enough(shared_data: Path, tmp_path: Path, name: str) -> None:
    text = SHORT[name].format(data=shared_data / name, work=tmp_path / "work")
    assert len(text.strip().splitlines()) < 15
    recipes = ROOT / "config" / "recipes"
    project = load_project(yaml.safe_load(text.replace("recipes/", f"{recipes}/")))
    check_inputs(project, "data", tmp_path / "check.json")
    facts = read_json(tmp_path / "check.json")
    labels = read_labels(**project.datasets["data"].reading())
    split = split_labels(
        labels,
        by="block",
        val=project.split.val,
        test=project.split.test,
        block_frames=project.split.block_frames,
        gap_frames=3,
    )
    assert (facts["split"][0]["val"], facts["split"][0]["test"]) == (len(split.val.frames), len(split.test.frames))
    assert facts["labels"]["files"][0]["label_source"] == ("model" if name == "flies-wide" else "human")
    kept = [frame.key for frame in labels.frames][:60]  # decoding all of a film is another test's
    store_frames(labels.only(kept), tmp_path / "store" / "store.json")
    assert len(FrameStore(tmp_path / "store" / "store.json")) == len(kept)
    looks = leakage_by_looks(FrameStore(tmp_path / "store" / "store.json"), _among(split, kept))
    write_split(split, tmp_path / "split", looks)
    assert read_json(tmp_path / "split" / "split.json")["leakage"]["near_duplicates"] == looks


@pytest.mark.long
@pytest.mark.parametrize("name", ["mouse-openfield", "flies-wide", "mice-home"])
def test_they_lead_to_predictions(shared_data: Path, tmp_path: Path, name: str) -> None:
    film = "videos/m3v1mp4.mp4" if name == "mouse-openfield" else "video.mp4"
    method = "single" if name == "mouse-openfield" else "topdown"
    text = SHORT[name].format(data=shared_data / name, work="work").strip().replace("recipes/", "config/recipes/")
    text += f"\nvideos: videos.tsv\npredict: {{releases: [dev-{method}]}}\n"
    assert len(text.splitlines()) < 15
    (tmp_path / "config" / "recipes").mkdir(parents=True)
    (tmp_path / "config" / "config.yaml").write_text(text)
    (tmp_path / "videos.tsv").write_text(f"video\tpath\tstop\nfilm\t{shared_data / name / film}\t6\n")
    for recipe in ("single_instance", "centroid", "centered_instance"):
        shipped = (ROOT / "config" / "recipes" / f"{recipe}.unet.yaml").read_text()
        quick = shipped.replace("filters: 16", "filters: 4") + "\nposewright: {max_steps: 2}\n"
        (tmp_path / "config" / "recipes" / f"{recipe}.unet.yaml").write_text(quick)
    Project(tmp_path, ROOT).run("results/status.tsv")
    split = read_json(tmp_path / "results" / "data" / "split" / "fold0" / "split.json")
    assert split["gap_frames"] >= 1, split["gap_reason"]
    found = tmp_path / "results" / "data" / "videos" / f"dev-{method}" / "film"
    status = read_json(found / "status.json")
    assert (status["state"], status["frames_predicted"]) == ("ok", 6)
    assert {"poses.parquet", "frames.parquet", "poses.slp"} <= {path.name for path in found.iterdir()}


def _among(split: Split, kept: list[tuple[int, int]]) -> dict[Side, list[tuple[int, int]]]:
    return {side: [frame.key for frame in getattr(split, side).frames if frame.key in set(kept)] for side in SIDES}


_TOPDOWN = """
recipes:
  centroid: recipes/centroid.unet.yaml
  instance: recipes/centered_instance.unet.yaml
methods:
  topdown: {{type: topdown, recipes: [centroid, instance]}}
work_dir: {work}
"""
SHORT = {
    "mouse-openfield": """
datasets:
  data: {{labels: [{data}/config.yaml], label_source: human}}
split: {{block_frames: 8}}
recipes:
  single: recipes/single_instance.unet.yaml
methods:
  single: {{type: single_instance, recipes: [single]}}
work_dir: {work}
""",
    "flies-wide": "datasets:\n  data: {{labels: [{data}/labels.slp], label_source: model}}\n" + _TOPDOWN,
    "mice-home": "datasets:\n  data: {{labels: [{data}/labels.slp], label_source: human}}\nsplit: {{block_frames: 5}}\n"
    + _TOPDOWN,
}
