"""From model folders to something that finds poses in images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posewright.errors import InputError
from posewright.labels.skeleton import Skeleton
from posewright.model_types.centered_instance import CenteredInstance
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
        nodes = len(self.skeleton.nodes)
        return PoseBatch(
            points=np.zeros((0, nodes, 2), np.float32),
            frame=np.zeros(0, np.int64),
            n_frames=0,
            node_scores=np.zeros((0, nodes), np.float32),
            raw_scores=np.zeros(0, np.float32),
        )


@dataclass(frozen=True)
class TopDownEstimator:
    """Two models, composed."""

    skeleton: Skeleton
    topdown: TopDown

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
        InputError: the folders are neither one whole-frame model nor a centroid and a centered-instance model.
    """
    plans = [load_plan(folder) for folder in folders]
    _require_method(plans)
    stages = {
        type(plan.model_type): ModelEstimator(
            plan, open_backend(backend, folder, plan, threads), replace(options, refinement=plan.refinement)
        )
        for folder, plan in zip(folders, plans, strict=True)
    }
    if len(folders) == 1:
        return next(iter(stages.values()))
    centroid, instance = stages[Centroid], stages[CenteredInstance]
    side = instance.plan.preprocess.crop_size_px
    assert side is not None, "a centered-instance plan has a crop size"
    return TopDownEstimator(
        instance.skeleton, TopDown(centroid.predict, instance.predict_crops, side, options.min_nodes)
    )


def _require_method(plans: Sequence[ModelPlan]) -> None:
    """Refuse models that do not make a method, before any network is opened."""
    types = {type(plan.model_type) for plan in plans}
    if len(plans) == 1 and CenteredInstance not in types:
        return
    if len(plans) == 2 and types == {Centroid, CenteredInstance}:
        return
    found = f"models of the types {', '.join(plan.model_type.name for plan in plans)}" if plans else "no models at all"
    raise InputError(
        f"{found} do not make a method; give one single_instance, centroid or bottomup model, or a centroid and a "
        "centered_instance model"
    )
