"""A model folder of sleap-nn as one of ours: its settings read leniently, its weights under our names.

What comes out is a whole model folder, so that a peer's model is evaluated, released and run like any other. Its images
are prepared as it learnt them, its maps are read as ours are (interoperability page, sections 1 to 4 and 7): crops
without the peer's bias, peaks by our refinement, animals by our grouping.
"""

from __future__ import annotations

import pickle
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml

from posewright.config.recipe import Recipe, load_recipe
from posewright.errors import InputError
from posewright.files import write_json
from posewright.labels.skeleton import Skeleton
from posewright.model_types import from_recipe
from posewright.model_types.plan import ModelPlan
from posewright.prediction.checkpoints import is_peer_folder
from posewright.samples.preprocess import Preprocess
from posewright.shapes import Size

_SETTINGS, _CHECKPOINT, _LOG = "training_config.yaml", "best.ckpt", "training_log.csv"
_TYPES = ("single_instance", "centroid", "centered_instance", "bottomup")
_OF_BACKBONE = (
    *("filters", "filters_rate", "max_stride", "kernel_size", "convs_per_block", "up_interpolate"),
    *("stacks", "stem_stride", "middle_block"),
)
_OF_MAPS = ("anchor_part", "sigma", "output_stride", "loss_weight")


@contextmanager
def own_folders(folders: Sequence[Path]) -> Iterator[list[Path]]:
    """Yield model folders with those of sleap-nn as ours, for as long as this lasts.

    Raises:
        InputError: a model of sleap-nn is of a kind that is not known here, or damaged.
    """
    with tempfile.TemporaryDirectory() as place:
        yield [
            _converted(folder, Path(place, str(number), folder.name)) if is_peer_folder(folder) else folder
            for number, folder in enumerate(folders)
        ]


def require_known(folder: Path) -> None:
    """Refuse a model of sleap-nn whose settings are of a kind that is not run here; its weights are not looked at.

    Raises:
        InputError: they are.
    """
    settings = _settings(folder)
    recipe, heads = _recipe(settings, folder)
    _preprocess(settings, recipe, 1)
    from_recipe(recipe, _skeleton(settings, heads, folder))


def _converted(folder: Path, out: Path) -> Path:
    """Write a peer's model as ours and return where."""
    import torch

    from posewright.networks.network import build_network
    from posewright.networks.weights import weights_digest

    settings = _settings(folder)
    recipe, heads = _recipe(settings, folder)
    weights = _weights(folder, heads)
    model_type = from_recipe(recipe, _skeleton(settings, heads, folder))
    channels = int(weights["backbone.blocks.0.0.weight"].shape[1])
    preprocess = _preprocess(settings, recipe, channels)
    try:
        build_network(recipe, model_type.heads, channels).load_state_dict(weights)
    except RuntimeError as fault:
        raise InputError(f"{folder}: its weights do not fit the network of its {_SETTINGS} ({fault}).") from None
    plan = ModelPlan(
        model_type=model_type,
        preprocess=preprocess,
        recipe=recipe,
        input_size=preprocess.input_size(Size(*(preprocess.fitted or (recipe.max_stride, recipe.max_stride)))),
        seed=0,
        split_digest="",
        weights_sha256=weights_digest(weights),
        training={"parameters": sum(value.numel() for value in weights.values())},
    )
    out.mkdir(parents=True)
    torch.save({"state_dict": weights}, out / _CHECKPOINT)
    write_json(out / "model.json", plan.to_json())
    for name in (_SETTINGS, _LOG):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, out / name)
    return out


def _settings(folder: Path) -> Mapping[str, Any]:
    try:
        value = yaml.safe_load((folder / _SETTINGS).read_text(encoding="utf-8"))
        if isinstance(value["data_config"], dict) and isinstance(value["model_config"], dict):
            return dict(value)
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError):
        pass
    raise InputError(f"{folder / _SETTINGS} is no config of sleap-nn; give the folder as its training left it.")


def _recipe(settings: Mapping[str, Any], folder: Path) -> tuple[Recipe, Mapping[str, Any]]:
    """Return what decides network and maps as a recipe of ours, and the peer's section of its heads.

    Other keys only concern its training, and may be missing or unknown: each version writes its own.
    """
    model, prepared = settings["model_config"], settings["data_config"].get("preprocessing") or {}
    kind, heads = _only(model.get("head_configs"))
    backbone, shape = _only(model.get("backbone_config"))
    if kind not in _TYPES or backbone != "unet":
        raise InputError(
            f"{folder} is a {kind} model of sleap-nn on {backbone}; only {', '.join(_TYPES)} on unet are run here. "
            "Give its poses instead (methods.<name>.predictions)."
        )
    recipe = load_recipe(
        {
            "data_config": {
                "preprocessing": {"scale": prepared.get("scale") or 1.0, "crop_size": prepared.get("crop_size")}
            },
            "model_config": {
                "backbone_config": {"unet": _known(shape, _OF_BACKBONE)},
                "head_configs": {kind: {name: _known(maps, _OF_MAPS) for name, maps in heads.items() if maps}},
            },
        }
    )
    recipe.require_trainable()
    return recipe, heads


def _only(section: Any) -> tuple[str, Mapping[str, Any]]:
    """Return the one entry of a section that is not null."""
    found = [(str(name), value) for name, value in (section or {}).items() if isinstance(value, dict)]
    return found[0] if len(found) == 1 else ("unknown", {})


def _known(section: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: section[key] for key in keys if section.get(key) is not None}


def _weights(folder: Path, heads: Mapping[str, Any]) -> dict[str, Any]:
    from posewright.networks.sleap_nn import is_peer, own_names, read_checkpoint

    try:
        content = read_checkpoint(folder / _CHECKPOINT)
    except pickle.UnpicklingError:
        content = None
    weights = content.get("state_dict") if isinstance(content, dict) else None
    if not isinstance(weights, dict) or not is_peer(weights):
        raise InputError(f"{folder / _CHECKPOINT} is no checkpoint of sleap-nn, or it is damaged; copy it again.")
    return own_names(weights, list(heads))


def _skeleton(settings: Mapping[str, Any], heads: Mapping[str, Any], folder: Path) -> Skeleton:
    """Return nodes and edges in the order of the maps' channels; where a head names none, those of the labels."""
    listed = settings["data_config"].get("skeletons") or [{}]
    told = listed[0] if isinstance(listed, list) else {}
    nodes = (heads.get("confmaps") or {}).get("part_names") or [_name(node) for node in told.get("nodes", ())]
    edges = (heads.get("pafs") or {}).get("edges") or [
        [_name(edge["source"]), _name(edge["destination"])] for edge in told.get("edges", ())
    ]
    if not nodes:
        raise InputError(f"{folder / _SETTINGS} names no body parts; give the folder as its training left it.")
    return Skeleton.from_json({"nodes": nodes, "edges": [edge for edge in edges if set(edge) <= set(nodes)]})


def _name(node: Any) -> str:
    return str(node["name"] if isinstance(node, dict) else node)


def _preprocess(settings: Mapping[str, Any], recipe: Recipe, channels: int) -> Preprocess:
    """Return how the peer prepares images; crops are cut from frames that are fitted already."""
    told, crop_px = settings["data_config"].get("preprocessing") or {}, None
    scale = float(told.get("scale") or 1.0)
    if recipe.model_type == "centered_instance":
        if not told.get("crop_size"):
            raise InputError("the config of a centered_instance model of sleap-nn tells no crop_size; fill it in.")
        is_old = str(settings.get("sleap_nn_version") or "0.0").startswith("0.0.")  # it resized before it cropped
        crop_px = round(told["crop_size"] / scale) if is_old else int(told["crop_size"])
    size = (told.get("max_height"), told.get("max_width"))
    fitted = (int(size[0]), int(size[1])) if crop_px is None and size[0] and size[1] else None
    return Preprocess(channels, scale, recipe.max_stride, crop_px, scaling="sleap-nn", fitted=fitted)
