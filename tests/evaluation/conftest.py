"""Synthetic truth and poses, and evaluation folders made of them by the package's own writer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posewright.evaluation.runs import write_run
from posewright.evaluation.scoring import evaluate_poses
from posewright.labels.model import LabeledFrame, LabelSet, VideoRef
from posewright.labels.skeleton import Skeleton
from posewright.shapes import PoseBatch

NODES = ("nose", "body", "tail", "wing")
SHAPE = np.array([[50.0, 0.0], [0.0, 0.0], [-50.0, 0.0], [0.0, 25.0]])  # box 100 x 25

MakeTruth = Callable[..., LabelSet]
MakePoses = Callable[..., PoseBatch]
MakeFolder = Callable[..., Path]

CONVERGED = {
    "steps": 100,
    "seconds": 60.0,
    "parameters": 10,
    "trials": 1,
    "chosen_by": ["val_loss"],
    "converged": True,
}


@pytest.fixture
def make_truth() -> MakeTruth:
    """Two animals side by side, 200 px apart, on each frame of each video."""

    def make(n_videos: int = 1, n_frames: int = 6, hidden: float = 0.0, apart_px: float = 200.0) -> LabelSet:
        random = np.random.default_rng(0)
        frames = []
        for video in range(n_videos):
            for frame in range(n_frames):
                centres = np.array([[100.0, 100.0], [100.0 + apart_px, 100.0]]) + random.uniform(-9, 9, (2, 2))
                points = centres[:, None] + SHAPE
                points[:, 1:][random.random((2, 3)) < hidden] = np.nan
                frames.append(LabeledFrame(video, frame, points, ("ann", "bob")))
        videos = tuple(VideoRef(f"video{index}.mp4", None) for index in range(n_videos))
        return LabelSet(Skeleton(NODES), videos, tuple(frames))

    return make


@pytest.fixture
def make_poses() -> MakePoses:
    """Truth as predictions, moved by noise of ``jitter_px`` (a number, or one for each frame)."""

    def make(truth: LabelSet, jitter_px: Any = 0.0, seed: int = 0, score: float = 0.9) -> PoseBatch:
        random = np.random.default_rng(seed)
        points = np.concatenate([frame.points for frame in truth.frames])
        frame = np.repeat(np.arange(len(truth.frames)), [len(frame.points) for frame in truth.frames])
        spread = np.broadcast_to(np.asarray(jitter_px, float), len(truth.frames))[frame]
        points = points + spread[:, None, None] * random.normal(size=points.shape)
        # distinct scores: between equal ones COCO's rank, and so AP, depends on the order of the rows
        scores = score * (1 - 0.01 * random.random((len(points), 1)))
        node_scores = np.where(np.isnan(points[..., 0]), np.nan, scores)
        return PoseBatch(points, frame, len(truth.frames), node_scores, node_scores.sum(axis=1))

    return make


@pytest.fixture
def make_folder(tmp_path: Path) -> MakeFolder:
    """An evaluation folder as the stage writes it, without the model."""

    def make(
        method: str,
        truth: LabelSet,
        poses: PoseBatch,
        *,
        fold: int = 0,
        seed: int = 0,
        unit: str = "video",
        units: Mapping[tuple[int, int], str] | None = None,
        complete: bool = True,
        corrected: Mapping[tuple[int, int], Any] | None = None,
        predicted_tracks: Sequence[str | None] | None = None,
        **facts: Any,
    ) -> Path:
        out = tmp_path / "evaluation" / method / f"fold{fold}_seed{seed}" / "val"
        evaluation = evaluate_poses(
            truth, poses, units=units, predicted_tracks=predicted_tracks, complete=complete, corrected=corrected
        )
        split = {"unit": unit, "frames": {"train": 100, "val": len(truth.frames), "test": 0}}
        record = {"side": "val", "label_source": "human", "test_digest": f"digest{fold}", "split": split}
        write_run(
            out, evaluation, {**record, "method": method, "fold": fold, "seed": seed, "budget": CONVERGED, **facts}
        )
        return out

    return make
