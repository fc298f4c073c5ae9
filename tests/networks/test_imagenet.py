"""Weights by torchvision's names: found offline, checked, fitted to gray images, normalised inside the network."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch
import torchvision
from torch import Tensor, nn

from posewright.errors import InputError
from posewright.networks.imagenet import ImageNetNormalisation, cached_weights, load_into
from posewright.networks.network import build_network, initialise, load_pretrained
from posewright.shapes import HeadSpec

from ..training.small import CONVNEXT, SWINT
from .staged_laws import network_with, recipe_with


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty torch hub cache; its folder of checkpoints."""
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path))
    (tmp_path / "checkpoints").mkdir()
    return tmp_path / "checkpoints"


def put(weights: dict[str, Tensor], hub: Path, monkeypatch: pytest.MonkeyPatch, promised: str | None = None) -> str:
    """Put weights into the cache under the name that their hash gives, as torchvision's ``ConvNeXt_Tiny_Weights``."""
    torch.save(weights, hub / "new.pth")
    digest = promised or hashlib.sha256((hub / "new.pth").read_bytes()).hexdigest()[:8]
    (hub / "new.pth").rename(hub / f"convnext_tiny-{digest}.pth")

    class Entry:
        url = f"https://example.org/models/convnext_tiny-{digest}.pth"

    monkeypatch.setattr(torchvision.models, "get_weight", lambda name: Entry)
    return "ConvNeXt_Tiny_Weights"


def test_absent_weights_are_told_with_file_place_and_source(hub: Path) -> None:
    for name, file in (
        ("ConvNeXt_Tiny_Weights", "convnext_tiny-983f1562.pth"),
        ("Swin_T_Weights", "swin_t-704ceda3.pth"),
    ):
        with pytest.raises(InputError) as caught:
            cached_weights(name)
        for part in (file, str(hub), f"https://download.pytorch.org/models/{file}"):
            assert part in str(caught.value)


def test_every_name_of_a_recipe_is_torchvisions() -> None:
    sizes = {"ConvNeXt_Tiny_Weights", "ConvNeXt_Small_Weights", "ConvNeXt_Base_Weights", "ConvNeXt_Large_Weights"}
    for name in sizes | {"Swin_T_Weights", "Swin_S_Weights", "Swin_B_Weights"}:
        assert torchvision.models.get_weight(f"{name}.IMAGENET1K_V1").url.endswith(".pth")


def test_a_file_that_is_not_what_its_name_promises_is_refused(hub: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    weights = {"features.0.0.weight": torch.rand(8, 3, 4, 4)}
    name = put(weights, hub, monkeypatch)
    torch.testing.assert_close(cached_weights(name), weights)
    name = put(weights, hub, monkeypatch, promised="00000000")
    with pytest.raises(InputError, match="its name promises 00000000"):
        cached_weights(name)


@pytest.mark.parametrize("backbone", [CONVNEXT, SWINT])
def test_gray_images_see_what_repeated_channels_would(backbone: dict[str, Any]) -> None:
    """The stem of one channel equals that of three equal ones, each normalised by itself: nothing is lost."""
    colour = network_with(backbone, {"confmaps": 2}, in_channels=3).backbone
    gray = network_with(backbone, {"confmaps": 2}, in_channels=1).backbone
    weights = {f"features.{name}": value for name, value in colour.stages.state_dict().items()}  # type: ignore[attr-defined]
    weights |= {f"norm.{name}": value for name, value in colour.last.state_dict().items()}  # type: ignore[attr-defined]
    load_into(gray.stages, gray.last, weights)  # type: ignore[attr-defined]
    images = torch.rand(1, 1, 32, 64)
    stem_of_gray = gray.stages[0](ImageNetNormalisation(1)(images))  # type: ignore[attr-defined]
    stem_of_colour = colour.stages[0](ImageNetNormalisation(3)(images.repeat(1, 3, 1, 1)))  # type: ignore[attr-defined]
    inside = (slice(None), slice(2, -2), slice(2, -2)) if backbone is SWINT else (..., slice(2, -2), slice(2, -2))
    torch.testing.assert_close(stem_of_gray[inside], stem_of_colour[inside], rtol=1e-4, atol=1e-5)


def test_swins_weights_fit_its_norm_and_leave_the_classifier() -> None:
    ours = network_with(SWINT, {"confmaps": 2}, in_channels=3).backbone
    theirs = torchvision.models.SwinTransformer([4, 4], 12, [1, 2, 1, 1], [1, 2, 2, 4], [7, 7], num_classes=5)
    nn.init.uniform_(theirs.norm.weight)
    load_into(ours.stages, ours.last, theirs.state_dict())  # type: ignore[attr-defined]
    torch.testing.assert_close(ours.last.weight, theirs.norm.weight)  # type: ignore[attr-defined]
    torch.testing.assert_close(ours.stages[0][0].weight, theirs.features[0][0].weight)  # type: ignore[attr-defined]


def test_normalisation_is_imagenets_and_gray_takes_the_luma() -> None:
    colour, gray = ImageNetNormalisation(3), ImageNetNormalisation(1)
    mean = torch.tensor([0.485, 0.456, 0.406])[None, :, None, None]
    assert colour(mean).abs().max() < 1e-6
    assert gray(torch.full((1, 1, 1, 1), 0.4590)).abs().max() < 1e-3
    assert not colour.state_dict()


@pytest.mark.long
def test_a_recipe_with_weights_begins_with_them_and_needs_them_only_once(
    hub: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs: Any = torchvision.models.convnext_tiny(weights=None)
    name = put(theirs.state_dict(), hub, monkeypatch)
    recipe = recipe_with({"convnext": {"pre_trained_weights": name}})
    network = build_network(recipe, (HeadSpec("confmaps", 2, 2),), 1)
    initialise(network, "he")
    load_pretrained(network, recipe)
    stages = network.backbone.stages  # type: ignore[attr-defined]
    torch.testing.assert_close(stages[5][2].block[3].weight, theirs.features[5][2].block[3].weight)
    assert stages[0][0].weight.shape == (96, 1, 4, 4)
    assert isinstance(network.backbone.normalisation, ImageNetNormalisation)  # type: ignore[attr-defined]
    next(hub.glob("*.pth")).unlink()
    build_network(recipe, (HeadSpec("confmaps", 2, 2),), 1).load_state_dict(network.state_dict())
