"""Real projects as they come: from their own label files to a split and decoded frames, without training."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from posewright.check import check_inputs
from posewright.files import read_json
from posewright.labels.digest import labels_digest
from posewright.labels.read import read_labels
from posewright.labels.split import leakage, split_labels, write_split
from posewright.plan import Plan
from posewright.samples.store import FrameStore, store_frames


@pytest.mark.parametrize("spelled", ["config.yaml", ".", "labeled-data/m4s1/CollectedData_Pranav.csv"])
def test_a_deeplabcut_project_needs_no_conversion(shared_data: Path, tmp_path: Path, spelled: str) -> None:
    project = shared_data / "mouse-openfield"
    labels_file = project / spelled
    config: dict[str, Any] = {
        "datasets": {"mouse": {"labels": [str(labels_file)]}},
        "split": {"by": "block", "block_frames": 8},
        "work_dir": str(tmp_path / "work"),
    }
    plan = Plan.load(config)
    assert plan.labelled == ["mouse"]
    assert plan.label_digests["mouse"] == (labels_digest(labels_file),) == (labels_digest(project / "config.yaml"),)
    assert plan.split_identity("mouse") == Plan.load(config).split_identity("mouse")

    check_inputs(plan.project, "mouse", tmp_path / "check.json")
    facts = read_json(tmp_path / "check.json")
    assert facts["labels"]["frames"] == 116

    labels = read_labels(**plan.project.datasets["mouse"].reading())
    split = split_labels(labels, by="block", val=0.1, test=0.2, block_frames=8)
    assert all(side.frames for side in (split.train, split.val, split.test))
    assert leakage(split)["groups_on_two_sides"] == []
    assert facts["split"][0]["digest"] == split.digest
    write_split(split, tmp_path / "split")
    assert read_labels([tmp_path / "split" / "val.slp"]).frames == split.val.frames

    store_frames(labels, tmp_path / "store" / "store.json")
    store = FrameStore(tmp_path / "store" / "store.json")
    assert store.keys == tuple(frame.key for frame in labels.frames)
    assert min(store[store.keys[-1]].shape[:2]) > 100
