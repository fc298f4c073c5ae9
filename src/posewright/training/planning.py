"""What a training decides before its first step, measured on the train side alone (``comparison.md`` rule 2)."""

from __future__ import annotations

from pathlib import Path

from posewright.config.data import Preprocessing
from posewright.config.recipe import Recipe
from posewright.errors import InputError
from posewright.labels.measure import crop_fault, measured_crop_px, node_reach_px
from posewright.labels.mirror import mirror_notes
from posewright.labels.model import LabelSet
from posewright.labels.read import read_side
from posewright.model_types import from_recipe
from posewright.model_types.base import CropAnchor, ModelType
from posewright.model_types.plan import ModelPlan
from posewright.samples.dataset import CropSources, FrameSources, Sources
from posewright.samples.preprocess import Preprocess
from posewright.samples.store import FrameStore


def make_plan(recipe: Recipe, train: LabelSet, store: FrameStore, seed: int, split_digest: str) -> ModelPlan:
    """Resolve a recipe on the training labels.

    Raises:
        InputError: the recipe still says ``auto``, does not fit the skeleton, or the crop is smaller than the animals.
    """
    recipe.require_trainable()
    recipe.require_resolved()
    model_type = from_recipe(recipe, train.skeleton, train.track_names)
    if recipe.mirrors:
        crops = model_type.crop_anchor
        anchor = None if crops is None or crops.node is None else train.skeleton.nodes[crops.node]
        for note in mirror_notes(train.skeleton, anchor):
            print(note, flush=True)
    settings = recipe.data_config.preprocessing
    preprocess = Preprocess(
        channels=_channels(settings, store),
        scale=settings.scale,
        multiple=recipe.max_stride,
        crop_size_px=_crop_size(recipe, model_type.crop_anchor, train) if model_type.crop_anchor is not None else None,
    )
    input_size = sources_for(model_type, preprocess, train, store).output
    return ModelPlan(model_type, preprocess, recipe, input_size, seed, split_digest)


def read_learnt(recipe: Recipe, path: Path) -> LabelSet:
    """Read the frames of a side that a recipe learns from: those marked as empty only if it says so.

    Raises:
        InputError: nothing is left.
    """
    side = read_side(path)
    if not side.frames:
        raise InputError(f"{path}: no animal is labelled on this side of the split; label more frames.")
    return side.with_negatives if recipe.data_config.use_negative_frames else side


def sources_for(
    model_type: ModelType, preprocess: Preprocess, labels: LabelSet, store: FrameStore, reach: float = 1.0
) -> Sources:
    """Return the samples a model type learns from: crops about its anchor, or whole frames."""
    if model_type.crop_anchor is not None:
        return CropSources(labels, store, preprocess, model_type.crop_anchor.node, reach, model_type.classes)
    return FrameSources(labels, store, preprocess, model_type.classes)


def _channels(settings: Preprocessing, store: FrameStore) -> int:
    if settings.ensure_rgb:
        return 3
    return 1 if settings.ensure_grayscale else store.channels


def _crop_size(recipe: Recipe, anchor: CropAnchor, train: LabelSet) -> int:
    """Return the recipe's crop size, or the measured one: animals, a margin, rounded up to what the network divides."""
    settings = recipe.data_config.preprocessing
    reach_px = node_reach_px(train, anchor.node)
    unit_px = recipe.max_stride / settings.scale
    measured_px = measured_crop_px(reach_px, unit_px, settings.crop_padding, settings.min_crop_size)
    if settings.crop_size is None:
        return measured_px
    fault = crop_fault(reach_px, settings.crop_size)
    if fault is not None:
        raise InputError(f"crop_size {fault}; raise it, or set null to have it measured ({measured_px} px).")
    return settings.crop_size
