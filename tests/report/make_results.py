"""A small results folder as the workflow leaves it: plausible poses on gray frames, every table by its contract."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from posewright.evaluation.compare import compare_methods
from posewright.evaluation.coverage_curve import CURVE_SCHEMA, coverage_curve
from posewright.evaluation.runs import write_run
from posewright.evaluation.scoring import evaluate_poses
from posewright.evaluation.tables import write_table
from posewright.files import write_json, write_text
from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.skeleton import Skeleton
from posewright.samples.store import store_frames
from posewright.shapes import PoseBatch

FLY = Skeleton(
    ("head", "thorax", "abdomen", "wingL", "wingR", "legL", "legR", "tarsusL", "tarsusR"),
    ((1, 0), (1, 2), (1, 3), (1, 4), (1, 5), (1, 6), (5, 7), (6, 8)),
    name="fly",
)
_BODY = np.array([[20, 0], [0, 0], [-22, 0], [-24, -9], [-24, 9], [8, -15], [8, 15], [16, -28], [16, 28]], float)
#: method -> (spread of the errors in px, chance that a node is lost, chance that an animal is lost, frames a second)
_SKILL = {"topdown": (1.0, 0.01, 0.005, 61.3), "bottomup": (1.6, 0.02, 0.04, 118.9)}


@dataclass(frozen=True)
class Made:
    """Where the pieces lie."""

    results: Path
    store: Path
    status: Path


def make_results(
    root: Path,
    *,
    methods: Sequence[str] = ("topdown", "bottomup"),
    seeds: Sequence[int] = (0, 1),
    skeleton: Skeleton = FLY,
    n_videos: int = 8,
    frames_each: int = 6,
    side: str = "val",
    states: Sequence[str] = ("ok", "ok", "partial", "failed", "excluded"),
    label_source: str = "human",
) -> Made:
    """Write a results folder, a frame store and a status table below ``root``."""
    chance = np.random.default_rng(5)
    results = root / "results" / "flies"
    labels = _labels(skeleton, n_videos, frames_each, chance)
    store = root / "work" / "store" / "flies" / "store.json"
    store_frames(labels, store)
    _write_split(results, labels, side)
    evaluations = []
    for place, method in enumerate(methods):
        skill = _SKILL.get(method, (2.0 + 0.3 * place, 0.02, 0.02, 80.0))
        for seed in seeds:
            folder = results / "evaluation" / method / f"fold0_seed{seed}" / side
            _write_evaluation(folder, labels, method, side, skill, label_source, chance)
            evaluations.append(folder)
    recipes = {"topdown": ("centroid.unet", "instance.unet"), "bottomup": ("bottomup.unet",)}
    for recipe in [name for method in methods for name in recipes.get(method, (method,))]:
        for seed in seeds:
            _write_model(results / "models" / recipe / f"fold0_seed{seed}", skeleton, seed, chance)
    settings = {"primary": "pck_5px", "margin": 0.02, "baseline": None, "confidence": 0.95}
    compare_methods(evaluations=evaluations, settings=settings, out=results / "comparison" / side)
    status = root / "results" / "status.tsv"
    _write_status(status, states)
    return Made(results, store, status)


def _labels(skeleton: Skeleton, n_videos: int, frames_each: int, chance: np.random.Generator) -> LabelSet:
    body = np.resize(_BODY, (len(skeleton.nodes), 2))
    videos, frames = [], []
    for video in range(n_videos):
        images = {}
        for frame in range(0, frames_each * 20, 20):
            poses = np.stack([_pose(body, chance, 90 + 110 * animal) for animal in range(2)])
            images[frame] = _image(poses, skeleton, chance)
            poses[chance.random(poses.shape[:2]) < 0.04] = np.nan
            frames.append(LabeledFrame(video, frame, poses, ("fly_1", "fly_2")))
        videos.append(VideoRef(f"Z:/lab/arena {video}/cam0.mp4", None, handle=images))
    return LabelSet(skeleton, tuple(videos), tuple(frames))


def _pose(body: NDArray[np.float64], chance: np.random.Generator, centre_px: float) -> NDArray[np.float64]:
    angle = chance.uniform(0, 2 * math.pi)
    turn = np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])
    return body @ turn + centre_px + chance.normal(0, 12, 2) + chance.normal(0, 1.0, body.shape)


def _image(poses: NDArray[np.float64], skeleton: Skeleton, chance: np.random.Generator) -> NDArray[np.uint8]:
    ground = cv2.GaussianBlur(chance.normal(168, 30, (300, 300)).astype(np.float32), (0, 0), 3)
    for points in poses:
        for source, target in skeleton.edges:
            cv2.line(ground, *(tuple(map(int, points[end])) for end in (source, target)), 70.0, 3, cv2.LINE_AA)
        if len(points) > 2:
            cv2.line(ground, *(tuple(map(int, points[end])) for end in (0, 2)), 50.0, 11, cv2.LINE_AA)
    blurred = cv2.GaussianBlur(ground, (0, 0), 1.0) + chance.normal(0, 4, ground.shape)
    return np.clip(blurred, 0, 255).astype(np.uint8)[..., None]


def _write_split(results: Path, labels: LabelSet, side: str) -> None:
    videos = range(len(labels.videos))
    scored = [
        {"group": f"v{video}", "side": side, "frames": sum(f.video == video for f in labels.frames)} for video in videos
    ]
    trained = [{"group": f"v{video + len(videos)}", "side": "train", "frames": 14} for video in range(3 * len(videos))]
    other = {"val": "test", "test": "val"}[side]
    split = {
        "schema": 1,
        "digest": "5b1f" + 60 * "0",
        "by": "video",
        "fold": 0,
        "folds": 1,
        "seed": 0,
        "unit": "video",
        "groups": [*scored, *trained, {"group": "v99", "side": other, "frames": 20}],
        "videos": [video.path for video in labels.videos],
        "units": [[frame.video, frame.frame, f"v{frame.video}", side] for frame in labels.frames],
        "gap_frames": 12,
        "dropped_frames": 9,
        "leakage": {"groups_on_two_sides": [], "nearest_train_frame": {"val": None, "test": None}},
        "notes": [],
    }
    write_json(results / "split" / "fold0" / "split.json", split)


def _write_evaluation(
    folder: Path,
    labels: LabelSet,
    method: str,
    side: str,
    skill: tuple[float, float, float, float],
    label_source: str,
    chance: np.random.Generator,
) -> None:
    """Score made-up predictions with the real evaluation, and add what only running a model tells."""
    poses = _predictions(labels, skill, chance)
    names = ["fly_1"] * len(poses) if method.startswith("multi_class") else None  # half of them are
    evaluation = evaluate_poses(labels, poses, predicted_tracks=names, complete=True)
    run = folder.parent.name
    facts = {
        "method": method,
        "fold": 0,
        "seed": int(run.rpartition("seed")[2]),
        "side": side,
        "label_source": label_source,
        "test_digest": "7e57" + 60 * "0",
        "split": {"unit": "video", "by": "video", "folds": 1, "frames": {"train": 336, "val": 48, "test": 48}},
        "budget": {
            "steps": 1800,
            "seconds": 225.0,
            "parameters": 1_950_000,
            "trials": 1,
            "chosen_by": ["val_loss"],
            "converged": method == "topdown",
        },
        "throughput": {"frames_per_s": skill[3]},
        "thresholds": {"peak_threshold": 0.25, "min_instance_score": 0.1, "source": "tuned", "objective": "pck_5px"},
        "oracle": {
            "kind": "true centroids" if method == "topdown" else "true grouping",
            "wrong": 0.31,
            "wrong_with_oracle": 0.23,
            "detection": 0.1,
            "localisation": 0.16,
            "assignment": 0.05,
            "denominator": 777,
            "meaning": {"detection": "no peak <b>near</b>"},
        },
    }
    write_table(folder / "curve.parquet", coverage_curve(evaluation.keypoints), CURVE_SCHEMA)
    write_run(folder, evaluation, facts)


def _predictions(labels: LabelSet, skill: tuple[float, float, float, float], chance: np.random.Generator) -> PoseBatch:
    """Return the truth, moved by noise that differs from frame to frame, with lost nodes, lost and extra animals."""
    spread, lose_node, lose_animal, _ = skill
    rows: list[tuple[int, NDArray[np.float64], NDArray[np.float64]]] = []
    for index, frame in enumerate(labels.frames):
        harder = chance.gamma(2.0, 0.5)
        for truth in frame.points:
            if chance.random() < lose_animal:
                continue
            score = np.clip(chance.normal(0.85 - 0.1 * harder, 0.08, len(truth)), 0.05, 1.0)
            found = truth + chance.normal(0, spread * harder, truth.shape) / score[:, None]
            found[chance.random(len(truth)) < lose_node] = np.nan
            rows.append((index, found, np.where(np.isnan(found[:, 0]), np.nan, score)))
        if chance.random() < 0.03:
            ghost = frame.points[0] + 90.0
            rows.append((index, ghost, np.where(np.isnan(ghost[:, 0]), np.nan, 0.3)))
    points, scores = (np.stack([row[part] for row in rows]) for part in (1, 2))
    return PoseBatch(
        points=points,
        frame=np.array([row[0] for row in rows]),
        n_frames=len(labels.frames),
        node_scores=scores,
        raw_scores=np.nanmean(scores, axis=1),
    )


def _write_model(folder: Path, skeleton: Skeleton, seed: int, chance: np.random.Generator) -> None:
    kind = {"c": "centroid", "i": "centered_instance", "b": "bottomup"}.get(folder.parent.name[0], "single_instance")
    info = {"schema": 1, "model_type": kind, "skeleton": skeleton.to_json(), "weights_sha256": f"{seed:x}" * 64}
    write_json(folder / "model.json", info)
    lines = ["epoch,step,train/loss,val/loss,learning_rate,seconds"]
    for epoch in range(30):
        base = 4e-3 * math.exp(-epoch / 7) + 4e-4
        train = "" if epoch == 0 else f"{base * chance.lognormal(0, 0.05):.3e}"
        lines.append(f"{epoch},{epoch * 60},{train},{base * 1.3 * chance.lognormal(0, 0.1):.3e},1e-4,{epoch * 7.5}")
    write_text(folder / "training_log.csv", "\n".join(lines) + "\n")
    record = {
        "schema": 1,
        "stage": "train_model",
        "inputs": {"split": "5b1f"},
        "started": "2026-11-21T09:30:00+00:00",
        "wall_s": 224.9,
        "cpu_s": 431.0,
        "peak_memory_mb": 1312.4,
        "machine": {"python": "3.11.7", "device": "cpu", "system": "Linux-6.1-x86_64", "host": "node07"},
        "packages": {"posewright": "0.1.0", "torch": "2.14.1", "lightning": "2.6.0", "numpy": "2.3.1"},
        "git_commit": "3f2a" + 36 * "0",
    }
    write_json(folder / "provenance.json", record)


def _write_status(path: Path, states: Sequence[str]) -> None:
    lines = ["dataset\trelease\tvideo\tstate\treason\tframes_expected\tframes_predicted\tmessage"]
    detail = {
        "ok": ("", "9000", "9000", ""),
        "partial": ("truncated", "9000", "7412", "the file ends inside frame 7412"),
        "failed": ("missing", "", "0", "Z:/lab/arena 3/cam0.mp4 does not exist"),
        "excluded": ("", "", "0", "excluded in the sheet"),
    }
    for place, state in enumerate(states):
        reason, expected, predicted, message = detail[state]
        lines.append(f"flies\tdev-topdown\tarena{place}\t{state}\t{reason}\t{expected}\t{predicted}\t{message}")
    lines.append("mice\tdev-topdown\tother\tfailed\tmissing\t\t0\tbelongs to another dataset")
    write_text(path, "\n".join(lines) + "\n")
