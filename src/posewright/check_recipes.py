"""Whether recipes and methods fit each other, the skeleton and the animals."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

from posewright.config.methods import MethodConfig, method_recipe_types
from posewright.config.model import OF_CROPS, BottomUpHead, MultiClassBottomUpHead
from posewright.config.project import ProjectConfig
from posewright.config.recipe import Recipe, load_recipe
from posewright.errors import InputError, InputProblems, nearest
from posewright.findings import Findings
from posewright.labels.measure import (
    crop_fault,
    divides,
    dividing_crops_px,
    measured_crop_px,
    most_animals,
    node_reach_px,
)
from posewright.labels.mirror import mirror_notes
from posewright.labels.model import LabelSet
from posewright.labels.skeleton import Skeleton
from posewright.labels.statistics import LabelStatistics, measure_labels
from posewright.shapes import Size
from posewright.training.recipe_plan import filled_in


def used_recipes(project: ProjectConfig, findings: Findings) -> dict[str, Recipe]:
    """Return the recipes that methods use; a faulty one is told and left out."""
    used = sorted({name for method in project.methods.values() for name in method.recipes or ()})
    read = {name: findings.attempt(lambda name=name: load_recipe(project.recipes[name])) for name in used}  # type: ignore[misc]
    return {name: recipe for name, recipe in read.items() if recipe is not None}


def planned_recipes(
    project: ProjectConfig,
    recipes: dict[str, Recipe],
    train: LabelSet,
    videos: list[dict[str, Any]],
    findings: Findings,
) -> dict[str, Recipe]:
    """Return the recipes with the plan's values where they say ``auto``; one that no plan can fill is told."""
    sizes = [Size(*video["size"][:2]) for video in videos if video["size"] is not None]
    if not sizes or not any(recipe.auto for recipe in recipes.values()):
        return {name: recipe for name, recipe in recipes.items() if not recipe.auto}
    measured = measure_labels(train, sizes)
    filled = {
        name: findings.attempt(partial(_filled_in, f"recipe {name} ({project.recipes[name]})", recipe, measured))
        for name, recipe in recipes.items()
    }
    return {name: recipe for name, recipe in filled.items() if recipe is not None}


def _filled_in(where: str, recipe: Recipe, measured: LabelStatistics) -> Recipe:
    """Return a recipe with the plan's values; its faults are told with the recipe's name."""
    try:
        return filled_in(recipe, measured)
    except InputProblems as faults:
        own = [replace(one, where=f"{where} {one.where.removeprefix('recipe ')}") for one in faults.problems]
        raise InputProblems(own) from None
    except InputError as fault:
        raise InputError(f"{where}: {fault}") from None


def check_methods(project: ProjectConfig, recipes: dict[str, Recipe], labels: LabelSet, findings: Findings) -> None:
    """Check every recipe against the labels, and that each method has the recipes it needs."""
    for name, recipe in recipes.items():
        _check_recipe(f"recipe {name} ({project.recipes[name]})", recipe, labels, findings)
    for name, method in project.methods.items():
        own = {recipe: recipes[recipe] for recipe in method.recipes or () if recipe in recipes}
        if len(own) == len(method.recipes or ()):
            _check_method(f"methods.{name}", method, own, labels, findings)


def check_frame_sizes(
    project: ProjectConfig, recipes: dict[str, Recipe], videos: list[dict[str, Any]], findings: Findings
) -> None:
    """Check that a given common size is the frames' own: matching other sizes to it is not built yet."""
    sizes = {tuple(video["size"][:2]) for video in videos if video["size"] is not None}
    for name, recipe in recipes.items():
        settings = recipe.data_config.preprocessing
        for axis, key in enumerate(("max_height", "max_width")):
            given, own = getattr(settings, key), sorted({size[axis] for size in sizes})
            if given is not None and own and own != [given]:
                findings.add(
                    f"recipe {name} ({project.recipes[name]}) key data_config.preprocessing.{key}",
                    f"{given} differs from the frames' own {', '.join(map(str, own))}, and resizing to a common size "
                    "is not available yet in this version",
                    "set null, and scale to resize",
                )


def _check_method(
    where: str, method: MethodConfig, recipes: dict[str, Recipe], labels: LabelSet, findings: Findings
) -> None:
    """Check that a method's recipes are of the types it needs and mean the same anchor."""
    if not recipes:
        return
    needed = method_recipe_types(method)
    given = [recipe.model_type for recipe in recipes.values()]
    if sorted(given) != sorted(needed):
        listed = ", ".join(f"{name} is {recipe.model_type}" for name, recipe in recipes.items())
        findings.add(
            f"{where}.recipes", f"the type {method.type} needs {' and '.join(needed)}; {listed}", "correct them"
        )
        return
    if len({_anchor(recipe) for recipe in recipes.values()}) > 1:
        listed = ", ".join(f"{name} has {_anchor(recipe)!r}" for name, recipe in recipes.items())
        findings.add(f"{where}.recipes", f"anchor_part differs: {listed}", "give both recipes the same")
    if method.type == "single_instance" and most_animals(labels) > 1:
        findings.add(
            where,
            f"single_instance finds one animal, but up to {most_animals(labels)} are labelled in a frame",
            "use a top-down or bottom-up method",
        )


def _check_recipe(where: str, recipe: Recipe, labels: LabelSet, findings: Findings) -> None:
    """Check a recipe by itself and against skeleton and animals."""
    for key, value in recipe.unavailable():
        findings.add(f"{where} key {key}", f"{value} is not available yet in this version", "use another")
    skeleton = labels.skeleton
    head = getattr(recipe.network.head_configs, recipe.model_type)
    place = f"{where} key model_config.head_configs.{recipe.model_type}"
    for leaf, stride in recipe.head_strides().items():
        if stride > recipe.max_stride:
            findings.add(
                f"{place}.{leaf}.output_stride",
                f"{stride} exceeds the backbone's max_stride {recipe.max_stride}",
                "lower it or raise max_stride",
            )
    anchor = _anchor(recipe)
    if anchor is not None and anchor not in skeleton.nodes:
        findings.add(f"{place}.confmaps.anchor_part", f"there is no node {anchor!r}", nearest(anchor, skeleton.nodes))
        anchor = None
    names = head.confmaps.part_names
    if names is not None and names != skeleton.nodes:
        findings.add(
            f"{place}.confmaps.part_names",
            f"{list(names)} are not the nodes of the labels, {list(skeleton.nodes)}",
            "remove the key; all nodes are learnt, in the labels' order",
        )
    if isinstance(head, BottomUpHead | MultiClassBottomUpHead) and head.pafs is not None:
        _check_listed_edges(f"{place}.pafs.edges", head.pafs.edges, skeleton, findings)
    if isinstance(head, BottomUpHead):
        _check_edges(place, skeleton, findings)
    _check_freezing(f"{where} key posewright.freeze", recipe, findings)
    if recipe.model_type in OF_CROPS:
        _check_crop(where, recipe, labels, None if anchor is None else skeleton.index(anchor), findings)


def _check_freezing(place: str, recipe: Recipe, findings: Findings) -> None:
    """Check that what is kept from learning has learnt before."""
    frozen = recipe.posewright.freeze
    if frozen == "none" or any(parts != "head" for _, _, parts in recipe.start_files()):
        return
    remedy = "name a model to start from (posewright.start_from), or set none"
    if getattr(recipe.backbone_settings, "pre_trained_weights", None) is None:
        kept = "encoder" if frozen == "encoder" else "encoder and decoder"
        found = f"{frozen} would keep the {kept} at random first weights, for the recipe starts from no other model"
        findings.add(place, found, remedy)
    elif frozen == "backbone":
        found = "backbone would keep the decoder at random first weights, for pre_trained_weights are of the encoder"
        findings.add(place, found, f"{remedy}, or encoder")


def recipe_notes(recipe: Recipe, labels: LabelSet) -> list[str]:
    """Return sentences on what is no fault and may surprise."""
    crops = recipe.model_type in OF_CROPS
    notes = mirror_notes(labels.skeleton, _anchor(recipe) if crops else None) if recipe.mirrors else []
    negative = len(labels.negatives)
    if negative and not crops and not recipe.data_config.use_negative_frames:
        notes.append(
            f"{negative} frames are marked as without animals, and the recipe does not learn from them; set "
            "data_config.use_negative_frames to true to do so."
        )
    if crops and recipe.data_config.use_negative_frames:
        notes.append(
            "data_config.use_negative_frames has no effect: a model of crops sees labelled animals only, so frames "
            "without any teach it nothing; remove the key, or set it for the centroid model."
        )
    weights = getattr(recipe.backbone_settings, "pre_trained_weights", None)
    if weights is not None:
        from posewright.networks.imagenet import absence_of  # imports torch: only for such a recipe

        fault = absence_of(weights)
        notes += [] if fault is None else [f"{fault}; a training that begins needs it."]
    return notes


def _anchor(recipe: Recipe) -> str | None:
    anchor: str | None = getattr(recipe.network.head_configs, recipe.model_type).confmaps.anchor_part
    return anchor


def _check_listed_edges(
    place: str, listed: tuple[tuple[str, str], ...] | None, skeleton: Skeleton, findings: Findings
) -> None:
    """Check that edges which a recipe repeats are those of the labels."""
    named = tuple((skeleton.nodes[a], skeleton.nodes[b]) for a, b in skeleton.edges)
    if listed is not None and listed != named:
        findings.add(
            place,
            f"{[list(edge) for edge in listed]} are not the edges of the labels",
            "remove the key; all edges are learnt, in the labels' order",
        )


def _check_edges(place: str, skeleton: Skeleton, findings: Findings) -> None:
    """Check that limbs exist and form no ring: grouping joins nodes along them."""
    if not skeleton.edges:
        findings.add(
            place,
            "the skeleton has no edges, and bottom-up joins nodes along edges",
            "add edges in the labelling tool, or use top-down",
        )
    ring = skeleton.ring
    if ring is not None:
        findings.add(
            place,
            f"the skeleton's edges form a ring, closed by {ring[0]} - {ring[1]}",
            "remove an edge of it in the labelling tool, or use top-down",
        )


def _check_crop(where: str, recipe: Recipe, labels: LabelSet, anchor: int | None, findings: Findings) -> None:
    """Check that a given crop size divides and holds the animals of the training side, as training itself does."""
    preprocessing = recipe.data_config.preprocessing
    crop_px = preprocessing.crop_size
    if crop_px is None:
        return
    place = f"{where} key data_config.preprocessing.crop_size"
    unit_px = recipe.max_stride / preprocessing.scale
    if not divides(crop_px, preprocessing.scale, recipe.max_stride):
        findings.add(
            place,
            f"{crop_px} px at scale {preprocessing.scale:g} does not divide by the max_stride {recipe.max_stride}",
            f"use {' or '.join(map(str, dividing_crops_px(crop_px, preprocessing.scale, recipe.max_stride)))}",
        )
    reach_px = node_reach_px(labels, anchor)
    fault = crop_fault(reach_px, crop_px)
    if fault is not None:
        fitting_px = measured_crop_px(reach_px, unit_px, preprocessing.crop_padding, preprocessing.min_crop_size)
        findings.add(place, fault, f"raise it, or set null to have it measured ({fitting_px} px)")
