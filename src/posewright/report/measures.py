"""The numbers behind the figures: curves, errors by node, differences by unit and the quality of frames.

All of them start from keypoints.parquet and instances.parquet, so a figure can never disagree with the tables by
having matched animals in its own way. A method's trained models (folds and seeds) are pooled.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from posewright.report.gather import Evaluation, Results, entry, finite

_PCK = re.compile(r"pck_(\d+(?:\.\d+)?)px$")
_CURVE_POINTS = 160


@dataclass(frozen=True)
class Curve:
    """One line of a figure, and the number of labelled nodes it rests on."""

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    n_nodes: int


@dataclass(frozen=True)
class NodeError:
    """How far one body part lies from its truth where it was found, and how often it was found."""

    node: str
    median_px: float
    p90_px: float
    n_found: int
    n_visible: int


@dataclass(frozen=True)
class UnitDifferences:
    """Method a minus method b on each unit of inference, and the interval of the mean difference."""

    method_a: str
    method_b: str
    units: tuple[str, ...]
    differences: NDArray[np.float64]
    estimate: float | None
    low: float | None
    high: float | None


def visible_nodes(evaluations: Sequence[Evaluation]) -> pd.DataFrame | None:
    """Return one row per labelled node of the pooled evaluations; None when no table is at hand or none has a row."""
    tables = [table.assign(run=run) for run, table in enumerate(e.keypoints for e in evaluations) if table is not None]
    if not tables:
        return None
    joined = pd.concat(tables, ignore_index=True)
    order = list(dict.fromkeys(joined["node"]))  # the skeleton's: rows of nodes that are never labelled still tell it
    joined["node"] = pd.Categorical(joined["node"], categories=order, ordered=True)
    labelled = joined[joined["true_x"].notna()]
    return None if labelled.empty else labelled


def pck_curve(nodes: pd.DataFrame, longest_px: float) -> Curve:
    """Return the part of labelled nodes found nearer than x pixels to their truth; a missed node is never near."""
    thresholds = np.linspace(0.0, longest_px, _CURVE_POINTS)
    distances = np.sort(nodes["distance_px"].dropna().to_numpy(np.float64))
    return Curve(thresholds, np.searchsorted(distances, thresholds, side="left") / len(nodes), len(nodes))


def error_coverage(nodes: pd.DataFrame) -> Curve:
    """Return the median error among the surest predictions against the part of labelled nodes that they cover.

    Walking to the right lowers the score threshold: the curve shows what each threshold would give, and none is chosen.
    """
    found = nodes[nodes["distance_px"].notna()].sort_values("score", ascending=False, kind="stable")
    distances = found["distance_px"].to_numpy(np.float64)
    fewest = min(10, len(distances))
    counts = np.unique(np.linspace(fewest, len(distances), _CURVE_POINTS).astype(int)) if fewest else np.zeros(0, int)
    medians = np.array([np.median(distances[:count]) for count in counts])
    return Curve(counts / len(nodes), medians, len(nodes))


def threshold_free(evaluations: Sequence[Evaluation]) -> Curve | None:
    """Return the same of maps read at the lowest threshold, so that no chosen one ends it (rule 6); None if unknown.

    Several trained models: the mean of their median errors, up to the coverage that all of them reach.
    """
    curves = [one.curve for one in evaluations if one.curve is not None and not one.curve.empty]
    if not curves:
        return None
    low = max(float(curve["coverage"].min()) for curve in curves)
    high = min(float(curve["coverage"].max()) for curve in curves)
    coverage = np.linspace(low, high, _CURVE_POINTS) if low < high else np.zeros(0)
    medians = [np.interp(coverage, curve["coverage"], curve["median_px"]) for curve in curves]
    return Curve(coverage, np.mean(medians, axis=0), sum(int(curve["n_visible"].iloc[0]) for curve in curves))


def node_errors(nodes: pd.DataFrame) -> list[NodeError]:
    """Return the errors of each body part, in the order of the skeleton."""
    return [
        NodeError(
            node=str(name),
            median_px=float(rows["distance_px"].median()),
            p90_px=float(rows["distance_px"].quantile(0.9)),
            n_found=int(rows["distance_px"].notna().sum()),
            n_visible=len(rows),
        )
        for name, rows in nodes.groupby("node", observed=True)
    ]


def pck_threshold_px(metric: str) -> float | None:
    """Return the threshold of a metric named ``pck_<x>px``, or None for any other metric."""
    match = _PCK.match(metric)
    return float(match[1]) if match else None


def unit_differences(results: Results, metric: str) -> list[UnitDifferences]:
    """Return the differences of the primary metric by unit, one entry a pair, as the comparison lists them."""
    found = []
    for item in results.summary.get("sentences", ()):
        listed = item.get("unit_differences") if isinstance(item, Mapping) else None
        if not isinstance(listed, Mapping):
            continue
        values = {str(unit): value for unit, value in listed.items() if finite(value) is not None}
        if not values:
            continue
        a, b = str(item.get("method_a")), str(item.get("method_b"))
        estimate, low, high = _interval_of_pair(results.pairs, metric, a, b)
        differences = np.array(list(values.values()), np.float64)
        found.append(UnitDifferences(a, b, tuple(values), differences, estimate, low, high))
    return found


def overall(table: pd.DataFrame, metric: str | None = None) -> pd.DataFrame:
    """Return the rows of methods.parquet or pairs.parquet that cover all frames, of one metric if given."""
    whole = table[table["stratum"].isna() | table["stratum"].astype(str).isin(("all", ""))]
    return whole if metric is None else whole[whole["metric"] == metric]


def frame_quality(evaluation: Evaluation) -> pd.DataFrame | None:
    """Return one row per evaluated frame with its quality: mean OKS over its animals, a missed or extra one counting 0.

    Where the labels are declared incomplete (no count of extra animals), an extra one may be right and is left out.
    """
    table = evaluation.instances
    if table is None or table.empty:
        return None
    if entry(evaluation.metrics, ("counts", "extra"))[0] is None:
        table = table[table["kind"] != "extra"]
    scored = table.assign(
        quality=table["oks"].where(table["kind"] == "matched", 0.0).fillna(0.0),
        missed=table["kind"] == "missed",
        extra=table["kind"] == "extra",
    )
    frames = scored.groupby(["video", "frame"], as_index=False).agg(
        quality=("quality", "mean"), missed=("missed", "sum"), extra=("extra", "sum")
    )
    return frames.sort_values(["quality", "video", "frame"], kind="stable").reset_index(drop=True)


def _interval_of_pair(
    pairs: pd.DataFrame | None, metric: str, method_a: str, method_b: str
) -> tuple[float | None, float | None, float | None]:
    """Return (difference, low, high) of a pair on all frames; None where there is none."""
    if pairs is None:
        return None, None, None
    rows = overall(pairs, metric)
    rows = rows[(rows["method_a"] == method_a) & (rows["method_b"] == method_b)]
    if rows.empty:
        return None, None, None
    row = rows.iloc[0]
    return finite(row["difference"]), finite(row["low"]), finite(row["high"])
