"""Every model type on every backbone trains, is exported, and reads poses alike from both networks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posewright.model_types.plan import load_plan
from posewright.prediction.backends import open_backend
from posewright.prediction.export import export_model
from posewright.shapes import DecodeOptions, to_numpy

from .small import CONVNEXT, HEADS, SWINT, UNET, make_small_data, small_recipe, train

TINY: dict[str, dict[str, Any]] = {
    "unet": UNET,
    "convnext": CONVNEXT,
    "swint": SWINT,
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    make_small_data(folder)
    return folder


@pytest.mark.long
@pytest.mark.parametrize("backbone", list(TINY))
@pytest.mark.parametrize("model_type", list(HEADS))
def test_a_step_an_export_and_poses(data: Path, tmp_path: Path, model_type: str, backbone: str) -> None:
    recipe = small_recipe(model_type, TINY[backbone], train_steps_per_epoch=1, max_epochs=1)
    folder = train(data, recipe, tmp_path / "model")
    plan = load_plan(folder)
    assert (plan.training["steps"], plan.model_type.name, plan.recipe.backbone) == (1, model_type, backbone)
    export_model(folder, tmp_path / "exported", "openvino")
    size = plan.input_size
    shape = (2, size.height, size.width, plan.preprocess.channels)
    images = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    found = {}
    for backend, place in (("torch", folder), ("openvino", tmp_path / "exported")):
        maps = open_backend(backend, place, plan)(images)
        found[backend] = maps
        poses = to_numpy(plan.model_type.decode(maps, DecodeOptions(peak_threshold=0.05, max_instances=3)))
        assert poses.n_frames == 2
        assert poses.points.shape[1:] == (len(plan.skeleton.nodes), 2)
    for name, by_torch in found["torch"].items():
        np.testing.assert_allclose(np.asarray(found["openvino"][name]), np.asarray(by_torch), atol=1e-4)
