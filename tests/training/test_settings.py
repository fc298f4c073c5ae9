"""What a recipe settles itself stands, and what is planned beside it fits it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from posewright.config.recipe import Recipe, load_recipe
from posewright.errors import InputError
from posewright.labels.statistics import Spread
from posewright.training.recipe_plan import filled_in, planned
from posewright.training.settings import propose_settings

from .planned import MEASURED, values
from .small import small_recipe


def test_settings_follow_what_a_recipe_settles_itself() -> None:
    recipe = small_recipe("centered_instance").to_json()  # scale 0.5, max_stride 8, stride 2, min_crop_size 32
    recipe["data_config"]["preprocessing"]["crop_size"] = "auto"
    recipe["model_config"]["head_configs"]["centered_instance"]["confmaps"]["anchor_part"] = "middle"
    filled = filled_in(load_recipe(recipe), MEASURED)
    assert filled.data_config.preprocessing.crop_size == 144  # 125 and a tenth, to a multiple of 8 / 0.5
    recipe["model_config"]["backbone_config"]["unet"]["max_stride"] = "auto"
    recipe["data_config"]["preprocessing"]["crop_size"] = 208  # 104 px in the input divide by 8, not by 16
    longer = replace(MEASURED, length_px=Spread(150.0, 160.0, 170.0))
    assert filled_in(load_recipe(recipe), longer).max_stride == 8
    recipe["data_config"]["preprocessing"]["crop_size"] = None
    assert filled_in(load_recipe(recipe), longer).max_stride == 16


def changed(model_type: str, **places: Any) -> Recipe:
    """Return the small recipe with values at places named by their last two keys, such as ``unet__max_stride``."""
    tree = small_recipe(model_type).to_json()
    tree["trainer_config"]["train_data_loader"]["batch_size"] = 8
    if model_type in ("centroid", "centered_instance", "multi_class_topdown"):
        tree["model_config"]["head_configs"][model_type]["confmaps"]["anchor_part"] = "middle"
    sections = {
        "preprocessing": tree["data_config"]["preprocessing"],
        "geometric": tree["data_config"]["augmentation_config"]["geometric"],
        "unet": tree["model_config"]["backbone_config"]["unet"],
        "confmaps": tree["model_config"]["head_configs"][model_type]["confmaps"],
        "train_data_loader": tree["trainer_config"]["train_data_loader"],
        "posewright": tree["posewright"],
    }
    for place, value in places.items():
        section, key = place.split("__")
        sections[section][key] = value
    return load_recipe(tree)


@pytest.mark.parametrize("crop", [96, 100, 104, 208, 250, 720, "auto"])
@pytest.mark.parametrize("scale", [0.5, 0.58, 0.7, 1.0, 1.02, "auto"])
@pytest.mark.parametrize(("max_stride", "output_stride"), [(16, 2), ("auto", 2), ("auto", 16), ("auto", 128)])
def test_what_a_plan_fills_in_fits_what_the_recipe_settles(
    crop: Any, scale: Any, max_stride: Any, output_stride: int
) -> None:
    recipe = changed(
        "centered_instance",
        preprocessing__crop_size=crop,
        preprocessing__scale=scale,
        unet__max_stride=max_stride,
        confmaps__output_stride=output_stride,
    )
    for detailed in (4.0, 8.0, 30.0):  # of which the scale is chosen
        measured = replace(MEASURED, spacing_px=Spread(detailed, detailed, detailed))
        try:
            filled = filled_in(recipe, measured)
        except InputError as fault:
            assert "crop_size" in str(fault) and crop != "auto" and max_stride == "auto"
            sizes = [int(size) for size in str(fault).rstrip(".").rpartition("use ")[2].split(" or ")]
            for size in sizes:  # which are remedies
                filled_in(recipe.filled({"data_config.preprocessing.crop_size": size}), measured)
            continue
        assert max(filled.head_strides().values()) <= filled.max_stride
        settings = filled.data_config.preprocessing
        assert settings.crop_size is not None
        if "auto" in (crop, max_stride):  # else it may be that the recipe does not fit itself
            assert int(settings.crop_size * settings.scale) % filled.max_stride == 0
        elif scale == "auto" and detailed == 30.0:  # the animals would allow any scale, so only crops decide
            dividing = [s for s in (0.25, 0.5, 1.0) if int(crop * s) % max_stride == 0]
            assert settings.scale in (dividing or [settings.scale])


def test_a_crop_that_no_network_divides_is_refused_with_sizes_that_one_does() -> None:
    recipe = changed(
        "centered_instance", unet__max_stride="auto", preprocessing__crop_size=250, preprocessing__scale=1.0
    )
    with pytest.raises(InputError, match=r"crop_size: 250 px .* 8, 16, 32 or 64, .* would take 16; use 240 or 256\."):
        planned(recipe, replace(MEASURED, length_px=Spread(60.0, 65.0, 70.0)))


def test_the_reason_of_a_stride_is_what_decided_it() -> None:
    def stride_and_reason(length_px: float, crop: int | None = None, stride: int = 2) -> tuple[int, str]:
        given: dict[str, Any] = {"data_config.preprocessing.scale": 1.0, "data_config.preprocessing.crop_size": crop}
        given["model_config.head_configs.centered_instance.confmaps.output_stride"] = stride
        long = replace(MEASURED, length_px=Spread(length_px, length_px, length_px))
        found = {one.key: one for one in propose_settings("centered_instance", long, given)}
        proposal = found["model_config.backbone_config.unet.max_stride"]
        return proposal.value, proposal.reason

    assert stride_and_reason(30.0)[1].endswith("It is the smallest that is proposed.")
    assert stride_and_reason(100.0) == (16, stride_and_reason(100.0)[1])
    assert "; at 8 it would see" in stride_and_reason(100.0)[1]
    stride, why = stride_and_reason(30.0, stride=32)
    assert stride == 32 and why.endswith("It is the smallest that the recipe's own output strides allow.")
    stride, why = stride_and_reason(150.0, crop=200)
    assert stride == 8 and why.endswith(
        "the largest that the recipe's crops of 200 px divide by: not all of the animal."
    )
    stride, why = stride_and_reason(3000.0)
    assert stride == 64 and why.endswith("the largest that is proposed: not all of the animal.")


def test_a_scale_is_one_at_which_the_recipes_crops_divide() -> None:
    large = replace(MEASURED, length_px=Spread(120.0, 130.0, 140.0), spacing_px=Spread(14.0, 30.0, 50.0))
    assert values("centered_instance", large)["preprocessing.scale"] == 0.5
    recipe = changed(
        "centered_instance", preprocessing__crop_size=176, preprocessing__scale="auto", unet__max_stride=16
    )
    (found,) = planned(recipe, large)
    assert found.value == 1.0
    assert found.reason.endswith(
        "a scale of 0.5 would be enough, but there the recipe's crops of 176 px do not divide by a max_stride of 16."
    )


@pytest.mark.parametrize(
    ("model_type", "planned_place"),
    [
        ("centroid", "train_data_loader__batch_size"),
        ("centered_instance", "preprocessing__crop_size"),
        ("centered_instance", "train_data_loader__batch_size"),
        ("multi_class_topdown", "preprocessing__crop_size"),
        ("multi_class_topdown", "confmaps__sigma"),
    ],
)
def test_an_anchor_that_is_no_node_is_refused_before_anything_is_planned_about_it(
    model_type: str, planned_place: str
) -> None:
    recipe = changed(model_type, confmaps__anchor_part="middlee", **{planned_place: "auto"})
    with pytest.raises(InputError, match=r"confmaps\.anchor_part: there is no node 'middlee'; did you mean 'middle'\?"):
        planned(recipe, MEASURED)


@pytest.mark.parametrize(("parts", "batch_size"), [(1, 8), (2, 8), (8, 8), (3, 9), (16, 16)])
def test_a_planned_batch_has_equal_parts(parts: int, batch_size: int) -> None:
    recipe = changed("bottomup", train_data_loader__batch_size="auto", posewright__accumulate=parts)
    (found,) = planned(recipe, MEASURED)
    assert found.value == filled_in(recipe, MEASURED).trainer_config.train_data_loader.batch_size == batch_size
    assert ("raised to a multiple" in found.reason) == (8 % parts != 0)
    with pytest.raises(InputError, match=r"accumulate 7 does not divide the batch_size 8"):
        changed("bottomup", posewright__accumulate=7)


@pytest.mark.parametrize(
    ("key", "other", "given", "expected"),
    [
        ("scale_max", "scale_min", 1.15, 1.15),
        ("scale_max", "scale_min", 1.05, 1.1),
        ("scale_min", "scale_max", 0.8, 0.8),
        ("rotation_min", "rotation_max", -190.0, -190.0),
        ("rotation_min", "rotation_max", -20.0, -180.0),
    ],
)
def test_a_planned_end_of_a_range_is_not_beyond_the_given_one(
    key: str, other: str, given: float, expected: float
) -> None:
    recipe = changed("bottomup", **{f"geometric__{key}": "auto", f"geometric__{other}": given})
    (found,) = planned(recipe, MEASURED)
    assert found.value == expected
    assert (f"the recipe's own {other} is {given:g}" in found.reason) == (expected == given)
    assert filled_in(recipe, MEASURED).auto == ()


def test_a_recipe_that_does_not_move_its_images_is_planned() -> None:
    tree = changed("bottomup", confmaps__sigma="auto").to_json()
    tree["data_config"]["augmentation_config"]["geometric"] = None
    assert [one.key.rpartition(".")[2] for one in planned(load_recipe(tree), MEASURED)] == ["sigma"]


def test_limbs_that_help_to_learn_nodes_are_planned_as_those_of_bottom_up_unless_the_recipe_has_none() -> None:
    limbs = ("pafs.output_stride", "pafs.sigma")
    assert [values("multi_class_bottomup")[key] for key in limbs] == [values("bottomup")[key] for key in limbs]
    recipe = small_recipe("multi_class_bottomup").to_json()
    recipe["model_config"]["head_configs"]["multi_class_bottomup"] |= {"pafs": None}
    recipe["model_config"]["backbone_config"]["unet"]["max_stride"] = "auto"
    filled = filled_in(load_recipe(recipe), MEASURED)
    assert filled.network.head_configs.multi_class_bottomup.pafs is None
