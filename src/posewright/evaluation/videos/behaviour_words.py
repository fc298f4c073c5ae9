"""What a comparison of behaviour says, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from math import isnan
from typing import Any

from posewright.evaluation.verdicts import MIN_UNITS
from posewright.evaluation.videos.measures import MEASURES, Measure
from posewright.words import counted


def sentence(pair: Mapping[str, Any], confidence: float) -> str:
    """Return one row of the table of pairs as a sentence with its conditions."""
    measure = next(one for one in MEASURES if one.name == pair["measure"])
    a, b = pair["release_a"], pair["release_b"]
    words = measure.words[:1].upper() + measure.words[1:]
    if not pair["n_videos"]:
        return f"{words}: no frame tells it under both {a} and {b}."
    compared = f"compared on {pair['coverage']:.0%} of the frames of {counted(pair['n_videos'], 'video')}"
    agree = "" if isnan(pair["concordance"]) else f"; concordance of the frames {pair['concordance']:.2f}"
    return (
        f"{words}: {_told(measure, pair['mean_a'])} under {a}, {_told(measure, pair['mean_b'])} under {b}, "
        f"{_difference(measure, pair)}{_interval(measure, pair, confidence)}; {compared}{agree}."
    )


def units_sentence(kind: str, n_units: int, n_videos: int) -> str:
    """Return what the intervals are over."""
    over = f"Differences are means over {counted(n_units, kind)} ({counted(n_videos, 'video')})"
    if n_units >= MIN_UNITS:
        return f"{over}."
    only = "; they concern this recording only" if n_videos == 1 else ""
    return f"{over}; below {MIN_UNITS} units there is no interval{only}."


def _difference(measure: Measure, pair: Mapping[str, Any]) -> str:
    difference, middle = pair["difference"], (pair["mean_a"] + pair["mean_b"]) / 2
    if not measure.unit:
        return f"{100 * difference:+.1f} percentage points"
    part = f" ({difference / middle:+.1%} of their mean)" if middle else ""
    return f"{difference:+.3g} {measure.unit}{part}"


def _interval(measure: Measure, pair: Mapping[str, Any], confidence: float) -> str:
    if isnan(pair["low"]):
        return ""
    scale = 1 if measure.unit else 100
    return f", {confidence:.0%} interval {scale * pair['low']:+.3g} to {scale * pair['high']:+.3g}"


def _told(measure: Measure, value: float) -> str:
    return f"{value:.3g} {measure.unit}" if measure.unit else f"{value:.1%} of the time"
