"""What the training labels say of the animals, in numbers: how many, how large, how near, how seen, how named."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewright.labels.measure import extent_px, node_reach_px
from posewright.labels.model import LabeledFrame, LabelSet
from posewright.labels.motion import displacements_px
from posewright.labels.neighbours import Neighbours, neighbours_in
from posewright.labels.recordings import video_names
from posewright.shapes import Size

#: Names that trackers give by themselves: they say nothing of who an animal is in another video.
_TRACKERS_NAMES = re.compile(r"(track(let)?|instance|id)?[ _.-]?\d*", re.IGNORECASE)
_AXIS_SEEN = 0.5  #: part of the animals on which both ends of the body axis are visible
_WHOLE = 0.25  #: part of the animals with every node visible, for lengths to be measured on them alone


@dataclass(frozen=True)
class Spread:
    """Quantiles of a measure; all NaN where nothing was measured."""

    p10: float
    p50: float
    p90: float


@dataclass(frozen=True)
class Axis:
    """Which way animals point.

    Attributes:
        tail: node the axis begins at.
        head: node it ends at.
        alignment: 0 where all directions are alike, 1 where all animals lie along one line, whichever way they face.
        n: animals on which both nodes are visible.
    """

    tail: str
    head: str
    alignment: float
    n: int


@dataclass(frozen=True)
class LabelStatistics:
    """Measures of a label set; lengths in pixels of the original image.

    Attributes:
        frames: labelled frames.
        videos: distinct recordings with labelled frames.
        animals: number of animals in a frame -> number of such frames.
        image: size of the largest frame.
        nodes: names.
        edges: number of edges.
        is_forest: whether the edges form no ring, which bottom-up needs.
        mirrored: nodes that are declared the mirror image of another one.
        length_px: largest distance between two visible nodes of an animal; where a quarter of the animals or more is
            wholly visible, of these.
        spacing_px: distance from a visible node to the nearest other one of its animal.
        visibility: part of the animals on which each node is visible.
        centrality: median distance of each node from the middle of its animal's visible nodes, in body lengths.
        extent_px: node -> side of the square about it that holds nearly every animal; ``""``: about the middle.
        neighbours: how near animals come to each other; None where no frame has two.
        axis: which way animals point; None where no two nodes are visible on enough animals.
        motion: median distance that an animal moves from a frame to the next, in body lengths; None if not labelled.
        named: part of the animals that carry a name a person gave.
        names: those names that occur in at least two recordings.
    """

    frames: int
    videos: int
    animals: Mapping[int, int]
    image: Size
    nodes: tuple[str, ...]
    edges: int
    is_forest: bool
    mirrored: tuple[str, ...]
    length_px: Spread
    spacing_px: Spread
    visibility: tuple[float, ...]
    centrality: tuple[float, ...]
    extent_px: Mapping[str, float]
    neighbours: Neighbours | None
    axis: Axis | None
    motion: float | None
    named: float
    names: tuple[str, ...]

    @property
    def n_animals(self) -> int:
        """Labelled animals in all frames."""
        return sum(number * frames for number, frames in self.animals.items())

    @property
    def most_animals(self) -> int:
        """The largest number of animals in a frame."""
        return max(self.animals)

    def to_json(self) -> dict[str, Any]:
        """Return the measures for ``plan.json``: six digits, None for what was not measured."""
        value: dict[str, Any] = _rounded(asdict(self))
        return value

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> LabelStatistics:
        """Rebuild the measures from what `to_json` gave."""
        measured: dict[str, Any] = {key: tuple(item) if isinstance(item, list) else item for key, item in value.items()}
        rebuilt: dict[str, Any] = {
            "animals": {int(number): frames for number, frames in value["animals"].items()},
            "image": Size(**value["image"]),
            "length_px": _spread_from(value["length_px"]),
            "spacing_px": _spread_from(value["spacing_px"]),
            "centrality": tuple(_number(item) for item in value["centrality"]),
            "neighbours": Neighbours(**value["neighbours"]) if value["neighbours"] else None,
            "axis": Axis(**value["axis"]) if value["axis"] else None,
        }
        return cls(**(measured | rebuilt))


def measure_labels(labels: LabelSet, sizes: Collection[Size]) -> LabelStatistics:
    """Measure a label set that has at least one frame.

    Args:
        labels: of the train side; nothing else may reach a plan.
        sizes: of its frames.
    """
    points = np.concatenate([frame.points for frame in labels.frames])
    seen = ~np.isnan(points).any(axis=-1)
    within = np.linalg.norm(points[:, :, None] - points[:, None], axis=-1)  # [animal node node]
    whole = seen.all(axis=1)
    lengths = np.nanmax(within[whole] if whole.mean() >= _WHOLE else within, axis=(1, 2))
    length_px = float(np.median(lengths))
    names = video_names(labels.videos)
    own_names = [(names[frame.video], track) for frame in labels.frames for track in _given_names(frame)]
    recordings = Counter(name for _, name in set(own_names))
    return LabelStatistics(
        frames=len(labels.frames),
        videos=len({names[frame.video] for frame in labels.frames}),
        animals=dict(sorted(Counter(len(frame.points) for frame in labels.frames).items())),
        image=Size(max(size.height for size in sizes), max(size.width for size in sizes)),
        nodes=labels.skeleton.nodes,
        edges=len(labels.skeleton.edges),
        is_forest=labels.skeleton.ring is None,
        mirrored=tuple(labels.skeleton.nodes[node] for pair in labels.skeleton.symmetries for node in pair),
        length_px=_spread(lengths),
        spacing_px=_spread(_spacings_px(within)),
        visibility=tuple(float(part) for part in seen.mean(axis=0)),
        centrality=_centrality(points, length_px),
        extent_px=_extents_px(labels),
        neighbours=neighbours_in([frame.points for frame in labels.frames], length_px),
        axis=_axis(labels, points, seen, within),
        motion=_motion(labels, length_px),
        named=len(own_names) / len(points),
        names=tuple(sorted(name for name, count in recordings.items() if count > 1)),
    )


def _given_names(frame: LabeledFrame) -> list[str]:
    return [track for track in frame.tracks if track is not None and _TRACKERS_NAMES.fullmatch(track) is None]


def _spacings_px(within: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far each visible node lies from the nearest other one of its animal."""
    apart = np.where(np.isnan(within), np.inf, within)
    apart[:, np.arange(apart.shape[1]), np.arange(apart.shape[1])] = np.inf
    nearest: NDArray[np.float64] = apart.min(axis=2)
    return nearest[np.isfinite(nearest)]


def _centrality(points: NDArray[np.float64], length_px: float) -> tuple[float, ...]:
    from_middle = np.linalg.norm(points - np.nanmean(points, axis=1, keepdims=True), axis=-1) / max(length_px, 1.0)
    columns = (column[~np.isnan(column)] for column in from_middle.T)
    return tuple(float(np.median(column)) if len(column) else np.nan for column in columns)


def _extents_px(labels: LabelSet) -> dict[str, float]:
    anchors: list[tuple[str, int | None]] = [("", None), *((name, i) for i, name in enumerate(labels.skeleton.nodes))]
    return {name: extent_px(node_reach_px(labels, anchor)) for name, anchor in anchors}


def _axis(
    labels: LabelSet, points: NDArray[np.float64], seen: NDArray[np.bool_], within: NDArray[np.float64]
) -> Axis | None:
    """Return the direction between two nodes: the pair at the steadiest distance of those that lie far apart."""
    both = seen[:, :, None] & seen[:, None]
    count = np.maximum(both.sum(axis=0), 1)
    usual_px = np.where(both, within, 0.0).sum(axis=0) / count
    usual_px[both.mean(axis=0) < _AXIS_SEEN] = 0.0
    at_a_side = [node for pair in labels.skeleton.symmetries for node in pair]
    if len(at_a_side) < len(usual_px) - 1:
        usual_px[at_a_side], usual_px[:, at_a_side] = 0.0, 0.0
    if usual_px.max() <= 0.0:
        return None
    spread_px = np.sqrt(np.where(both, (within - usual_px) ** 2, 0.0).sum(axis=0) / count)
    far = usual_px >= usual_px.max() / 2
    steadiest = np.where(far, spread_px / np.maximum(usual_px, 1e-9), np.inf)
    tail, head = divmod(int(np.argmin(steadiest)), len(steadiest))
    along = (points[:, head] - points[:, tail])[both[:, tail, head]]
    doubled = 2 * np.arctan2(along[:, 1], along[:, 0])  # doubled, so that facing left equals facing right
    alignment = float(np.hypot(np.cos(doubled).mean(), np.sin(doubled).mean()))
    return Axis(labels.skeleton.nodes[tail], labels.skeleton.nodes[head], alignment, len(along))


def _motion(labels: LabelSet, length_px: float) -> float | None:
    steps = [pair for pair in pairwise(labels.frames) if _follow(*pair)]
    moved = [displacements_px(*pair) for pair in steps if not labels.videos[pair[0].video].is_images]
    moved_px = np.concatenate([np.zeros(0), *moved])
    return float(np.median(moved_px)) / max(length_px, 1.0) if len(moved_px) else None


def _follow(early: LabeledFrame, late: LabeledFrame) -> bool:
    return early.video == late.video and late.frame == early.frame + 1


def _spread(values: NDArray[np.float64]) -> Spread:
    if not len(values):
        return Spread(np.nan, np.nan, np.nan)
    return Spread(*(float(value) for value in np.quantile(values, (0.1, 0.5, 0.9))))


def _spread_from(value: Mapping[str, Any]) -> Spread:
    return Spread(**{key: _number(item) for key, item in value.items()})


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _rounded(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_rounded(item) for item in value]
    if isinstance(value, float):
        return None if np.isnan(value) else float(f"{value:.6g}")
    return value
