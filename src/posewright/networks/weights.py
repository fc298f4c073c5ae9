"""Weights on disk: read without running anything, told apart by a digest of their arrays."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from posewright.config.recipe import Recipe
from posewright.errors import InputError
from posewright.networks.network import Network, build_network
from posewright.shapes import Heads


def weights_digest(weights: Mapping[str, Tensor]) -> str:
    """Return the sha256 of names and arrays, which the file format cannot change."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode())
        digest.update(weights[name].cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()


def read_weights(checkpoint: Path, digest: str) -> dict[str, Tensor]:
    """Return the arrays of a trained network by name, on the CPU.

    Raises:
        InputError: the weights are not those that ``model.json`` names.
    """
    weights: dict[str, Tensor] = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    if weights_digest(weights) != digest:
        raise InputError(
            f"the weights in {checkpoint} are not those that model.json beside it names; train again, or copy the "
            "folder again from where it came"
        )
    return weights


def load_network(checkpoint: Path, recipe: Recipe, heads: Heads, in_channels: int, digest: str) -> Network:
    """Return a trained network in evaluation mode on the CPU.

    Raises:
        InputError: the weights are not those that ``model.json`` names.
    """
    weights = read_weights(checkpoint, digest)
    network = build_network(recipe, heads, in_channels)
    network.load_state_dict(weights)
    return network.eval()
