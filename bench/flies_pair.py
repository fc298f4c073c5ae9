"""Like for like with the peer on flies-pair: its data, recipes, batch and steps; counted as its evaluator does.

    python bench/flies_pair.py OUT [--shared ../shared] [--seeds 0 1 2] [--methods topdown bottomup]
    python bench/flies_pair.py OUT --longer 8 --precision bfloat16     # a real budget; another OUT

The data come from the peer page's ``make_data.py``, the recipes from its ``make_configs.py``; only the number of steps
is set, to those of the page's table. With ``--longer`` there are so many times more, and the learning rate falls along
a cosine. Finished trainings in OUT are kept. Below our rows stand the page's.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait slow a shared machine down

import numpy as np
import yaml

from posewright.config.recipe import Recipe, load_recipe
from posewright.evaluation.peer_form import PeerForm, PeerFrame, peer_form
from posewright.files import write_json
from posewright.labels.read import read_labels, read_side
from posewright.prediction.estimator import load_estimator
from posewright.prediction.labelled import predict_labelled
from posewright.samples.store import FrameStore, store_frames
from posewright.shapes import DecodeOptions
from posewright.training.train import train_model

STEPS = {"centroid": (50, 250), "centered_instance": (50, 1200), "bottomup": (35, 595)}  #: steps an epoch, steps
METHODS = {"topdown": ("centroid", "centered_instance"), "bottomup": ("bottomup",)}
PEER = {"topdown": (2.88, 10.61, 0.562), "bottomup": (5.14, 18.44, 0.332)}  #: p50 px, p95 px, PCK@5 of its page
PEER_THRESHOLD = 0.2


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("out", type=Path)
    words.add_argument("--shared", type=Path, default=Path(__file__).resolve().parents[2] / "shared")
    words.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    words.add_argument("--methods", choices=METHODS, nargs="+", default=list(METHODS))
    words.add_argument("--longer", type=int, default=1, help="times more steps")
    words.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    given = words.parse_args()
    split, store = prepare(given.shared, given.out)
    found: dict[str, list[PeerForm]] = {method: [] for method in given.methods}
    for seed in given.seeds:
        for method, runs in found.items():
            for name in METHODS[method]:
                recipe = with_steps(given.out / "recipes" / f"{name}.yaml", *STEPS[name], given.longer, given.precision)
                train_model(recipe, split, store, seed, given.out / "work", given.out / f"{name}_seed{seed}")
            numbers = score([given.out / f"{name}_seed{seed}" for name in METHODS[method]], split / "test.slp", store)
            runs.append(numbers)
            print(f"{method} seed {seed}: {row(numbers.p50_px, numbers.p95_px, numbers.pck_5px)}", flush=True)
    for method, runs in found.items():
        means = np.mean([[run.p50_px, run.p95_px, run.pck_5px] for run in runs], axis=0)
        print(f"{method} mean of {len(runs)} seeds: {row(*means)}")
        print(f"{method} peer, one seed: {row(*PEER[method])}")


def prepare(shared: Path, out: Path) -> tuple[Path, Path]:
    """Make data and recipes by the peer page's scripts; return the split's folder and the store."""
    flies, peer, split, store = shared / "data/flies-pair", shared / "peer", out / "split", out / "store" / "store.json"
    if not (split / "test.slp").exists():
        videos = ["--video", str(flies / "video.mp4"), "--predictions", str(flies / "raw_predictions.slp")]
        run(peer / "make_data.py", *videos, "--tracks", "1", "2", "--out", str(split))
        write_json(split / "split.json", {"digest": "peer page, make_data.py"})
    if not (out / "recipes").exists():
        run(peer / "make_configs.py", "--data", str(split), "--models", str(out), "--out", str(out / "recipes"))
    if not store.exists():
        store_frames(read_labels([split / f"{side}.slp" for side in ("train", "val", "test")]), store)
    return split, store


def run(script: Path, *words: str) -> None:
    subprocess.run([sys.executable, str(script.resolve()), *words], check=True)


def with_steps(path: Path, steps_per_epoch: int, steps: int, longer: int, precision: str) -> Recipe:
    """Return the peer's recipe with its length set: epochs as many, each ``longer`` times longer."""
    value: dict[str, Any] = yaml.safe_load(path.read_text())
    value["trainer_config"]["train_steps_per_epoch"] = steps_per_epoch * longer
    value["trainer_config"]["max_epochs"] = steps // steps_per_epoch
    if longer > 1:
        value["trainer_config"]["lr_scheduler"] = {"cosine_annealing_warmup": {"warmup_epochs": 1}}
    value["posewright"] = {"precision": precision}
    return load_recipe(value)


def score(models: list[Path], truth: Path, store: Path) -> PeerForm:
    """Predict the test frames and count as the peer does."""
    labels = read_side(truth)
    estimator = load_estimator(models, DecodeOptions(peak_threshold=PEER_THRESHOLD), "torch")
    poses = predict_labelled(estimator, FrameStore(store), [frame.key for frame in labels.frames])
    frames = []
    for index, frame in enumerate(labels.frames):
        own = poses.frame == index
        frames.append(PeerFrame(frame.points, poses.points[own] if own.any() else None, poses.instance_scores[own]))
    return peer_form(frames)


def row(p50_px: float, p95_px: float, pck_5px: float) -> str:
    return f"median {p50_px:.3f} px, p95 {p95_px:.2f} px, PCK@5 {pck_5px:.3f}"


if __name__ == "__main__":
    main()
