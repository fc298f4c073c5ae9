"""From model folders to something that finds poses in images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from posewright.codecs.peaks import local_peaks
from posewright.errors import InputError
from posewright.geometry import crop_corner
from posewright.labels.skeleton import Skeleton
from posewright.model_types.bottomup import BottomUp
from posewright.model_types.centroid import Centroid
from posewright.model_types.plan import ModelPlan, load_plan
from posewright.model_types.topdown import TopDown, told_apart
from posewright.prediction.backends import Backend, BackendName, open_backend
from posewright.samples.preprocess import antialiased
from posewright.shapes import DecodeOptions, PoseBatch, Size, concatenate, to_numpy

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

    def reading(self, options: DecodeOptions) -> ModelEstimator:
        """Return the same model with its maps read in another way."""
        return replace(self, options=_reading(self.plan, options))

    def predict(self, images: NDArray[np.uint8]) -> PoseBatch:
        """Return the poses in ``images [batch height width channel]``, in pixels of these images."""
        return self._read(images, [self.options])[0]

    def predict_each(self, images: NDArray[np.uint8], readings: Sequence[DecodeOptions]) -> list[PoseBatch]:
        """Return the poses by each way of reading the maps; the network runs once."""
        return self._read(images, [_reading(self.plan, reading) for reading in readings])

    def predict_crops(self, crops: NDArray[np.uint8]) -> PoseBatch:
        """Return one instance a crop."""
        return self._read_crops(crops, [self.options])[0]

    def predict_crops_each(self, crops: NDArray[np.uint8], readings: Sequence[DecodeOptions]) -> list[PoseBatch]:
        """Return one instance a crop by each way of reading the maps; the network runs once."""
        return self._read_crops(crops, [_reading(self.plan, reading) for reading in readings])

    def peaks(self, images: NDArray[np.uint8]) -> PoseBatch:
        """Return every peak of the nodes' maps as an instance of its own, with that node only: nothing is grouped."""
        inputs, transform = self.plan.preprocess.batch(images)
        maps, model_type = self.backend(inputs)["confmaps"], cast("Any", self.plan.model_type)
        found = local_peaks(maps, self.options.peak_threshold, self.options.refinement, model_type.sigma_cells)
        points = np.full((len(found.frame), maps.shape[1], 2), np.nan, np.float32)
        scores = np.full(points.shape[:2], np.nan, np.float32)
        rows = np.arange(len(points))
        points[rows, found.channel] = transform.inverse().apply(found.cells * np.float32(model_type.stride))
        scores[rows, found.channel] = found.values
        return PoseBatch(points, found.frame, len(images), scores, found.values)

    def _read(self, images: NDArray[np.uint8], readings: Sequence[DecodeOptions]) -> list[PoseBatch]:
        inputs, transform = self.plan.preprocess.batch(images)
        outputs, back = self.backend(inputs), transform.inverse()
        read = [(to_numpy(self.plan.model_type.decode(outputs, reading)), reading) for reading in readings]
        return [surely_found(poses.with_points(back.apply(poses.points)), reading) for poses, reading in read]

    def _read_crops(self, crops: NDArray[np.uint8], readings: Sequence[DecodeOptions]) -> list[PoseBatch]:
        """Crops go in batches that are filled up to a power of two, so few sizes have to be prepared."""
        parts: list[list[PoseBatch]] = [[] for _ in readings]
        for start in range(0, len(crops), _CROPS_AT_ONCE):
            part = crops[start : start + _CROPS_AT_ONCE]
            filler = np.zeros(((1 << (len(part) - 1).bit_length()) - len(part), *part.shape[1:]), np.uint8)
            for own, found in zip(parts, self._read(np.concatenate([part, filler]), readings), strict=True):
                own.append(replace(found.rows(found.frame < len(part)), n_frames=len(part)))
        return [concatenate(own) if own else self._none() for own in parts]

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
    """Two models, composed.

    Attributes:
        centroid: finds the animals.
        instance: finds the nodes in a crop; it must return an instance for every crop.
        options: how the maps of both are read.
    """

    centroid: ModelEstimator
    instance: ModelEstimator
    options: DecodeOptions

    @property
    def skeleton(self) -> Skeleton:
        """The body parts it finds."""
        return self.instance.skeleton

    @property
    def classes(self) -> tuple[str, ...]:
        """The identities it tells apart."""
        return self.instance.classes

    @property
    def topdown(self) -> TopDown:
        """The composition."""
        side = self.instance.plan.preprocess.crop_size_px
        assert side is not None, "a model that sees crops has a crop size"
        return TopDown(self.centroid.predict, self.instance.predict_crops, side, self.options.min_nodes)

    def reading(self, options: DecodeOptions) -> TopDownEstimator:
        """Return the same models with their maps read in another way."""
        stage = replace(options, min_instance_score=0.0)  # what counts is the score of the whole pose
        return TopDownEstimator(self.centroid.reading(stage), self.instance.reading(stage), options)

    def predict(self, images: NDArray[np.uint8]) -> PoseBatch:
        """Return the poses in ``images [batch height width channel]``, in pixels of these images."""
        images, factor = self._fitted(images)
        return _resized(surely_found(self.topdown.predict(images), self.options), factor)

    def predict_each(self, images: NDArray[np.uint8], readings: Sequence[DecodeOptions]) -> list[PoseBatch]:
        """Return the poses by each way of reading the maps; both networks run once.

        Crops are cut around the centroids of the lowest threshold. Those of a higher one are among them, as a peak is a
        peak whatever the threshold.
        """
        images, factor = self._fitted(images)
        stages = [replace(reading, min_instance_score=0.0) for reading in readings]
        lowest = min(stages, key=lambda reading: reading.peak_threshold)
        every = self.centroid.predict_each(images, [lowest])[0]
        assert every.raw_scores is not None, "centroids carry their peak values"
        corners = crop_corner(every.points[:, 0], self.topdown.crop_size_px)
        crops = self.topdown.crops(images, every.frame, corners)
        poses = []
        for found, reading in zip(self.instance.predict_crops_each(crops, stages), readings, strict=True):
            kept = every.raw_scores > reading.peak_threshold
            topdown = replace(self.topdown, min_nodes=reading.min_nodes)
            poses.append(surely_found(topdown.composed(every.rows(kept), found.rows(kept)), reading))
        return [_resized(one, factor) for one in poses]

    def _fitted(self, images: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], float]:
        """Return frames at the size that a peer's crops are cut from, and the factor to it; ours are not resized."""
        size = Size(*images.shape[1:3])
        factor = self.centroid.plan.preprocess.fit(size)
        if factor == 1.0:
            return images, factor
        fitted = Size(round(size.height * factor), round(size.width * factor))
        return np.stack([antialiased(image, fitted) for image in images]), factor


def _resized(poses: PoseBatch, factor: float) -> PoseBatch:
    """Return poses in pixels of frames before these were resized by ``factor``, as the peer counts."""
    return poses if factor == 1.0 else poses.with_points(poses.points / np.float32(factor))


def surely_found(poses: PoseBatch, options: DecodeOptions) -> PoseBatch:
    """Return the instances whose score reaches the least one asked for; they share out the classes of crops anew."""
    if options.min_instance_score <= 0:
        return poses
    return told_apart(poses.rows(poses.instance_scores >= options.min_instance_score))


def load_estimator(
    folders: Sequence[Path], options: DecodeOptions, backend: BackendName = "auto", threads: int | None = None
) -> ModelEstimator | TopDownEstimator:
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
    return TopDownEstimator(centroid, instance, options).reading(options)


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
