"""A training on fewer labels has epochs of as many steps as that on all of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from posewright.config.recipe import load_recipe
from posewright.errors import InputError
from posewright.training.epochs import with_epochs_of

RECIPE = {
    "model_config": {
        "backbone_config": {"unet": {}},
        "head_configs": {"centroid": {"confmaps": {"sigma": "auto"}}},
    }
}


def test_epochs_have_the_steps_of_the_other_training_and_the_rest_stays(tmp_path: Path) -> None:
    (tmp_path / "training_log.csv").write_text("epoch,step,train/loss\n0,730,0.1\n1,1460,0.1\n")
    recipe = load_recipe(RECIPE)
    changed = with_epochs_of(recipe, tmp_path / "model.json")
    assert changed.trainer_config.train_steps_per_epoch == 730
    assert changed.auto == recipe.auto == ("model_config.head_configs.centroid.confmaps.sigma",)
    wanted = recipe.to_json()
    wanted["trainer_config"]["train_steps_per_epoch"] = 730
    assert changed.to_json() == wanted


def test_a_model_without_a_log_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not tell how many steps"):
        with_epochs_of(load_recipe(RECIPE), tmp_path / "model.json")
