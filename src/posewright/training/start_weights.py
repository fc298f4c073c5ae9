"""Training on from another model: its weights as the first ones, and parts that keep theirs."""

from __future__ import annotations

import pickle
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from torch import Tensor, nn

from posewright.config.recipe import Recipe, StartParts
from posewright.errors import InputError
from posewright.first_weights import checkpoint_of, promised_digest
from posewright.networks.network import Network
from posewright.networks.sleap_nn import is_peer, own_names, read_checkpoint
from posewright.networks.weights import read_weights

_OF_BACKBONE = re.compile(r"(heads\.\w+\.)?(backbone|decoder)\.")  #: how the names of weights below heads begin


def load_first_weights(network: Network, recipe: Recipe) -> None:
    """Replace first weights by those of the models that a recipe starts from.

    Raises:
        InputError: a checkpoint cannot be read, or has other shapes; all that differ are named.
    """
    for key, path, parts in recipe.start_files():
        checkpoint = checkpoint_of(path)
        weights = _read(checkpoint, key)
        if is_peer(weights):
            weights = own_names(weights, list(network.heads), network.separate_heads)
        weights = _for_separate_heads(weights, network.separate_heads)
        wanted = {name: value for name, value in network.state_dict().items() if _belongs(name, parts)}
        faults = _differences(wanted, weights)
        if faults:
            raise InputError(
                f"{key}: the weights in {checkpoint} do not fit the recipe's network; give it the same shape, or take "
                "over another part (posewright.start_from.parts):\n" + "\n".join(f"- {fault}" for fault in faults)
            )
        network.load_state_dict({name: weights[name] for name in wanted}, strict=False)


def freeze(network: Network, recipe: Recipe) -> None:
    """Keep the parts of a network that the recipe freezes from learning; what they draw or count in training rests too.

    Lightning brings each module back to the mode that it had, so they rest for the whole training.
    """
    resting: dict[str, list[nn.Module]] = {
        "none": [],
        "encoder": [*network.backbones],
        "backbone": [*network.backbones, *network.decoders],
    }
    for module in resting[recipe.posewright.freeze]:
        module.requires_grad_(False).eval()


def _belongs(name: str, parts: StartParts) -> bool:
    """Return whether weights of that name are among the parts taken over."""
    return parts == "whole" or (parts == "backbone") == bool(_OF_BACKBONE.match(name))


def _for_separate_heads(weights: Mapping[str, Tensor], separate: Iterable[str]) -> dict[str, Tensor]:
    """Add the only backbone and decoder of other models once more for each head that has some of its own here."""
    shared = {name: value for name, value in weights.items() if name.startswith(("backbone.", "decoder."))}
    return {f"heads.{head}.{name}": value for head in separate for name, value in shared.items()} | dict(weights)


def _read(checkpoint: Path, key: str) -> dict[str, Tensor]:
    """Return the arrays of a checkpoint, ours or the peer's; nothing in the file is ever run."""
    promised = promised_digest(checkpoint)
    if promised is not None:
        return read_weights(checkpoint, promised)
    try:
        content = read_checkpoint(checkpoint)
    except pickle.UnpicklingError:
        raise InputError(f"{key}: {checkpoint} is no checkpoint; give a model folder or its best.ckpt") from None
    weights = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(weights, dict):
        raise InputError(f"{key}: {checkpoint} holds no weights under state_dict; give a best.ckpt")
    return weights


def _differences(wanted: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> list[str]:
    """Return a clause for each array that is missing or has another shape."""
    faults = []
    for name, value in wanted.items():
        if name not in given:
            faults.append(f"{name} {list(value.shape)} is not in it")
        elif given[name].shape != value.shape:
            faults.append(f"{name} is {list(given[name].shape)} there, {list(value.shape)} here")
    return faults
