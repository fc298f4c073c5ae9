"""The word ``auto`` in recipes: where it may stand, that it survives every spelling, and that values take its place."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from posewright.config.recipe import load_recipe
from posewright.config.sections import read_yaml
from posewright.errors import InputError, InputProblems

AUTO = Path(__file__).resolve().parents[2] / "config" / "recipes" / "auto"
SIGMA = "model_config.head_configs.centroid.confmaps.sigma"


def recipe(sigma: Any = "auto", **sections: Any) -> dict[str, Any]:
    heads = {"centroid": {"confmaps": {"sigma": sigma}}}
    return {"model_config": {"backbone_config": {"unet": {}}, "head_configs": heads}, **sections}


def test_auto_is_remembered_and_read_back() -> None:
    found = load_recipe(recipe(data_config={"preprocessing": {"scale": "auto"}}))
    assert found.auto == ("data_config.preprocessing.scale", SIGMA)
    assert found.to_json()["data_config"]["preprocessing"]["scale"] == "auto"
    assert load_recipe(found.to_json()) == found
    assert found.science() != load_recipe(recipe(2.5)).science()


def test_a_filled_recipe_is_the_recipe_with_the_values_written_out() -> None:
    filled = load_recipe(recipe()).filled({SIGMA: 2.5})
    assert filled == load_recipe(recipe(2.5))
    assert filled.auto == ()
    assert filled.science() == load_recipe(recipe(2.5)).science()


def test_a_recipe_with_auto_is_not_resolved() -> None:
    load_recipe(recipe(2.5)).require_resolved()
    with pytest.raises(InputError, match=SIGMA):
        load_recipe(recipe()).require_resolved()


@pytest.mark.parametrize(
    ("sections", "key"),
    [
        ({"trainer_config": {"max_epochs": "auto"}}, "trainer_config.max_epochs"),
        ({"data_config": {"preprocessing": {"max_height": "auto"}}}, "preprocessing.max_height"),
        ({"auto": ["x"]}, "key auto: unknown key"),
    ],
)
def test_elsewhere_auto_is_a_wrong_value(sections: dict[str, Any], key: str) -> None:
    with pytest.raises(InputError, match=key):
        load_recipe(recipe(**sections))


GEOMETRIC = "data_config.augmentation_config.geometric"
BATCH_SIZE = "trainer_config.train_data_loader.batch_size"


@pytest.mark.parametrize(
    ("sections", "place", "fitting", "unfit", "said"),
    [
        (
            {"trainer_config": {"train_data_loader": {"batch_size": "auto"}}, "posewright": {"accumulate": 8}},
            BATCH_SIZE,
            16,
            4,
            "accumulate 8 does not divide the batch_size 4",
        ),
        (
            {"data_config": {"augmentation_config": {"geometric": {"scale_min": 1.15, "scale_max": "auto"}}}},
            f"{GEOMETRIC}.scale_max",
            1.2,
            1.1,
            "scale_min 1.15 lies above scale_max 1.1",
        ),
        (
            {"data_config": {"augmentation_config": {"geometric": {"rotation_min": "auto", "rotation_max": -20.0}}}},
            f"{GEOMETRIC}.rotation_min",
            -30.0,
            -15.0,
            "rotation_min -15.0 lies above rotation_max -20.0",
        ),
    ],
)
def test_keys_are_held_against_planned_ones_once_these_have_values(
    sections: dict[str, Any], place: str, fitting: Any, unfit: Any, said: str
) -> None:
    """Not against the defaults that stand in for them."""
    found = load_recipe(recipe(2.5, **sections))
    assert found.auto == (place,)
    assert found.filled({place: fitting}).auto == ()
    with pytest.raises(InputProblems, match=said):
        found.filled({place: unfit})


def test_other_keys_of_a_section_with_auto_are_still_held_against_each_other() -> None:
    geometric = {"scale_max": "auto", "rotation_min": 20}
    with pytest.raises(InputProblems, match=r"rotation_min 20.0 lies above rotation_max 15.0"):
        load_recipe(recipe(2.5, data_config={"augmentation_config": {"geometric": geometric}}))


def test_a_backbone_that_has_one_max_stride_cannot_have_it_planned() -> None:
    value = recipe()
    value["model_config"]["backbone_config"] = {"convnext": {"max_stride": "auto"}}
    with pytest.raises(InputProblems, match="max_stride"):
        load_recipe(value)


@pytest.mark.parametrize("path", sorted(AUTO.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_auto_recipes_are_named_after_their_type(path: Path) -> None:
    found = load_recipe(path)
    assert path.stem == found.model_type
    assert "data_config.preprocessing.scale" in found.auto
    found.require_trainable()


def test_the_shipped_example_names_recipes_that_exist() -> None:
    config = read_yaml(AUTO.parents[1] / "examples" / "try_both.yaml")
    assert all(load_recipe(AUTO.parents[2] / path).auto for path in config["recipes"].values())
