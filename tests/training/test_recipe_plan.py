"""What is proposed for animals of known habits, for real labels and synthetic arenas, and that recipes take it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from posewright.config.recipe import Recipe, load_recipe
from posewright.errors import InputError
from posewright.files import read_json, write_json
from posewright.labels.measure import measured_crop_px, node_reach_px
from posewright.labels.model import LabelSet
from posewright.labels.neighbours import Neighbours
from posewright.labels.read import read_labels
from posewright.labels.split import split_labels, write_split
from posewright.labels.statistics import Axis, LabelStatistics, Spread, measure_labels
from posewright.networks.receptive_field import unet_receptive_field_px
from posewright.shapes import Size
from posewright.synthetic.dataset import labels_of
from posewright.synthetic.scene import make_scene
from posewright.synthetic.spec import ArenaSpec
from posewright.training.recipe_plan import RecipePlan, filled_in, plan_recipe, planned, propose, resolved
from posewright.training.settings import PLANNED_TYPES, propose_settings

from .small import make_small_data, small_recipe, train

RECIPES = Path(__file__).resolve().parents[2] / "config" / "recipes"
APART = Neighbours(500, 1000, touching=0.01, overlapping=0.0, in_contact=0.01, nearest_p05=1.2, nearest_p50=3.0)
MEASURED = LabelStatistics(
    frames=500,
    videos=4,
    animals={2: 500},
    image=Size(512, 512),
    nodes=("nose", "middle", "side", "tail"),
    edges=3,
    is_forest=True,
    mirrored=(),
    length_px=Spread(90.0, 100.0, 110.0),
    spacing_px=Spread(8.0, 12.0, 20.0),
    visibility=(1.0, 0.99, 0.4, 1.0),
    centrality=(0.5, 0.05, 0.01, 0.5),
    extent_px={"": 120.0, "nose": 220.0, "middle": 125.0, "side": 130.0, "tail": 220.0},
    neighbours=APART,
    axis=Axis("tail", "nose", 0.1, 1000),
    motion=0.05,
    named=0.0,
    names=(),
)


def methods(contact: float, frames: int = 500, **measures: Any) -> list[str]:
    near = replace(APART, frames=frames, in_contact=contact, overlapping=contact)
    plan = propose(replace(MEASURED, neighbours=near, **measures))
    found: list[str] = plan.methods.value
    return found


def values(model_type: str, measured: LabelStatistics = MEASURED, **given: Any) -> dict[str, Any]:
    """Return the proposed values by the last two parts of their places."""
    found = propose_settings(model_type, measured, given.get("given"))
    return {".".join(one.key.split(".")[-2:]): one.value for one in found}


# --- methods --------------------------------------------------------------------------------------------------------


def test_one_animal_is_found_at_once() -> None:
    alone = replace(MEASURED, neighbours=None, animals={1: 500})
    assert propose(alone).methods.value == ["single_instance"]
    assert propose(alone, is_complete=False).methods.value == ["topdown"]  # there may be others


def test_animals_apart_are_cropped_touching_ones_are_joined_and_doubt_tries_both() -> None:
    assert methods(0.02) == ["topdown"]
    assert methods(0.7) == ["bottomup"]
    assert methods(0.22) == ["topdown", "bottomup"]
    assert methods(0.5, frames=6) == methods(0.02, frames=6) == ["topdown", "bottomup"]  # too few to know


def test_bottom_up_needs_a_skeleton_without_rings() -> None:
    assert methods(0.7, edges=0) == ["topdown"]
    assert methods(0.7, is_forest=False) == ["topdown"]


def test_individuals_that_recur_are_learnt() -> None:
    known = {"named": 1.0, "names": ("max", "mia")}
    assert methods(0.02, **known) == ["multi_class_topdown"]
    assert methods(0.7, **known, edges=0) == ["multi_class_bottomup"]  # joined by identity, not along edges
    assert methods(0.02, named=0.5, names=("max", "mia")) == ["topdown"]
    assert methods(0.02, named=1.0, names=(), videos=1) == ["topdown"]


def test_reasons_are_sentences_with_the_measured_numbers() -> None:
    plan = propose(MEASURED)
    assert "1 % of them are in contact" in plan.methods.reason
    for found in plan.settings.values():
        for one in found:
            assert one.reason[0].isupper() and one.reason.endswith("."), one
    centered = {one.key: one.reason for one in plan.settings["centered_instance"]}
    assert "125 px about middle" in centered["data_config.preprocessing.crop_size"]


# --- settings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model_type", PLANNED_TYPES)
def test_every_shipped_auto_recipe_is_filled_with_values_that_it_accepts(model_type: str) -> None:
    recipe = load_recipe(RECIPES / "auto" / f"{model_type}.yaml")
    found = planned(recipe, MEASURED)
    assert sorted(one.key for one in found) == sorted(recipe.auto)
    assert filled_in(recipe, MEASURED).auto == ()


def test_the_anchor_is_central_and_nearly_always_visible() -> None:
    assert values("centroid")["confmaps.anchor_part"] == "middle"  # not side, which is hidden on most
    mirrored = replace(MEASURED, mirrored=("middle", "side"), extent_px={**MEASURED.extent_px, "nose": 140.0})
    assert values("centroid", mirrored)["confmaps.anchor_part"] == "nose"
    assert values("centroid", replace(MEASURED, visibility=(0.5,) * 4))["confmaps.anchor_part"] is None
    far = dict.fromkeys(MEASURED.nodes, 220.0)
    assert values("centroid", replace(MEASURED, extent_px={"": 120.0, **far}))["confmaps.anchor_part"] is None


@pytest.mark.parametrize("length_px", [30.0, 65.0, 75.0, 139.0, 150.0, 280.0, 300.0])
def test_the_network_sees_the_animal_and_not_much_more(length_px: float) -> None:
    long = replace(MEASURED, length_px=Spread(length_px, length_px, length_px), spacing_px=Spread(4.0, 5.0, 6.0))
    stride = values("bottomup", long)["unet.max_stride"]
    assert unet_receptive_field_px(stride) >= length_px
    assert stride == 8 or unet_receptive_field_px(stride // 2) < length_px


def test_scale_keeps_the_smallest_detail_and_frames_fit() -> None:
    large = replace(MEASURED, length_px=Spread(300.0, 320.0, 340.0), spacing_px=Spread(26.0, 30.0, 50.0))
    assert values("bottomup")["preprocessing.scale"] == 1.0
    assert values("bottomup", large)["preprocessing.scale"] == 0.25
    assert values("centroid")["preprocessing.scale"] == 0.5
    huge = replace(MEASURED, image=Size(3000, 4000))
    assert values("bottomup", huge)["preprocessing.scale"] == 0.5
    assert values("centered_instance", huge)["preprocessing.scale"] == 1.0  # crops keep the detail
    assert values("bottomup", huge)["train_data_loader.batch_size"] < values("bottomup")["train_data_loader.batch_size"]


def test_fine_details_need_fine_cells() -> None:
    dense = replace(MEASURED, spacing_px=Spread(3.0, 4.0, 8.0))
    assert values("centered_instance", dense)["confmaps.output_stride"] == 1
    assert values("centered_instance", dense)["confmaps.sigma"] < values("centered_instance")["confmaps.sigma"]


def test_only_what_is_upright_stays_upright() -> None:
    def turn(alignment: float, n: int) -> float:
        found: float = values("bottomup", replace(MEASURED, axis=Axis("tail", "nose", alignment, n)))[
            "geometric.rotation_max"
        ]
        return found

    assert turn(0.1, 1000) == 180.0
    assert turn(0.95, 1000) == 15.0
    assert turn(0.7, 9) == 180.0  # so few may be so by chance


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
    recipe = changed(model_type, confmaps__anchor_part="midle", **{planned_place: "auto"})
    with pytest.raises(InputError, match=r"confmaps\.anchor_part: there is no node 'midle'; did you mean 'middle'\?"):
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


def test_a_planned_crop_is_the_one_that_null_measures() -> None:
    labels = _arena(ArenaSpec(n_recordings=1, n_frames=40, n_labeled=20, crowding=0.0, hut=False))
    crop = values("centered_instance", measure_labels(labels, [Size(256, 256)]))
    anchor = labels.skeleton.index(crop["confmaps.anchor_part"])
    unit_px = crop["unet.max_stride"] / crop["preprocessing.scale"]
    assert crop["preprocessing.crop_size"] == measured_crop_px(node_reach_px(labels, anchor), unit_px, None, 100)


def test_auto_where_nothing_is_measured_is_refused() -> None:
    recipe = small_recipe("bottomup").to_json()
    recipe["model_config"]["head_configs"]["bottomup"]["confmaps"]["anchor_part"] = "auto"
    with pytest.raises(InputError, match="anchor_part"):
        planned(load_recipe(recipe), MEASURED)


# --- real labels and synthetic arenas -------------------------------------------------------------------------------


def _arena(spec: ArenaSpec) -> LabelSet:
    scenes = [make_scene(spec, recording) for recording in range(spec.n_recordings)]
    return labels_of(scenes, [scene.truth() for scene in scenes], Path("nowhere"))


def _plan(labels: LabelSet, size: Size, by: str, block_frames: int = 50) -> RecipePlan:
    train = split_labels(labels, by=by, val=0.1, test=0.2, block_frames=block_frames).train  # type: ignore[arg-type]
    return propose(LabelStatistics.from_json(measure_labels(train, [size]).to_json()))


@pytest.mark.parametrize(
    ("name", "size", "block_frames", "expected", "anchor"),
    [
        ("flies-pair/labels.slp", Size(384, 384), 50, ["topdown"], "thorax"),
        ("flies-wide/labels.slp", Size(1024, 1024), 50, ["topdown"], "thorax"),
        ("mouse-openfield", Size(480, 640), 8, ["single_instance"], None),
        ("mice-home/labels.slp", Size(768, 1024), 50, ["topdown", "bottomup"], "trunk"),
    ],
)
def test_real_labels_get_what_an_expert_would_propose(
    shared_data: Path, name: str, size: Size, block_frames: int, expected: list[str], anchor: str | None
) -> None:
    plan = _plan(read_labels([shared_data / name]), size, "block", block_frames)
    assert plan.methods.value == expected
    centroid = {one.key.rpartition(".")[2]: one.value for one in plan.settings["centroid"]}
    if anchor is not None:
        assert centroid["anchor_part"] == anchor
    assert centroid["scale"] <= 0.5
    assert centroid["rotation_max"] == 180.0  # all are filmed from above


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        (ArenaSpec(crowding=0.0, same_individuals=False, hut=False, n_frames=75, n_labeled=25), ["topdown"]),
        (ArenaSpec(n_animals=4, crowding=1.0, same_individuals=False, n_frames=75, n_labeled=25), ["bottomup"]),
        (ArenaSpec(crowding=0.0, n_frames=75, n_labeled=25), ["multi_class_topdown"]),
    ],
    ids=["apart", "crowded", "known"],
)
def test_synthetic_arenas_get_what_they_were_made_for(spec: ArenaSpec, expected: list[str]) -> None:
    plan = _plan(_arena(spec), spec.size, "video")
    assert plan.methods.value == expected
    assert {one.key.rpartition(".")[2]: one.value for one in plan.settings["centered_instance"]}["max_stride"] == 16


# --- the stage ------------------------------------------------------------------------------------------------------


def _made(folder: Path, labels: LabelSet) -> bytes:
    write_split(split_labels(labels, by="block", val=0.2, test=0.2, block_frames=10, gap_frames=0), folder / "split")
    frames = [[*frame.key, 0, 256, 256, 1] for frame in labels.frames]
    write_json(folder / "store.json", {"schema": 1, "pixels": "gone", "n_bytes": 0, "frames": frames})
    out = folder / "plan" / "plan.json"
    plan_recipe(split=folder / "split", store=folder / "store.json", is_complete=True, title="mice", out=out)
    assert out.with_suffix(".md").read_text().startswith("# Plan for mice\n")
    return out.read_bytes()


def test_held_back_labels_never_reach_a_plan(tmp_path: Path) -> None:
    labels = _arena(ArenaSpec(n_recordings=1, n_frames=80, n_labeled=40))
    split = split_labels(labels, by="block", val=0.2, test=0.2, block_frames=10, gap_frames=0)
    held_back = {frame.key for side in (split.val, split.test) for frame in side.frames}
    assert held_back

    def poisoned(keys: set[tuple[int, int]]) -> LabelSet:
        return replace(
            labels,
            frames=tuple(
                replace(frame, points=frame.points * 3.0, tracks=("x",) * len(frame.points))
                if frame.key in keys
                else frame
                for frame in labels.frames
            ),
        )

    clean = _made(tmp_path / "clean", labels)
    assert _made(tmp_path / "poisoned", poisoned(held_back)) == clean
    assert _made(tmp_path / "trained", poisoned({split.train.frames[0].key})) != clean


def test_planning_imports_no_torch() -> None:
    code = "import sys, posewright.training.recipe_plan; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_a_training_takes_the_plan_and_writes_it_beside_the_model(tmp_path: Path) -> None:
    make_small_data(tmp_path, n_animals=1)
    plan = tmp_path / "plan.json"
    plan_recipe(split=tmp_path / "split", store=tmp_path / "store" / "store.json", is_complete=True, title="", out=plan)
    value = small_recipe("single_instance", max_epochs=1).to_json()
    value["model_config"]["head_configs"]["single_instance"]["confmaps"]["sigma"] = "auto"
    value["data_config"]["augmentation_config"]["geometric"] |= {"rotation_min": "auto", "rotation_max": "auto"}
    recipe = load_recipe(value)
    with pytest.raises(InputError, match=r"confmaps\.sigma"):
        resolved(recipe, None)
    filled, chosen = resolved(recipe, plan)
    out = train(tmp_path, recipe, tmp_path / "models" / "planned", plan=plan)
    model = read_json(out / "model.json")
    assert [one["key"] for one in model["plan"]] == [one.key for one in chosen] != []
    assert load_recipe(model["recipe"]) == filled
    config = (out / "training_config.yaml").read_text()
    assert chosen[0].reason in config and load_recipe(yaml.safe_load(config)) == filled
    by_hand = train(tmp_path, filled, tmp_path / "models" / "by_hand")
    written = read_json(by_hand / "model.json")
    assert "plan" not in written
    assert written["weights_sha256"] == model["weights_sha256"]
