"""Hard channels cost more: the formula, its bounds, and which heads it counts for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from posewright.config.trainer import HardKeypointMining
from posewright.labels.skeleton import Skeleton
from posewright.model_types import MODEL_TYPES
from posewright.model_types.base import ModelType
from posewright.model_types.losses import map_loss
from posewright.shapes import PoseBatch, Size

ERRORS = np.array([0.1, 0.4, 0.1, 0.9, 0.2])  #: root of each channel's mean squared error; ratios 1, 16, 1, 81, 4
SKELETON = Skeleton(("nose", "body", "tail"), ((1, 0), (1, 2)))
TYPES: dict[str, ModelType] = {
    "single_instance": MODEL_TYPES["single_instance"](SKELETON, 2, 1.5),
    "centroid": MODEL_TYPES["centroid"](SKELETON, 1, 2, 1.5),
    "centered_instance": MODEL_TYPES["centered_instance"](SKELETON, 1, 2, 1.5, 3.0),
    "bottomup": MODEL_TYPES["bottomup"](SKELETON, 2, 1.5, 4, 15.0, 1.0, 2.0),
    "multi_class_bottomup": MODEL_TYPES["multi_class_bottomup"](
        SKELETON, ("a", "b"), 2, 1.5, 2, 1.5, 1.0, 4, 15.0, 2.0
    ),
    "multi_class_topdown": MODEL_TYPES["multi_class_topdown"](SKELETON, ("a", "b"), 1, 2, 1.5, 4, (8,), 2.0),
}
MINED = {
    "single_instance": {"confmaps"},
    "centroid": set(),
    "centered_instance": {"confmaps"},
    "bottomup": {"confmaps", "pafs"},
    "multi_class_bottomup": {"confmaps", "pafs"},
    "multi_class_topdown": {"confmaps"},
}


def maps() -> tuple[np.ndarray, np.ndarray]:
    output = np.broadcast_to(ERRORS[None, :, None, None], (2, 5, 3, 4)).astype(np.float32)
    return output, np.zeros_like(output)


@pytest.mark.parametrize(
    ("settings", "taken"),
    [
        ({}, [0.9, 0.4, 0.2]),
        ({"hard_to_easy_ratio": 16.5}, [0.9, 0.4]),
        ({"hard_to_easy_ratio": 100.0, "min_hard_keypoints": 1}, [0.9]),
        ({"hard_to_easy_ratio": 100.0, "min_hard_keypoints": 0}, []),
        ({"max_hard_keypoints": 1}, [0.9]),
        ({"min_hard_keypoints": 9}, [0.9, 0.4, 0.2, 0.1, 0.1]),
        ({"loss_scale": 2.0}, [0.9, 0.4, 0.2]),
    ],
)
@pytest.mark.parametrize("library", ["numpy", "torch"])
def test_the_mean_error_of_the_hard_channels_is_added_scaled(
    settings: dict[str, Any], taken: list[float], library: str
) -> None:
    output, target = maps()
    on = [output, target] if library == "numpy" else [torch.from_numpy(output.copy()), torch.from_numpy(target)]
    plain = float((ERRORS**2).mean())
    extra = settings.get("loss_scale", 5.0) * float(np.mean(np.square(taken))) if taken else 0.0
    mined = map_loss(*on, mining=HardKeypointMining(online_mining=True, **settings))
    assert float(mined) == pytest.approx(plain + extra, rel=1e-5)
    assert float(map_loss(*on, mining=HardKeypointMining(online_mining=False, **settings))) == pytest.approx(plain)


def test_a_perfect_channel_makes_all_others_hard_and_perfect_maps_cost_nothing() -> None:
    output, target = maps()
    output = output.copy()
    output[:, 0] = 0.0
    mined = map_loss(output, target, mining=HardKeypointMining(online_mining=True))
    rest = np.square([0.4, 0.1, 0.9, 0.2])
    assert float(mined) == pytest.approx(rest.sum() / 5 + 5 * rest.mean(), rel=1e-5)
    assert float(map_loss(target, target, mining=HardKeypointMining(online_mining=True))) == 0.0


def test_weights_of_frames_count_for_hard_channels_too() -> None:
    output, target = maps()
    mining = HardKeypointMining(online_mining=True)
    whole = map_loss(output, target, np.array([1.0, 0.0]), mining)
    assert float(whole) == pytest.approx(float(map_loss(output, target, None, mining)) / 2, rel=1e-5)


def test_only_the_hard_channels_get_larger_gradients() -> None:
    output, target = (torch.from_numpy(value.copy()) for value in maps())
    gradients = []
    for mining in (None, HardKeypointMining(online_mining=True, max_hard_keypoints=1)):
        leaf = output.clone().requires_grad_()
        map_loss(leaf, target, mining=mining).backward()
        assert leaf.grad is not None
        gradients.append(leaf.grad.mean(dim=(0, 2, 3)))
    ratio = gradients[1] / gradients[0]
    torch.testing.assert_close(ratio, torch.tensor([1.0, 1.0, 1.0, 26.0, 1.0]))


@pytest.mark.parametrize("name", list(TYPES))
def test_each_type_mines_the_heads_the_peer_mines(name: str) -> None:
    model_type, size = TYPES[name], Size(32, 48)
    rng = np.random.default_rng(0)
    poses = PoseBatch(
        torch.from_numpy(rng.uniform(4, 28, (2, 3, 2)).astype(np.float32)),
        torch.tensor([0, 1]),
        2,
        class_ids=torch.tensor([0, 1]),
    )
    targets = model_type.encode(poses, size)
    outputs = {
        head: torch.from_numpy(rng.normal(0, 0.1, target.shape).astype(np.float32)) for head, target in targets.items()
    }
    plain = model_type.loss(outputs, targets)
    mined = model_type.loss(outputs, targets, None, HardKeypointMining(online_mining=True))
    assert {head for head in outputs if mined[head] > plain[head]} == MINED[name]
    assert (mined["loss"] > plain["loss"]) == bool(MINED[name])
