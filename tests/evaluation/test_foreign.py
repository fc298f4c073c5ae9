"""Prediction files as methods: scored on the same frames as others, missing ones as misses, unknown origin unranked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posewright.config.labels import DatasetConfig
from posewright.errors import InputError
from posewright.evaluation.compare import compare_methods
from posewright.evaluation.evaluate import evaluate_method
from posewright.evaluation.foreign import read_predictions
from posewright.evaluation.repeats import measure_repeats
from posewright.evaluation.scoring import evaluate_poses
from posewright.files import read_json, write_json
from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.read import read_labels
from posewright.labels.skeleton import Skeleton
from posewright.labels.write import write_labels, write_predictions
from posewright.prediction.formats import write_formats
from posewright.samples.store import store_frames
from posewright.shapes import PoseBatch

from .conftest import MakePoses, MakeTruth
from .published import MOUSE, film, publish, walkers


def written(path: Path, truth: LabelSet, poses: PoseBatch, skip: int = 0, **videos: Any) -> Path:
    """Write poses of all but the first ``skip`` frames."""
    kept = poses.rows(poses.frame >= skip)
    moved = replace(kept, frame=kept.frame - skip, n_frames=kept.n_frames - skip)
    keys = [frame.key for frame in truth.frames[skip:]]
    write_predictions(path, truth.skeleton, videos.get("videos", truth.videos), keys, moved)
    return path


def test_a_file_is_scored_as_the_poses_in_it(make_truth: MakeTruth, make_poses: MakePoses, tmp_path: Path) -> None:
    truth = make_truth(2, hidden=0.2)
    poses = make_poses(truth, 3.0)
    found, tracks = read_predictions([written(tmp_path / "p.slp", truth, poses)], truth)
    assert tracks is None
    ours, theirs = (evaluate_poses(truth, one, complete=True).metrics for one in (poses, found))
    assert theirs["counts"] == ours["counts"]
    assert theirs["distance_px"]["p50"] == pytest.approx(ours["distance_px"]["p50"], abs=1e-6)
    assert theirs["oks"]["map"] == pytest.approx(ours["oks"]["map"], abs=1e-6)


def test_frames_that_a_file_lacks_count_as_misses(make_truth: MakeTruth, make_poses: MakePoses, tmp_path: Path) -> None:
    truth = make_truth(1, 6)
    found, _ = read_predictions([written(tmp_path / "p.slp", truth, make_poses(truth), skip=2)], truth)
    counts = evaluate_poses(truth, found, complete=True).metrics["counts"]
    assert (counts["frames"], counts["true"], counts["matched"], counts["missed"]) == (6, 12, 8, 4)


def test_videos_go_by_the_ends_of_their_paths_and_what_fits_nothing_is_named(
    make_truth: MakeTruth, make_poses: MakePoses, tmp_path: Path
) -> None:
    truth = replace(
        make_truth(2, 2), videos=(VideoRef("C:\\lab\\s1\\cam.mp4", None), VideoRef("/lab/s2/cam.mp4", None))
    )
    poses = make_poses(truth)
    moved = [VideoRef("/data/s1/cam.mp4", None), VideoRef("/data/s2/cam.mp4", None)]
    found, _ = read_predictions([written(tmp_path / "p.slp", truth, poses, videos=moved)], truth)
    np.testing.assert_allclose(found.points, poses.points, atol=1e-6)
    bare = [VideoRef("cam.mp4", None), VideoRef("other.mp4", None)]
    with pytest.raises(InputError, match="could be any of"):
        read_predictions([written(tmp_path / "q.slp", truth, poses, videos=bare)], truth)
    others = [VideoRef("x.mp4", None), VideoRef("y.mp4", None)]
    with pytest.raises(InputError, match=r"none of its videos \(x.mp4, y.mp4\)"):
        read_predictions([written(tmp_path / "r.slp", truth, poses, videos=others)], truth)
    with pytest.raises(InputError, match="keep one"):
        read_predictions([tmp_path / "p.slp", written(tmp_path / "s.slp", truth, poses, videos=moved)], truth)


def test_of_two_videos_of_one_name_only_the_labelled_one_is_scored(
    make_truth: MakeTruth, make_poses: MakePoses, tmp_path: Path
) -> None:
    both = make_truth(2, 2)
    poses = make_poses(both)
    videos = [VideoRef("Z:\\lab\\s2\\cam0.mp4", None), VideoRef("Z:\\lab\\s1\\cam0.mp4", None)]
    path = written(tmp_path / "p.slp", both, poses, videos=videos)
    truth = replace(both, videos=(VideoRef("/data/s1/cam0.mp4", None),))
    truth = replace(truth, frames=tuple(replace(frame, video=0) for frame in both.frames if frame.video == 1))
    found, _ = read_predictions([path], truth)
    np.testing.assert_allclose(found.points, poses.points[np.asarray(poses.frame) >= 2], atol=1e-6)
    bare = replace(truth, videos=(VideoRef("cam0.mp4", None),))
    with pytest.raises(InputError, match=r"each of its videos .*s1.*, .*s2.* could be the labelled cam0\.mp4"):
        read_predictions([path], bare)


def test_nodes_go_by_name(make_truth: MakeTruth, tmp_path: Path) -> None:
    truth = make_truth(1, 1)
    points = truth.frames[0].points[:, [1, 0]]
    poses = PoseBatch(points, np.array([0, 0]), 1, np.full((2, 2), 0.5), np.ones(2))
    write_predictions(tmp_path / "p.slp", Skeleton(("body", "nose")), truth.videos, [(0, 0)], poses)
    found, _ = read_predictions([tmp_path / "p.slp"], truth)
    np.testing.assert_allclose(found.points[:, :2], truth.frames[0].points[:, :2])
    assert np.isnan(found.points[:, 2:]).all()
    np.testing.assert_allclose(found.node_scores[:, :2], 0.5)
    write_predictions(tmp_path / "q.slp", Skeleton(("paw", "ear")), truth.videos, [(0, 0)], poses)
    with pytest.raises(InputError, match="they share none"):
        read_predictions([tmp_path / "q.slp"], truth)


def test_other_formats_are_read(tmp_path: Path) -> None:
    """Analysis HDF5, as SLEAP and we export it."""
    folder = publish(tmp_path / "a", walkers, 20)
    write_formats(folder, ["analysis_h5"], "/data/a.mp4", "id")
    frames = tuple(LabeledFrame(0, frame, walkers(frame), (None, None)) for frame in (3, 11))
    truth = LabelSet(MOUSE, (VideoRef("videos/a.mp4", None),), frames)
    found, _ = read_predictions([folder / "poses.analysis.h5"], truth)
    np.testing.assert_allclose(found.points, np.concatenate([walkers(3), walkers(11)]), rtol=1e-5)
    np.testing.assert_allclose(found.node_scores, 0.9, rtol=1e-5)


def test_real_predictions_of_another_program(shared_data: Path) -> None:
    """The labels are these predictions, the best of them: wherever both show a node they show it at one place."""
    labels = read_labels([shared_data / "flies-pair" / "labels.slp"])
    truth = labels.only([frame.key for frame in labels.frames[::80]])
    found, tracks = read_predictions([shared_data / "flies-pair" / "tracks.slp"], truth)
    metrics = evaluate_poses(truth, found, predicted_tracks=tracks, complete=True).metrics
    assert metrics["counts"]["missed"] == 0
    assert metrics["distance_px"]["p50"] == pytest.approx(0, abs=1e-3)
    assert metrics["identity"]["accuracy"] == 1.0


def test_the_stage_ranks_a_file_only_if_it_is_known_what_its_model_learnt(tmp_path: Path) -> None:
    path = film(tmp_path / "a.mp4", walkers, 12)
    frames = tuple(LabeledFrame(0, frame, walkers(frame), (None, None)) for frame in range(12))
    labels = LabelSet(MOUSE, (VideoRef(str(path), path),), frames)
    write_labels(labels, tmp_path / "split" / "val.slp")
    units = [[0, frame, f"a/b{frame}", "val"] for frame in range(12)]
    write_json(tmp_path / "split" / "split.json", {"digest": "d", "by": "block", "unit": "block", "units": units})
    store_frames(labels, tmp_path / "store.json")
    points = np.concatenate([frame.points for frame in frames]) + 1.0
    poses = PoseBatch(points, np.repeat(np.arange(12), 2), 12, np.full(points.shape[:2], 0.7), np.ones(24))
    write_predictions(tmp_path / "p.slp", MOUSE, labels.videos, [frame.key for frame in frames], poses)

    def score(name: str, trained_on: list[str] | None, repeats: Path | None = None) -> dict[str, Any]:
        out = tmp_path / "evaluation" / name / "fold0_seed0" / "val"
        evaluate_method(
            method=name,
            models=[],
            predictions=[tmp_path / "p.slp"],
            split=tmp_path / "split",
            side="val",
            store=tmp_path / "store.json",
            label_source="human",
            complete=True,
            out=out,
            options={"trained_on": trained_on},
            repeats=repeats,
        )
        metrics: dict[str, Any] = read_json(out / "metrics.json")
        assert metrics["distance_px"]["p50"] == pytest.approx(np.sqrt(2))
        assert metrics["thresholds"]["source"] == "file"
        assert metrics["throughput"] is None and metrics["oracle"] is None and metrics["budget"]["converged"] is None
        return metrics

    assert score("theirs", None)["training_data"]["status"] == "unknown"
    assert score("clean", [])["training_data"]["status"] == "separate"
    assert score("spoilt", [str(tmp_path / "split" / "val.slp")])["training_data"] == {
        "status": "contaminated",
        "frames": 12,
        "known_by": "video names and frame numbers of the label files it was trained on",
    }
    runs = [tmp_path / "evaluation" / name / "fold0_seed0" / "val" for name in ("theirs", "clean", "spoilt")]
    compare_methods(evaluations=runs, settings={"primary": "pck_5px"}, out=tmp_path / "comparison")
    assert set(read_json(tmp_path / "comparison" / "summary.json")["unranked"]) == {"theirs", "spoilt"}

    random = np.random.default_rng(0)
    again = tuple(replace(one, points=one.points + random.normal(0, 1, one.points.shape)) for one in frames)
    write_labels(replace(labels, frames=again), tmp_path / "again.slp")
    files = {"labels": (str(tmp_path / "split" / "val.slp"),), "repeated": (str(tmp_path / "again.slp"),)}
    measure_repeats(dataset=DatasetConfig(**files), out=tmp_path)
    told = read_json(tmp_path / "repeats.json")
    judged = score("judged", [], tmp_path / "repeats.json")
    assert judged["repeats"] == told and "repeats" not in score("clean", [])
    assert judged["oks"]["sigma"] == {entry["node"]: entry["sigma"] for entry in told["nodes"]}
