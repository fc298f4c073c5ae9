"""What every staged encoder must do; each has its own test file that names itself and its golden numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from posewright.config.recipe import Recipe, load_recipe
from posewright.model_types.plan import load_plan
from posewright.networks.network import Network, build_network, initialise
from posewright.prediction.backends import open_backend
from posewright.prediction.estimator import ModelEstimator
from posewright.prediction.export import export_model
from posewright.shapes import DecodeOptions, HeadSpec

from ..training.small import small_recipe, train


def recipe_with(backbone: dict[str, Any]) -> Recipe:
    """Return a recipe of this backbone with everything else as it is by default."""
    return load_recipe({"model_config": {"backbone_config": backbone, "head_configs": {"single_instance": {}}}})


def network_with(backbone: dict[str, Any], heads: dict[str, int], in_channels: int = 1) -> Network:
    """Return a network with heads of two channels at the given strides, first weights drawn."""
    network = build_network(
        recipe_with(backbone), tuple(HeadSpec(name, 2, stride) for name, stride in heads.items()), in_channels
    )
    initialise(network, "he")
    return network


def shapes(module: torch.nn.Module) -> dict[str, torch.Size]:
    """Return the shape of every array of a module by name."""
    return {name: value.shape for name, value in module.state_dict().items()}


def has_heads_at_every_stride(backbone: dict[str, Any], in_channels: int) -> None:
    """Every power of two from 1 to max_stride can be read, also below the finest skip."""
    max_stride = recipe_with(backbone).max_stride
    strides = {f"s{1 << level}": 1 << level for level in range(max_stride.bit_length())}
    network = network_with(backbone, strides, in_channels).eval()
    with torch.inference_mode():
        maps = network(torch.rand(2, in_channels, max_stride, 3 * max_stride))
    for name, stride in strides.items():
        assert maps[name].shape == (2, 2, max_stride // stride, 3 * max_stride // stride)
        assert maps[name].isfinite().all()


def learns(backbone: dict[str, Any]) -> None:
    """A few steps lower the loss on one batch to less than half."""
    torch.manual_seed(0)
    network = network_with(backbone, {"confmaps": 2})
    images = torch.rand(2, 1, 64, 64)
    # bumps where the images' own darkest cells are: something in the image tells where
    targets = (1 - torch.nn.functional.avg_pool2d(images, 2)).repeat(1, 2, 1, 1) ** 4
    optimiser = torch.optim.Adam(network.parameters(), lr=3e-3)
    losses = []
    for _ in range(40):
        loss = torch.nn.functional.mse_loss(network(images)["confmaps"], targets)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.5 * losses[0], losses
    assert all(parameter.grad is not None for parameter in network.parameters())


def keeps_its_own_first_weights(backbone: dict[str, Any]) -> None:
    """Of the encoder only the middle block is drawn by us."""
    network = build_network(recipe_with(backbone), (HeadSpec("confmaps", 2, 2),), 1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    initialise(network, "he")
    for name, value in network.state_dict().items():
        own = name.startswith(("backbone.stages", "backbone.last"))
        assert torch.equal(before[name], value) == own, name


def trains_exports_and_predicts(backbone: dict[str, Any], model_type: str, data: Path, folder: Path) -> None:
    """Two steps of training, then OpenVINO gives torch's maps at sizes other than the exported example's."""
    recipe = small_recipe(model_type, backbone, train_steps_per_epoch=2, max_epochs=1)
    model = train(data, recipe, folder / "model")
    export_model(model, folder / "exported", "openvino")
    plan = load_plan(folder / "exported")
    by_torch, by_openvino = (open_backend(name, folder / "exported", plan, 1) for name in ("torch", "openvino"))
    for height, width in ((32, 64), (256, 288)):
        images = np.random.default_rng(0).integers(0, 255, (2, height, width, plan.preprocess.channels), np.uint8)
        ours, theirs = by_torch(images), by_openvino(images)
        for name, maps in ours.items():
            scale = float(np.std(np.asarray(maps))) + 1e-6
            assert np.abs(np.asarray(maps) - np.asarray(theirs[name])).max() < 1e-3 * scale, (name, height, width)
    images = np.random.default_rng(0).integers(0, 255, (2, 100, 116, 1), np.uint8)
    estimator = ModelEstimator(plan, by_openvino, DecodeOptions(peak_threshold=0.01))
    assert estimator.predict(images).n_frames == 2
