"""The plan of a dataset: what its training labels suggest, written down before anything is trained.

``plan.json`` is for programs: the measures, the proposed methods, and the settings of every model type. ``plan.md``
says the same to people. Nothing in it comes from validation or test frames.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posewright.config.auto import at
from posewright.config.recipe import Recipe
from posewright.errors import InputError
from posewright.files import read_json, write_json, write_text
from posewright.labels.read import read_side
from posewright.labels.statistics import LabelStatistics, measure_labels
from posewright.samples.store import frame_sizes
from posewright.training.method_choice import propose_methods
from posewright.training.plan_text import plan_text
from posewright.training.proposal import Proposal
from posewright.training.settings import ACCUMULATE, PLANNED_TYPES, UNET, propose_settings

SCHEMA = 1


@dataclass(frozen=True)
class RecipePlan:
    """Measures of the training labels and what they suggest.

    Attributes:
        measured: the labels.
        methods: the types of method to train and compare.
        settings: model type -> its proposed settings.
    """

    measured: LabelStatistics
    methods: Proposal
    settings: Mapping[str, tuple[Proposal, ...]]

    def to_json(self) -> dict[str, Any]:
        """Return the content of ``plan.json``."""
        return {
            "schema": SCHEMA,
            "measured": self.measured.to_json(),
            "methods": self.methods.to_json(),
            "settings": {name: [one.to_json() for one in found] for name, found in self.settings.items()},
        }


def propose(measured: LabelStatistics, is_complete: bool = True) -> RecipePlan:
    """Return the plan for measured labels.

    Args:
        measured: of the training labels.
        is_complete: whether every animal in a labelled frame is labelled.
    """
    settings = {name: propose_settings(name, measured) for name in PLANNED_TYPES}
    return RecipePlan(measured, propose_methods(measured, is_complete), settings)


def plan_recipe(*, split: Path, store: Path, is_complete: bool, title: str, out: Path) -> None:
    """Measure the train side of a split and write ``plan.json`` and, beside it, ``plan.md``.

    Args:
        split: folder of the split; only train.slp is read.
        store: index of the decoded frames, for their sizes.
        is_complete: whether every animal in a labelled frame is labelled.
        title: what the plan is of.
        out: ``plan.json``.
    """
    train, sizes = read_side(split / "train.slp"), frame_sizes(store)
    # by way of its JSON, so that a recipe that is resolved from the file gets the very same numbers
    measured = measure_labels(train, [sizes[frame.key] for frame in train.frames])
    plan = propose(LabelStatistics.from_json(measured.to_json()), is_complete)
    write_text(out.with_suffix(".md"), plan_text(plan.measured, plan.methods, plan.settings, title))
    write_json(out, plan.to_json())


def resolved(recipe: Recipe, plan: Path | None) -> tuple[Recipe, tuple[Proposal, ...]]:
    """Return a recipe with the plan's values where it says ``auto``, and these with their reasons.

    Raises:
        InputError: there is no plan, or it has no value for one of the places.
    """
    if plan is None or not recipe.auto:
        recipe.require_resolved()
        return recipe, ()
    value = read_json(plan)
    if value.get("schema") != SCHEMA:
        raise InputError(f"{plan} has schema {value.get('schema')!r}, this version reads {SCHEMA}; plan again.")
    measured = LabelStatistics.from_json(value["measured"])
    return filled_in(recipe, measured), planned(recipe, measured)


def filled_in(recipe: Recipe, measured: LabelStatistics) -> Recipe:
    """Return a recipe with values for every ``auto``; raises as `planned` does."""
    return recipe.filled({one.key: one.value for one in planned(recipe, measured)})


def planned(recipe: Recipe, measured: LabelStatistics) -> tuple[Proposal, ...]:
    """Return a value for every ``auto`` of a recipe; what the recipe settles itself stands, and the values suit it.

    Raises:
        InputError: nothing is measured for one of the places, or what the recipe settles itself fits no plan.
    """
    tree = recipe.to_json()
    known = {one.key for one in propose_settings(recipe.model_type, measured)}
    strange = [place for place in recipe.auto if place not in known]
    if strange:
        raise InputError(
            f"The plan has no value for {', '.join(strange)} in a recipe of type {recipe.model_type}, which makes "
            "no use of it; remove the key or write a value."
        )
    beside = {f"{UNET}.convs_per_block", f"{UNET}.kernel_size", ACCUMULATE, *_CROP_KEYS}
    given = {place: at(tree, place) for place in (known | beside) - set(recipe.auto)}
    if recipe.backbone != "unet":
        given = {place: value for place, value in given.items() if not place.startswith(UNET)}
        given[f"{UNET}.max_stride"] = recipe.max_stride
    return propose_settings(recipe.model_type, measured, given)


_CROP_KEYS = ("data_config.preprocessing.crop_padding", "data_config.preprocessing.min_crop_size")
