"""Stage compare_parts: methods trained on nested parts of the training side -> what more labels have brought.

Validation frames only. Intervals are those of the comparison: over units of inference, and over seeds where there are
enough of them (``comparison.md`` rules 3 and 4); steps are the same for every part.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from posewright.errors import InputError
from posewright.evaluation import paired
from posewright.evaluation.conditions import banner
from posewright.evaluation.intervals import Estimate
from posewright.evaluation.runs import Run, read_runs, unit_kind, with_units
from posewright.evaluation.tables import write_table
from posewright.evaluation.unit_metrics import Metric, metric_named
from posewright.evaluation.verdicts import EQUAL_CONFIDENCE, MIN_UNITS, scope_words, units_words
from posewright.files import write_json

SCHEMA = 1
WHOLE = 100  #: percent
_PART = re.compile(r"fold\d+_part(\d+)_seed\d+")

POINT_SCHEMA = pa.schema(
    [
        ("method", pa.string()),
        ("percent", pa.int16()),
        ("frames", pa.int32()),
        ("steps", pa.float64()),
        ("estimate", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("n_units", pa.int32()),
        ("n_seeds", pa.int32()),
    ]
)

Parts = Mapping[int, Sequence[Run]]


def compare_parts(*, evaluations: Sequence[Path], settings: Mapping[str, Any], out: Path) -> None:
    """Write ``points.parquet`` and ``summary.json`` of a learning curve.

    Args:
        evaluations: folders ``<method>/fold<k>[_part<percent>]_seed<s>/val``.
        settings: ``primary``, ``margin`` and ``confidence``, as in the config's section ``compare``.
        out: folder of the learning curve.
    """
    parts = read_parts(evaluations)
    metric, confidence = metric_named(str(settings["primary"])), float(settings["confidence"])
    methods = sorted({run.method for runs in parts.values() for run in runs})
    points = [
        _point(method, percent, runs, metric, confidence) for method in methods for percent, runs in parts.items()
    ]
    gains = [
        _gain(method, (fewer, more), parts, metric, settings) for method in methods for fewer, more in pairwise(parts)
    ]
    write_table(out / "points.parquet", pd.DataFrame(points, columns=POINT_SCHEMA.names), POINT_SCHEMA)
    whole = parts[WHOLE]
    write_json(
        out / "summary.json",
        {
            "schema": SCHEMA,
            "primary": metric.name,
            "confidence": confidence,
            "unit": unit_kind(whole),
            "label_source": whole[0].metrics["label_source"],
            "banner": banner(whole),
            "models_digests": sorted({str(run.metrics.get("models_digest")) for run in whole}),
            "gains": gains,
        },
    )


def read_parts(evaluations: Sequence[Path]) -> dict[int, list[Run]]:
    """Return the runs of each part by its percent, ascending; all are scored on the same frames."""
    folders: dict[int, list[Path]] = {}
    for folder in evaluations:
        found = _PART.fullmatch(folder.parent.name)
        folders.setdefault(int(found[1]) if found else WHOLE, []).append(folder)
    if WHOLE not in folders or len(folders) < 2:
        raise InputError("A learning curve needs evaluations on all of the training side and on a part of it.")
    parts = {percent: with_units(read_runs(folders[percent])) for percent in sorted(folders)}
    if len({str(run.metrics.get("test_digest")) for runs in parts.values() for run in runs}) > 1:
        raise InputError("The evaluations were made on different validation frames; make the parts again.")
    return parts


def _of(parts: Parts, percent: int, method: str) -> list[Run]:
    return [run for run in parts[percent] if run.method == method]


def _frames(runs: Sequence[Run]) -> int:
    return int(runs[0].metrics["split"]["frames"]["train"])


def _test_over_train(runs: Sequence[Run]) -> float:
    return float(runs[0].metrics["split"]["frames"]["val"]) / max(_frames(runs), 1)


def _point(method: str, percent: int, runs: Sequence[Run], metric: Metric, confidence: float) -> dict[str, Any]:
    own = [run for run in runs if run.method == method]
    table = paired.method_table(own, metric)
    units = paired.n_units(table)
    estimate = paired.estimate(table, _test_over_train(own))
    low, high = _bounds(estimate, units, confidence)
    steps = [run.metrics.get("budget", {}).get("steps") for run in own]
    return {
        "method": method,
        "percent": percent,
        "frames": _frames(own),
        "steps": float("nan") if None in steps else float(np.mean(steps)),
        "estimate": estimate.value,
        "low": low,
        "high": high,
        "n_units": units,
        "n_seeds": paired.n_seeds(table),
    }


def _gain(
    method: str, step: tuple[int, int], parts: Parts, metric: Metric, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return what the step from a part to the next larger one has brought, paired on units and trainings."""
    fewer, more = (_of(parts, percent, method) for percent in step)
    table = paired.pair_tables(more, fewer, metric).difference
    units, seeds = paired.n_units(table), paired.n_seeds(table)
    estimate = paired.estimate(table, _test_over_train(more))
    low, high = _bounds(estimate, units, float(settings["confidence"]))
    found = {"method": method, "from_percent": step[0], "to_percent": step[1], "n_units": units}
    frames = _frames(fewer), _frames(more)
    verdict = _verdict(estimate, units, metric, settings)
    words = _sentence(method, frames, estimate, (low, high), verdict, metric, settings)
    with_units_of = f" ({units_words(units, unit_kind(more))})"
    return {
        **found,
        "from_frames": frames[0],
        "to_frames": frames[1],
        "difference": _known(estimate.value),
        "low": _known(low),
        "high": _known(high),
        "verdict": verdict,
        "text": f"{scope_words(seeds)}{words}{with_units_of}.",
    }


def _verdict(estimate: Estimate, n_units: int, metric: Metric, settings: Mapping[str, Any]) -> str:
    """Return ``helped``, ``harmed``, ``equal`` or ``undecided``; below six units nothing is decided (rule 3)."""
    if n_units < MIN_UNITS:
        return "undecided"
    margin = float(settings["margin"])
    low, high = estimate.bounds(EQUAL_CONFIDENCE)
    if -margin <= low and high <= margin:
        return "equal"
    low, high = estimate.bounds(float(settings["confidence"]))
    if low <= 0.0 <= high:
        return "undecided"
    return "helped" if (estimate.value > 0) == metric.higher_is_better else "harmed"


def _sentence(
    method: str,
    frames: tuple[int, int],
    estimate: Estimate,
    bounds: tuple[float, float],
    verdict: str,
    metric: Metric,
    settings: Mapping[str, Any],
) -> str:
    """Say what a step has brought, and only where it has brought something, what another one might."""
    step = f"{method}, from {frames[0]} to {frames[1]} labelled frames"
    size = metric.told_differences(abs(estimate.value))
    if any(np.isnan(bounds)):
        return f"{step}: a change of {size}; too few units for an interval, so whether more labels help is undecided"
    sign = 1.0 if estimate.value >= 0 else -1.0
    ends = metric.told_differences(*sorted((sign * bounds[0], sign * bounds[1])))
    interval = f"{100 * float(settings['confidence']):g} % interval {ends}"
    if verdict == "helped":
        return (
            f"{step}: better by {size} ({interval}). More labels would help; as learning curves flatten, "
            f"{frames[1] / max(frames[0], 1):.1f} times as many again by hardly more than this"
        )
    if verdict == "harmed":
        return f"{step}: worse by {size} ({interval}); more labels did not help, so look at the training"
    if verdict == "equal":
        margin = metric.told_differences(float(settings["margin"]))
        return f"{step}: practically no change (the 90 % interval lies within {margin}); labels are not what it lacks"
    return f"{step}: a change of {size} ({interval}); these data do not show whether more labels would help"


def _bounds(estimate: Estimate, n_units: int, confidence: float) -> tuple[float, float]:
    """The interval, or none where there are too few units (rule 3: estimates only)."""
    return estimate.bounds(confidence) if n_units >= MIN_UNITS else (float("nan"), float("nan"))


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
