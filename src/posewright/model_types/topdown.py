"""Top-down: find the animals, crop each, find the nodes in the crop.

Crops begin at whole pixels and their nodes are moved back by exactly that corner, so moving a crop moves nothing else
(the peer adds the fractional corner and is off by half a pixel on average; interoperability page, 7.2).

Where crops come with class probabilities, the animals of a frame share out the classes: a crop alone cannot know that
another one is more surely the same individual.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from posewright.codecs.classes import assign_classes
from posewright.geometry import crop_corner, cut
from posewright.shapes import PoseBatch, Size


@dataclass(frozen=True)
class TopDown:
    """A composition of two models.

    Attributes:
        locate: images ``[frame height width channel]`` to one-node instances in their pixels (the centroids).
        describe: crops ``[crop side side channel]`` to exactly one instance a crop, in the crop's pixels.
        crop_size_px: side of the crops.
        min_nodes: instances with fewer nodes are dropped.
    """

    locate: Callable[[NDArray[np.uint8]], PoseBatch]
    describe: Callable[[NDArray[np.uint8]], PoseBatch]
    crop_size_px: int
    min_nodes: int = 1

    def predict(self, images: NDArray[np.uint8]) -> PoseBatch:
        """Return the instances of each image; the raw score is the centroid's peak value."""
        centroids = self.locate(images)
        corners = crop_corner(centroids.points[:, 0], self.crop_size_px)
        return self.composed(centroids, self.describe(self.crops(images, centroids.frame, corners)))

    def composed(self, centroids: PoseBatch, found: PoseBatch) -> PoseBatch:
        """Return the instances ``found`` in the crops around ``centroids``, row by row, in the images' pixels."""
        corners = crop_corner(centroids.points[:, 0], self.crop_size_px)
        poses = PoseBatch(
            points=found.points + corners[:, None, :].astype(np.float32),
            frame=centroids.frame,
            n_frames=centroids.n_frames,
            node_scores=found.node_scores,
            raw_scores=centroids.raw_scores,
            class_probabilities=found.class_probabilities,
        )
        return told_apart(poses.rows((~np.isnan(poses.points[..., 0])).sum(axis=1) >= max(1, self.min_nodes)))

    def crops(
        self, images: NDArray[np.uint8], frame: NDArray[np.int64], corners: NDArray[np.int64]
    ) -> NDArray[np.uint8]:
        """Cut the crops ``[crop side side channel]``; black outside the image."""
        size = Size(self.crop_size_px, self.crop_size_px)
        out = np.zeros((len(frame), size.height, size.width, images.shape[-1]), np.uint8)
        for index, (image, (left, top)) in enumerate(zip(frame, corners.tolist(), strict=True)):
            out[index] = cut(images[image], left, top, size)
        return out


def told_apart(poses: PoseBatch) -> PoseBatch:
    """Give each class to at most one instance of a frame; instances beyond the classes get none (peer: 7.3).

    To be done again where instances were dropped: one that is none may have taken another's class.
    """
    likeness = poses.class_probabilities
    if likeness is None:
        return poses
    ids = np.full(len(poses), -1, np.int64)
    for index in np.unique(poses.frame):
        rows = np.flatnonzero(poses.frame == index)
        ids[rows] = assign_classes(likeness[rows])
    own = np.take_along_axis(likeness, np.maximum(ids, 0)[:, None], axis=1)[:, 0]
    scores = np.where(ids >= 0, own, np.float32(np.nan))
    return replace(poses, class_ids=ids, class_scores=scores)
