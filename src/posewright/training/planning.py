"""What a training decides before its first step, measured on the train side alone."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from posewright.config.data import Preprocessing
from posewright.config.recipe import Recipe
from posewright.errors import InputError
from posewright.geometry import anchor_points
from posewright.labels.model import LabelSet
from posewright.model_types import from_recipe
from posewright.model_types.base import ModelType
from posewright.model_types.centered_instance import CenteredInstance
from posewright.model_types.plan import ModelPlan
from posewright.samples.dataset import CropSources, FrameSources, Sources
from posewright.samples.preprocess import Preprocess
from posewright.samples.store import FrameStore

_CROP_MARGIN = 0.1  #: added to a measured crop size: an animal of the next video may stretch a little further
_ANIMALS_HELD = 0.99  #: part of the animals that a measured crop holds whole: labels have outliers
_LOST_NODES = 0.05  #: a given crop size may cut off at most this part of the visible nodes


def make_plan(recipe: Recipe, train: LabelSet, store: FrameStore, seed: int, split_digest: str) -> ModelPlan:
    """Resolve a recipe on the training labels.

    Raises:
        InputError: the recipe does not fit the skeleton, or the crop is smaller than the animals.
    """
    recipe.require_trainable()
    model_type = from_recipe(recipe, train.skeleton)
    settings = recipe.data_config.preprocessing
    preprocess = Preprocess(
        channels=_channels(settings, store),
        scale=settings.scale,
        multiple=recipe.max_stride,
        crop_size_px=_crop_size(recipe, model_type, train) if isinstance(model_type, CenteredInstance) else None,
    )
    input_size = sources_for(model_type, preprocess, train, store).output
    return ModelPlan(model_type, preprocess, recipe, input_size, seed, split_digest)


def sources_for(
    model_type: ModelType, preprocess: Preprocess, labels: LabelSet, store: FrameStore, reach: float = 1.0
) -> Sources:
    """Return the samples a model type learns from: crops for centered instances, whole frames for all others."""
    if isinstance(model_type, CenteredInstance):
        return CropSources(labels, store, preprocess, model_type.anchor, reach)
    return FrameSources(labels, store, preprocess)


def node_reach_px(labels: LabelSet, anchor: int | None) -> NDArray[np.float64]:
    """Return ``[animal node]``: how far each visible node lies from its animal's anchor, the larger of both axes."""
    rows = [np.abs(f.points - anchor_points(f.points, anchor)[:, None, :]).max(axis=-1) for f in labels.frames]
    return np.concatenate([*rows, np.zeros((0, len(labels.skeleton.nodes)))])


def _channels(settings: Preprocessing, store: FrameStore) -> int:
    if settings.ensure_rgb:
        return 3
    return 1 if settings.ensure_grayscale else store.channels


def _crop_size(recipe: Recipe, model_type: CenteredInstance, train: LabelSet) -> int:
    """Return the recipe's crop size, or the measured one: animals, a margin, rounded up to what the network divides."""
    settings = recipe.data_config.preprocessing
    reach = node_reach_px(train, model_type.anchor)
    if settings.crop_size is not None:
        lost = float((reach > settings.crop_size / 2).sum() / max(1, np.isfinite(reach).sum()))
        if lost > _LOST_NODES:
            raise InputError(
                f"crop_size {settings.crop_size} px is smaller than the animals: {lost:.0%} of the visible nodes of "
                f"the train side lie outside; the measured size is {measured_crop_px(recipe, reach)} px (crop_size: null)"
            )
        return settings.crop_size
    return measured_crop_px(recipe, reach)


def measured_crop_px(recipe: Recipe, reach: NDArray[np.float64]) -> int:
    """Return the side that holds all but the most outlying hundredth of the animals, with a margin."""
    settings = recipe.data_config.preprocessing
    farthest = np.nanmax(np.where(np.isnan(reach), 0.0, reach), axis=1, initial=0.0)
    extent = 2 * float(np.quantile(farthest, _ANIMALS_HELD, method="higher")) if len(farthest) else 0.0
    margin = settings.crop_padding if settings.crop_padding is not None else math.ceil(_CROP_MARGIN * extent)
    wanted = max(extent + margin, settings.min_crop_size or 0)
    unit = recipe.max_stride / settings.scale
    return math.ceil(math.ceil(wanted / unit) * unit)
