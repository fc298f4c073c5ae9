"""Recipes: the peer's keys verbatim, what determines the weights, and what is not built yet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from posewright.config.recipe import load_recipe, set_aside_notes
from posewright.config.sections import read_yaml
from posewright.config.sleap_nn import SET_ASIDE
from posewright.errors import InputError, InputProblems

RECIPES = Path(__file__).resolve().parents[2] / "config" / "recipes"


def recipe(head: str = "centroid", **sections: Any) -> dict[str, Any]:
    model = {"backbone_config": {"unet": {}}, "head_configs": {head: {}}}
    return {"model_config": model, **sections}


def test_defaults_are_the_peers() -> None:
    found = load_recipe(recipe())
    assert (found.model_type, found.backbone, found.max_stride) == ("centroid", "unet", 16)
    assert found.network.backbone_config.unet is not None
    assert found.network.backbone_config.unet.filters == 32
    assert found.network.head_configs.centroid is not None
    assert found.network.head_configs.centroid.confmaps.sigma == 5.0
    assert found.trainer_config.optimizer.lr == 1e-4
    assert found.trainer_config.lr_scheduler is not None
    assert found.trainer_config.lr_scheduler.reduce_lr_on_plateau is not None


def test_giving_only_intensity_leaves_geometric_on() -> None:
    found = load_recipe(recipe(data_config={"augmentation_config": {"intensity": {}}}))
    assert found.data_config.augmentation_config is not None
    assert found.data_config.augmentation_config.geometric is not None
    off = load_recipe(recipe(data_config={"augmentation_config": {"geometric": None}}))
    assert off.data_config.augmentation_config is not None
    assert off.data_config.augmentation_config.geometric is None


def test_a_resolved_recipe_reads_back_equal() -> None:
    for path in RECIPES.glob("*.yaml"):
        found = load_recipe(path)
        assert load_recipe(found.to_json()) == found


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_recipes_are_named_after_their_type_and_can_be_trained(path: Path) -> None:
    found = load_recipe(path)
    assert path.name == f"{found.model_type}.{found.backbone}.yaml"
    found.require_trainable()


def test_workers_devices_and_order_do_not_count_as_science() -> None:
    plain = load_recipe(recipe()).science()
    trainer = {"train_data_loader": {"num_workers": 4}, "trainer_accelerator": "cpu", "enable_progress_bar": False}
    model = {"head_configs": {"centroid": {"confmaps": {}}}, "backbone_config": {"unet": {"in_channels": 3}}}
    assert load_recipe({"trainer_config": trainer, "model_config": model, "name": "x"}).science() == plain
    for changed in ({"optimizer": {"lr": 1e-3}}, {"train_data_loader": {"batch_size": 8}}):
        assert load_recipe(recipe(trainer_config=changed)).science() != plain


def test_keys_the_workflow_owns_are_set_aside_and_listed() -> None:
    data = {"train_labels_path": ["a.slp"], "skeletons": [], "preprocessing": {"tiling": {"enabled": False}}}
    found = load_recipe(recipe(data_config=data, trainer_config={"seed": 3, "ckpt_dir": "x", "save_ckpt": True}))
    assert set(found.set_aside) == {
        "data_config.train_labels_path",
        "data_config.skeletons",
        "data_config.preprocessing.tiling",
        "trainer_config.seed",
        "trainer_config.ckpt_dir",
        "trainer_config.save_ckpt",
    }
    assert all(key in SET_ASIDE for key in found.set_aside)
    notes = set_aside_notes(found.set_aside)
    assert "trainer_config.seed: set aside, seeds come from `seeds` in config.yaml." in notes
    assert sum(note.count("_config.") for note in notes) == len(found.set_aside)


def test_configs_saved_by_the_peer_are_recipes(shared_data: Path) -> None:
    found = sorted((shared_data / "sleap-nn-models").glob("v0.3.5/*/training_config.yaml"))
    assert found
    for path in found:
        assert load_recipe(path).model_type in read_yaml(path)["model_config"]["head_configs"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (recipe(trainer_confg={}), "did you mean 'trainer_config'?"),
        (recipe(data_config={"preprocessing": {"crop_sze": 3}}), "data_config.preprocessing.crop_sze: unknown key"),
        (recipe(data_config={"preprocessing": {"ensure_rgb": True, "ensure_grayscale": True}}), "cannot both be true"),
        (
            recipe(data_config={"augmentation_config": {"geometric": {"rotation_min": 20}}}),
            "rotation_min 20.0 lies above",
        ),
        (recipe(trainer_config={"max_epochs": "ten"}), "found 'ten': should be a valid integer"),
        ({"model_config": {"backbone_config": {"unet": {}}, "head_configs": {}}}, "exactly one model type is needed"),
        (
            {"model_config": {"backbone_config": {"unet": {"max_stride": 12}}, "head_configs": {"centroid": {}}}},
            "found 12",
        ),
        ({"data_config": {}}, "key model_config: the key is missing"),
    ],
)
def test_faults_are_said_in_words(value: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputProblems) as caught:
        load_recipe(value)
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("head", "backbone", "key"),
    [
        ("centroid", {"convnext": {"kernel_size": 4}}, "convnext.kernel_size"),
        ("centroid", {"unet": {"stacks": 2}}, "unet.stacks"),
        ("centroid", {"unet": {"middle_block": False}}, "unet.middle_block"),
    ],
)
def test_what_is_not_built_parses_and_is_refused_for_training(head: str, backbone: dict[str, Any], key: str) -> None:
    value = {"model_config": {"backbone_config": backbone, "head_configs": {head: {}}}}
    with pytest.raises(InputError, match="not available yet in this version") as caught:
        load_recipe(value).require_trainable()
    assert key in str(caught.value)


@pytest.mark.parametrize("backbone", ["convnext", "swint"])
@pytest.mark.parametrize("stem_patch_stride", [2, 4])
def test_the_stem_sets_the_max_stride(backbone: str, stem_patch_stride: int) -> None:
    """Whatever a file says: the peer replaces it too."""
    value = recipe()
    value["model_config"]["backbone_config"] = {backbone: {"stem_patch_stride": stem_patch_stride, "max_stride": 16}}
    assert load_recipe(value).max_stride == 16 * stem_patch_stride


@pytest.mark.parametrize(
    ("backbone", "expected"),
    [
        ({"convnext": {"model_type": "custom"}}, "arch and model_type: custom go together"),
        ({"swint": {"arch": {"embed": 8, "depths": [1] * 4, "num_heads": [1] * 4}}}, "go together"),
        ({"convnext": {"model_type": "custom", "arch": {"depths": [1], "channels": [8]}}}, "arch.depths"),
        (
            {"swint": {"model_type": "custom", "arch": {"embed": 8, "depths": [1] * 4, "num_heads": [1, 3, 1, 1]}}},
            "num_heads 3 does not divide the 16 channels",
        ),
        ({"convnext": {"stem_patch_kernel": 7}}, "stem_patch_kernel 7 does not fit stem_patch_stride 2; use 3 to 4"),
        ({"convnext": {"stem_patch_stride": 8}}, "stem_patch_stride"),
        ({"convnext": {"pre_trained_weights": "ConvNeXt_Base_Weights"}}, "are for model_type base, not tiny"),
        ({"swint": {"pre_trained_weights": "Swin_T_Weights", "window_size": 8}}, "are for window_size 7, not 8"),
        ({"swint": {"pre_trained_weights": "ConvNeXt_Tiny_Weights"}}, "Swin_T_Weights"),
    ],
)
def test_encoders_that_cannot_be_are_said_in_words(backbone: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputProblems) as caught:
        load_recipe({"model_config": {"backbone_config": backbone, "head_configs": {"centroid": {}}}})
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"posewright": {"accumulate": 3}}, "accumulate 3 does not divide the batch_size 4"),
        (
            {"trainer_config": {"max_epochs": 5, "lr_scheduler": {"linear_warmup_linear_decay": {}}}},
            "warmup_epochs 5 leave nothing of 5 max_epochs",
        ),
        (
            {"trainer_config": {"lr_scheduler": {"cosine_annealing_warmup": {"warmup_epochs": 9, "max_epochs": 9}}}},
            "warmup_epochs 9 leave nothing of 9 max_epochs",
        ),
    ],
)
def test_training_options_that_cannot_be_are_said_in_words(sections: dict[str, Any], expected: str) -> None:
    with pytest.raises(InputProblems, match=expected):
        load_recipe(recipe(**sections))


def test_where_curves_go_is_no_science_and_the_key_to_it_is_never_kept() -> None:
    plain = load_recipe(recipe())
    wandb = {"project": "flies", "wandb_mode": "offline", "api_key": "SECRET", "viz_enabled": True}
    sent = load_recipe(recipe(trainer_config={"use_wandb": True, "wandb": wandb}, posewright={"tensorboard": True}))
    assert sent.trainer_config.wandb is not None
    assert (sent.trainer_config.wandb.project, sent.trainer_config.wandb.wandb_mode) == ("flies", "offline")
    assert sent.science() == plain.science()
    assert "SECRET" not in str(sent.to_json())
    assert {"trainer_config.wandb.api_key", "trainer_config.wandb.viz_enabled"} == set(sent.set_aside)
