"""The second stage of top-down: the one animal in the middle of a crop, other animals being background."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from posewright.codecs.confidence_maps import draw_confidence_maps
from posewright.codecs.slots import to_slots
from posewright.config.trainer import HardKeypointMining
from posewright.labels.skeleton import Skeleton
from posewright.model_types.base import CropAnchor
from posewright.model_types.losses import map_loss
from posewright.model_types.single_instance import read_single_instances
from posewright.shapes import Array, DecodeOptions, Heads, HeadSpec, Maps, PoseBatch, Size


@dataclass(frozen=True)
class CenteredInstance:
    """Confidence maps of the animal in the middle of a crop.

    Attributes:
        skeleton: the animal's skeleton.
        anchor: node that crops are centred on; None for the mean of the visible nodes.
        stride: input pixels per cell.
        sigma_cells: standard deviation of the Gaussians, in cells.
        loss_weight: factor of the loss.
    """

    name: ClassVar[str] = "centered_instance"
    classes: ClassVar[tuple[str, ...]] = ()
    skeleton: Skeleton
    anchor: int | None
    stride: int
    sigma_cells: float
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
        """One map a node."""
        return (HeadSpec("confmaps", len(self.skeleton.nodes), self.stride),)

    def encode(self, poses: PoseBatch, size: Size) -> dict[str, Array]:
        """Draw a map for each node of each crop's own animal (one row a crop)."""
        return {"confmaps": draw_confidence_maps(to_slots(poses), size, self.stride, self.sigma_cells)}

    def loss(
        self, outputs: Maps, targets: Maps, weights: Array | None = None, mining: HardKeypointMining | None = None
    ) -> dict[str, Array]:
        """Return the mean squared error of the maps."""
        error = map_loss(outputs["confmaps"], targets["confmaps"], weights, mining)
        return {"confmaps": error, "loss": error * self.loss_weight}

    def decode(self, outputs: Maps, options: DecodeOptions) -> PoseBatch:
        """Return exactly one instance a crop, all nodes NaN where nothing was found: rows stay crops.

        The raw score is the sum of the peak values; top-down replaces it by the centroid's.
        """
        points, scores = read_single_instances(outputs["confmaps"], self.stride, self.sigma_cells, options)
        return PoseBatch(
            points=points,
            frame=np.arange(len(points)),
            n_frames=len(points),
            node_scores=scores,
            raw_scores=np.nansum(scores, axis=1, dtype=np.float32),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {**asdict(self), "skeleton": self.skeleton.to_json()}
