"""What check_inputs says of frames that were labelled once more."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from posewright.evaluation.repeats import MIN_PAIRS
from posewright.labels.read import read_labels
from posewright.labels.write import write_labels

from .test_check import check, faults


def test_labels_made_once_more_are_checked_and_all_that_is_wrong_with_them_is_told(
    shared_data: Path, tmp_path: Path
) -> None:
    mice = shared_data / "mice-home"
    labels = read_labels([mice / "labels.slp"])
    random = np.random.default_rng(0)

    def again(name: str, **changed: Any) -> str:
        moved = (replace(one, points=one.points + random.normal(0, 1, one.points.shape)) for one in labels.frames)
        write_labels(replace(labels, **{"frames": tuple(moved), **changed}), tmp_path / f"{name}.slp")
        return str(tmp_path / f"{name}.slp")

    others = replace(labels.skeleton, nodes=("snout", *labels.skeleton.nodes[1:]))
    later = tuple(replace(one, frame=one.frame + 2000) for one in labels.frames)
    wrong = [
        str(tmp_path / "missing.slp"),
        again("nodes", skeleton=others),
        again("later", frames=later),
        again("strange", videos=(replace(labels.videos[0], path="elsewhere/cam1.mp4"),)),
    ]
    few = {"block_frames": 5, "gap_frames": 0}
    dataset = {"video_paths": [str(mice)], "repeated": wrong}
    text = faults(tmp_path, [mice / "labels.slp"], dataset=dataset, split=few)
    assert "missing.slp" in text and "The skeletons differ" in text
    assert "later.slp: none of its 10 frames is labelled in" in text
    assert "strange.slp, video 'elsewhere/cam1.mp4': it is not among the labelled ones" in text
    copy = {"video_paths": [str(mice)], "repeated": [str(mice / "labels.pkg.slp")]}
    text = faults(tmp_path, [mice / "labels.slp"], dataset=copy, split=few)
    assert "0 animals were labelled twice (20 are copies, at the very same points)" in text
    sound = {"video_paths": [str(mice)], "repeated": [again("sound")]}
    facts = check(tmp_path, [mice / "labels.slp"], dataset=sound, split=few)["labels"]
    assert facts["repeated"]["animals"]["compared"] == 20
    assert all(0 < entry["p50"] < 3 for entry in facts["repeated"]["nodes"])
    assert "repeated" not in check(tmp_path, [mice / "labels.slp"], split=few)["labels"]


def test_a_node_whose_pairs_are_enough_but_tell_too_little_is_named(shared_data: Path, tmp_path: Path) -> None:
    mice = shared_data / "mice-home"
    labels = read_labels([mice / "labels.slp"])
    random = np.random.default_rng(0)
    frames = [replace(one, points=one.points + random.normal(0, 1, one.points.shape)) for one in labels.frames]
    shown = [
        (number, row) for number, one in enumerate(frames) for row in np.flatnonzero(~np.isnan(one.points[:, 0, 0]))
    ]
    for number, row in shown[MIN_PAIRS:]:
        frames[number].points[row, 0] = np.nan
    for number, row in shown[:1]:
        frames[number].points[row, 0] += 60.0  # a slip of the mouse: nine pairs are left
    write_labels(replace(labels, frames=tuple(frames)), tmp_path / "again.slp")
    dataset = {"video_paths": [str(mice)], "repeated": [str(tmp_path / "again.slp")]}
    found = check(tmp_path, [mice / "labels.slp"], dataset=dataset, split={"block_frames": 5, "gap_frames": 0})[
        "labels"
    ]
    (node, *others) = found["repeated"]["nodes"]
    assert (node["n"], node["outliers"], node["source"]) == (MIN_PAIRS, 1, "median of the others")
    assert {other["source"] for other in others} == {"measured"}
    assert any(f"tell the OKS sigma of {node['node']} (outliers" in note for note in found["notes"])
