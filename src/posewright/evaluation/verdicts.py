"""The rules that turn an estimated difference into a word, and the word into a sentence (``comparison.md``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from posewright.evaluation.intervals import Estimate
from posewright.evaluation.unit_metrics import Metric

Verdict = Literal["better", "worse", "equal", "undecided"]

MIN_UNITS = 6  #: rule 3: fewer units allow estimates only
MIN_SEEDS = 5  #: rule 4: fewer seeds speak of these trained models only
EQUAL_CONFIDENCE = 0.90  #: rule 11: "practically equal" is this interval inside the margin
LOW_MAP = 0.2  #: rule 9: below it OKS and AP decide nothing
EQUAL_SECONDS = 1.1  #: rule 5: device-seconds within 10 % are equal

_UNIT_WORDS = {
    "animal": ("animal", "animals"),
    "session": ("session", "sessions"),
    "video": ("video", "videos"),
    "block": ("time block", "time blocks"),
    "file": ("label file", "label files"),
}


@dataclass(frozen=True)
class PairFinding:
    """What is known of one pair on the primary metric.

    Attributes:
        method_a: the method spoken of.
        method_b: the one it is compared with.
        value_a: mean over units.
        value_b: mean over the same units.
        difference: a minus b.
        n_units: units with both.
        p_adjusted: Holm's p; NaN where none was computed.
        obstacles: reasons why no verdict may be given, as clauses.
        n_pairs: how many pairs share the correction.
    """

    method_a: str
    method_b: str
    value_a: float
    value_b: float
    difference: Estimate
    n_units: int
    p_adjusted: float
    obstacles: tuple[str, ...]
    n_pairs: int


@dataclass(frozen=True)
class Question:
    """What was asked before anything was measured.

    Attributes:
        metric: the primary one.
        margin: differences within it are practically nothing, in the metric's unit.
        confidence: of the intervals.
        unit_kind: word of the unit of inference.
        n_seeds: trainings a method has, at least.
    """

    metric: Metric
    margin: float
    confidence: float
    unit_kind: str
    n_seeds: int


def decide(finding: PairFinding, question: Question) -> Verdict:
    """Return the word for method a against method b."""
    if finding.obstacles or finding.n_units < MIN_UNITS:  # rule 3 and the obstacles' own rules
        return "undecided"
    low, high = finding.difference.bounds(EQUAL_CONFIDENCE)
    if -question.margin <= low and high <= question.margin:  # rule 11: a difference too small to matter
        return "equal"
    if finding.p_adjusted < 1 - question.confidence:  # rule 11: Holm within the family of pairs
        higher = finding.difference.value > 0
        return "better" if higher == question.metric.higher_is_better else "worse"
    return "undecided"


def pair_sentence(finding: PairFinding, verdict: Verdict, question: Question) -> str:
    """Return the finding in plain words, with its numbers and the number of units."""
    metric = question.metric
    if finding.n_units == 0:
        return f"{finding.method_a} and {finding.method_b} are not compared: {_reasons(finding, question)}."
    facts = (
        f"{finding.method_a} {metric.sentence.format(value=metric.told(finding.value_a))}, "
        f"{finding.method_b} {metric.told(finding.value_b)}; the difference is "
        f"{metric.told_differences(abs(finding.difference.value))} "
        f"({_interval_words(finding, question)}{units_words(finding.n_units, question.unit_kind)})"
    )
    return f"{scope_words(question.n_seeds)}{facts}. {_conclusion(finding, verdict, question)}"


def scope_words(n_seeds: int) -> str:
    """Return how a sentence begins: few seeds do not speak for the method (rule 4)."""
    return "" if n_seeds >= MIN_SEEDS else "For these trained models: "


def units_words(n_units: int, kind: str) -> str:
    """Return a count of units in words: 12 time blocks."""
    one, many = _UNIT_WORDS.get(kind, (kind, f"{kind}s"))
    return f"{n_units} {one if n_units == 1 else many}"


def budget_obstacle(a: Mapping[str, Any], b: Mapping[str, Any]) -> str | None:
    """Return why two budgets forbid a verdict, or None: equal trials and seconds, or one plateau rule (rule 5)."""
    if a.get("converged") and b.get("converged"):
        return None
    if any(budget.get(name) is None for budget in (a, b) for name in ("seconds", "trials")):
        return "budgets differ or are not recorded"
    seconds = sorted((float(a["seconds"]), float(b["seconds"])))
    if a["trials"] == b["trials"] and seconds[1] <= EQUAL_SECONDS * seconds[0]:
        return None
    return "budgets differ"


def _interval_words(finding: PairFinding, question: Question) -> str:
    if finding.n_units < MIN_UNITS:
        return ""
    low, high = finding.difference.bounds(question.confidence)
    sign = 1.0 if finding.difference.value >= 0 else -1.0
    ends = question.metric.told_differences(*sorted((sign * low, sign * high)))
    return f"{100 * question.confidence:g} % interval {ends}; "


def _conclusion(finding: PairFinding, verdict: Verdict, question: Question) -> str:
    margin = question.metric.told_differences(question.margin)
    if verdict == "equal":
        return f"They are practically equal: the 90 % interval lies within {margin}."
    if verdict != "undecided":
        winner = finding.method_a if verdict == "better" else finding.method_b
        nearest_end = min(abs(end) for end in finding.difference.bounds(question.confidence))
        small = "" if nearest_end > question.margin else f", though perhaps by less than the margin of {margin}"
        corrected = f" after correction for {finding.n_pairs} pairs" if finding.n_pairs > 1 else ""
        return f"{winner} is better{corrected}{small}."
    return f"Undecided: {_reasons(finding, question)}."


def _reasons(finding: PairFinding, question: Question) -> str:
    reasons: Sequence[str] = finding.obstacles
    if finding.n_units < MIN_UNITS:
        few = units_words(finding.n_units, question.unit_kind)
        reasons = (*reasons, f"a verdict needs at least {MIN_UNITS} independent units, here: {few}")
    if reasons:
        return "; ".join(reasons)
    corrected = f" (corrected for {finding.n_pairs} pairs)" if finding.n_pairs > 1 else ""
    margin = question.metric.told_differences(question.margin)
    return f"these data allow no difference as well as one above the margin of {margin}{corrected}"
