"""Laws of a whole evaluation: what changes nothing, what counts as what, and that numbers and tables agree.

These are rules 7 and 8 of ``comparison.md``.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from posewright.errors import InputError
from posewright.evaluation.oks import DEFAULT_SIGMA
from posewright.evaluation.scoring import evaluate_poses
from posewright.files import canonical_json
from posewright.labels.model import LabeledFrame
from posewright.shapes import PoseBatch, concatenate


def test_perfect_predictions(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth(hidden=0.2)
    metrics = evaluate_poses(truth, make_poses(truth)).metrics
    assert metrics["counts"] | {"frames": 6, "true": 12, "matched": 12, "missed": 0, "extra": 0} == metrics["counts"]
    assert metrics["coverage"]["value"] == metrics["pck"]["1"] == metrics["visibility"]["recall"] == 1.0
    assert metrics["visibility"]["hallucinated"] == 0.0
    assert [metrics["oks"][name] for name in ("map", "mar", "map_coco", "mar_coco", "mean")] == pytest.approx([1.0] * 5)
    assert metrics["distance_px"]["p99"] == 0.0
    assert metrics["peer_form"]["pck_5px"] < 1.0  # absent nodes are misses there, and only there


def test_a_missed_animal_lowers_coverage_and_leaves_distances(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth()
    poses = make_poses(truth, jitter_px=2.0)
    metrics = evaluate_poses(truth, poses.rows(np.arange(len(poses)) != 3)).metrics
    assert metrics["counts"]["missed"] == 1
    assert metrics["coverage"]["value"] == pytest.approx(44 / 48)
    assert metrics["distance_px"]["denominator"] == 44
    assert metrics["distance_capped_px"]["denominator"] == metrics["pck"]["denominator"] == 48


def test_an_extra_animal_counts_and_spoils_only_what_it_should(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth()
    poses = make_poses(truth, score=0.5)
    far = replace(poses.rows(np.array([0])), points=poses.points[:1] + 5000.0, node_scores=np.full((1, 4), 0.9))
    both = PoseBatch(
        *(np.concatenate([getattr(far, name), getattr(poses, name)]) for name in ("points", "frame")),
        n_frames=poses.n_frames,
        node_scores=np.concatenate([far.node_scores, poses.node_scores]),
    )
    metrics = evaluate_poses(truth, both).metrics
    assert (metrics["counts"]["extra"], metrics["oks"]["map"]) == (1, pytest.approx(1.0))
    assert metrics["oks"]["map_coco"] < 0.95
    incomplete = evaluate_poses(truth, both, complete=False).metrics
    assert incomplete["counts"]["extra"] is None
    assert incomplete["oks"]["map_coco"] is None
    assert incomplete["not_computed"] == ["counts.extra", "oks.map_coco"]
    assert incomplete["pck"] == metrics["pck"]


def test_order_of_instances_changes_nothing(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth(hidden=0.2)
    poses = make_poses(truth, jitter_px=4.0)
    swapped = poses.rows(np.arange(len(poses)).reshape(-1, 2)[:, ::-1].ravel())
    mirrored = replace(
        truth,
        frames=tuple(LabeledFrame(f.video, f.frame, f.points[::-1], f.tracks[::-1]) for f in truth.frames),
    )
    before = _rounded(evaluate_poses(truth, poses).metrics)
    assert _rounded(evaluate_poses(truth, swapped).metrics) == before
    assert _rounded(evaluate_poses(mirrored, poses).metrics) == before


def test_order_of_frames_changes_nothing(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth(hidden=0.2)
    poses = make_poses(truth, jitter_px=4.0)
    turned = tuple(replace(frame, frame=5 - frame.frame) for frame in reversed(truth.frames))
    batches = [poses.of_frame(index) for index in reversed(range(6))]
    after = evaluate_poses(replace(truth, frames=turned), concatenate(batches)).metrics
    assert _rounded(after) == _rounded(evaluate_poses(truth, poses).metrics)


def test_tables_and_numbers_agree(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth(hidden=0.2)
    poses = make_poses(truth, jitter_px=4.0)
    result = evaluate_poses(truth, poses.rows(np.arange(len(poses)) != 5))
    nodes, instances = result.keypoints, result.instances
    visible = nodes[nodes["true_x"].notna()]
    assert len(nodes) == 12 * 4
    assert (visible["distance_px"] < 5).mean() == pytest.approx(result.metrics["pck"]["5"])
    assert visible["distance_px"].median() == pytest.approx(result.metrics["distance_px"]["p50"])
    assert instances["kind"].value_counts().to_dict() == {"matched": 11, "missed": 1}
    assert instances["oks"].fillna(0).mean() == pytest.approx(result.metrics["oks"]["mean"])
    missed = instances[instances["kind"] == "missed"].iloc[0]
    assert (missed["frame"], missed["true_instance"], missed["predicted_instance"]) == (2, 1, -1)


def test_crowding_counts_overlapping_boxes(make_truth: Any, make_poses: Any) -> None:
    apart, close = make_truth(apart_px=200.0), make_truth(apart_px=60.0)
    assert set(evaluate_poses(apart, make_poses(apart)).instances["crowding"]) == {0}
    crowded = evaluate_poses(close, make_poses(close)).instances
    assert set(crowded["crowding"]) == {1}
    assert set(crowded["n_animals"]) == {2}
    assert crowded["nearest_px"].between(40, 80).all()


def test_identity_is_that_of_the_names(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth()
    poses = make_poses(truth)
    names = ["ann", "bob"] * 5 + ["bob", "ann"]
    metrics = evaluate_poses(truth, poses, predicted_tracks=names).metrics
    assert metrics["identity"] == {"accuracy": pytest.approx(10 / 12), "denominator": 12}
    assert evaluate_poses(truth, poses).metrics["identity"] == {"accuracy": None, "denominator": 0}
    numbers = [f"track_{row}" for row in range(len(names))]
    nobody = evaluate_poses(truth, poses, predicted_tracks=numbers).metrics["identity"]
    assert nobody == {"accuracy": None, "denominator": 0}


def test_names_given_to_animals_that_nobody_asked_for_are_not_judged(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth()
    names = [name for frame in truth.frames for name in frame.tracks]
    told = ["ann"] * len(names)  # a model that knows one individual
    everybody = evaluate_poses(truth, make_poses(truth), predicted_tracks=told).metrics["identity"]
    assert everybody == {"accuracy": 0.5, "denominator": 12}
    asked = evaluate_poses(truth, make_poses(truth), predicted_tracks=told, classes=["ann"])
    assert asked.metrics["identity"] == {"accuracy": 1.0, "denominator": 6}
    table = asked.instances
    assert set(table[table["predicted_track"].notna()]["true_track"]) == {"ann"}
    assert set(table["true_track"]) == {"ann", "bob"}


def test_no_predictions_at_all(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth()
    result = evaluate_poses(truth, make_poses(truth).rows(np.zeros(12, bool)))
    assert (result.metrics["coverage"]["value"], result.metrics["pck"]["5"]) == (0.0, 0.0)
    assert result.metrics["distance_px"]["p50"] is None
    assert canonical_json(result.metrics)  # refuses NaN
    assert set(result.instances["kind"]) == {"missed"}


def test_true_animals_without_nodes_are_counted_apart(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth(n_frames=2)
    poses = make_poses(truth)
    truth.frames[0].points[0] = np.nan
    counts = evaluate_poses(truth, poses).metrics["counts"]
    assert (counts["true"], counts["true_without_visible_nodes"], counts["extra"]) == (3, 1, 1)


def test_other_skeleton_is_an_error(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth()
    poses = make_poses(truth)
    with pytest.raises(InputError, match="3 nodes, the labels 4"):
        evaluate_poses(truth, replace(poses, points=poses.points[:, :3], node_scores=poses.node_scores[:, :3]))


def test_tables_keep_their_types_when_empty_of_extras(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth(n_frames=1)
    table = evaluate_poses(truth, make_poses(truth)).instances
    assert table["true_instance"].dtype == np.int16
    assert isinstance(table, pd.DataFrame)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_rounded(item) for item in value]
    return round(value, 9) if isinstance(value, float) else value


def test_sigmas_of_repeated_labels_are_those_of_oks_and_leave_no_doubt(make_truth: Any, make_poses: Any) -> None:
    truth = make_truth(hidden=0.1)
    poses = make_poses(truth, jitter_px=2.0)
    plain = evaluate_poses(truth, poses)
    equal = evaluate_poses(truth, poses, sigmas=np.full(4, DEFAULT_SIGMA))
    assert equal.instances.equals(plain.instances) and equal.keypoints.equals(plain.keypoints)
    told = {"sigma": dict.fromkeys(truth.skeleton.nodes, DEFAULT_SIGMA), "by_sigma": {}}
    assert equal.metrics["oks"] == {**plain.metrics["oks"], **told}
    assert len(plain.metrics["oks"]["by_sigma"]) == 3
    strict = evaluate_poses(truth, poses, sigmas=np.full(4, 0.5 * DEFAULT_SIGMA)).metrics
    half = plain.metrics["oks"]["by_sigma"]["0.0125"]
    assert {name: strict["oks"][name] for name in half} == half
    assert strict["peer_form"] == plain.metrics["peer_form"]
    assert strict["errors"]["good"] < plain.metrics["errors"]["good"]
    one_lax = evaluate_poses(truth, poses, sigmas=np.array([4.0, 1.0, 1.0, 1.0]) * DEFAULT_SIGMA)
    differing = one_lax.keypoints["error_class"] != plain.keypoints["error_class"]
    assert set(plain.keypoints["node"][differing & plain.keypoints["error_class"].notna()]) == {"nose"}
