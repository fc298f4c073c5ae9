"""Thresholds of a method, chosen on validation frames by one declared objective and grid (``comparison.md`` rule 6).

The network runs once; its maps are read at every peak threshold of the grid, and the instance threshold filters what
was read. The choice is written down as ``thresholds.json`` and used unchanged on test frames, in releases and videos.

Both thresholds are judged by one objective, counted in body parts, since both trade the same two things: the peak
threshold single body parts, the instance threshold whole animals with all of theirs. It is made to agree with the
metric that decides between methods. PCK alone would always ask for the lowest threshold, for it does not see what is
invented (rule 7), so each invented body part takes one right one away. A body part found, but not near enough, is a
miss to PCK and no more: F1, which counts it once more as something false, gives up right ones to be rid of those.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from posewright.errors import InputError
from posewright.evaluation.matching import animal_length_px, match_nearest
from posewright.evaluation.oks import seen
from posewright.labels.model import LabelSet
from posewright.prediction.estimator import surely_found
from posewright.prediction.thresholds import TUNED, thresholds_record
from posewright.shapes import DecodeOptions, PoseBatch

_OBJECTIVE = re.compile(r"(pck|f1)_(\d+)px")


@dataclass(frozen=True)
class Counts:
    """Nodes over all frames.

    Attributes:
        right: found near enough to their truth.
        shown: shown by the truth.
        found: found, those of unmatched predictions too where the labels are complete (rule 8).
        invented: of these, the ones that stand for nothing: of a node that the truth does not show, of an unmatched
            prediction, or farther from their truth than a miss is counted at (rule 7: one animal's length).
    """

    right: int = 0
    shown: int = 0
    found: int = 0
    invented: int = 0


@dataclass(frozen=True)
class Tuning:
    """What is tried, and what decides.

    Attributes:
        objective: ``pck_<k>px``: the nodes found nearer than k px, less the invented ones, over the nodes shown;
            ``f1_<k>px``: twice the nodes found nearer than k px, over the nodes shown plus the nodes found.
        grid: peak thresholds.
        instance_grid: least instance scores.
    """

    objective: str
    grid: tuple[float, ...]
    instance_grid: tuple[float, ...]

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Tuning:
        """Return the config's section ``compare.tuning``."""
        return cls(str(value["objective"]), tuple(value["grid"]), tuple(value["instance_grid"]))

    @property
    def right_px(self) -> int:
        """Distance below which a node is right."""
        return int(self._parts[1])

    def value(self, counts: Counts) -> float:
        """Return what the objective makes of the counts; 0 where there is nothing to find and nothing was found."""
        if self._parts[0] == "f1":
            both = counts.shown + counts.found
            return 2 * counts.right / both if both else 0.0
        return (counts.right - counts.invented) / counts.shown if counts.shown else -float(counts.invented)

    @property
    def _parts(self) -> tuple[str, str]:
        """Kind of objective, and its k."""
        found = _OBJECTIVE.fullmatch(self.objective)
        if not found:
            raise InputError(f"Unknown compare.tuning.objective {self.objective!r}; write pck_<k>px, such as pck_5px.")
        return found[1], found[2]

    def readings(self, options: DecodeOptions) -> list[DecodeOptions]:
        """Return the ways to read the maps, the lowest threshold first; whole poses are not filtered yet."""
        return [replace(options, peak_threshold=peak, min_instance_score=0.0) for peak in sorted(set(self.grid))]


def objective_words(objective: str) -> str:
    """Return what an objective makes greatest, in words."""
    found = _OBJECTIVE.fullmatch(objective)
    if not found:
        return objective
    right = f"body parts found nearer than {found[2]} px"
    return f"the F1 score of {right}" if found[1] == "f1" else f"the number of {right}, less those invented,"


def tune(
    truth: LabelSet, read: Sequence[tuple[DecodeOptions, PoseBatch]], tuning: Tuning, complete: bool
) -> dict[str, Any]:
    """Return the content of ``thresholds.json``: the chosen thresholds and what every point of the grid reached.

    Of equal points the one nearest to the defaults is chosen.

    Args:
        truth: validation frames.
        read: the poses by each of `Tuning.readings`, in the truth's node order.
        tuning: objective and grid.
        complete: every animal is labelled, so that unmatched predictions count as wrong (rule 8).
    """
    reach_px = animal_length_px(frame.points for frame in truth.frames)
    default = DecodeOptions()
    table = []
    for options, poses in read:
        for least in sorted(set(tuning.instance_grid)):
            kept = surely_found(poses, replace(options, min_instance_score=least))
            counts = node_counts(truth, kept, reach_px, tuning.right_px, complete)
            point = {TUNED[0]: options.peak_threshold, TUNED[1]: least}
            table.append({**point, "value": tuning.value(counts), **asdict(counts)})

    def rank(row: Mapping[str, Any]) -> tuple[float, float, float]:
        return -row["value"], abs(row[TUNED[0]] - default.peak_threshold), abs(row[TUNED[1]])

    best = min(table, key=rank)
    return {
        **thresholds_record("tuned", {name: best[name] for name in TUNED}),
        "objective": tuning.objective,
        "value": best["value"],
        "frames": len(truth.frames),
        "table": table,
    }


def node_counts(truth: LabelSet, poses: PoseBatch, reach_px: float, right_px: float, complete: bool) -> Counts:
    """Return the counts of the objective.

    Args:
        truth: frames.
        poses: in the truth's node order.
        reach_px: one animal's length.
        right_px: distance below which a node is right.
        complete: every animal is labelled, so that an unmatched prediction is an invented one (rule 8).
    """
    right = shown = found = invented = 0
    for index, frame in enumerate(truth.frames):
        points = np.asarray(poses.points[poses.frame == index], np.float64)
        shown += int(seen(frame.points).sum())
        pairs = match_nearest(np.asarray(frame.points, np.float64), points, reach_px)
        for true, predicted in pairs:
            distance = np.linalg.norm(points[predicted] - frame.points[true], axis=-1)
            is_found = seen(points[predicted])
            right += int((distance < right_px).sum())
            found += int(is_found.sum())
            invented += int((is_found & ~(distance < reach_px)).sum())  # NaN where the truth shows none
        if complete:
            unmatched = np.delete(points, [predicted for _, predicted in pairs], axis=0)
            found += int(seen(unmatched).sum())
            invented += int(seen(unmatched).sum())
    return Counts(right, shown, found, invented)
