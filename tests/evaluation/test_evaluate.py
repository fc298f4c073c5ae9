"""The stage, with a real (untrained) model on a real labelled video, and its small decisions."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import sleap_io
import torch

from posewright.config.recipe import load_recipe
from posewright.errors import InputError
from posewright.evaluation.compare import compare_methods
from posewright.evaluation.evaluate import evaluate_method
from posewright.evaluation.ledger import configurations_scored
from posewright.evaluation.reading import in_node_order
from posewright.evaluation.side import declared_of, units_of
from posewright.files import read_json, write_json
from posewright.labels.read import read_labels
from posewright.labels.skeleton import Skeleton
from posewright.labels.write import write_labels
from posewright.networks.network import build_network
from posewright.networks.weights import weights_digest
from posewright.samples.store import FrameStore, store_frames
from posewright.shapes import PoseBatch
from posewright.training.planning import make_plan

RECIPE = {
    "data_config": {"preprocessing": {"scale": 0.25}},
    "model_config": {
        "backbone_config": {"unet": {"filters": 4, "max_stride": 8, "output_stride": 2}},
        "head_configs": {"single_instance": {"confmaps": {"sigma": 2.5, "output_stride": 2}}},
    },
}


@pytest.fixture
def inputs(shared_data: Path, tmp_path: Path) -> dict[str, Any]:
    """Split, store and an untrained model for the two labelled frames of the toy robot."""
    labels = read_labels([shared_data / "tiny" / "robot.slp"])
    store = tmp_path / "store" / "store.json"
    store_frames(labels, store)
    split = tmp_path / "split"
    write_labels(labels, split / "test.slp")
    units = [[frame.video, frame.frame, f"v0/b{frame.frame}", "test"] for frame in labels.frames]
    write_json(split / "split.json", {"digest": "d", "by": "block", "unit": "block", "fold": 0, "units": units})
    plan = make_plan(load_recipe(RECIPE), labels, FrameStore(store), 0, "d")
    torch.manual_seed(0)
    weights = build_network(plan.recipe, plan.model_type.heads, plan.preprocess.channels).state_dict()
    model = tmp_path / "model"
    model.mkdir()
    torch.save({"state_dict": weights}, model / "best.ckpt")
    training = {"steps": 0, "seconds": 1.0, "parameters": 1, "stopped_by": "max_steps"}
    write_json(
        model / "model.json", {**plan.to_json(), "weights_sha256": weights_digest(weights), "training": training}
    )
    return {"models": [model], "split": split, "store": store}


def evaluate_robot(out: Path, **more: Any) -> None:
    evaluate_method(
        method="robot",
        side="test",
        label_source="human",
        complete=True,
        out=out,
        options={"backend": "torch", "peak_threshold": -1.0, "batch": 2},
        **more,
    )


def test_the_whole_stage(inputs: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "evaluation" / "robot" / "fold2_seed7" / "test"
    ledger = tmp_path / "ledger.tsv"
    evaluate_robot(
        out,
        ledger=ledger,
        **inputs,
    )
    metrics = read_json(out / "metrics.json")
    assert (metrics["method"], metrics["fold"], metrics["seed"], metrics["side"]) == ("robot", 2, 7, "test")
    assert metrics["counts"]["frames"] == 2
    assert metrics["split"]["n_units"] == 2 and metrics["split"]["n_videos"] == 1
    assert metrics["budget"]["converged"] is False
    assert metrics["throughput"]["frames_per_s"] > 0
    assert configurations_scored(ledger, metrics["test_digest"]) == 1
    written = sleap_io.load_slp(str(out / "predictions.slp"), open_videos=False)
    assert sum(len(frame.instances) for frame in written) == metrics["counts"]["predicted"]
    assert set(pd.read_parquet(out / "instances.parquet")["unit"]) == set(
        pd.read_parquet(out / "keypoints.parquet")["unit"]
    )
    compare_methods(evaluations=[out], settings={"primary": "pck_5px"}, out=tmp_path / "comparison")
    assert read_json(tmp_path / "comparison" / "summary.json")["banner"] == "conclusions concern this recording only"


def test_thresholds_are_tuned_on_validation_frames_and_used_unchanged_on_test_frames(
    inputs: dict[str, Any], tmp_path: Path
) -> None:
    split = inputs["split"]
    (split / "test.slp").rename(split / "val.slp")  # nothing that tunes may even look for test frames
    tuning = {"objective": "f1_50px", "grid": [0.001, 0.01, 0.3], "instance_grid": [0.0, 0.2]}
    options = {"backend": "torch", "tuning": tuning, "threads": 1}
    told: dict[str, Any] = {"method": "robot", "label_source": "human", "complete": True, "options": options, **inputs}
    val, test = (tmp_path / "robot" / "fold0_seed0" / side for side in ("val", "test"))
    evaluate_method(side="val", out=val, **told)
    chosen = read_json(val / "thresholds.json")
    assert (chosen["source"], chosen["objective"], len(chosen["table"])) == ("tuned", "f1_50px", 6)
    assert chosen["value"] == max(row["value"] for row in chosen["table"])
    shutil.copyfile(split / "val.slp", split / "test.slp")
    with pytest.raises(InputError, match="tuned on validation frames only"):
        evaluate_method(side="test", out=test, **told)
    assert not test.exists()
    higher = {**chosen, "peak_threshold": 0.0321, "min_instance_score": 0.05}
    write_json(val / "thresholds.json", higher)
    evaluate_method(side="test", out=test, thresholds=val / "thresholds.json", **told)
    used = read_json(test / "metrics.json")["thresholds"]
    assert used == {"peak_threshold": 0.0321, "min_instance_score": 0.05, "source": "tuned", "objective": "f1_50px"}
    found = pd.read_parquet(test / "keypoints.parquet")["score"].dropna()
    assert (found >= 0.0321).all()
    assert pd.read_parquet(test / "curve.parquet")["n_visible"].gt(0).all()
    fixed = {**options, "peak_threshold": 0.25}
    evaluate_method(side="test", out=test, **{**told, "options": fixed})
    assert read_json(test / "thresholds.json")["source"] == "config"


def test_an_unknown_option_is_named(inputs: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'peak_treshold'; did you mean 'peak_threshold'"):
        evaluate_method(
            method="robot",
            side="test",
            label_source="human",
            complete=True,
            out=tmp_path / "out",
            options={"peak_treshold": 0.1},
            **inputs,
        )


def test_frames_the_split_does_not_know_are_an_error() -> None:
    record = {"units": [[0, 1, "a", "test"]]}
    assert units_of(record, [(0, 1)]) == {(0, 1): "a"}
    with pytest.raises(InputError, match="make the split again"):
        units_of(record, [(0, 1), (0, 2)])


def test_nodes_go_by_name() -> None:
    poses = PoseBatch(np.arange(6.0).reshape(1, 3, 2), np.array([0]), 1, np.array([[0.1, 0.2, 0.3]]))
    moved = in_node_order(poses, Skeleton(("a", "b", "c")), Skeleton(("c", "x", "a")))
    np.testing.assert_array_equal(moved.points[0], [[4.0, 5.0], [np.nan, np.nan], [0.0, 1.0]])
    np.testing.assert_array_equal(moved.node_scores[0], [0.3, np.nan, 0.1])
    with pytest.raises(InputError, match="share none"):
        in_node_order(poses, Skeleton(("a", "b", "c")), Skeleton(("x", "y")))


def test_the_strictest_declaration_of_a_sides_files_holds_for_the_side(inputs: dict[str, Any], tmp_path: Path) -> None:
    record = read_json(inputs["split"] / "split.json")
    second = record["units"][1]
    write_json(inputs["split"] / "split.json", {**record, "files": [[*second[:2], 1]]})
    files = [{"label_source": "corrected", "complete": True}, {"label_source": "model", "complete": False}]
    out = tmp_path / "evaluation" / "robot" / "fold0_seed0" / "test"
    evaluate_robot(
        out,
        files=files,
        **inputs,
    )
    metrics = read_json(out / "metrics.json")
    assert (metrics["label_source"], metrics["complete"]) == ("model", False)


def test_a_side_is_judged_by_the_files_its_frames_come_from() -> None:
    files = [{"label_source": "human"}, {"label_source": "model"}, {"label_source": "corrected"}]
    units = [[0, 1, "a", "test"], [0, 2, "b", "val"], [0, 3, "c", "train"], [0, 4, "d", "dropped"]]
    record = {"units": units, "files": [[0, 2, 2], [0, 3, 1]]}
    assert declared_of(record, "test", files) == files[:1]
    assert declared_of(record, "val", files) == files[2:]
    assert declared_of({**record, "folds": 3}, "val", files) == files[1:]
    assert declared_of({"units": units}, "test", files) == files
    assert declared_of(record, "test", []) == []
