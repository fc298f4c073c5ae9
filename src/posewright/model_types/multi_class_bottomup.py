"""All nodes of all animals at once, joined to animals by identity: each class is one animal of the frame."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import array_api_compat
import numpy as np
from numpy.typing import NDArray

from posewright.codecs.class_maps import draw_class_maps, read_class_scores
from posewright.codecs.classes import assign_classes
from posewright.codecs.confidence_maps import draw_confidence_maps
from posewright.codecs.part_affinity_fields import draw_part_affinity_fields
from posewright.codecs.peaks import local_peaks
from posewright.codecs.slots import class_slots, to_slots
from posewright.config.trainer import HardKeypointMining
from posewright.labels.skeleton import Skeleton
from posewright.model_types.base import CropAnchor
from posewright.model_types.centroid import best_of_each_frame
from posewright.model_types.losses import map_loss, total_loss
from posewright.shapes import Array, DecodeOptions, Heads, HeadSpec, Maps, PoseBatch, Size

_LEAST_SHARE = 1e-6  #: keeps logarithms finite


@dataclass(frozen=True)
class MultiClassBottomUp:
    """Confidence maps of all animals' nodes and class maps of their identities.

    The part affinity fields of plain bottom-up may be learnt as well. They group nothing here; they help to learn the
    nodes, which are then, with the same seed, those of plain bottom-up.

    Attributes:
        skeleton: the animal's skeleton.
        classes: the identities, by class id.
        stride: input pixels per cell of the confidence maps.
        sigma_cells: standard deviation of their Gaussians, in cells.
        class_stride: input pixels per cell of the class maps.
        class_sigma_cells: standard deviation of the Gaussians that claim cells for an animal, in cells of that map.
        loss_weight: factor of the confidence maps' loss.
        paf_stride: input pixels per cell of the part affinity fields; None for none.
        paf_sigma_px2: width of the fields, in squared pixels (see codecs.part_affinity_fields).
        paf_loss_weight: factor of the fields' loss.
    """

    name: ClassVar[str] = "multi_class_bottomup"
    crop_anchor: ClassVar[CropAnchor | None] = None
    skeleton: Skeleton
    classes: tuple[str, ...]
    stride: int
    sigma_cells: float
    class_stride: int
    class_sigma_cells: float
    loss_weight: float = 1.0
    paf_stride: int | None = None
    paf_sigma_px2: float = 15.0
    paf_loss_weight: float = 1.0

    @property
    def output_skeleton(self) -> Skeleton:
        """The animal's skeleton."""
        return self.skeleton

    @property
    def heads(self) -> Heads:
        """One map a node, two a directed edge where fields are learnt, one a class.

        Class maps come from a network of their own, unlike the peer's: what both would share has to tell nodes of all
        animals alike, and the animals apart. Five animals of synthetic frames (`bench/identities.py`, arena5) were so
        placed to 0.85 px in the median and 98 % got their own name; with one backbone and two decoders to 1.02 px and
        97 %, and by bottom-up without classes to 0.86 px.
        """
        limbs = 2 * len(self.skeleton.edges)
        return (
            HeadSpec("confmaps", len(self.skeleton.nodes), self.stride),
            *(() if self.paf_stride is None else (HeadSpec("pafs", limbs, self.paf_stride),)),
            HeadSpec("class_maps", len(self.classes), self.class_stride, "sigmoid", separate=True),
        )

    def encode(self, poses: PoseBatch, size: Size) -> dict[str, Array]:
        """Draw all animals' nodes (by maximum) and edges (by sum), and each animal's share in the map of its class."""
        slots, edges = to_slots(poses), self.skeleton.edges
        maps = {
            "confmaps": draw_confidence_maps(slots, size, self.stride, self.sigma_cells),
            "class_maps": draw_class_maps(
                slots, class_slots(poses), len(self.classes), size, self.class_stride, self.class_sigma_cells
            ),
        }
        if self.paf_stride is not None:
            maps["pafs"] = draw_part_affinity_fields(slots, edges, size, self.paf_stride, self.paf_sigma_px2)
        return maps

    def loss(
        self, outputs: Maps, targets: Maps, weights: Array | None = None, mining: HardKeypointMining | None = None
    ) -> dict[str, Array]:
        """Return the mean squared errors of maps and fields, and the loss of the claimed cells of the class maps.

        The total is that of the nodes: it chooses the epoch and lowers the rate. Class maps, which are separate, are
        learnt beside it. Their own loss would choose badly, since a cross-entropy rises with each mistake that is made
        surely: on flies-pair it was lowest after the first of 12 epochs, when 64 % of the validation side's animals
        got their own name; after the eleventh, which the nodes chose, 97 %.

        The peer compares class maps by squared errors too, over all cells (interoperability page, 5.4). On flies-pair
        all maps, and with them the features that both heads share, ended at the zero of the background. Where only
        claimed cells count they are learnt, but late; by a cross-entropy in time (`share_loss`).
        """
        factors = {"confmaps": self.loss_weight}
        if self.paf_stride is not None:
            factors["pafs"] = self.paf_loss_weight
        losses = {name: map_loss(outputs[name], targets[name], weights, mining) for name in factors}
        class_maps = share_loss(outputs["class_maps"], targets["class_maps"], weights)
        return {**total_loss(losses, factors), "class_maps": class_maps}

    def decode(self, outputs: Maps, options: DecodeOptions) -> PoseBatch:
        """Return at most one instance a class and frame; the raw score is the mean of an instance's peak values.

        The peaks of one node in one frame share out the classes. A peak that must take another class than its own
        best belongs to nobody (peer: 7.5). A claim is the class score times the peak's height: with the class score
        alone, as the peer has it, a faint double of a peak may take its place. The class score of an instance is the
        mean over its nodes.
        """
        confmaps, n_classes = outputs["confmaps"], len(self.classes)
        n_frames, n_nodes = confmaps.shape[:2]
        peaks = local_peaks(confmaps, options.peak_threshold, options.refinement, self.sigma_cells)
        points_px = peaks.cells * np.float32(self.stride)
        likeness = read_class_scores(outputs["class_maps"], self.class_stride, peaks.frame, points_px)
        claims = likeness * np.clip(peaks.values, 0.0, 1.0)[:, None]
        ids = np.full(len(likeness), -1, np.int64)
        for group in _groups(peaks.frame * n_nodes + peaks.channel):
            ids[group] = assign_classes(claims[group])
        best = likeness.max(axis=1, initial=0.0)
        own = np.take_along_axis(likeness, np.maximum(ids, 0)[:, None], axis=1)[:, 0]
        taken = np.flatnonzero((ids >= 0) & (own == best) & (best > 0.0))

        place = peaks.frame[taken], ids[taken], peaks.channel[taken]
        points = np.full((n_frames, n_classes, n_nodes, 2), np.nan, np.float32)
        scores = np.full((n_frames, n_classes, n_nodes), np.nan, np.float32)
        class_scores = np.full((n_frames, n_classes, n_nodes), np.nan, np.float32)
        points[place], scores[place], class_scores[place] = points_px[taken], peaks.values[taken], best[taken]
        n_found = (~np.isnan(scores)).sum(axis=2)
        frame, class_ids = np.nonzero(n_found >= max(1, options.min_nodes))
        found = PoseBatch(
            points=points[frame, class_ids],
            frame=frame,
            n_frames=n_frames,
            node_scores=scores[frame, class_ids],
            raw_scores=np.nanmean(scores[frame, class_ids], axis=1),
            class_ids=class_ids,
            class_scores=np.nanmean(class_scores[frame, class_ids], axis=1),
        )
        return best_of_each_frame(found, options.max_instances)

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {**asdict(self), "skeleton": self.skeleton.to_json()}


def _groups(keys: NDArray[np.int64]) -> Iterator[slice]:
    """Yield the runs of equal values."""
    borders = np.flatnonzero(np.diff(keys)) + 1
    for start, stop in zip([0, *borders.tolist()], [*borders.tolist(), len(keys)], strict=True):
        yield slice(start, stop)


def share_loss(logits: Array, targets: Array, weights: Array | None = None) -> Array:
    """Return the mean cross-entropy of the cells that some class claims, less its least value; 0 if there are none.

    Each class is a question of its own, answered by the sigmoid: the least value is where that equals the share.

    Args:
        logits: ``[frame class height width]``, before the sigmoid.
        targets: the same, shares of 0 to 1.
        weights: ``[frame]``, factors of the frames; None for 1.
    """
    xp = array_api_compat.array_namespace(targets)
    logits = xp.astype(logits, targets.dtype)
    claimed = xp.astype(xp.sum(targets, axis=1, keepdims=True) > 0, targets.dtype)
    cells = targets.shape[1] * xp.clip(xp.sum(claimed), 1.0, None)
    counted = claimed if weights is None else claimed * weights[:, None, None, None]
    size = xp.abs(logits)
    found = 0.5 * (logits + size) - targets * logits + xp.log1p(xp.exp(-size))  # without overflow, smooth at 0
    share = xp.clip(targets, _LEAST_SHARE, 1.0 - _LEAST_SHARE)
    least = -targets * xp.log(share) - (1.0 - targets) * xp.log(1.0 - share)
    return xp.sum((found - least) * counted) / cells
