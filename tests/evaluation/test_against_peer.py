"""Our count in the peer's form against sleap-nn's own evaluator, on random labels with every oddity (marker peer)."""

from __future__ import annotations

from dataclasses import astuple

import numpy as np
import pytest
import sleap_io
from numpy.typing import NDArray

from posewright.evaluation.peer_form import PeerForm, PeerFrame, peer_form

pytestmark = pytest.mark.peer

N_NODES = 6
SKELETON = sleap_io.Skeleton([str(node) for node in range(N_NODES)])


def random_frame(rng: np.random.Generator) -> PeerFrame | None:
    """Return truth with gaps, and predictions that jitter, miss, invent and repeat; None where no animal is left."""
    truth = rng.uniform(0, 300, (3, 1, 2)) + rng.uniform(-30, 30, (3, N_NODES, 2))
    truth[rng.random((3, N_NODES)) < 0.15] = np.nan
    truth = truth[~np.isnan(truth[..., 0]).all(axis=1)]
    if len(truth) == 0:
        return None
    near = truth + rng.normal(0, rng.choice([0.3, 1, 3, 8]), truth.shape)
    predicted = np.concatenate([near, rng.uniform(0, 300, (rng.integers(0, 3), N_NODES, 2))])
    invented = np.isnan(predicted[..., 0]) & (rng.random(predicted.shape[:2]) < 0.5)
    predicted[invented] = 50.0
    predicted[rng.random(predicted.shape[:2]) < 0.1] = np.nan
    predicted = predicted[(rng.random(len(predicted)) < 0.9) & ~np.isnan(predicted[..., 0]).all(axis=1)]
    if rng.random() < 0.1:
        return PeerFrame(truth, None)
    return PeerFrame(truth, predicted, np.round(rng.random(len(predicted)), 2))


def peer_numbers(frames: list[PeerFrame]) -> list[float]:
    """Return what sleap-nn's evaluator gives, in the order of `PeerForm`."""
    evaluation = pytest.importorskip("sleap_nn.evaluation", reason="NOT COMPARED: sleap-nn is not installed")
    video = sleap_io.Video("a.mp4", open_backend=False)
    truth, predicted = [], []
    for index, frame in enumerate(frames):
        animals = [sleap_io.Instance.from_numpy(points, skeleton=SKELETON) for points in frame.truth]
        truth.append(sleap_io.LabeledFrame(video=video, frame_idx=index, instances=animals))
        if frame.predicted is not None and frame.scores is not None:
            found = [scored(points, score) for points, score in zip(frame.predicted, frame.scores, strict=True)]
            predicted.append(sleap_io.LabeledFrame(video=video, frame_idx=index, instances=found))
    sets = [sleap_io.Labels(part, videos=[video], skeletons=[SKELETON]) for part in (truth, predicted)]
    evaluator = evaluation.Evaluator(*sets)
    metrics = evaluator.evaluate()
    voc, pck, visible = metrics["voc_metrics"], metrics["pck_metrics"], metrics["visibility_metrics"]
    distance = metrics["distance_metrics"]
    return [
        *(voc["oks_voc.mAP"], voc["oks_voc.mAR"], metrics["mOKS"]["mOKS"], pck["mPCK"], pck["PCK@5"], pck["PCK@10"]),
        *(distance[name] for name in ("avg", "p50", "p75", "p90", "p95", "p99")),
        *(visible["precision"], visible["recall"], len(evaluator.positive_pairs), len(evaluator.false_negatives)),
    ]


def scored(points: NDArray[np.float64], score: float) -> sleap_io.PredictedInstance:
    return sleap_io.PredictedInstance.from_numpy(
        points, skeleton=SKELETON, point_scores=np.ones(N_NODES), score=float(score)
    )


@pytest.mark.filterwarnings("ignore")  # the peer's own
@pytest.mark.parametrize("seed", range(12))
def test_our_count_is_the_peers(seed: int) -> None:
    rng = np.random.default_rng(seed)
    frames = [frame for frame in (random_frame(rng) for _ in range(25)) if frame is not None]
    ours: PeerForm = peer_form(frames)
    np.testing.assert_allclose(astuple(ours), peer_numbers(frames), atol=1e-9)
