"""How numbers, metrics and verdicts are spelled on the page."""

from __future__ import annotations

import re
from typing import Any

from posewright.errors import InputError
from posewright.evaluation.unit_metrics import metric_named
from posewright.report.gather import finite
from posewright.report.page import Tone

MISSING = "–"

_NAMES = {
    "coverage": "coverage",
    "median_distance_px": "median error (px)",
    "mean_distance_px": "mean error (px)",
    "p95_distance_px": "95th percentile of error (px)",
    "mean_distance_capped_px": "mean error, misses capped (px)",
    "oks": "mean OKS",
    "recall": "animals found",
    "identity_accuracy": "own name",
    "extra_per_animal": "extra animals per true one",
}
_VERDICTS: dict[str, tuple[str, Tone]] = {
    "better": ("better", "good"),
    "worse": ("worse", "bad"),
    "equal": ("practically equal", "quiet"),
    "undecided": ("undecided", "warn"),
}


def metric_name(metric: str) -> str:
    """Return a metric's name as people write it: ``pck_5px`` is PCK@5 px."""
    if match := re.match(r"pck_([\d.]+)px$", metric):
        return f"PCK@{match[1]} px"
    return _NAMES.get(metric, metric.replace("_", " "))


def value_of(metric: str, value: Any) -> str:
    """Return a value of a metric as the sentences of the comparison tell it: shares in percent, pixels bare."""
    found = finite(value)
    if found is None:
        return MISSING
    if is_share(metric):
        return f"{number(100 * found, 1)} %"
    return number(found, _digits(metric))


def difference_of(metric: str, value: Any, *, sign: bool = True) -> str:
    """Return a difference of two values of a metric; of shares in percentage points."""
    found = finite(value)
    if found is None:
        return MISSING
    spell = signed if sign else number
    return f"{spell(100 * found, 1)} points" if is_share(metric) else spell(found, _digits(metric))


def interval_of(metric: str, low: Any, high: Any) -> str:
    """Return the ends of an interval of values or of differences, or words that say there is none."""
    if finite(low) is None or finite(high) is None:
        return "no interval"
    by, digits = (100, 1) if is_share(metric) else (1, _digits(metric))
    return f"{number(by * low, digits)} to {number(by * high, digits)}"


def is_share(metric: str) -> bool:
    """Return whether a metric is a part of one, told in percent."""
    return metric == "hallucinated" or _scale(metric) == "share"


def _digits(metric: str) -> int:
    return 2 if _scale(metric) == "px" else 3


def _scale(metric: str) -> str:
    try:
        return metric_named(metric).scale
    except InputError:  # results of another version may carry metrics that this one does not know
        return "plain"


def number(value: Any, digits: int = 3) -> str:
    """Return a number with a fixed count of decimals and a true minus sign; a dash where it is missing."""
    found = finite(value)
    if found is None:
        return MISSING
    text = f"{found:.{digits}f}"
    return text.replace("-", "\N{MINUS SIGN}") if float(text) else text.removeprefix("-")


def signed(value: Any, digits: int = 3) -> str:
    """Return a difference with its sign."""
    found = finite(value)
    return f"+{number(found, digits)}" if found is not None and round(found, digits) > 0 else number(value, digits)


def count(value: Any) -> str:
    """Return a whole number with thin gaps between thousands; a dash where it is missing."""
    found = finite(value)
    return MISSING if found is None else f"{round(found):,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def counted(value: int, word: str) -> str:
    """Return a count with its noun: 1 video, 2 videos."""
    return f"{count(value)} {word if value == 1 else word + 's'}"


def p_value(value: Any) -> str:
    """Return a p-value; very small ones as a bound."""
    found = finite(value)
    if found is None:
        return MISSING
    return "< 0.001" if found < 0.001 else number(found, 3)


def duration(seconds: Any) -> str:
    """Return a span of time in the unit a person would choose."""
    found = finite(seconds)
    if found is None:
        return MISSING
    if found < 120:
        return f"{found:.0f} s"
    return f"{found / 60:.0f} min" if found < 7200 else f"{found / 3600:.1f} h"


def verdict(word: Any) -> tuple[str, Tone]:
    """Return the words and the tone of a verdict of pairs.parquet."""
    return _VERDICTS.get(str(word), (str(word), ""))


def plain(value: Any) -> str:
    """Return any JSON value as a person would note it down."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, dict):
        return ", ".join(f"{str(key).replace('_', ' ')} {plain(item)}" for key, item in value.items()) or "none"
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value) or "none"
    return str(value)
