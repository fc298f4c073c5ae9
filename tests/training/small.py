"""Trainings that take seconds: small recipes, and small synthetic recordings to train them on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from posewright.config.recipe import Recipe, load_recipe
from posewright.labels.read import read_labels
from posewright.labels.split import split_labels, write_split
from posewright.samples.store import store_frames
from posewright.shapes import Size
from posewright.synthetic.dataset import make_dataset
from posewright.synthetic.spec import ArenaSpec
from posewright.training.train import train_model

HEADS: dict[str, Any] = {
    "single_instance": {"confmaps": {"sigma": 2.0, "output_stride": 2}},
    "centroid": {"confmaps": {"anchor_part": "thorax", "sigma": 2.0, "output_stride": 4}},
    "centered_instance": {"confmaps": {"anchor_part": "thorax", "sigma": 2.0, "output_stride": 2}},
    "bottomup": {
        "confmaps": {"sigma": 2.0, "output_stride": 2},
        "pafs": {"sigma": 15.0, "output_stride": 4},
    },
    "multi_class_bottomup": {
        "confmaps": {"sigma": 2.0, "output_stride": 2},
        "pafs": {"sigma": 15.0, "output_stride": 4},
        "class_maps": {"sigma": 1.0, "output_stride": 4},
    },
    "multi_class_topdown": {
        "confmaps": {"anchor_part": "thorax", "sigma": 2.0, "output_stride": 2},
        "class_vectors": {"num_fc_units": 16},
    },
}


UNET = {"unet": {"filters": 8, "filters_rate": 1.5, "max_stride": 8}}
CONVNEXT = {"convnext": {"model_type": "custom", "arch": {"depths": [1, 1, 1, 1], "channels": [8, 12, 16, 24]}}}
SWINT = {"swint": {"model_type": "custom", "arch": {"embed": 12, "depths": [1, 2, 1, 1], "num_heads": [1, 2, 2, 4]}}}


def small_recipe(model_type: str, backbone: dict[str, Any] = UNET, **trainer: Any) -> Recipe:
    """Return a recipe of a few thousand weights at scale 0.5."""
    return load_recipe(
        {
            "data_config": {"preprocessing": {"scale": 0.5, "crop_size": None, "min_crop_size": 32}},
            "model_config": {
                "backbone_config": backbone,
                "head_configs": {model_type: HEADS[model_type]},
            },
            "trainer_config": {
                "optimizer": {"lr": 1e-3},
                "train_steps_per_epoch": 4,
                "max_epochs": 3,
                "enable_progress_bar": False,
                **trainer,
            },
        }
    )


def make_small_data(folder: Path, n_animals: int = 2) -> None:
    """Make three small synthetic recordings, split by video, with stored frames."""
    spec = ArenaSpec(
        n_animals=n_animals,
        animal_length_px=40,
        size=Size(100, 116),
        n_recordings=3,
        n_frames=24,
        n_labeled=8,
        hut=False,
    )
    make_dataset(spec, folder)
    labels = read_labels([folder / "labels.slp"])
    split = split_labels(labels, by="video", val=0.3, test=0.3, folds=1, fold=0, block_frames=10, gap_frames=0, seed=0)
    write_split(split, folder / "split")
    store_frames(labels, folder / "store" / "store.json")


def train(data: Path, recipe: Recipe, out: Path, seed: int = 0, plan: Path | None = None) -> Path:
    """Train on the data of `make_small_data`; return the model folder."""
    work = out.parent / f"work-{out.name}"
    with one_thread():
        train_model(recipe, data / "split", data / "store" / "store.json", seed, work, out, plan)
    return out


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch in one thread: so small a network gains nothing from a second, and on a busy machine waits for it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
