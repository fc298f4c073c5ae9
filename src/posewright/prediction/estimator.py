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

_CROPS_AT_ONCE = 8  #: crops go through the network in batches of this size, the last one filled up


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
        """Return one instance a crop; the network always sees batches of one size, so it is prepared once."""
        parts = []
        for start in range(0, len(crops), _CROPS_AT_ONCE):
            part = crops[start : start + _CROPS_AT_ONCE]
            filled = np.concatenate([part, np.zeros((_CROPS_AT_ONCE - len(part), *part.shape[1:]), np.uint8)])
            found = self.predict(filled)
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
    stages = [
        ModelEstimator(plan, open_backend(backend, folder, plan, threads), replace(options, refinement=plan.refinement))
        for folder, plan in zip(folders, plans, strict=True)
    ]
    found = ", ".join(plan.model_type.name for plan in plans)
    if len(stages) == 1 and not isinstance(plans[0].model_type, CenteredInstance):
        return stages[0]
    by_type = {type(stage.plan.model_type): stage for stage in stages}
    if len(stages) == 2 and by_type.keys() == {Centroid, CenteredInstance}:
        centroid, instance = by_type[Centroid], by_type[CenteredInstance]
        side = instance.plan.preprocess.crop_size_px
        assert side is not None, "a centered-instance plan has a crop size"
        return TopDownEstimator(
            instance.skeleton, TopDown(centroid.predict, instance.predict_crops, side, options.min_nodes)
        )
    raise InputError(
        f"models of the types {found} do not make a method; give one single_instance, centroid or bottomup model, or a "
        "centroid and a centered_instance model"
    )
