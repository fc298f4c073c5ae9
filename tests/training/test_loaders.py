"""What a training reads is what its recipe asks for."""

from __future__ import annotations

from pathlib import Path

import pytest

from posewright.config.recipe import load_recipe
from posewright.config.trainer import ValLoader
from posewright.labels.read import read_side
from posewright.samples.augment import augmented
from posewright.samples.store import FrameStore
from posewright.training.loaders import train_loader, val_loader
from posewright.training.planning import make_plan

from .small import small_recipe


@pytest.mark.parametrize("shuffle", [True, False])
def test_images_come_in_the_order_of_the_labels_where_asked(data: Path, shuffle: bool) -> None:
    recipe = small_recipe("single_instance", train_data_loader={"batch_size": 4, "shuffle": shuffle})
    labels, store = read_side(data / "split" / "train.slp"), FrameStore(data / "store" / "store.json")
    _, order = train_loader(make_plan(recipe, labels, store, 0, ""), labels, store)
    seen = [index for _, indices in order for index in indices][: len(labels.frames)]
    assert sorted(seen) == list(range(len(labels.frames)))
    assert (seen != sorted(seen)) == shuffle
    assert (recipe.science() == small_recipe("single_instance").science()) == shuffle


@pytest.mark.parametrize(("jitter", "shift"), [(0.2, 0.0), (0.025, 0.4), (0.2, 0.4)])
def test_shifted_crops_show_the_animals_surroundings(data: Path, jitter: float, shift: float) -> None:
    """A frame that is white beyond all borders leaves no black in any crop."""
    value = small_recipe("centered_instance").to_json()
    still = {"rotation_p": None, "scale_p": None, "translate_p": 1.0}
    value["data_config"]["augmentation_config"] = {
        "geometric": {**still, "translate_width": shift, "translate_height": shift}
    }
    value["posewright"]["crop_jitter"] = jitter
    labels, store = read_side(data / "split" / "train.slp"), FrameStore(data / "store" / "store.json")
    batches, order = train_loader(make_plan(load_recipe(value), labels, store, 0, ""), labels, store)
    for key in order:
        batch = batches.dataset[key]
        batch.images[:] = 255
        crops = augmented(batch)[0][..., : batch.content.height, : batch.content.width]
        assert crops.min() > 0.9


def test_validation_images_are_read_without_other_processes_and_the_key_says_so(data: Path) -> None:
    recipe = small_recipe("single_instance", val_data_loader={"num_workers": 4})
    labels, store = read_side(data / "split" / "val.slp"), FrameStore(data / "store" / "store.json")
    assert val_loader(make_plan(recipe, labels, store, 0, ""), labels, store).num_workers == 0
    assert str(ValLoader.model_fields["num_workers"].description).startswith("Without effect")
