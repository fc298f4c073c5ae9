"""A model folder of sleap-nn as one of ours: its settings read leniently, its weights under our names.

What comes out is a whole model folder, so that a peer's model is evaluated, released and run like any other. Its images
are prepared as it learnt them, its maps are read as ours are (interoperability page, sections 1 to 4 and 7): crops
without the peer's bias, peaks by our refinement, animals by our grouping.
"""

from __future__ import annotations

import pickle
import shutil
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
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
_INSTEAD = "Give its poses instead (methods.<name>.predictions)."


@contextmanager
def own_folders(folders: Sequence[Path]) -> Iterator[list[Path]]:
    """Yield model folders with those of sleap-nn as ours, for as long as this lasts.

    Raises:
        InputError: a model of sleap-nn is of a kind that is not known here, or damaged.
    """
    with tempfile.TemporaryDirectory() as place:
        yield [
            _converted(folder, Path(place, str(number), folder.resolve().name)) if is_peer_folder(folder) else folder
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
        data, model = value["data_config"], value["model_config"]
        sections = (data.get("preprocessing") or {}, model["head_configs"], model["backbone_config"])
        if all(isinstance(section, dict) for section in sections):
            return dict(value)
    except (yaml.YAMLError, ValueError, KeyError, TypeError, AttributeError):
        pass
    raise InputError(f"{folder / _SETTINGS} is no config of sleap-nn; give the folder as its training left it.")


def _recipe(settings: Mapping[str, Any], folder: Path) -> tuple[Recipe, Mapping[str, Any]]:
    """Return what decides network and maps as a recipe of ours, and the peer's section of its heads.

    Other keys only concern its training, and may be missing or unknown: each version writes its own.
    """
    model, prepared = settings["model_config"], settings["data_config"].get("preprocessing") or {}
    kind, heads = _only(model["head_configs"])
    backbone, shape = _only(model["backbone_config"])
    if kind not in _TYPES or backbone != "unet":
        raise InputError(
            f"{folder} is a {kind} model of sleap-nn on {backbone}; only {', '.join(_TYPES)} on unet are run here. "
            f"{_INSTEAD}"
        )
    leaves = {name: maps for name, maps in heads.items() if isinstance(maps, dict)}
    if otherwise := [*_read_otherwise(prepared, leaves.values())]:
        raise InputError(
            f"{folder} is a model of sleap-nn with {', '.join(otherwise)}, which is not run here. {_INSTEAD}"
        )
    if kind == "centered_instance" and not prepared.get("crop_size"):
        raise InputError(f"{folder / _SETTINGS} tells no crop_size of a centered_instance model; fill it in.")
    try:
        recipe = load_recipe(
            {
                "data_config": {
                    "preprocessing": {"scale": prepared.get("scale") or 1.0, "crop_size": prepared.get("crop_size")}
                },
                "model_config": {
                    "backbone_config": {"unet": _known(shape, _OF_BACKBONE)},
                    "head_configs": {kind: {name: _known(maps, _OF_MAPS) for name, maps in leaves.items()}},
                },
            }
        )
        recipe.require_trainable()
    except InputError as fault:
        raise InputError(f"{folder / _SETTINGS}: {fault}\n{_INSTEAD}") from None
    return recipe, leaves


def _read_otherwise(prepared: Mapping[str, Any], leaves: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the settings by which the peer cuts images or reads maps in another way than is done here."""
    if any(maps.get("use_sigmoid_activation") for maps in leaves):
        yield "use_sigmoid_activation"
    if prepared.get("crop_mode") not in (None, "fixed"):
        yield f"crop_mode {prepared['crop_mode']}"
    tiling = prepared.get("tiling")
    if isinstance(tiling, dict) and tiling.get("enabled"):
        yield "tiling"


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
        raise InputError(
            f"{folder / _CHECKPOINT} is no checkpoint of sleap-nn, or it is damaged; copy it again (a model of ours "
            "needs its model.json beside it)."
        )
    return own_names(weights, list(heads))


def _skeleton(settings: Mapping[str, Any], heads: Mapping[str, Any], folder: Path) -> Skeleton:
    """Return nodes and edges in the order of the maps' channels; where a head names none, those of the labels."""
    try:
        told = (settings["data_config"].get("skeletons") or [{}])[0]
        nodes = heads.get("confmaps", {}).get("part_names") or [_name(node) for node in told.get("nodes", ())]
        edges = heads.get("pafs", {}).get("edges") or [
            [_name(edge["source"]), _name(edge["destination"])] for edge in told.get("edges", ())
        ]
        if nodes:
            known = [edge for edge in edges if set(edge) <= set(nodes)]
            return Skeleton.from_json({"nodes": nodes, "edges": known})
    except (KeyError, TypeError, AttributeError):
        pass
    raise InputError(f"{folder / _SETTINGS} names no body parts; give the folder as its training left it.")


def _name(node: Any) -> str:
    return str(node["name"] if isinstance(node, dict) else node)


def _preprocess(settings: Mapping[str, Any], recipe: Recipe, channels: int) -> Preprocess:
    """Return how the peer prepares images; crops are cut from frames that are fitted already."""
    told, crop_px = settings["data_config"].get("preprocessing") or {}, None
    scale = float(told.get("scale") or 1.0)
    if recipe.model_type == "centered_instance":
        is_old = str(settings.get("sleap_nn_version") or "0.0").startswith("0.0.")  # it resized before it cropped
        crop_px = round(told["crop_size"] / scale) if is_old else int(told["crop_size"])
    size = (told.get("max_height"), told.get("max_width"))
    fitted = (int(size[0]), int(size[1])) if crop_px is None and size[0] and size[1] else None
    return Preprocess(channels, scale, recipe.max_stride, crop_px, scaling="sleap-nn", fitted=fitted)
