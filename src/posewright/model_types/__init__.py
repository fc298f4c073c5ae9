"""One file a model type: heads, targets, loss and decoding in reading order.

To add a type: one file like `single_instance`, one line in `MODEL_TYPES`, one branch in `from_recipe`, one page of
tests on top of the shared laws.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from typing import Any

from posewright.config.model import PartAffinityFields
from posewright.config.recipe import Recipe
from posewright.errors import InputError, nearest
from posewright.labels.identities import identities
from posewright.labels.skeleton import Skeleton
from posewright.model_types.base import ModelType
from posewright.model_types.bottomup import BottomUp
from posewright.model_types.centered_instance import CenteredInstance
from posewright.model_types.centroid import Centroid
from posewright.model_types.multi_class_bottomup import MultiClassBottomUp
from posewright.model_types.multi_class_topdown import MultiClassTopDown
from posewright.model_types.single_instance import SingleInstance

#: Key in a recipe's ``head_configs`` -> class.
MODEL_TYPES: dict[str, Callable[..., ModelType]] = {
    "single_instance": SingleInstance,
    "centroid": Centroid,
    "centered_instance": CenteredInstance,
    "bottomup": BottomUp,
    "multi_class_bottomup": MultiClassBottomUp,
    "multi_class_topdown": MultiClassTopDown,
}


def from_recipe(recipe: Recipe, skeleton: Skeleton, tracks: Collection[str] = ()) -> ModelType:
    """Build the model type a recipe asks for, on the skeleton of the labels.

    Args:
        recipe: with one of the heads of `MODEL_TYPES`.
        skeleton: of the labels.
        tracks: names of the labelled animals, for the types that learn identities.

    Raises:
        InputError: an anchor part names no node, the recipe lists other nodes or edges than the labels, bottom-up
            grouping cannot follow the skeleton, or the identities that a type should learn are not labelled.
    """
    heads = recipe.network.head_configs
    _refuse_other_names(recipe, skeleton)
    if heads.single_instance is not None:
        maps = heads.single_instance.confmaps
        return SingleInstance(skeleton, maps.output_stride, maps.sigma)
    if heads.centroid is not None:
        maps = heads.centroid.confmaps
        return Centroid(skeleton, _node(skeleton, maps.anchor_part), maps.output_stride, maps.sigma)
    if heads.centered_instance is not None:
        maps = heads.centered_instance.confmaps
        anchor = _node(skeleton, maps.anchor_part)
        return CenteredInstance(skeleton, anchor, maps.output_stride, maps.sigma, _weight(maps.loss_weight))
    if heads.bottomup is not None:
        maps, pafs = heads.bottomup.confmaps, heads.bottomup.pafs
        return BottomUp(
            skeleton,
            maps.output_stride,
            maps.sigma,
            pafs.output_stride,
            pafs.sigma,
            _weight(maps.loss_weight),
            _weight(pafs.loss_weight),
        )
    if heads.multi_class_bottomup is not None:
        maps, class_maps = heads.multi_class_bottomup.confmaps, heads.multi_class_bottomup.class_maps
        limbs = heads.multi_class_bottomup.pafs if skeleton.edges else None
        return MultiClassBottomUp(
            skeleton,
            identities(class_maps.classes, tracks),
            maps.output_stride,
            maps.sigma,
            class_maps.output_stride,
            class_maps.sigma,
            _weight(maps.loss_weight),
            **({} if limbs is None else _limbs(limbs)),
        )
    if heads.multi_class_topdown is not None:
        maps, vectors = heads.multi_class_topdown.confmaps, heads.multi_class_topdown.class_vectors
        return MultiClassTopDown(
            skeleton,
            identities(vectors.classes, tracks),
            _node(skeleton, maps.anchor_part),
            maps.output_stride,
            maps.sigma,
            min(2 * maps.output_stride, recipe.max_stride),
            (vectors.num_fc_units,) * vectors.num_fc_layers,
            _weight(maps.loss_weight),
        )
    raise InputError(f"model type {recipe.model_type!r} is not available; known: {', '.join(sorted(MODEL_TYPES))}")


def from_json(name: str, fields: dict[str, Any]) -> ModelType:
    """Rebuild a model type from its name and what `to_json` gave.

    Raises:
        InputError: the name is none of `MODEL_TYPES`, or a field is missing, as in models of other versions.
    """
    if name not in MODEL_TYPES:
        raise InputError(f"model type {name!r} is not known; {nearest(name, MODEL_TYPES)}")
    parameters = inspect.signature(MODEL_TYPES[name]).parameters.items()
    needed = {key for key, parameter in parameters if parameter.default is inspect.Parameter.empty}
    missing = sorted(needed - fields.keys())
    if missing:
        raise InputError(
            f"this model of type {name!r} says no {', '.join(missing)}: another version of Posewright trained it, and "
            "its network was another; train it again, or use that version"
        )
    kept = {key: value for key, value in fields.items() if key != "class_loss_weight"}  # of earlier models
    rebuilt = {key: tuple(value) if isinstance(value, list) else value for key, value in kept.items()}
    return MODEL_TYPES[name](**{**rebuilt, "skeleton": Skeleton.from_json(fields["skeleton"])})


def _refuse_other_names(recipe: Recipe, skeleton: Skeleton) -> None:
    """A recipe may repeat the nodes and edges of the labels, as the peer writes them down, but not choose others."""
    head = getattr(recipe.network.head_configs, recipe.model_type)
    edges = tuple((skeleton.nodes[source], skeleton.nodes[destination]) for source, destination in skeleton.edges)
    for field, key, own in (("confmaps", "part_names", skeleton.nodes), ("pafs", "edges", edges)):
        listed = getattr(getattr(head, field, None), key, None)
        if listed is not None and tuple(listed) != own:
            place = f"model_config.head_configs.{recipe.model_type}.{field}.{key}"
            raise InputError(f"{place} lists {list(listed)}, but the labels have {list(own)}; remove the key.")


def _node(skeleton: Skeleton, name: str | None) -> int | None:
    return None if name is None else skeleton.index(name)


def _limbs(settings: PartAffinityFields) -> dict[str, Any]:
    return {
        "paf_stride": settings.output_stride,
        "paf_sigma_px2": settings.sigma,
        "paf_loss_weight": _weight(settings.loss_weight),
    }


def _weight(loss_weight: float | None) -> float:
    return 1.0 if loss_weight is None else loss_weight
