"""The first stage of top-down: where the animals are, one peak each."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, ClassVar

import numpy as np

from posewright.codecs.confidence_maps import draw_confidence_maps
from posewright.codecs.peaks import local_peaks
from posewright.codecs.slots import to_slots
from posewright.config.trainer import HardKeypointMining
from posewright.geometry import anchor_points
from posewright.labels.skeleton import Skeleton
from posewright.model_types.base import CropAnchor
from posewright.model_types.losses import map_loss
from posewright.shapes import Array, DecodeOptions, Heads, HeadSpec, Maps, PoseBatch, Size


@dataclass(frozen=True)
class Centroid:
    """One confidence map with a Gaussian on every animal's anchor.

    Attributes:
        skeleton: the animal's skeleton.
        anchor: node that stands for the animal; None, or where it is not visible, the mean of the visible nodes.
        stride: input pixels per cell.
        sigma_cells: standard deviation of the Gaussians, in cells.
    """

    name: ClassVar[str] = "centroid"
    classes: ClassVar[tuple[str, ...]] = ()
    crop_anchor: ClassVar[CropAnchor | None] = None
    skeleton: Skeleton
    anchor: int | None
    stride: int
    sigma_cells: float

    @property
    def output_skeleton(self) -> Skeleton:
        """One node."""
        return Skeleton(nodes=("centroid",))

    @property
    def heads(self) -> Heads:
        """One map for all animals."""
        return (HeadSpec("confmaps", 1, self.stride),)

    def anchors(self, poses: PoseBatch) -> PoseBatch:
        """Return the animals' anchors as one-node poses."""
        return replace(poses, points=anchor_points(poses.points, self.anchor)[:, None, :], node_scores=None)

    def encode(self, poses: PoseBatch, size: Size) -> dict[str, Array]:
        """Draw the anchors of whole poses."""
        slots = to_slots(self.anchors(poses))
        return {"confmaps": draw_confidence_maps(slots, size, self.stride, self.sigma_cells)}

    def loss(
        self, outputs: Maps, targets: Maps, weights: Array | None = None, mining: HardKeypointMining | None = None
    ) -> dict[str, Array]:
        """Return the mean squared error of the map; it is the only channel, so mining finds none that is harder."""
        error = map_loss(outputs["confmaps"], targets["confmaps"], weights)
        return {"confmaps": error, "loss": error}

    def decode(self, outputs: Maps, options: DecodeOptions) -> PoseBatch:
        """Return one-node instances, the best ``max_instances`` of each frame; the raw score is the peak value."""
        peaks = local_peaks(outputs["confmaps"], options.peak_threshold, options.refinement, self.sigma_cells)
        found = PoseBatch(
            points=peaks.cells[:, None, :] * np.float32(self.stride),
            frame=peaks.frame,
            n_frames=outputs["confmaps"].shape[0],
            node_scores=peaks.values[:, None],
            raw_scores=peaks.values,
        )
        return best_of_each_frame(found, options.max_instances)

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {**asdict(self), "skeleton": self.skeleton.to_json()}


def best_of_each_frame(poses: PoseBatch, most: int | None) -> PoseBatch:
    """Return at most ``most`` instances of each frame, those of the highest raw score; their order stays."""
    if most is None or len(poses) == 0:
        return poses
    assert poses.raw_scores is not None, "predictions carry scores"
    order = np.lexsort((-poses.raw_scores, poses.frame))
    frame = poses.frame[order]
    rank = np.arange(len(order)) - np.searchsorted(frame, frame)
    return poses.rows(np.sort(order[rank < most]))
