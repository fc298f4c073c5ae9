"""Foreign models are not ranked on frames they know, and corrected labels are told from others (rules 2, 6 and 10)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sleap_io

from posewright.evaluation.compare import compare_methods
from posewright.evaluation.origins import corrected_instances, training_overlap
from posewright.files import read_json, write_json
from posewright.labels.read import read_side
from posewright.labels.seen import marks_of_models, marks_of_split
from posewright.labels.write import write_labels

SETTINGS = {"primary": "pck_5px", "margin": 0.02, "baseline": None, "confidence": 0.95}


def test_overlap_with_training_labels(make_truth: Any, tmp_path: Path) -> None:
    truth = make_truth(n_videos=2, n_frames=6)
    learnt = truth.only([(0, 2), (0, 3)])
    write_labels(learnt, tmp_path / "theirs.slp")
    theirs = [str(tmp_path / "theirs.slp")]
    found = training_overlap([{}], "digest", truth, theirs)
    assert (found["status"], found["frames"]) == ("contaminated", 2)
    assert training_overlap([{}], "digest", truth.only([(1, 2)]), theirs)["status"] == "separate"
    assert training_overlap([{}], "digest", truth, None)["status"] == "unknown"
    assert training_overlap([{}], "digest", truth, [])["status"] == "separate"
    assert training_overlap([{"split_digest": "digest"}], "digest", truth, None)["status"] == "separate"
    assert training_overlap([{"split_digest": "other"}], "digest", truth, None)["status"] == "unknown"


def test_models_of_another_split_tell_what_they_have_seen(make_truth: Any, tmp_path: Path) -> None:
    """The records of a release's models stand in one file of its bundle; validation frames have chosen the weights."""
    truth = make_truth(n_videos=2, n_frames=6)
    first, second = truth.frames[0], truth.frames[1]
    units = [[first.video, first.frame, "g", "train"], [second.video, second.frame, "g", "val"]]
    paths = [f"Z:\\elsewhere\\{video.base_name}" for video in truth.videos]
    write_json(tmp_path / "split.json", {"videos": paths, "units": units})
    record = {"seen": marks_of_split(tmp_path / "split.json")}
    model = tmp_path / "bundle" / "0_instance"
    model.mkdir(parents=True)
    assert marks_of_models([model], "val") is None
    write_json(tmp_path / "bundle" / "provenance.json", {"models": {"0_instance": record}})
    for side, shared in (("val", 1), ("test", 2)):
        found = training_overlap([{"split_digest": "other"}], "digest", truth, None, marks_of_models([model], side))
        assert (found["status"], found["frames"]) == ("contaminated", shared)
    others = truth.only([(1, 2), (1, 3)])
    assert training_overlap([{}], "digest", others, None, marks_of_models([model], "test"))["status"] == "separate"


def test_a_contaminated_or_unknown_method_is_not_ranked(
    make_truth: Any, make_poses: Any, make_folder: Any, tmp_path: Path
) -> None:
    truth = make_truth(n_videos=8)
    for status, words in (("contaminated", "trained on 3 of the frames"), ("unknown", "not ranked: nobody says")):
        data = {"status": status, "frames": 3}
        folders = [
            make_folder("ours", truth, make_poses(truth, 4.0)),
            make_folder("poor", truth, make_poses(truth, 9.0)),
            make_folder("theirs", truth, make_poses(truth, 0.5), training_data=data),
        ]
        compare_methods(evaluations=folders, settings=SETTINGS, out=tmp_path / status)
        summary = read_json(tmp_path / status / "summary.json")
        verdicts = {(one["method_a"], one["method_b"]): one["verdict"] for one in summary["sentences"]}
        assert verdicts == {
            ("ours", "poor"): "better",
            ("ours", "theirs"): "undecided",
            ("poor", "theirs"): "undecided",
        }
        assert words in summary["sentences"][1]["text"] and list(summary["unranked"]) == ["theirs"]
        assert "ours places" in summary["answer"] and "the best estimate" in summary["answer"]


def corrected_file(truth: Any, path: Path) -> None:
    """Write the labels with the first animal of every even frame begun by a model."""
    write_labels(truth, path)
    labels = sleap_io.load_slp(str(path), open_videos=False)
    for frame in labels.labeled_frames:
        if frame.frame_idx % 2 == 0:
            own = frame.instances[0]
            guess = sleap_io.PredictedInstance.from_numpy(
                own.numpy() + 1.0, skeleton=own.skeleton, point_scores=np.ones(4), score=0.5
            )
            own.from_predicted = guess
            frame.instances.append(guess)
    labels.save(str(path), verbose=False)


def test_corrected_labels_are_counted_and_left_out_once_more(
    make_truth: Any, make_poses: Any, make_folder: Any, tmp_path: Path
) -> None:
    truth = make_truth(n_videos=8, n_frames=4)
    corrected_file(truth, tmp_path / "labels.slp")
    corrected = corrected_instances([tmp_path / "labels.slp"], truth)
    assert corrected is not None
    assert sum(one.sum() for one in corrected.values()) == 8 * 2
    assert corrected[0, 0].tolist() == [True, False] and not corrected[0, 1].any()
    assert corrected_instances([tmp_path / "labels.csv"], truth) is None
    side = read_side(tmp_path / "labels.slp")
    assert sum(one.sum() for one in (corrected_instances([tmp_path / "labels.slp"], side) or {}).values()) == 8 * 2
    folders = [
        make_folder(name, truth, make_poses(truth, jitter), corrected=corrected, label_source="corrected")
        for name, jitter in (("one", 1.0), ("two", 6.0))
    ]
    compare_methods(evaluations=folders, settings=SETTINGS, out=tmp_path / "comparison")
    summary = read_json(tmp_path / "comparison" / "summary.json")
    assert summary["corrected_share"] == 0.25
    assert any("of 25 % this is recorded" in condition for condition in summary["conditions"])
    pairs = pd.read_parquet(tmp_path / "comparison" / "pairs.parquet")
    again = pairs[(pairs["metric"] == "pck_5px") & (pairs["stratum"] == "uncorrected")]
    assert len(again) == 1 and again["n_units"].item() == 8 and again["difference"].item() > 0.2


def test_methods_with_thresholds_of_different_rules_get_no_verdict(
    make_truth: Any, make_poses: Any, make_folder: Any, tmp_path: Path
) -> None:
    truth = make_truth(n_videos=8)
    tuned = {"source": "tuned", "objective": "f1_5px"}
    for source, verdict in (({"source": "config", "objective": None}, "undecided"), (tuned, "better")):
        folders = [
            make_folder("one", truth, make_poses(truth, 1.0), thresholds=tuned),
            make_folder("two", truth, make_poses(truth, 6.0), thresholds=source),
        ]
        compare_methods(evaluations=folders, settings=SETTINGS, out=tmp_path / verdict)
        summary = read_json(tmp_path / verdict / "summary.json")
        assert summary["sentences"][0]["verdict"] == verdict
        assert ("not chosen by one rule" in summary["answer"]) == (verdict == "undecided")
