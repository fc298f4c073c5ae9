"""Frames that are marked as without animals: stored, learnt from where asked, and scored in any case."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from posewright.check_recipes import recipe_notes
from posewright.config.recipe import Recipe, load_recipe
from posewright.evaluation.evaluate import evaluate_method
from posewright.files import read_json
from posewright.labels.read import read_labels, read_side
from posewright.labels.split import split_labels, write_split
from posewright.labels.write import write_labels
from posewright.model_types.plan import load_plan
from posewright.samples.augment import augmented
from posewright.samples.dataset import Batches
from posewright.samples.store import FrameStore, store_frames
from posewright.training.planning import read_learnt, sources_for

from .small import make_small_data, small_recipe, train
from .test_options import best, distance, rows


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small recordings; of each, three labelled frames are marked as without animals instead."""
    folder = tmp_path_factory.mktemp("data")
    make_small_data(folder)
    labels = read_labels([folder / "labels.slp"])
    empty = [frame.key for index, frame in enumerate(labels.frames) if index % 8 < 3]
    kept = labels.only({frame.key for frame in labels.frames} - set(empty))
    write_labels(replace(kept, negatives=tuple(empty)), folder / "negative.slp")
    labels = read_labels([folder / "negative.slp"])
    assert (len(labels.frames), len(labels.negatives)) == (15, 9)
    split = split_labels(labels, by="video", val=0.3, test=0.3, folds=1, fold=0, block_frames=10, gap_frames=0, seed=0)
    write_split(split, folder / "split")
    store_frames(labels, folder / "store" / "store.json")
    return folder


def recipe(model_type: str, use: bool, weight: float = 1.0, lr: float = 1e-3) -> Recipe:
    value = small_recipe(model_type, max_epochs=1, optimizer={"lr": lr}).to_json()
    value["data_config"] |= {"use_negative_frames": use, "negative_loss_weight": weight, "augmentation_config": None}
    return load_recipe(value)


def test_they_stay_on_their_side_of_the_split_and_are_stored(data: Path) -> None:
    sides = {side: read_side(data / "split" / f"{side}.slp") for side in ("train", "val", "test")}
    assert {side: len(labels.negatives) for side, labels in sides.items()} == {"train": 3, "val": 3, "test": 3}
    store = FrameStore(data / "store" / "store.json")
    assert all(key in store for labels in sides.values() for key in labels.negatives)


@pytest.mark.parametrize("model_type", ["centroid", "bottomup", "single_instance", "multi_class_bottomup"])
def test_models_of_whole_frames_learn_empty_maps_from_them(data: Path, tmp_path: Path, model_type: str) -> None:
    without = train(data, recipe(model_type, use=False), tmp_path / "without")
    learnt = train(data, recipe(model_type, use=True), tmp_path / "with")
    assert load_plan(without).training["train_samples"] == 5
    assert load_plan(learnt).training["train_samples"] == 8
    assert distance(best(without), best(learnt)) > 0
    plan = load_plan(learnt)
    labels = read_learnt(plan.recipe, data / "split" / "train.slp")
    sources = sources_for(plan.model_type, plan.preprocess, labels, FrameStore(data / "store" / "store.json"))
    images, poses = augmented(Batches(sources, None, 0)[0, tuple(range(8))])
    targets = plan.model_type.encode(poses, plan.input_size)
    peak = targets["confmaps"].amax(dim=(1, 2, 3))
    assert [bool(value > 0) for value in peak] == [len(frame.points) > 0 for frame in labels.frames]
    assert images.amax(dim=(1, 2, 3)).min() > 0
    only = [index for index, frame in enumerate(labels.frames) if not len(frame.points)][:2]
    _, nobody = augmented(Batches(sources, None, 0)[0, tuple(only)])
    assert all(float(maps.abs().max()) == 0 for maps in plan.model_type.encode(nobody, plan.input_size).values())


def test_crops_are_of_animals_only(data: Path, tmp_path: Path) -> None:
    first = train(data, recipe("centered_instance", use=False), tmp_path / "without")
    second = train(data, recipe("centered_instance", use=True), tmp_path / "with")
    assert distance(best(first), best(second)) == 0.0
    labels = read_side(data / "split" / "train.slp")
    told = [recipe_notes(recipe("centered_instance", use), labels) for use in (False, True)]
    assert ["use_negative_frames has no effect" in " ".join(notes) for notes in told] == [False, True]
    assert "no effect" not in " ".join(recipe_notes(recipe("centroid", use=True), labels))


def test_their_weight_counts_in_training_and_not_in_validation(data: Path, tmp_path: Path) -> None:
    weights = (0.0, 1.0, 9.0)
    still = [rows(train(data, recipe("centroid", True, one, 1e-12), tmp_path / f"{one}"))[0] for one in weights]
    none, single, ninefold = (row["train/loss"] for row in still)
    assert single > none
    assert ninefold - none == pytest.approx(9 * (single - none), rel=1e-3)
    assert [row["val/loss"] for row in still] == pytest.approx([still[0]["val/loss"]] * 3, rel=1e-6)


def test_what_is_found_on_them_is_extra(data: Path, tmp_path: Path) -> None:
    """Also where the model did not learn from them."""
    folder = train(data, recipe("single_instance", use=False), tmp_path / "model")
    options = {"backend": "torch", "peak_threshold": -1e9, "threads": 1}
    out = tmp_path / "evaluation" / "fold0_seed0" / "test"
    evaluate_method(
        method="single",
        models=[folder],
        split=data / "split",
        side="test",
        store=data / "store" / "store.json",
        label_source="human",
        complete=True,
        out=out,
        options=options,
    )
    counts = read_json(out / "metrics.json")["counts"]
    truth = read_side(data / "split" / "test.slp")
    assert counts["frames"] == len(truth.frames) + 3 == 8
    assert counts["predicted"] == 8
    assert counts["extra"] >= 3
