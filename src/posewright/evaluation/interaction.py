"""Does the better method change with crowding? The interaction of method and crowding (``comparison.md`` rule 12).

For every unit the difference between two methods is fitted as a line over how near the nearest other animal is, in
animal lengths and by the truth. Slopes and heights of the units are then treated as any other values of units: where
the mean line's interval contains 0, at that distance the methods may be equal. Where they cross is the range of such
distances (Fieller's interval, found by inverting the test). A turnover is claimed only when the slope is not 0 and that
range ends, on both sides, within the distances that were seen.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posewright.evaluation.intervals import holm
from posewright.evaluation.paired import estimate, n_units
from posewright.evaluation.runs import Run
from posewright.evaluation.unit_metrics import Metric
from posewright.evaluation.verdicts import MIN_UNITS, Question, scope_words, units_words

_INSTANCE = ["video", "frame", "true_instance"]
_FEWEST = 3  #: animals a unit needs for a line
_SEEN = (0.05, 0.95)  #: part of the distances between which a turnover is looked for
_HALVINGS = 12


@dataclass(frozen=True)
class Interaction:
    """How the difference of two methods changes with the distance to the nearest other animal.

    Attributes:
        method_a: the method spoken of.
        method_b: the one it is compared with.
        slope: change of the difference (a minus b) per animal length.
        low: of the slope's interval; NaN with fewer than 6 units.
        high: of the slope's interval.
        p_adjusted: Holm's p of "no interaction" over all pairs; NaN with fewer than 6 units.
        crossing: distance, low and high between which the better method changes; None where none is claimed.
        n_units: units with a line.
    """

    method_a: str
    method_b: str
    slope: float
    low: float
    high: float
    p_adjusted: float
    crossing: tuple[float, float, float] | None
    n_units: int


@dataclass(frozen=True)
class Lines:
    """A line for each unit (row) and training (column), and the distances it was fitted to.

    Attributes:
        height: difference at ``centre``.
        slope: change per animal length.
        centre: mean distance.
        distances: all of them, in animal lengths.
    """

    height: pd.DataFrame
    slope: pd.DataFrame
    centre: float
    distances: NDArray[np.float64]


def interactions(
    pairs: Sequence[tuple[Sequence[Run], Sequence[Run]]], metric: Metric, confidence: float, test_over_train: float
) -> list[Interaction]:
    """Return the interaction of every pair; p is corrected for their number."""
    found = [interaction(lines(a, b, metric), a[0].method, b[0].method, confidence, test_over_train) for a, b in pairs]
    known = [index for index, one in enumerate(found) if not np.isnan(one.p_adjusted)]
    for index, p in zip(known, holm([found[index].p_adjusted for index in known]), strict=True):
        crossing = found[index].crossing if p < 1 - confidence else None
        found[index] = replace(found[index], p_adjusted=p, crossing=crossing)
    return found


def interaction(fitted: Lines, method_a: str, method_b: str, confidence: float, test_over_train: float) -> Interaction:
    """Return what the lines of one pair tell; its p is not corrected yet."""
    units = n_units(fitted.slope)
    slope = estimate(fitted.slope, test_over_train)
    nothing = float("nan")
    if units < MIN_UNITS:  # rule 3
        return Interaction(method_a, method_b, slope.value, nothing, nothing, nothing, None, units)
    p = slope.p_value()
    crossing = _crossing(fitted, confidence, test_over_train) if p < 1 - confidence else None
    return Interaction(method_a, method_b, slope.value, *slope.bounds(confidence), p, crossing, units)


def crowding_sentence(turn: Interaction, obstacles: Sequence[str], question: Question) -> str:
    """Return whether and where the better of two methods changes with crowding, in plain words (rule 12)."""
    a, b = turn.method_a, turn.method_b
    units = units_words(turn.n_units, question.unit_kind)
    if turn.n_units < MIN_UNITS:
        return f"Whether crowding decides between {a} and {b} cannot be told from {units}."
    if obstacles:
        return f"No turnover with crowding is claimed between {a} and {b}: {'; '.join(obstacles)}."
    start = scope_words(question.n_seeds)
    if turn.crossing is not None:
        at, low, high = turn.crossing
        far, near = (a, b) if (turn.slope > 0) == question.metric.higher_is_better else (b, a)
        return (
            f"{start}{far} is better where the nearest other animal is farther away than {at:.2f} animal lengths "
            f"({100 * question.confidence:g} % interval {low:.2f} to {high:.2f}; {units}), {near} where it is nearer."
        )
    if turn.p_adjusted < 1 - question.confidence:
        return (
            f"{start}the difference between {a} and {b} changes with crowding ({units}), but over the distances seen "
            "no change of the better one is shown."
        )
    return f"{start}no change of the difference between {a} and {b} with crowding is shown ({units})."


def lines(runs_a: Sequence[Run], runs_b: Sequence[Run], metric: Metric) -> Lines:
    """Fit a line to each unit of each training (fold, seed) that both methods have."""
    by_key = {run.key: run for run in runs_b}
    heights: dict[tuple[int, int], pd.Series] = {}
    slopes: dict[tuple[int, int], pd.Series] = {}
    tables = {run.key: _differences(run, by_key[run.key], metric) for run in runs_a if run.key in by_key}
    every = np.concatenate([np.zeros(0), *(table["distance"].to_numpy(np.float64) for table in tables.values())])
    centre = float(every.mean()) if len(every) else float("nan")
    for key, table in tables.items():
        fits = {
            unit: _fit(rows["distance"].to_numpy(np.float64) - centre, rows["difference"].to_numpy(np.float64))
            for unit, rows in table.groupby("unit", sort=True)
        }
        heights[key] = pd.Series({unit: fit[0] for unit, fit in fits.items()}, dtype=np.float64)
        slopes[key] = pd.Series({unit: fit[1] for unit, fit in fits.items()}, dtype=np.float64)
    height, slope = (pd.DataFrame(columns, dtype=np.float64).sort_index() for columns in (heights, slopes))
    return Lines(height, slope, centre, every)


def _differences(run_a: Run, run_b: Run, metric: Metric) -> pd.DataFrame:
    """Return ``unit``, ``distance`` (animal lengths) and ``difference`` of each true animal of both runs."""
    shared = run_a.nodes_found().intersection(run_b.nodes_found()) if metric.found_by_both else None
    a, b = (_per_animal(run, metric, shared) for run in (run_a, run_b))
    truth = run_a.instances[run_a.instances["kind"] != "extra"].set_index(_INSTANCE)
    length_px = float(run_a.metrics["matching"]["reach_px"])
    joined = pd.DataFrame({"difference": a - b}).join(truth[["unit", "nearest_px"]], how="inner")
    joined["distance"] = joined["nearest_px"] / length_px
    return joined.dropna(subset=["difference", "distance"])


def _per_animal(run: Run, metric: Metric, only: pd.MultiIndex | None) -> pd.Series:
    rows = run.rows(metric, only=only)
    groups = rows[rows["true_instance"] >= 0].groupby(_INSTANCE, sort=True)
    values = {key: metric.of_rows(group) for key, group in groups}
    index = pd.MultiIndex.from_tuples(list(values), names=_INSTANCE) if values else None
    return pd.Series(list(values.values()), index=index, dtype=np.float64)


def _fit(distance: NDArray[np.float64], difference: NDArray[np.float64]) -> tuple[float, float]:
    """Return height at 0 and slope by least squares; NaN where the distances tell no slope."""
    away = distance - distance.mean()
    spread = float((away**2).sum())
    if len(distance) < _FEWEST or spread <= 1e-12:
        return float("nan"), float("nan")
    slope = float((away * difference).sum()) / spread
    return float(difference.mean()) - slope * float(distance.mean()), slope


def _crossing(fitted: Lines, confidence: float, test_over_train: float) -> tuple[float, float, float] | None:
    """Return where the mean line crosses 0, and the ends of its interval; None unless both ends were seen."""
    height, slope = (estimate(table, test_over_train).value for table in (fitted.height, fitted.slope))
    point = fitted.centre - height / slope
    nearest, farthest = (float(np.quantile(fitted.distances, level)) for level in _SEEN)

    def sign(distance: float) -> int:
        """1 or -1 where a method is better for sure, 0 where the methods may be equal."""
        at = fitted.height + fitted.slope * (distance - fitted.centre)
        low, high = estimate(at, test_over_train).bounds(confidence)
        return int(low > 0) - int(high < 0)

    first = sign(nearest)
    if first == 0 or sign(farthest) != -first or not nearest < point < farthest:
        return None
    return point, _edge(sign, nearest, point), _edge(sign, farthest, point)


def _edge(sign: Callable[[float], int], decided: float, open_: float) -> float:
    """Return where, between a distance that is decided and one that is not, the sign becomes 0."""
    for _ in range(_HALVINGS):
        middle = (decided + open_) / 2
        decided, open_ = (middle, open_) if sign(middle) != 0 else (decided, middle)
    return open_
