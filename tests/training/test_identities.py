"""Marked animals that meet in every frame are told apart on frames that were not trained on."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sleap_io
import torch
import yaml

from posewright.config.recipe import load_recipe
from posewright.evaluation.evaluate import evaluate_method
from posewright.files import read_json
from posewright.labels.read import read_labels, read_side
from posewright.labels.split import split_labels, write_split
from posewright.networks.network import build_network
from posewright.networks.weights import read_weights
from posewright.samples.augment import augmented
from posewright.samples.store import FrameStore, store_frames
from posewright.shapes import Size
from posewright.synthetic.dataset import make_dataset
from posewright.synthetic.spec import ArenaSpec
from posewright.training.loaders import train_loader
from posewright.training.planning import make_plan, sources_for

from .small import small_recipe, train

RECIPES = Path(__file__).parents[2] / "config" / "recipes"

VARIED = {
    "intensity": {"brightness_p": 0.3, "contrast_p": 0.3},
    "geometric": {"rotation_min": -180, "rotation_max": 180, "scale_min": 0.9, "scale_max": 1.1},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two recordings of the same two marked animals, split by blocks of time."""
    folder = tmp_path_factory.mktemp("marked")
    spec = ArenaSpec(
        n_animals=2,
        animal_length_px=40,
        size=Size(100, 116),
        n_recordings=2,
        n_frames=240,
        n_labeled=60,
        hut=False,
    )
    make_dataset(spec, folder)
    labels = read_labels([folder / "labels.slp"])
    sides = split_labels(labels, by="block", val=0.15, test=0.2, folds=1, fold=0, block_frames=20, gap_frames=0, seed=0)
    write_split(sides, folder / "split")
    store_frames(labels, folder / "store" / "store.json")
    return folder


def trained(data: Path, model_type: str, steps: int, out: Path) -> Path:
    recipe = small_recipe(
        model_type,
        train_steps_per_epoch=steps,
        max_epochs=1,
        train_data_loader={"batch_size": 4, "num_workers": 0},
    ).to_json()
    recipe["data_config"] |= {"augmentation_config": VARIED, "use_augmentations_train": True}
    return train(data, load_recipe(recipe), out / model_type)


@pytest.mark.long
@pytest.mark.parametrize(
    ("stages", "least"),
    [({"multi_class_bottomup": 2500}, 0.9), ({"centroid": 1000, "multi_class_topdown": 2000}, 0.75)],
)
def test_marked_animals_are_told_apart(data: Path, tmp_path: Path, stages: dict[str, int], least: float) -> None:
    models = [trained(data, model_type, steps, tmp_path) for model_type, steps in stages.items()]
    out = tmp_path / "named" / "fold0_seed0" / "test"
    evaluate_method(
        method="named",
        models=models,
        split=data / "split",
        side="test",
        store=data / "store" / "store.json",
        label_source="human",
        complete=True,
        out=out,
        options={"peak_threshold": 0.15, "backend": "torch", "threads": 1},
    )
    identity = read_json(out / "metrics.json")["identity"]
    assert identity["denominator"] >= 40
    assert identity["accuracy"] >= least  # 0.5 by chance
    assert {track.name for track in sleap_io.load_slp(str(out / "predictions.slp")).tracks} == {"animal_1", "animal_2"}


@pytest.mark.parametrize(
    ("model_type", "identities"), [("multi_class_bottomup", "class_maps"), ("multi_class_topdown", "class_vectors")]
)
def test_identities_and_nodes_are_learnt_apart(data: Path, model_type: str, identities: str) -> None:
    recipe = load_recipe(yaml.safe_load((RECIPES / f"{model_type}.unet.yaml").read_text()))
    train_side, store = read_side(data / "split" / "train.slp"), FrameStore(data / "store" / "store.json")
    plan = make_plan(recipe, train_side, store, 0, "")
    network = build_network(recipe, plan.model_type.heads, plan.preprocess.channels)
    loader, _ = train_loader(plan, train_side, store)
    batch = next(iter(loader))
    images, poses = augmented(batch)
    losses = plan.model_type.loss(network(images), plan.model_type.encode(poses, batch.output))
    own = {name for name, _ in network.named_parameters() if name.startswith(f"heads.{identities}.")}
    of_nodes = sum(loss for name, loss in losses.items() if name not in (identities, "loss"))
    for loss, moved in ((losses[identities], own), (of_nodes, {name for name, _ in network.named_parameters()} - own)):
        network.zero_grad()
        loss.backward(retain_graph=True)
        assert {name for name, weight in network.named_parameters() if weight.grad is not None} == moved


@pytest.mark.parametrize(
    ("model_type", "plain", "identities"),
    [
        ("multi_class_bottomup", "bottomup", "class_maps"),
        ("multi_class_topdown", "centered_instance", "class_vectors"),
    ],
)
def test_nodes_are_learnt_to_the_bit_as_without_identities(
    data: Path, model_type: str, plain: str, identities: str, tmp_path: Path
) -> None:
    short = {
        "train_data_loader": {"batch_size": 2},
        "train_steps_per_epoch": 4,
        "max_epochs": 5,
        "optimizer": {"lr": 0.02},  # so much that the loss goes up and down
        "lr_scheduler": {"reduce_lr_on_plateau": {"factor": 0.5, "patience": 0, "cooldown": 0, "min_lr": 0.0}},
        "early_stopping": {"patience": 3},
    }
    weights, logs, cards = {}, {}, {}
    for name in (model_type, plain):
        shipped = yaml.safe_load((RECIPES / f"{name}.unet.yaml").read_text())
        recipe = load_recipe({**shipped, "trainer_config": short, "posewright": {"gradient_clip": 1e-3}})
        folder = train(data, recipe, tmp_path / name)
        cards[name] = read_json(folder / "model.json")["training"]
        weights[name] = read_weights(folder / "best.ckpt", read_json(folder / "model.json")["weights_sha256"])
        with (folder / "training_log.csv").open(newline="") as stream:
            logs[name] = list(csv.DictReader(stream))
    of_names = {name for name in weights[model_type] if name.startswith(f"heads.{identities}.")}
    assert weights[model_type].keys() - of_names == weights[plain].keys()
    assert all(torch.equal(weight, weights[model_type][name]) for name, weight in weights[plain].items())
    for ours, theirs in zip(logs[model_type], logs[plain], strict=True):
        assert all(ours[name] == value for name, value in theirs.items() if name != "seconds")
    assert {cards[name]["val_loss"] for name in cards} == {min(float(row["val/loss"]) for row in logs[plain])}


@pytest.mark.parametrize("model_type", ["multi_class_bottomup", "multi_class_topdown"])
def test_shuffled_labels_give_every_animal_the_class_it_had(data: Path, model_type: str) -> None:
    labels, store = read_side(data / "split" / "train.slp"), FrameStore(data / "store" / "store.json")
    rng = np.random.default_rng(0)
    frames = []
    for frame in labels.frames:
        order = rng.permutation(len(frame.points))
        tracks = tuple(frame.tracks[row] for row in order)
        frames.append(replace(frame, points=frame.points[order], tracks=tracks))
    shuffled = replace(labels, frames=tuple(frames))
    assert [frame.tracks for frame in shuffled.frames] != [frame.tracks for frame in labels.frames]
    recipe = load_recipe(yaml.safe_load((RECIPES / f"{model_type}.unet.yaml").read_text()))
    named = []
    for side in (labels, shuffled):
        plan = make_plan(recipe, side, store, 0, "")
        assert plan.model_type.classes == ("animal_1", "animal_2")
        sources = sources_for(plan.model_type, plan.preprocess, side, store)
        samples = [sources[index] for index in range(len(sources))]
        named.append(
            {
                (each.image.tobytes(), own.tobytes(), int(of))
                for each in samples
                for own, of in zip(each.points, each.class_ids, strict=True)
            }
        )
    assert named[0] == named[1]
