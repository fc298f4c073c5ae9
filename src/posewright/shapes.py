"""The shared nouns: sizes, heads, maps and poses.

Axis words, one spelling everywhere: ``batch`` frames (or crops) handled together, ``row`` one instance in a flat list,
``node`` a body part, ``edge`` a directed pair of nodes, ``xy`` the two coordinates in that order, ``channel height
width`` the axes of a map. Missing is NaN. Arrays are NumPy arrays or torch tensors; code that takes ``Array`` works on
both (array-api-compat), and nothing in this module imports torch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import array_api_compat
import numpy as np

Array = Any  #: a NumPy array or a torch tensor
Maps = Mapping[str, Array]  #: head name -> [batch channel height width]
Activation = Literal["none", "sigmoid", "softmax"]


@dataclass(frozen=True)
class Size:
    """Height and width of an image, in pixels."""

    height: int
    width: int

    def padded(self, multiple: int) -> Size:
        """Return the smallest size not below this one that ``multiple`` divides."""
        return Size(-(-self.height // multiple) * multiple, -(-self.width // multiple) * multiple)


@dataclass(frozen=True)
class HeadSpec:
    """One output of a network, a map: its name, channels, and stride in input pixels per cell.

    ``activation`` is what prediction applies; a loss gets the numbers before it. A ``separate`` head has a backbone and
    a decoder of its own and shares nothing with the others, which learn the same to the bit without it; ``hidden`` are
    the units of its fully connected layers, which each cell goes through by itself.
    """

    name: str
    channels: int
    stride: int
    activation: Activation = "none"
    separate: bool = False
    hidden: tuple[int, ...] = ()


Heads = tuple[HeadSpec, ...]


@dataclass(frozen=True)
class PoseBatch:
    """Instances of several frames as flat rows, sorted by frame.

    Attributes:
        points: ``[row node xy]``, pixels of the image the batch belongs to; NaN where a node is missing.
        frame: ``[row]`` integer, which image of the batch the row lies in.
        n_frames: number of images in the batch, with or without instances.
        node_scores: ``[row node]``, NaN where a node is missing; None for truth.
        raw_scores: ``[row]``, the model type's own instance score; None for truth.
        class_ids: ``[row]`` integer, -1 where unknown; None where the type knows no classes.
        class_scores: ``[row]``, score of the assigned class, NaN where unknown; None where the type knows no classes.
        class_probabilities: ``[row class]``, of each row by itself, where the rows of a frame share out the classes
            by them; None otherwise.
    """

    points: Array
    frame: Array
    n_frames: int
    node_scores: Array | None = None
    raw_scores: Array | None = None
    class_ids: Array | None = None
    class_scores: Array | None = None
    class_probabilities: Array | None = None

    def __len__(self) -> int:
        return int(self.points.shape[0])

    @property
    def n_nodes(self) -> int:
        """Number of nodes of the skeleton."""
        return int(self.points.shape[1])

    @property
    def instance_scores(self) -> Array:
        """``[row]`` in 0 to 1: mean over the skeleton's nodes of the clipped node score, a missing node counting 0."""
        if self.node_scores is None:
            raise ValueError("truth carries no scores")
        xp = array_api_compat.array_namespace(self.node_scores)
        scores = xp.where(xp.isnan(self.node_scores), xp.zeros_like(self.node_scores), self.node_scores)
        return xp.mean(xp.clip(scores, 0.0, 1.0), axis=-1)

    def rows(self, keep: Array) -> PoseBatch:
        """Return the rows picked by a boolean mask or an index array, frames and their number unchanged."""
        picked = {name: getattr(self, name) for name in _ROW_FIELDS}
        return replace(self, **{name: value[keep] for name, value in picked.items() if value is not None})

    def of_frame(self, index: int) -> PoseBatch:
        """Return the rows of one image as a batch of its own (one frame, numbered 0)."""
        part = self.rows(self.frame == index)
        return replace(part, frame=part.frame * 0, n_frames=1)

    def with_points(self, points: Array) -> PoseBatch:
        """Return the same instances at other points."""
        return replace(self, points=points)

    def class_names(self, classes: Sequence[str]) -> list[str | None]:
        """Return the name of each row's class; None where it is unknown."""
        if self.class_ids is None:
            return [None] * len(self)
        return [classes[index] if index >= 0 else None for index in self.class_ids.tolist()]


_ROW_FIELDS = (
    "points",
    "frame",
    "node_scores",
    "raw_scores",
    "class_ids",
    "class_scores",
    "class_probabilities",
)


def concatenate(batches: list[PoseBatch]) -> PoseBatch:
    """Join NumPy batches one after the other; the frame numbers of each go on from those before it."""
    offsets = np.cumsum([0, *(batch.n_frames for batch in batches)])
    fields: dict[str, Any] = {}
    for name in _ROW_FIELDS:
        parts = [getattr(batch, name) for batch in batches]
        if name == "frame":
            parts = [part + offset for part, offset in zip(parts, offsets, strict=False)]
        fields[name] = None if any(part is None for part in parts) else np.concatenate(parts)
    return PoseBatch(n_frames=int(offsets[-1]), **fields)


def to_numpy(batch: PoseBatch) -> PoseBatch:
    """Return the batch with NumPy arrays, copied from the device where it lies on one."""
    fields = {}
    for name in _ROW_FIELDS:
        value = getattr(batch, name)
        if value is not None and not isinstance(value, np.ndarray):
            value = value.detach().cpu().numpy()
        fields[name] = value
    return PoseBatch(n_frames=batch.n_frames, **fields)


Refinement = Literal["gaussian", "integral", "none"]


@dataclass(frozen=True)
class DecodeOptions:
    """How maps are read.

    Attributes:
        peak_threshold: smallest map value that counts as a node or a centroid.
        refinement: ``gaussian`` (weighted log fit, unbiased), ``integral`` (the peer's 5x5 centre of mass) or ``none``.
        max_instances: at most so many instances a frame, best first; None for all.
        min_line_score: part affinity scores below this connect nothing (peer: ``min_line_scores``).
        max_edge_length_ratio: edges longer than this part of the image's longer side are penalised (the peer: 0.25);
            None for no penalty, which would favour wrong short connections over right long ones.
        min_nodes: instances with fewer nodes are dropped.
        min_instance_score: whole poses with a lower instance score are dropped.
    """

    peak_threshold: float = 0.2
    refinement: Refinement = "gaussian"
    max_instances: int | None = None
    min_line_score: float = 0.25
    max_edge_length_ratio: float | None = None
    min_nodes: int = 1
    min_instance_score: float = 0.0
