"""The peer's networks without a checkpoint: weights by a rule of integers, names as the peer has them (13.1b)."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from posewright.config.recipe import load_recipe
from posewright.networks.network import Network, build_network
from posewright.shapes import HeadSpec


def golden_network(backbone: dict[str, Any], stride: int, in_channels: int) -> Network:
    """Return a network of the peer's ``single_instance`` with two nodes, its weights drawn by the rule."""
    recipe = load_recipe(
        {"model_config": {"backbone_config": backbone, "head_configs": {"single_instance": {}}}},
    )
    network = build_network(recipe, (HeadSpec("confmaps", 2, stride),), in_channels).eval()
    named = {peer_name(name, network): value for name, value in network.state_dict().items()}
    for number, name in enumerate(sorted(named)):
        named[name].copy_(torch.from_numpy(drawn(name, number, tuple(named[name].shape))))
    return network


def peer_name(name: str, network: Network) -> str:
    """Return what the peer calls one of our parameters."""
    part, *rest = name.split(".")
    leaf = rest[-1]
    if part == "heads":
        return f"head_layers.0.SingleInstanceConfmapsHead.0.{leaf}"
    if part == "decoder":
        index, layer, place = int(rest[1]), rest[2], int(rest[3])
        stride = network.max_stride >> index
        kind = "trans_conv" if layer == "up" else f"refine_conv{place // 2}"
        return f"backbone.dec.decoder_stack.{index}.blocks.dec{index}_s{stride}_to_s{stride // 2}_{kind}.{leaf}"
    if rest[0] == "middle":
        convolution, last = int(rest[1]) // 2, len(network.backbone.middle) // 2 - 1  # type: ignore[attr-defined]
        if convolution == last:
            return f"backbone.middle_blocks.1.blocks.convnext_middle_contract_conv0.{leaf}"
        return f"backbone.middle_blocks.0.blocks.convnext_middle_expand_conv{convolution}.{leaf}"
    return "backbone.enc." + ".".join([{"stages": "features", "last": "norm"}[rest[0]], *rest[1:]])


def drawn(name: str, number: int, shape: tuple[int, ...]) -> NDArray[np.float32]:
    """Return a parameter's values, from its place among the sorted names."""
    size = int(np.prod(shape))
    x = np.arange(size, dtype=np.uint32) * np.uint32(2654435761) + np.uint32(number * 97531 + 12345)
    for shift, factor in ((16, 2246822519), (13, 3266489917)):
        x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
    u = (x ^ (x >> np.uint32(16))) / 2.0**32 - 0.5
    if "layer_scale" in name:
        values = 0.2 + 0.2 * u
    elif len(shape) >= 2 and not name.endswith("bias_table"):
        fan = shape[0] * 9 if "trans_conv" in name else size // shape[0]
        values = 2 * u * np.sqrt(6 / fan)
    elif name.endswith(".weight"):
        values = 1 + 0.2 * u
    else:
        values = 0.2 * u
    return values.reshape(shape).astype(np.float32)


def golden_image(in_channels: int, height: int, width: int) -> torch.Tensor:
    """Return the pattern that goes in, ``[1 channel height width]``."""
    channel, row, column = np.meshgrid(range(in_channels), range(height), range(width), indexing="ij")
    return torch.from_numpy(((7 * row + 13 * column + 5 * channel) % 256 / 255).astype(np.float32))[None]


def worst_difference(maps: torch.Tensor, golden: tuple[float, ...]) -> float:
    """Return the largest difference from the peer's mean, std, min, max, first and last value, in std."""
    flat = maps.flatten()
    found = [flat.mean(), flat.std(), flat.min(), flat.max(), flat[0], flat[-1]]
    return max(abs(float(ours) - theirs) for ours, theirs in zip(found, golden, strict=True)) / golden[1]
