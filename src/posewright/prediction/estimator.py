"""From model folders to something that finds poses in images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posewright.errors import InputError
from posewright.labels.skeleton import Skeleton
from posewright.model_types.bottomup import BottomUp
from posewright.model_types.centroid import Centroid
from posewright.model_types.plan import ModelPlan, load_plan
from posewright.model_types.topdown import TopDown
from posewright.prediction.backends import Backend, BackendName, open_backend
from posewright.prediction.contracts import Estimator
from posewright.shapes import DecodeOptions, PoseBatch, concatenate, to_numpy

_CROPS_AT_ONCE = 8  #: most crops that go through the network together


@dataclass(frozen=True)
class ModelEstimator:
    """One model: preprocess, network, decode, and back to the image's pixels."""

    plan: ModelPlan
    backend: Backend
    options: DecodeOptions

    @property
    def skeleton(self) -> Skeleton:
        """The body parts it finds."""
        return self.plan.skeleton

    @property
    def classes(self) -> tuple[str, ...]:
        """The identities it tells apart."""
        return self.plan.model_type.classes

    def predict(self, images: NDArray[np.uint8]) -> PoseBatch:
        """Return the poses in ``images [batch height width channel]``, in pixels of these images."""
        inputs, transform = self.plan.preprocess.batch(images)
        poses = to_numpy(self.plan.model_type.decode(self.backend(inputs), self.options))
        return poses.with_points(transform.inverse().apply(poses.points))

    def predict_crops(self, crops: NDArray[np.uint8]) -> PoseBatch:
        """Return one instance a crop; batches are filled up to a power of two, so few sizes have to be prepared."""
        parts = []
        for start in range(0, len(crops), _CROPS_AT_ONCE):
            part = crops[start : start + _CROPS_AT_ONCE]
            filler = np.zeros(((1 << (len(part) - 1).bit_length()) - len(part), *part.shape[1:]), np.uint8)
            found = self.predict(np.concatenate([part, filler]))
            parts.append(replace(found.rows(found.frame < len(part)), n_frames=len(part)))
        return concatenate(parts) if parts else self._none()

    def _none(self) -> PoseBatch:
        nodes, classes = len(self.skeleton.nodes), len(self.classes)
        return PoseBatch(
            points=np.zeros((0, nodes, 2), np.float32),
            frame=np.zeros(0, np.int64),
            n_frames=0,
            node_scores=np.zeros((0, nodes), np.float32),
            raw_scores=np.zeros(0, np.float32),
            class_probabilities=np.zeros((0, classes), np.float32) if classes else None,
        )


@dataclass(frozen=True)
class TopDownEstimator:
    """Two models, composed."""

    skeleton: Skeleton
    topdown: TopDown
    classes: tuple[str, ...] = ()

    def predict(self, images: NDArray[np.uint8]) -> PoseBatch:
        """Return the poses in ``images [batch height width channel]``, in pixels of these images."""
        return self.topdown.predict(images)


def load_estimator(
    folders: Sequence[Path], options: DecodeOptions, backend: BackendName = "auto", threads: int | None = None
) -> Estimator:
    """Load one model, or the two of top-down in any order.

    Args:
        folders: model folders, or those of a release.
        options: how maps are read; the refinement is always each model's own.
        backend: what runs the networks.
        threads: for the networks; None leaves the choice to the backend.

    Raises:
        InputError: the folders are neither one whole-frame model nor a centroid model and one of its crops.
    """
    plans = [load_plan(folder) for folder in folders]
    _require_method(plans)
    stages = [
        ModelEstimator(plan, open_backend(backend, folder, plan, threads), _reading(plan, options))
        for folder, plan in zip(folders, plans, strict=True)
    ]
    if len(stages) == 1:
        return stages[0]
    centroid, instance = sorted(stages, key=lambda stage: stage.plan.model_type.crop_anchor is not None)
    side = instance.plan.preprocess.crop_size_px
    assert side is not None, "a model that sees crops has a crop size"
    topdown = TopDown(centroid.predict, instance.predict_crops, side, options.min_nodes)
    return TopDownEstimator(instance.skeleton, topdown, instance.classes)


def _reading(plan: ModelPlan, options: DecodeOptions) -> DecodeOptions:
    """Return how a model's maps are read: with its own refinement; a lone peak of bottom-up is no animal.

    The peer makes instances of connections alone, too.
    """
    fewest = 2 if isinstance(plan.model_type, BottomUp) else 1
    return replace(options, refinement=plan.refinement, min_nodes=max(fewest, options.min_nodes))


def _require_method(plans: Sequence[ModelPlan]) -> None:
    """Refuse models that do not make a method, before any network is opened."""
    of_crops = [plan for plan in plans if plan.model_type.crop_anchor is not None]
    of_frames = [plan for plan in plans if plan.model_type.crop_anchor is None]
    if len(of_frames) == 1 and (not of_crops or (len(of_crops) == 1 and _finds_centroids(of_frames[0]))):
        return
    found = f"models of the types {', '.join(plan.model_type.name for plan in plans)}" if plans else "no models at all"
    raise InputError(
        f"{found} do not make a method; give one single_instance, centroid, bottomup or multi_class_bottomup "
        "model, or a centroid model and one centered_instance or multi_class_topdown model"
    )


def _finds_centroids(plan: ModelPlan) -> bool:
    return isinstance(plan.model_type, Centroid)
