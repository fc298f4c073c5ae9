"""One animal a frame: a confidence map for each node, its highest cell is the node."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from posewright.codecs.confidence_maps import draw_confidence_maps
from posewright.codecs.peaks import global_peaks
from posewright.codecs.slots import to_slots
from posewright.config.trainer import HardKeypointMining
from posewright.labels.skeleton import Skeleton
from posewright.model_types.base import CropAnchor
from posewright.model_types.losses import map_loss
from posewright.shapes import Array, DecodeOptions, Heads, HeadSpec, Maps, PoseBatch, Size


@dataclass(frozen=True)
class SingleInstance:
    """Confidence maps of the one animal of a frame.

    Attributes:
        skeleton: the animal's skeleton.
        stride: input pixels per cell.
        sigma_cells: standard deviation of the Gaussians, in cells.
    """

    name: ClassVar[str] = "single_instance"
    classes: ClassVar[tuple[str, ...]] = ()
    crop_anchor: ClassVar[CropAnchor | None] = None
    skeleton: Skeleton
    stride: int
    sigma_cells: float

    @property
    def output_skeleton(self) -> Skeleton:
        """The animal's skeleton."""
        return self.skeleton

    @property
    def heads(self) -> Heads:
        """One map a node."""
        return (HeadSpec("confmaps", len(self.skeleton.nodes), self.stride),)

    def encode(self, poses: PoseBatch, size: Size) -> dict[str, Array]:
        """Draw a map for each node; of several instances in a frame the maximum."""
        return {"confmaps": draw_confidence_maps(to_slots(poses), size, self.stride, self.sigma_cells)}

    def loss(
        self, outputs: Maps, targets: Maps, weights: Array | None = None, mining: HardKeypointMining | None = None
    ) -> dict[str, Array]:
        """Return the mean squared error of the maps."""
        error = map_loss(outputs["confmaps"], targets["confmaps"], weights, mining)
        return {"confmaps": error, "loss": error}

    def decode(self, outputs: Maps, options: DecodeOptions) -> PoseBatch:
        """Return at most one instance a frame; its raw score is the sum of its peak values (peer: 7.1)."""
        points, scores = read_single_instances(outputs["confmaps"], self.stride, self.sigma_cells, options)
        found = np.flatnonzero((~np.isnan(scores)).sum(axis=1) >= max(1, options.min_nodes))
        return PoseBatch(
            points=points[found],
            frame=found,
            n_frames=len(points),
            node_scores=scores[found],
            raw_scores=np.nansum(scores[found], axis=1, dtype=np.float32),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        return {**asdict(self), "skeleton": self.skeleton.to_json()}


def read_single_instances(
    maps: Array, stride: int, sigma_cells: float, options: DecodeOptions
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return points ``[frame node xy]`` in pixels and scores ``[frame node]`` of the highest peaks, NaN where none."""
    frames, nodes = maps.shape[:2]
    peaks = global_peaks(maps, options.peak_threshold, options.refinement, sigma_cells)
    points = np.full((frames, nodes, 2), np.nan, np.float32)
    scores = np.full((frames, nodes), np.nan, np.float32)
    points[peaks.frame, peaks.channel] = peaks.cells * stride
    scores[peaks.frame, peaks.channel] = peaks.values
    return points, scores
