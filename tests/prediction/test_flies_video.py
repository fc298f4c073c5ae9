"""The whole way on real data: two flies, 60 labelled frames, a short training, a release, 1100 frames."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sleap_io

from posewright.config.recipe import load_recipe
from posewright.files import read_json
from posewright.labels.read import read_labels
from posewright.labels.split import split_labels, write_split
from posewright.prediction.batch import predict_videos
from posewright.prediction.poses import frame_chunks, pose_chunks, read_skeleton
from posewright.prediction.release import make_release, read_release
from posewright.samples.store import store_frames
from posewright.shapes import PoseBatch
from posewright.tracking.tracker import tracker_for
from posewright.training.train import train_model

from ..training.small import one_thread
from .agreement import assert_agree

pytestmark = pytest.mark.long

N_FRAMES = 1100
BOTTOMUP: dict[str, Any] = {
    "data_config": {"preprocessing": {"scale": 0.5}},
    "model_config": {
        "backbone_config": {"unet": {"filters": 12, "filters_rate": 1.5, "max_stride": 16}},
        "head_configs": {
            "bottomup": {"confmaps": {"sigma": 2.0, "output_stride": 2}, "pafs": {"sigma": 15.0, "output_stride": 4}}
        },
    },
    "trainer_config": {
        "optimizer": {"lr": 2e-3},
        "train_data_loader": {"batch_size": 4, "num_workers": 0},
        "train_steps_per_epoch": 100,
        "max_epochs": 2,
        "enable_progress_bar": False,
    },
}


@pytest.fixture(scope="module")
def release(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A release of a model that was trained for 200 steps."""
    folder = tmp_path_factory.mktemp("flies")
    labels = read_labels([shared_data / "flies-pair" / name for name in ("train.pkg.slp", "val.pkg.slp")])
    split = split_labels(labels, by="file", val=0.2, test=0.0, groups={0: "train", 1: "val"})
    write_split(split, folder / "split")
    store_frames(labels, folder / "store" / "store.json")
    with one_thread():
        train_model(
            load_recipe(BOTTOMUP),
            folder / "split",
            folder / "store" / "store.json",
            seed=0,
            work=folder / "work",
            out=folder / "model",
        )
    path = folder / "releases" / "dev-flies" / "release.json"
    make_release("dev-flies", {}, [folder / "model"], path, folder / "releases" / "ledger.tsv", peak_threshold=0.1)
    return path


@pytest.fixture(scope="module")
def products(release: Path, shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """The product of the whole film, predicted frame by frame and in sixteens."""
    row = {"video": "flies", "path": str(shared_data / "flies-pair" / "video.mp4"), "n_animals": 2}
    found = {}
    for size in (1, 16):
        work = tmp_path_factory.mktemp(f"by{size}")
        settings = {"tracker": {"similarity": "oks"}, "frames_at_once": size}
        predict_videos(release, [row], settings, work, work / "published", work / "manifest.json", tracker_for)
        found[size] = Path(read_json(work / "manifest.json")["videos"]["flies"]["product"])
    return found


def table(chunks: Sequence[dict[str, Any]], column: str) -> Any:
    return np.concatenate([chunk[column] for chunk in chunks])


def poses_of(product: Path) -> PoseBatch:
    chunks = list(pose_chunks(product / "poses.parquet"))
    return PoseBatch(
        points=table(chunks, "points"),
        frame=table(chunks, "frame").astype(np.int64),
        n_frames=N_FRAMES,
        node_scores=table(chunks, "scores"),
        raw_scores=table(chunks, "raw_score"),
    )


def test_every_frame_is_accounted_for(products: dict[int, Path]) -> None:
    for product in products.values():
        frames = list(frame_chunks(product / "frames.parquet"))
        np.testing.assert_array_equal(table(frames, "frame"), np.arange(N_FRAMES))
        np.testing.assert_allclose(table(frames, "time_s"), np.arange(N_FRAMES) / 15, atol=1e-3)
        assert table(frames, "decoded").all()
        counts = np.bincount(poses_of(product).frame, minlength=N_FRAMES)
        np.testing.assert_array_equal(table(frames, "n_instances"), counts)
        assert (counts > 0).mean() > 0.9, "the model should find flies in most frames"
        status = read_json(product / "status.json")
        assert (status["state"], status["reason"], status["frames_missing"]) == ("ok", "", [])
        assert status["frames_expected"] == status["frames_decoded"] == status["frames_predicted"] == N_FRAMES


def test_both_files_hold_the_same_instances(products: dict[int, Path]) -> None:
    product = products[16]
    labels = sleap_io.load_slp(str(product / "poses.slp"), open_videos=False)
    poses, tracks = poses_of(product), []
    for chunk in pose_chunks(product / "poses.parquet"):
        tracks += chunk["track"]
    assert [frame.frame_idx for frame in labels.labeled_frames] == list(range(N_FRAMES))
    assert tuple(labels.skeletons[0].node_names) == read_skeleton(product / "poses.parquet").nodes
    instances = [(frame.frame_idx, instance) for frame in labels.labeled_frames for instance in frame.instances]
    assert [frame for frame, _ in instances] == poses.frame.tolist()
    np.testing.assert_array_equal(np.stack([instance.numpy() for _, instance in instances]), poses.points)
    assert [None if instance.track is None else instance.track.name for _, instance in instances] == tracks
    assert len({name for name in tracks if name is not None}) == 2
    scores = [instance.score for _, instance in instances]
    np.testing.assert_allclose(scores, poses.instance_scores, atol=1e-6)


def test_frame_by_frame_is_the_same_as_many_at_once(release: Path, products: dict[int, Path]) -> None:
    one_by_one, together = (poses_of(product) for product in products.values())
    assert_agree(one_by_one, together, read_release(release).options, least_nodes=10 * N_FRAMES)


def test_chunks_over_jobs_give_the_bytes_of_one_run(
    release: Path, products: dict[int, Path], shared_data: Path, tmp_path: Path
) -> None:
    row = {"video": "flies", "path": str(shared_data / "flies-pair" / "video.mp4"), "n_animals": 2}
    settings = {"tracker": {"similarity": "oks"}, "frames_at_once": 16, "chunk_frames": 250}

    def predict(row: dict[str, Any]) -> Any:
        manifest = tmp_path / "manifest.json"
        predict_videos(release, [row], settings, tmp_path / "work", tmp_path / "published", manifest, tracker_for)
        return read_json(manifest)

    for number in (3, 1, 0, 2):
        predict({**row, "chunk": [number, 4]})
    told = predict(row)
    assert told["provenance"]["flies"]["frames_computed"] == 0
    product = Path(told["videos"]["flies"]["product"])
    for name in ("poses.parquet", "frames.parquet", "poses.slp"):
        assert (product / name).read_bytes() == (products[16] / name).read_bytes(), name
