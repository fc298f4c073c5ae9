"""Metrics of a group of rows, so that a comparison can take them per unit of inference, per stratum, or per frame.

Tables are those of `tables`, with keypoints reduced to nodes the truth shows. Missing is NaN: a node not found has no
distance, and counts as a miss where the metric's denominator is "nodes the truth shows".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from posewright.errors import InputError, nearest

_PCK = re.compile(r"pck_(\d+)px")


@dataclass(frozen=True)
class Metric:
    """One number of a group of rows.

    Attributes:
        name: as in the config and the tables.
        table: which rows it reads.
        higher_is_better: direction.
        scale: ``share`` (0 to 1, told in percent), ``px``, or ``plain``.
        sentence: what a method does, ``{value}`` standing for the number.
        of_rows: the number; NaN where the rows hold nothing to count.
        found_by_both: between methods, count only nodes that both found (rule 7: survivorship).
        false_positives: spoilt by animals nobody labelled (rule 8: incomplete labels).
        in_strata: shown in every stratum too, as the primary metric always is.
        of_names: told only of methods that name animals.
    """

    name: str
    table: Literal["keypoints", "instances"]
    higher_is_better: bool
    scale: Literal["share", "px", "plain"]
    sentence: str
    of_rows: Callable[[pd.DataFrame], float]
    found_by_both: bool = False
    false_positives: bool = False
    in_strata: bool = False
    of_names: bool = False

    def told(self, value: float) -> str:
        """Return a value in words."""
        if np.isnan(value):
            return "an unknown amount"
        return {"share": f"{100 * value:.1f} %", "px": f"{value:.2f} px", "plain": f"{value:.3f}"}[self.scale]

    def told_differences(self, *values: float) -> str:
        """Return one difference, or two as a range, in words: ``2.0 to 3.1 percentage points``."""
        factor, digits, unit = {
            "share": (100, 1, " percentage points"),
            "px": (1, 2, " px"),
            "plain": (1, 3, ""),
        }[self.scale]
        return " to ".join(f"{factor * value:.{digits}f}" for value in values) + unit


def _mean(values: Any) -> float:
    numbers = np.asarray(values, dtype=np.float64)
    return float(numbers.mean()) if len(numbers) else float("nan")


def _quantile(values: Any, level: float) -> float:
    numbers = np.asarray(values, dtype=np.float64)
    numbers = numbers[~np.isnan(numbers)]
    return float(np.quantile(numbers, level)) if len(numbers) else float("nan")


def _of_truth(instances: pd.DataFrame) -> pd.DataFrame:
    return instances[instances["kind"] != "extra"]


def _extra_per_animal(instances: pd.DataFrame) -> float:
    n_true = len(_of_truth(instances))
    return (len(instances) - n_true) / n_true if n_true else float("nan")


def _own_names(instances: pd.DataFrame) -> float:
    named = instances[instances["true_track"].notna() & instances["predicted_track"].notna()]
    return _mean(named["true_track"] == named["predicted_track"])


_ERROR_WORDS = {
    "jitter": "places {value} of the visible body parts near the truth, but not on it",
    "inversion": "places {value} of the visible body parts on another part of the same animal",
    "swap": "places {value} of the visible body parts on another animal",
    "miss": "misses {value} of the visible body parts",
}


def _class_share(name: str, words: str) -> Metric:
    """The share of one class of errors (rule 14)."""
    return Metric(
        f"{name}_share",
        "keypoints",
        False,
        "share",
        words,
        lambda rows: _mean(rows["error_class"] == name),
        in_strata=name == "swap",
    )


_FIXED = (
    Metric(
        "coverage",
        "keypoints",
        True,
        "share",
        "finds {value} of the visible body parts",
        lambda rows: _mean(rows["distance_px"].notna()),
        in_strata=True,
    ),
    Metric(
        "median_distance_px",
        "keypoints",
        False,
        "px",
        "has a median error of {value} on the body parts it found",
        lambda rows: _quantile(rows["distance_px"], 0.5),
        found_by_both=True,
        in_strata=True,
    ),
    Metric(
        "mean_distance_px",
        "keypoints",
        False,
        "px",
        "has a mean error of {value} on the body parts it found",
        lambda rows: _mean(rows["distance_px"].dropna()),
        found_by_both=True,
    ),
    Metric(
        "p95_distance_px",
        "keypoints",
        False,
        "px",
        "has 95 % of its errors below {value}, on the body parts it found",
        lambda rows: _quantile(rows["distance_px"], 0.95),
        found_by_both=True,
    ),
    Metric(
        "mean_distance_capped_px",
        "keypoints",
        False,
        "px",
        "has a mean error of {value}, a missed body part counting as one animal's length",
        lambda rows: _mean(np.minimum(rows["distance_px"].fillna(np.inf), rows["cap_px"])),
    ),
    Metric(
        "oks",
        "instances",
        True,
        "plain",
        "reaches a mean OKS of {value}, a missed animal counting 0",
        lambda rows: _mean(_of_truth(rows)["oks"].fillna(0.0)),
    ),
    Metric(
        "recall",
        "instances",
        True,
        "share",
        "finds {value} of the animals",
        lambda rows: _mean(_of_truth(rows)["kind"] == "matched"),
    ),
    Metric(
        "extra_per_animal",
        "instances",
        False,
        "plain",
        "invents {value} animals for each true one",
        _extra_per_animal,
        false_positives=True,
    ),
    Metric(
        "identity_accuracy",
        "instances",
        True,
        "share",
        "gives {value} of the animals that it found their own name",
        _own_names,
        in_strata=True,
        of_names=True,
    ),
    *(_class_share(name, words) for name, words in _ERROR_WORDS.items()),
)


def metric_named(name: str) -> Metric:
    """Return a metric by its name in the config: ``pck_<k>px`` for any whole k, or one of a short list."""
    threshold = _PCK.fullmatch(name)
    if threshold:
        return _pck(int(threshold[1]))
    for metric in _FIXED:
        if metric.name == name:
            return metric
    known = ["pck_5px", *(metric.name for metric in _FIXED if not metric.of_names)]
    raise InputError(f"Unknown metric compare.primary: {name!r}; {nearest(name, known)} (pck takes any whole px)")


def metrics_reported(primary: str) -> list[Metric]:
    """Return the primary metric and, after it, those that only describe."""
    first = metric_named(primary)
    return [first, *(metric for metric in (_pck(5), *_FIXED) if metric.name != primary)]


def _pck(threshold_px: int) -> Metric:
    return Metric(
        f"pck_{threshold_px}px",
        "keypoints",
        True,
        "share",
        f"places {{value}} of the visible body parts within {threshold_px} px of the truth",
        lambda rows: _mean(rows["distance_px"] < threshold_px),
    )
