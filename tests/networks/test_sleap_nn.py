"""The peer's checkpoints, old and new, give the peer's numbers; what else is pickled in them is never run."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

from posewright.config.recipe import load_recipe
from posewright.networks.network import Network, build_network
from posewright.networks.sleap_nn import is_peer, own_names, read_checkpoint
from posewright.shapes import HeadSpec


def network_of(folder: Path) -> Network:
    """Our network with the weights of a peer's model folder."""
    settings = yaml.safe_load((folder / "training_config.yaml").read_text())["model_config"]
    name, head = next((name, head) for name, head in settings["head_configs"].items() if head is not None)
    unet = settings["backbone_config"]["unet"]
    shape = {key: unet[key] for key in ("filters", "filters_rate", "max_stride", "convs_per_block", "up_interpolate")}
    weights = read_checkpoint(folder / "best.ckpt")["state_dict"]
    assert is_peer(weights)
    own = own_names(weights, list(head))
    recipe = load_recipe(
        {"model_config": {"backbone_config": {"unet": shape}, "head_configs": {name: {key: {} for key in head}}}}
    )
    heads = tuple(HeadSpec(key, len(own[f"heads.{key}.weight"]), maps["output_stride"]) for key, maps in head.items())
    network = build_network(recipe, heads, own["backbone.blocks.0.0.weight"].shape[1])
    network.load_state_dict(own)  # strict
    return network.eval()


@pytest.mark.parametrize(
    ("model", "wanted"),
    [  # interoperability page, 13.1: mean, standard deviation, first, last
        ("bottomup", {"confmaps": (0.07806680, 0.17845769, -0.06165849, -0.03154305)}),
        ("bottomup", {"pafs": (0.09210765, 0.36460537, 0.10528222, -0.04400180)}),
        ("centered_instance", {"confmaps": (0.02065001, 0.11324329, 0.00057975, -0.02533469)}),
        ("centroid", {"confmaps": (0.02407086, 0.02088376, 0.08142795, -0.03023083)}),
    ],
)
def test_the_peers_numbers(shared_data: Path, model: str, wanted: dict[str, Any]) -> None:
    network = network_of(shared_data / "sleap-nn-models" / "old-format" / f"minimal_instance_{model}")
    rows, columns = torch.arange(64)[:, None], torch.arange(96)[None]
    with torch.no_grad():
        outputs = network((((7 * rows + 13 * columns) % 256) / 255)[None, None])
    for head, (mean, std, first, last) in wanted.items():
        found = outputs[head]
        flat = found.flatten()
        numbers = [float(value) for value in (found.mean(), found.std(), flat[0], flat[-1])]
        assert numbers == pytest.approx([mean, std, first, last], abs=1e-5)


@pytest.mark.parametrize("model", ["bottomup", "centered_instance", "centroid"])
def test_every_array_of_a_current_checkpoint_has_its_place(shared_data: Path, model: str) -> None:
    network_of(shared_data / "sleap-nn-models" / "v0.3.5" / model)


def test_nothing_in_a_checkpoint_is_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "trapped",)

    torch.save({"state_dict": {"model.a": torch.ones(2)}, "config": Trap()}, tmp_path / "best.ckpt")
    with pytest.raises(pickle.UnpicklingError):
        torch.load(tmp_path / "best.ckpt", weights_only=True)
    assert torch.equal(read_checkpoint(tmp_path / "best.ckpt")["state_dict"]["model.a"], torch.ones(2))
    assert not (tmp_path / "trapped").exists()
