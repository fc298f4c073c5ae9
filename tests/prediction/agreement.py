"""Whether two predictions of the same frames are the same, as far as arithmetic in another order allows.

Across batch sizes, threads and backends at least 99.9 % of the nodes lie within 1e-3 px of each other. Each other one
must be a decision that a rounding error may turn round:

- *threshold*: found by one side only, with a score (its own, or its instance's) next to the threshold;
- *tie*: found by both, at places of nearly equal score;
- *grouping*: found by both at the same place, but joined to another animal, where both ways score nearly the same, or
  one connection lies next to its threshold.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from posewright.shapes import DecodeOptions, PoseBatch

SAME_PX = 1e-3
LEAST_PART = 0.999
NEAR = 1e-3  #: scores this near to each other, or to a threshold, count as equal


@dataclass(frozen=True)
class Agreement:
    """What came of a comparison.

    Attributes:
        n_nodes: nodes that either side found, matched ones counted once.
        excused: those that are apart for a reason of the list above, one sentence each.
        unexcused: those that are apart for no such reason.
    """

    n_nodes: int
    excused: tuple[str, ...]
    unexcused: tuple[str, ...]

    @property
    def part_same(self) -> float:
        """Part of the nodes within `SAME_PX`."""
        apart = len(self.excused) + len(self.unexcused)
        return 1 - apart / self.n_nodes if self.n_nodes else 1.0


def assert_agree(first: PoseBatch, second: PoseBatch, options: DecodeOptions, least_nodes: int = 1) -> None:
    """Both predictions are the same, and of no fewer than ``least_nodes`` nodes, else nothing would be compared."""
    found = agreement(first, second, options)
    assert found.n_nodes >= least_nodes, f"only {found.n_nodes} nodes were found"
    assert not found.unexcused, "\n".join(found.unexcused[:10])
    assert found.part_same >= LEAST_PART, "\n".join([f"{found.part_same:.5f} of the nodes", *found.excused[:10]])


def agreement(first: PoseBatch, second: PoseBatch, options: DecodeOptions) -> Agreement:
    """Compare two predictions, whatever the order of the instances within a frame."""
    assert first.n_frames == second.n_frames
    n_nodes, excused, unexcused = 0, [], []
    for index in range(first.n_frames):
        ours, theirs = first.of_frame(index), second.of_frame(index)
        pairs = _pairs(ours, theirs)
        n_nodes += sum(len(_found(ours, row) | _found(theirs, other)) for row, other in pairs)
        for row, other in pairs:
            for node in sorted(_found(ours, row) | _found(theirs, other)):
                if _near(_point(ours, row, node), _point(theirs, other, node)):
                    continue
                reason = _reason(ours, row, theirs, other, node, options)
                sentence = (
                    f"frame {index} node {node} ({reason}): {_spell(ours, row, node)}, {_spell(theirs, other, node)}"
                )
                (excused if reason else unexcused).append(sentence)
    return Agreement(n_nodes, tuple(excused), tuple(unexcused))


def _pairs(ours: PoseBatch, theirs: PoseBatch) -> list[tuple[int | None, int | None]]:
    """Match rows so that as many nodes as possible are the same; rows without a partner stand alone."""
    gaps = np.linalg.norm(ours.points[:, None] - theirs.points[None], axis=-1)
    same = (gaps <= SAME_PX).sum(axis=-1)
    rows, others = linear_sum_assignment(same, maximize=True)
    matched = [(int(row), int(other)) for row, other in zip(rows, others, strict=True) if same[row, other]]
    alone: list[tuple[int | None, int | None]] = []
    alone += [(row, None) for row in range(len(ours)) if row not in {pair[0] for pair in matched}]
    alone += [(None, other) for other in range(len(theirs)) if other not in {pair[1] for pair in matched}]
    return [*matched, *alone]


def _reason(
    ours: PoseBatch, row: int | None, theirs: PoseBatch, other: int | None, node: int, options: DecodeOptions
) -> str:
    """Return why a node may be apart; empty if it may not."""
    here, there = _point(ours, row, node), _point(theirs, other, node)
    moved = _elsewhere(here, theirs, node) or _elsewhere(there, ours, node)
    if moved:
        return "grouping" if _grouped_alike(ours, theirs, options) else ""
    if here is not None and there is not None:
        return "tie" if abs(_score(ours, row, node) - _score(theirs, other, node)) <= NEAR else ""
    side, place = (ours, row) if here is not None else (theirs, other)
    assert place is not None and side.raw_scores is not None
    scores = [_score(side, place, node), float(side.raw_scores[place])]
    return "threshold" if min(abs(score - options.peak_threshold) for score in scores) <= NEAR else ""


def _grouped_alike(ours: PoseBatch, theirs: PoseBatch, options: DecodeOptions) -> bool:
    """Return whether the connections of a frame sum up to the same, but for one that lies at its threshold."""
    assert ours.raw_scores is not None and theirs.raw_scores is not None
    gap = abs(float(ours.raw_scores.sum()) - float(theirs.raw_scores.sum()))
    return min(gap, abs(gap - options.min_line_score)) <= 10 * NEAR


def _elsewhere(point: NDArray[np.float32] | None, poses: PoseBatch, node: int) -> bool:
    """Return whether any instance of the other side has the node at this place."""
    return point is not None and any(_near(point, _point(poses, row, node)) for row in range(len(poses)))


def _found(poses: PoseBatch, row: int | None) -> set[int]:
    return set() if row is None else set(np.flatnonzero(~np.isnan(poses.points[row, :, 0])).tolist())


def _point(poses: PoseBatch, row: int | None, node: int) -> NDArray[np.float32] | None:
    """Return a node's place; None where it, or its instance, is missing."""
    if row is None or np.isnan(poses.points[row, node, 0]):
        return None
    point: NDArray[np.float32] = poses.points[row, node]
    return point


def _score(poses: PoseBatch, row: int | None, node: int) -> float:
    assert row is not None and poses.node_scores is not None
    return float(poses.node_scores[row, node])


def _near(a: NDArray[np.float32] | None, b: NDArray[np.float32] | None) -> bool:
    return a is not None and b is not None and float(np.linalg.norm(a - b)) <= SAME_PX


def _spell(poses: PoseBatch, row: int | None, node: int) -> str:
    point = _point(poses, row, node)
    return "missing" if point is None else f"{point.tolist()} scoring {_score(poses, row, node):.5f}"
