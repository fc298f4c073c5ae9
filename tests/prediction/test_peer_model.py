"""Model folders of sleap-nn, as methods and releases: what the peer finds with them, ours find too."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
import yaml
from numpy.typing import NDArray

from posewright.errors import InputError
from posewright.evaluation.budget import models_digest, read_budget
from posewright.evaluation.released import opened
from posewright.files import read_json, write_json
from posewright.predict import Wishes, predict
from posewright.prediction.estimator import load_estimator
from posewright.prediction.peer_model import own_folders, require_known
from posewright.shapes import DecodeOptions, PoseBatch

N_FRAMES = 12


@pytest.fixture(scope="module")
def models(shared_data: Path) -> Path:
    return shared_data / "sleap-nn-models" / "v0.3.5"


@pytest.fixture(scope="module")
def frames(shared_data: Path) -> NDArray[np.uint8]:
    """The begin of the film that the peer's golden poses are of."""
    with av.open(str(shared_data / "flies-pair" / "video.mp4")) as film:
        pictures = (picture.to_ndarray(format="gray") for picture in film.decode(video=0))
        return np.stack([picture for picture, _ in zip(pictures, range(N_FRAMES), strict=False)])[..., None]


def found(folders: Sequence[Path], images: NDArray[np.uint8], threshold: float = 0.2) -> PoseBatch:
    """The poses of a peer's models, with peaks refined as the peer does, so that numbers can be compared."""
    with own_folders(folders) as own:
        for folder in own:
            card = read_json(folder / "model.json")
            card["recipe"]["posewright"]["refinement"] = "integral"
            write_json(folder / "model.json", card)
        return load_estimator(own, DecodeOptions(peak_threshold=threshold), "torch", 1).predict(images)


def differences(poses: PoseBatch, golden: Path) -> list[NDArray[np.float64]]:
    """Ours minus the peer's, ``[node xy]`` for each of the peer's instances in these frames."""
    peer = np.load(golden)
    kept = peer["frame"] < N_FRAMES
    pairs = []
    for frame, points in zip(peer["frame"][kept], peer["points"][kept], strict=True):
        own = poses.points[poses.frame == frame] - points
        pairs.append(min(own, key=lambda one: float(np.nanmedian(np.abs(one)))))
    assert len(poses.points) == kept.sum()
    return pairs


def test_bottom_up_finds_what_the_peer_finds(models: Path, frames: NDArray[np.uint8]) -> None:
    apart = np.concatenate(differences(found([models / "bottomup"], frames), models / "golden_bottomup.npz"))
    error_px = np.linalg.norm(apart, axis=-1)
    error_px = error_px[~np.isnan(error_px)]
    assert len(error_px) > 300
    assert np.quantile(error_px, 0.5) < 0.03 and np.quantile(error_px, 0.9) < 0.1  # others: nodes of another grouping


def test_top_down_finds_it_without_the_bias_of_the_peers_crops(models: Path, frames: NDArray[np.uint8]) -> None:
    """The peer adds a corner that is no whole pixel to crops that were cut at one (interoperability page, 7.2)."""
    folders = [models / "centroid", models / "centered_instance"]
    pairs = differences(found(folders, frames), models / "golden_topdown.npz")
    shifts = np.array([np.nanmedian(pair, axis=0) for pair in pairs])
    assert (shifts > -1.03).all() and (shifts < 0.03).all()
    assert -0.7 < shifts.mean() < -0.3
    rest = [np.nanquantile(np.abs(pair - shift), 0.8) for pair, shift in zip(pairs, shifts, strict=True)]
    assert np.median(rest) < 0.05


@pytest.mark.parametrize(
    ("names", "nodes"), [(["bottomup"], 2), (["centroid"], 1), (["centroid", "centered_instance"], 2)]
)
def test_folders_of_old_versions_are_read(shared_data: Path, names: list[str], nodes: int) -> None:
    place = shared_data / "sleap-nn-models" / "old-format"
    poses = found([place / f"minimal_instance_{name}" for name in names], np.zeros((1, 384, 384, 1), np.uint8), 0.9)
    assert poses.points.shape[1:] == (nodes, 2)


def test_frames_of_another_size_are_fitted_as_the_peer_fits_them(models: Path, frames: NDArray[np.uint8]) -> None:
    """Half as large, they are enlarged to the trained size first; so the poses are half as large, too."""
    halves = frames[:4].reshape(4, 192, 2, 192, 2, 1).mean(axis=(2, 4)).astype(np.uint8)
    for names, most_px in ((["centroid"], 0.1), (["centroid", "centered_instance"], 0.7)):
        whole, half = (found([models / name for name in names], images) for images in (frames[:4], halves))
        assert len(whole.points) == len(half.points)
        order = [np.lexsort([np.nanmean(poses.points[..., 0], axis=1), poses.frame]) for poses in (whole, half)]
        assert np.nanmedian(np.abs(whole.points[order[0]] / 2 - half.points[order[1]])) < most_px


def test_they_are_methods_with_a_digest_and_a_budget_that_tells_what_is_known(models: Path) -> None:
    with opened([models / "centroid", models / "centered_instance"], {}) as (first, _):
        digest, budget = models_digest(first), read_budget(first)
    with opened([models / "centered_instance", models / "centroid"], {}) as (again, _):
        assert models_digest(again) == digest
    assert budget["parameters"] > 600_000 and budget["scales"] == [0.5, 1.0]
    assert budget["steps"] is None and budget["converged"] is None  # which forbids a verdict


def test_they_predict_videos(models: Path, shared_data: Path, tmp_path: Path) -> None:
    film = shared_data / "flies-pair" / "video.mp4"
    wishes = Wishes(stop=4, threads=1)
    (status,) = predict([film], [models / "centroid", models / "centered_instance"], tmp_path, wishes)
    assert (status["state"], status["frames_predicted"]) == ("ok", 4)


def changed(folder: Path, out: Path, change: Callable[[Any], object]) -> Path:
    shutil.copytree(folder, out)
    settings = yaml.safe_load((out / "training_config.yaml").read_text())
    change(settings)
    (out / "training_config.yaml").write_text(yaml.safe_dump(settings))
    return out


def test_what_is_not_run_here_is_refused_in_words(models: Path, tmp_path: Path) -> None:
    def otherwise(settings: Any) -> None:
        heads = settings["model_config"]["head_configs"]
        heads["semantic_segmentation"], heads["bottomup"] = heads["bottomup"], None

    def wider(settings: Any) -> None:
        settings["model_config"]["backbone_config"]["unet"]["filters"] = 24

    other = changed(models / "bottomup", tmp_path / "other", otherwise)
    with pytest.raises(InputError, match=r"a semantic_segmentation model of sleap-nn on unet.*methods.<name>.pred"):
        require_known(other)
    with (
        pytest.raises(InputError, match="do not fit the network"),
        own_folders([changed(models / "bottomup", tmp_path / "wider", wider)]),
    ):
        pass
    (other / "training_config.yaml").write_text("- 3\n")
    with pytest.raises(InputError, match="is no config of sleap-nn"):
        require_known(other)
    broken = changed(models / "bottomup", tmp_path / "broken", lambda settings: None)
    (broken / "best.ckpt").write_bytes(b"weights")
    with pytest.raises(InputError, match="is no checkpoint of sleap-nn"), own_folders([broken]):
        pass


@pytest.mark.parametrize(
    ("name", "section", "change", "told"),
    [
        ("centroid", "model_config.head_configs.centroid.confmaps", {"use_sigmoid_activation": True}, "use_sigmoid"),
        ("centered_instance", "data_config.preprocessing", {"crop_mode": "bbox"}, "crop_mode bbox"),
        ("bottomup", "data_config.preprocessing", {"tiling": {"enabled": True}}, "tiling"),
        ("bottomup", "data_config.preprocessing", {"scale": [0.5, 1.0]}, r"training_config\.yaml: .*scale"),
        ("centered_instance", "data_config.preprocessing", {"crop_size": None}, "tells no crop_size"),
        ("bottomup", "data_config", {"preprocessing": 3}, "is no config of sleap-nn"),
        ("bottomup", "model_config", {"head_configs": ["bottomup"]}, "is no config of sleap-nn"),
        ("centroid", "data_config", {"skeletons": [{"nodes": [{"label": "a"}]}]}, "names no body parts"),
    ],
)
def test_settings_by_which_poses_would_be_others_and_damaged_ones_are_told_with_their_folder(
    models: Path, tmp_path: Path, name: str, section: str, change: dict[str, Any], told: str
) -> None:
    def otherwise(settings: Any) -> None:
        for key in section.split("."):
            settings = settings[key]
        settings.update(change)

    folder = changed(models / name, tmp_path / "other", otherwise)
    with pytest.raises(InputError, match=f"(?s){folder}.*{told}"):
        require_known(folder)


def test_a_folder_may_be_spelled_in_any_way(models: Path, tmp_path: Path) -> None:
    folder = changed(models / "centroid", tmp_path / "mine", lambda settings: None)
    (folder / "inner").mkdir()
    with own_folders([folder / "inner" / ".."]) as (own,):
        assert own.name == "mine" and (own / "model.json").is_file()
