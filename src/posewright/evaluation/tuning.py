"""Thresholds of a method, chosen on validation frames by one declared objective and grid (``comparison.md`` rule 6).

The network runs once; its maps are read at every peak threshold of the grid, and the instance threshold filters what
was read. The choice is written down as ``thresholds.json`` and used unchanged on test frames, in releases and videos.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from posewright.errors import InputError
from posewright.evaluation.matching import animal_length_px, match_nearest
from posewright.evaluation.oks import seen
from posewright.labels.model import LabelSet
from posewright.prediction.estimator import surely_found
from posewright.prediction.thresholds import TUNED, thresholds_record
from posewright.shapes import DecodeOptions, PoseBatch

_OBJECTIVE = re.compile(r"f1_(\d+)px")


@dataclass(frozen=True)
class Tuning:
    """What is tried, and what decides.

    Attributes:
        objective: ``f1_<k>px``: twice the nodes found nearer than k px, over the nodes shown plus the nodes found.
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
        found = _OBJECTIVE.fullmatch(self.objective)
        if not found:
            raise InputError(f"Unknown compare.tuning.objective {self.objective!r}; write f1_<k>px, such as f1_5px.")
        return int(found[1])

    def readings(self, options: DecodeOptions) -> list[DecodeOptions]:
        """Return the ways to read the maps, the lowest threshold first; whole poses are not filtered yet."""
        return [replace(options, peak_threshold=peak, min_instance_score=0.0) for peak in sorted(set(self.grid))]


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
            hits, shown, found = node_counts(truth, kept, reach_px, tuning.right_px, complete)
            score = 2 * hits / (shown + found) if shown + found else 0.0
            table.append({TUNED[0]: options.peak_threshold, TUNED[1]: least, "value": score, "nodes_found": found})

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


def node_counts(
    truth: LabelSet, poses: PoseBatch, reach_px: float, right_px: float, complete: bool
) -> tuple[int, int, int]:
    """Return nodes found nearer than ``right_px``, nodes the truth shows, and nodes found.

    Nodes of unmatched predictions count as found where the labels are complete.
    """
    hits = shown = found = 0
    for index, frame in enumerate(truth.frames):
        points = np.asarray(poses.points[poses.frame == index], np.float64)
        shown += int(seen(frame.points).sum())
        pairs = match_nearest(np.asarray(frame.points, np.float64), points, reach_px)
        for true, predicted in pairs:
            distance = np.linalg.norm(points[predicted] - frame.points[true], axis=-1)
            hits += int((distance < right_px).sum())
        counted = points if complete else points[[predicted for _, predicted in pairs]]
        found += int(seen(counted).sum())
    return hits, shown, found
