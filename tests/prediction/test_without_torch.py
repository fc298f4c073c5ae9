"""Prediction needs no torch: a frozen release predicts videos where torch, torchvision and lightning are missing."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from posewright.files import read_json
from posewright.prediction.release import make_release

from ..training.small import make_small_data, small_recipe, train

PROGRAM = """
import importlib, json, pkgutil, sys
from pathlib import Path

MISSING = {"torch", "torchvision", "lightning", "pytorch_lightning", "lightning_fabric"}

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in MISSING:
            raise ImportError(f"{name} is missing here")

sys.meta_path.insert(0, Missing())

import posewright.prediction
for module in pkgutil.iter_modules(posewright.prediction.__path__, "posewright.prediction."):
    importlib.import_module(module.name)

from posewright.prediction.batch import predict_videos
from posewright.prediction.estimator import load_estimator
from posewright.prediction.labelled import predict_labelled
from posewright.prediction.release import read_release
from posewright.samples.store import FrameStore
from posewright.tracking.tracker import tracker_for

given = json.loads(sys.argv[1])
out = Path(given["out"])
predict_videos(
    Path(given["release"]), [{"video": "film", "path": given["video"]}], {"tracker": {}}, out, out / "published",
    out / "manifest.json", tracker_for,
)
release, store = read_release(Path(given["release"])), FrameStore(Path(given["store"]))
estimator = load_estimator(release.unpacked(out / "releases"), release.options)  # auto
assert predict_labelled(estimator, store, store.keys).n_frames == len(store.keys)
assert not MISSING & {name.partition(".")[0] for name in sys.modules}
"""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make_small_data(folder)
    return folder


@pytest.mark.parametrize("types", [["bottomup"], ["centroid", "centered_instance"]], ids=["bottomup", "topdown"])
def test_a_release_predicts_where_torch_is_missing(data: Path, tmp_path: Path, types: list[str]) -> None:
    steps = {"train_steps_per_epoch": 60, "max_epochs": 1}
    models = [train(data, small_recipe(name, **steps), tmp_path / name) for name in types]
    release = tmp_path / "release" / "release.json"
    make_release("dev-small", {}, models, release, tmp_path / "ledger.tsv", backend="openvino", peak_threshold=0.02)
    video = data / "videos" / "recording_1.mp4"
    given = {
        "release": str(release),
        "video": str(video),
        "store": str(data / "store" / "store.json"),
        "out": str(tmp_path / "out"),
    }
    command = [sys.executable, "-c", PROGRAM, json.dumps(given)]
    run = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert run.returncode == 0, run.stderr
    entry = read_json(tmp_path / "out" / "manifest.json")["videos"]["film"]
    assert entry["state"] == "ok"
    assert pq.read_metadata(Path(entry["product"]) / "frames.parquet").num_rows == 24
    assert pq.read_metadata(Path(entry["product"]) / "poses.parquet").num_rows > 0
