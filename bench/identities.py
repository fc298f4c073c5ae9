"""Who is who: both multi-class types beside their plain counterparts, on marked synthetic animals and on real flies.

    python bench/identities.py OUT --data arena2 arena3 arena5 flies-pair flies-wide --precision bfloat16 [--seed 0]

Arenas: marked individuals that meet and walk over one another, each with equal area (``arena5-dense``: with less);
blocks of four recordings held back. ``flies-pair``: blocks of its video. ``flies-wide``: the first 34 s train, the last
10 s test. Steps are equal for both of a pair, the learning rate falls along a cosine. Finished trainings in OUT are
kept; another precision takes another OUT.
"""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # threads that spin while they wait slow a shared machine down

import yaml

from posewright.config.recipe import Recipe, load_recipe
from posewright.evaluation.evaluate import evaluate_method
from posewright.files import digest_of, read_json, write_json
from posewright.labels.model import LabelSet
from posewright.labels.read import read_labels
from posewright.labels.split import split_labels, write_split
from posewright.labels.write import write_labels
from posewright.samples.store import store_frames
from posewright.shapes import Size
from posewright.synthetic.dataset import make_dataset
from posewright.synthetic.spec import ArenaSpec
from posewright.training.train import train_model

ROOT = Path(__file__).resolve().parents[1]
METHODS = {
    "bottomup": ("bottomup",),
    "multi_class_bottomup": ("multi_class_bottomup",),
    "topdown": ("centroid", "centered_instance"),
    "multi_class_topdown": ("centroid", "multi_class_topdown"),
}


@dataclass(frozen=True)
class Data:
    """A data set, and how its models are trained.

    Attributes:
        frame_scale: scale of whole frames; centroids get half of it.
        crop_scale: scale of crops.
        steps: optimiser steps of the models of whole frames; centroids get half as many.
        crop_steps: optimiser steps of the models of crops, each of which holds one animal to learn, not all of a frame.
        side_px: of an arena.
    """

    frame_scale: float
    crop_scale: float
    steps: int
    crop_steps: int
    side_px: int | None = None


DATA = {
    "arena2": Data(1.0, 1.0, 2640, 5280, 128),
    "arena3": Data(1.0, 1.0, 5280, 15840, 160),
    "arena5": Data(1.0, 1.0, 5280, 21120, 208),
    "arena5-dense": Data(1.0, 1.0, 5280, 21120, 160),
    "flies-pair": Data(0.5, 0.5, 2400, 4800),
    "flies-wide": Data(0.25, 0.5, 1800, 3600),
}


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    words.add_argument("out", type=Path)
    words.add_argument("--data", nargs="+", choices=DATA, default=list(DATA))
    words.add_argument("--methods", nargs="+", choices=METHODS, default=list(METHODS))
    words.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    words.add_argument("--seed", type=int, default=0)
    words.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    given = words.parse_args()
    for name in given.data:
        folder = given.out / name
        prepare(name, given.shared, folder)
        for method in given.methods:
            print(f"{name} {method}: {score(name, method, folder, given.seed, given.precision)}", flush=True)


def prepare(name: str, shared: Path, folder: Path) -> None:
    """Make split and store once."""
    if (folder / "store" / "store.json").exists():
        return
    if side_px := DATA[name].side_px:
        spec = ArenaSpec(
            n_animals=int(name[len("arena")]),
            animal_length_px=56,
            size=Size(side_px, side_px),
            crowding=0.7,
            n_recordings=4,
            n_frames=600,
            n_labeled=150,
        )
        make_dataset(spec, folder)
        labels = read_labels([folder / "labels.slp"])
    else:
        labels = read_labels([shared / "data" / name / "labels.slp"])
    if name == "flies-wide":
        write_by_time(labels, folder / "split")
    else:
        sides = split_labels(labels, by="block", val=0.1, test=0.2, block_frames=50, gap_frames=25, seed=0)
        write_split(sides, folder / "split")
    store_frames(labels, folder / "store" / "store.json")


def write_by_time(labels: LabelSet, folder: Path) -> None:
    """Train on frames 0 to 849, every second; choose on 900 to 999; test on 1100 to the end."""
    sides = {"train": range(0, 850, 2), "val": range(900, 1000, 5), "test": range(1100, 1350)}
    units = [(0, frame, side, side) for side, frames in sides.items() for frame in frames]
    for side, frames in sides.items():
        write_labels(labels.only([(0, frame) for frame in frames]), folder / f"{side}.slp")
    write_json(folder / "split.json", {"digest": digest_of(units), "units": units})


def score(name: str, method: str, folder: Path, seed: int, precision: str) -> str:
    """Train what is missing, evaluate on the test side, and say it in a line."""
    models = [trained(name, model, folder, seed, precision) for model in METHODS[method]]
    out = folder / "evaluation" / method / f"fold0_seed{seed}" / "test"
    if not (out / "metrics.json").exists():
        evaluate_method(
            method=method,
            models=models,
            split=folder / "split",
            side="test",
            store=folder / "store" / "store.json",
            label_source="human" if name.startswith("arena") else "model",
            complete=True,
            out=out,
            options={"backend": "torch"},
        )
    metrics: dict[str, Any] = read_json(out / "metrics.json")
    distance, identity = metrics["distance_px"], metrics["identity"]
    counts = metrics["counts"]
    if not counts["matched"]:
        return "nothing was found"
    told = f"median {distance['p50']:.3f} px, p95 {distance['p95']:.2f} px"
    told += f", matched {counts['matched']}/{counts['true']}"
    if method.startswith("multi"):
        told += f", identity {identity['accuracy']:.4f} of {identity['denominator']}"
    return told


def trained(name: str, model: str, folder: Path, seed: int, precision: str) -> Path:
    """Train a model, or find it finished."""
    out = folder / "models" / f"{model}_seed{seed}"
    if not (out / "model.json").exists():
        recipe = recipe_of(name, model, precision)
        train_model(recipe, folder / "split", folder / "store" / "store.json", seed, folder / "work", out)
    return out


def recipe_of(name: str, model: str, precision: str) -> Recipe:
    """Return the shipped recipe at this data's scale and length."""
    data = DATA[name]
    value: dict[str, Any] = yaml.safe_load((ROOT / "config" / "recipes" / f"{model}.unet.yaml").read_text())
    whole = model in ("bottomup", "multi_class_bottomup")
    scale = data.frame_scale if whole else data.frame_scale / 2 if model == "centroid" else data.crop_scale
    value["data_config"]["preprocessing"] |= {"scale": scale, "min_crop_size": 32}
    steps = data.steps if whole else data.steps // 2 if model == "centroid" else data.crop_steps
    value["trainer_config"] |= {
        "train_steps_per_epoch": steps // 12,
        "max_epochs": 12,
        "early_stopping": None,
        "lr_scheduler": {"cosine_annealing_warmup": {"warmup_epochs": 1}},
    }
    value["posewright"] = {"precision": precision}
    return load_recipe(value)


if __name__ == "__main__":
    main()
