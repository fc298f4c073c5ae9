"""All nodes of all animals at once, joined to animals along part affinity fields."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from posewright.codecs.confidence_maps import draw_confidence_maps
from posewright.codecs.grouping import group_peaks
from posewright.codecs.part_affinity_fields import draw_part_affinity_fields, explain_connections, score_connections
from posewright.codecs.peaks import local_peaks
from posewright.codecs.slots import to_slots
from posewright.config.trainer import HardKeypointMining
from posewright.errors import InputError
from posewright.labels.skeleton import Skeleton
from posewright.model_types.base import CropAnchor
from posewright.model_types.centroid import best_of_each_frame
from posewright.model_types.losses import map_loss, total_loss
from posewright.shapes import Array, DecodeOptions, Heads, HeadSpec, Maps, PoseBatch, Size


@dataclass(frozen=True)
class BottomUp:
    """Confidence maps of all animals' nodes and part affinity fields of their edges.

    Attributes:
        skeleton: the animal's skeleton; its edges must form a forest.
        stride: input pixels per cell of the confidence maps.
        sigma_cells: standard deviation of the Gaussians, in cells.
        paf_stride: input pixels per cell of the part affinity fields.
        paf_sigma_px2: width of the fields, in squared pixels (see codecs.part_affinity_fields).
        loss_weight: factor of the confidence maps' loss.
        paf_loss_weight: factor of the fields' loss.
    """

    name: ClassVar[str] = "bottomup"
    classes: ClassVar[tuple[str, ...]] = ()
    crop_anchor: ClassVar[CropAnchor | None] = None
    skeleton: Skeleton
    stride: int
    sigma_cells: float
    paf_stride: int
    paf_sigma_px2: float
    loss_weight: float = 1.0
    paf_loss_weight: float = 1.0

    def __post_init__(self) -> None:
        check_forest(self.skeleton)

    @property
    def output_skeleton(self) -> Skeleton:
        """The animal's skeleton."""
        return self.skeleton

    @property
    def heads(self) -> Heads:
        """One map a node, two a directed edge."""
        return (
            HeadSpec("confmaps", len(self.skeleton.nodes), self.stride),
            HeadSpec("pafs", 2 * len(self.skeleton.edges), self.paf_stride),
        )

    def encode(self, poses: PoseBatch, size: Size) -> dict[str, Array]:
        """Draw all animals' nodes (by maximum) and edges (by sum)."""
        slots = to_slots(poses)
        return {
            "confmaps": draw_confidence_maps(slots, size, self.stride, self.sigma_cells),
            "pafs": draw_part_affinity_fields(slots, self.skeleton.edges, size, self.paf_stride, self.paf_sigma_px2),
        }

    def loss(
        self, outputs: Maps, targets: Maps, weights: Array | None = None, mining: HardKeypointMining | None = None
    ) -> dict[str, Array]:
        """Return the mean squared errors of both fields."""
        losses = {name: map_loss(outputs[name], targets[name], weights, mining) for name in ("confmaps", "pafs")}
        return total_loss(losses, {"confmaps": self.loss_weight, "pafs": self.paf_loss_weight})

    def decode(self, outputs: Maps, options: DecodeOptions) -> PoseBatch:
        """Return all instances; the raw score is the sum of the scores of an instance's connections."""
        confmaps, pafs = outputs["confmaps"], outputs["pafs"]
        n_frames, n_nodes = confmaps.shape[:2]
        peaks = local_peaks(confmaps, options.peak_threshold, options.refinement, self.sigma_cells)
        points_px = peaks.cells * np.float32(self.stride)
        ratio = options.max_edge_length_ratio
        longest_px = None if ratio is None else ratio * max(pafs.shape[-2:]) * self.paf_stride
        instance, raw_scores = group_peaks(
            peaks,
            n_frames,
            n_nodes,
            self.skeleton.edges,
            lambda edge, source, destination: score_connections(
                pafs, self.paf_stride, peaks.frame[source], edge, points_px[source], points_px[destination], longest_px
            ),
            options.min_line_score,
            lambda frame, edge, ends: explain_connections(
                pafs, self.paf_stride, self.paf_sigma_px2, frame, edge, points_px[ends[..., 0]], points_px[ends[..., 1]]
            ),
        )
        points = np.full((len(raw_scores), n_nodes, 2), np.nan, np.float32)
        scores = np.full((len(raw_scores), n_nodes), np.nan, np.float32)
        frame = np.zeros(len(raw_scores), np.int64)
        points[instance, peaks.channel] = points_px
        scores[instance, peaks.channel] = peaks.values
        frame[instance] = peaks.frame
        found = PoseBatch(points=points, frame=frame, n_frames=n_frames, node_scores=scores, raw_scores=raw_scores)
        large_enough = (~np.isnan(scores)).sum(axis=1) >= options.min_nodes
        return best_of_each_frame(found.rows(large_enough), options.max_instances)

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {**asdict(self), "skeleton": self.skeleton.to_json()}


def check_forest(skeleton: Skeleton) -> None:
    """Refuse a skeleton that grouping cannot follow: without edges, or with a cycle.

    Raises:
        InputError: names the skeleton and the edge that closes the cycle.
    """
    if not skeleton.edges:
        raise InputError(
            f"skeleton {skeleton.name!r} has no edges, but bottom-up models join nodes along edges; add edges to the "
            "skeleton in the label file, or use a top-down method, which needs none"
        )
    part = list(range(len(skeleton.nodes)))
    for source, destination in skeleton.edges:
        if part[source] == part[destination]:
            names = f"{skeleton.nodes[source]!r} -> {skeleton.nodes[destination]!r}"
            raise InputError(
                f"the edge {names} of skeleton {skeleton.name!r} closes a cycle, but bottom-up grouping needs a tree; "
                "remove this edge in the labelling tool, or use a top-down method"
            )
        joined = part[destination]
        part = [part[source] if label == joined else label for label in part]
