"""The second stage of top-down with identities: the nodes of the animal in the middle of a crop, and who it is."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from posewright.codecs.class_maps import draw_class_maps, read_class_scores
from posewright.codecs.confidence_maps import draw_confidence_maps
from posewright.codecs.slots import class_slots, to_slots
from posewright.config.trainer import HardKeypointMining
from posewright.labels.skeleton import Skeleton
from posewright.model_types.base import CropAnchor
from posewright.model_types.losses import map_loss
from posewright.model_types.single_instance import read_single_instances
from posewright.shapes import Array, DecodeOptions, Heads, HeadSpec, Maps, PoseBatch, Size


@dataclass(frozen=True)
class MultiClassTopDown:
    """Confidence maps of the animal in the middle of a crop, and probabilities of the identities at its nodes.

    Attributes:
        skeleton: the animal's skeleton.
        classes: the identities, by class id.
        anchor: node that crops are centred on; None for the mean of the visible nodes.
        stride: input pixels per cell of the confidence maps.
        sigma_cells: standard deviation of the Gaussians, in their cells.
        class_stride: input pixels per cell of the class vectors.
        hidden: units of each fully connected layer before the classes.
        loss_weight: factor of the confidence maps' loss.
    """

    name: ClassVar[str] = "multi_class_topdown"
    skeleton: Skeleton
    classes: tuple[str, ...]
    anchor: int | None
    stride: int
    sigma_cells: float
    class_stride: int
    hidden: tuple[int, ...] = (64,)
    loss_weight: float = 1.0

    @property
    def crop_anchor(self) -> CropAnchor:
        """The anchor."""
        return CropAnchor(self.anchor)

    @property
    def output_skeleton(self) -> Skeleton:
        """The animal's skeleton."""
        return self.skeleton

    @property
    def heads(self) -> Heads:
        """One map a node, and in each cell a vector of the classes.

        The peer has one vector a crop, of the highest values of its deepest level anywhere in the crop, and so with
        what other animals there say of themselves. Class vectors come from a network of their own, which learns all
        animals that a crop shows and is asked at the nodes of the one in its middle. Of five animals of synthetic
        frames (`bench/identities.py`, arena5) 95 % so got their own name; 94 % where only the one in the middle was
        learnt, and 94 % by one vector of the crop's middle third.
        """
        classes = len(self.classes)
        return (
            HeadSpec("confmaps", len(self.skeleton.nodes), self.stride),
            HeadSpec("class_vectors", classes, self.class_stride, "softmax", separate=True, hidden=self.hidden),
        )

    def encode(self, poses: PoseBatch, size: Size) -> dict[str, Array]:
        """Draw the nodes of each crop's own animal, its first row, and the share of all its rows in the class vectors.

        No cell counts of an animal of unknown class.
        """
        slots = to_slots(poses)
        sigma_cells = self.sigma_cells * self.stride / self.class_stride
        return {
            "confmaps": draw_confidence_maps(slots[:, :1], size, self.stride, self.sigma_cells),
            "class_vectors": draw_class_maps(
                slots, class_slots(poses), len(self.classes), size, self.class_stride, sigma_cells
            ),
        }

    def loss(
        self, outputs: Maps, targets: Maps, weights: Array | None = None, mining: HardKeypointMining | None = None
    ) -> dict[str, Array]:
        """Return the mean squared error of the maps and the cross-entropy of the cells whose class is known.

        The total is that of the maps: it chooses the epoch and lowers the rate. Class vectors, which are separate, are
        learnt beside it (see `MultiClassBottomUp.loss`).

        The peer applies the cross-entropy to probabilities that went through a softmax already, which damps its
        gradients (interoperability page, 5.4); here it gets the numbers before the softmax.
        """
        error = map_loss(outputs["confmaps"], targets["confmaps"], weights, mining)
        vectors = cross_entropy(outputs["class_vectors"], targets["class_vectors"], weights)
        return {"confmaps": error, "loss": error * self.loss_weight, "class_vectors": vectors}

    def decode(self, outputs: Maps, options: DecodeOptions) -> PoseBatch:
        """Return exactly one instance a crop, all nodes NaN where nothing was found: rows stay crops.

        The probabilities of a crop's classes are the mean of those at its nodes, each counted by its peak's height:
        a faint peak may be of another animal that lies over this one. Each crop names its own best class here;
        top-down lets the crops of a frame share out the classes. The raw score is the sum of the peak values; top-down
        replaces it by the centroid's.
        """
        points, scores = read_single_instances(outputs["confmaps"], self.stride, self.sigma_cells, options)
        likeness = self._likeness(outputs["class_vectors"], points, scores)
        return PoseBatch(
            points=points,
            frame=np.arange(len(points)),
            n_frames=len(points),
            node_scores=scores,
            raw_scores=np.nansum(scores, axis=1, dtype=np.float32),
            class_ids=likeness.argmax(axis=1),
            class_scores=likeness.max(axis=1),
            class_probabilities=likeness,
        )

    def _likeness(
        self, vectors: Array, points: NDArray[np.float32], scores: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """Return probabilities ``[crop class]`` of ``points [crop node xy]``; all alike where nothing was found."""
        crop, node = np.nonzero(~np.isnan(points[..., 0]))
        height = np.clip(scores[crop, node], 0.0, 1.0)
        likeness = np.zeros((len(points), len(self.classes)), np.float32)
        at_nodes = read_class_scores(vectors, self.class_stride, crop, points[crop, node])
        np.add.at(likeness, crop, at_nodes * height[:, None])
        total = likeness.sum(axis=1, keepdims=True)
        return np.where(total > 0, likeness / np.where(total > 0, total, 1), np.float32(1 / len(self.classes)))

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {**asdict(self), "skeleton": self.skeleton.to_json()}


def cross_entropy(logits: Array, targets: Array, weights: Array | None = None) -> Array:
    """Return the mean cross-entropy of ``logits [crop class ...]`` over the cells with targets; 0 if there are none.

    Args:
        logits: before the softmax.
        targets: the same shape, the shares of the classes in a cell, or 0 everywhere.
        weights: ``[crop]``, factors of the crops; None for 1.
    """
    xp = array_api_compat.array_namespace(targets)
    logits = xp.astype(logits, targets.dtype)
    shifted = logits - xp.max(logits, axis=1, keepdims=True)
    log_probabilities = shifted - xp.log(xp.sum(xp.exp(shifted), axis=1, keepdims=True))
    each = -xp.sum(targets * log_probabilities, axis=1)
    if weights is not None:
        each = each * xp.reshape(weights, (-1, *(1 for _ in each.shape[1:])))
    return xp.sum(each) / xp.clip(xp.sum(targets), 1.0, None)
