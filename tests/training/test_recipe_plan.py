"""What is proposed for animals of known habits, for real labels and synthetic arenas, and that recipes take it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from posewright.config.recipe import load_recipe
from posewright.errors import InputError
from posewright.files import read_json, write_json
from posewright.labels.measure import measured_crop_px, node_reach_px
from posewright.labels.model import LabelSet
from posewright.labels.read import read_labels
from posewright.labels.split import split_labels, write_split
from posewright.labels.statistics import Axis, LabelStatistics, Spread, measure_labels
from posewright.networks.receptive_field import unet_receptive_field_px
from posewright.shapes import Size
from posewright.synthetic.dataset import labels_of
from posewright.synthetic.scene import make_scene
from posewright.synthetic.spec import ArenaSpec
from posewright.training.recipe_plan import RecipePlan, filled_in, plan_recipe, planned, propose, resolved
from posewright.training.settings import PLANNED_TYPES

from .planned import APART, MEASURED, values
from .small import make_small_data, small_recipe, train

RECIPES = Path(__file__).resolve().parents[2] / "config" / "recipes"


def methods(contact: float, frames: int = 500, **measures: Any) -> list[str]:
    near = replace(APART, frames=frames, in_contact=contact, overlapping=contact)
    plan = propose(replace(MEASURED, neighbours=near, **measures))
    found: list[str] = plan.methods.value
    return found


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
