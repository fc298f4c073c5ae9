"""What every model type promises, and the laws it keeps.

A model type owns its fields and is the full codec: `heads` say what the network must put out, `encode` draws targets,
`loss` compares, `decode` reads maps back into poses. All four work on whole batches; points are in pixels of the
network input. `decode` accepts NumPy arrays and torch tensors and returns NumPy rows; no file of this package imports
torch.

Laws (tests/model_types/laws.py): ``decode(encode(poses))`` returns the poses within 0.02 cell, up to the order of
instances; a missing node stays missing; no animals in, none out; a shift by a stride shifts the result by exactly that;
permuting nodes permutes the result; a batch equals its frames one by one; NumPy equals torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from posewright.config.trainer import HardKeypointMining
from posewright.labels.skeleton import Skeleton
from posewright.shapes import Array, DecodeOptions, Heads, Maps, PoseBatch, Size


@dataclass(frozen=True)
class CropAnchor:
    """What crops are centred on: a node, or with None (and where it is not visible) the mean of the visible nodes."""

    node: int | None


class ModelType(Protocol):
    """The contract of a model type."""

    @property
    def name(self) -> str:
        """The type's key in a recipe's ``head_configs``."""

    @property
    def output_skeleton(self) -> Skeleton:
        """The skeleton of the poses that `decode` returns."""

    @property
    def heads(self) -> Heads:
        """The outputs the network must have, in order."""

    @property
    def crop_anchor(self) -> CropAnchor | None:
        """What the crops that it sees are centred on; None for a type that sees whole frames."""

    @property
    def classes(self) -> tuple[str, ...]:
        """The identities it tells apart, by class id; none for most types."""

    def encode(self, poses: PoseBatch, size: Size) -> dict[str, Array]:
        """Draw targets by head, in the shape of its output, for poses in an input of ``size``."""

    def loss(
        self, outputs: Maps, targets: Maps, weights: Array | None = None, mining: HardKeypointMining | None = None
    ) -> dict[str, Array]:
        """Return the losses by head and, under ``loss``, the weighted total of those that are not separate.

        Args:
            outputs: those of the heads before their activation.
            targets: from `encode`.
            weights: ``[frame]``, factors of the frames; None for 1.
            mining: what hard channels cost more (`posewright.model_types.losses`); None for nothing.
        """

    def decode(self, outputs: Maps, options: DecodeOptions) -> PoseBatch:
        """Read poses, in pixels of the network input, from outputs after their activation: the form of targets."""

    def to_json(self) -> dict[str, Any]:
        """Return the fields this type is rebuilt from, skeleton included."""
