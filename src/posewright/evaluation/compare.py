"""Stage compare_methods: evaluations of several methods -> which is better, by how much, how sure.

The rules whose numbers stand in comments here and in `verdicts`, `conditions`, `runs` are those of ``comparison.md``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from posewright.evaluation import conditions, paired, verdicts
from posewright.evaluation.interaction import crowding_sentence, interactions
from posewright.evaluation.intervals import Estimate, holm, intraclass_correlation
from posewright.evaluation.ledger import first_question
from posewright.evaluation.question import family_of, question_digest
from posewright.evaluation.runs import Run, read_runs, unit_kind, with_units
from posewright.evaluation.strata import FACTORS, UNCORRECTED, in_stratum
from posewright.evaluation.tables import write_table
from posewright.evaluation.unit_metrics import Metric, metric_named, metrics_reported
from posewright.evaluation.verdicts import PairFinding, Question, Verdict
from posewright.files import write_json

SUMMARY_SCHEMA = 1

METHOD_SCHEMA = pa.schema(
    [
        ("method", pa.string()),
        ("metric", pa.string()),
        ("stratum", pa.string()),
        ("estimate", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("n_units", pa.int32()),
        ("n_seeds", pa.int32()),
    ]
)
PAIR_SCHEMA = pa.schema(
    [
        ("method_a", pa.string()),
        ("method_b", pa.string()),
        ("metric", pa.string()),
        ("stratum", pa.string()),
        ("difference", pa.float64()),
        ("low", pa.float64()),
        ("high", pa.float64()),
        ("p", pa.float64()),
        ("p_adjusted", pa.float64()),
        ("verdict", pa.string()),
        ("n_units", pa.int32()),
    ]
)


@dataclass(frozen=True)
class Contest:
    """Everything a comparison works on.

    Attributes:
        runs: of each method, in the order of their names.
        question: what was asked.
        budgets: of each method, means over its trainings.
        test_over_train: held-back frames over training frames.
        family: pairs (a, b) that are judged.
        digest: of what is asked.
        first_digest: of what was asked when these frames were first scored; None on validation frames, and where it is
            not known.
    """

    runs: Mapping[str, Sequence[Run]]
    question: Question
    budgets: Mapping[str, Mapping[str, Any]]
    test_over_train: float
    family: Sequence[tuple[str, str]]
    digest: str
    first_digest: str | None

    @property
    def all_runs(self) -> list[Run]:
        """Runs of all methods."""
        return [run for runs in self.runs.values() for run in runs]


def compare_methods(
    *, evaluations: Sequence[Path], settings: Mapping[str, Any], out: Path, ledger: Path | None = None
) -> None:
    """Compare finished evaluations and write ``methods.parquet``, ``pairs.parquet`` and ``summary.json``.

    Args:
        evaluations: folders ``<method>/fold<k>_seed<s>/<side>``, all of one side.
        settings: ``primary``, ``margin``, ``baseline``, ``confidence``, as in the config's section ``compare``.
        out: folder of the comparison.
        ledger: table of the readings of the test frames; read on the side ``test`` only.
    """
    contest = _contest(with_units(read_runs(evaluations)), settings, ledger)
    findings = judged_pairs(contest)
    words = [verdicts.decide(finding, contest.question) for finding in findings]
    write_table(out / "methods.parquet", _method_rows(contest), METHOD_SCHEMA)
    write_table(out / "pairs.parquet", _pair_rows(contest, findings, words), PAIR_SCHEMA)
    write_json(out / "summary.json", _summary(contest, findings, words, settings))


def judged_pairs(contest: Contest) -> list[PairFinding]:
    """Return the findings on the primary metric, with Holm's correction within the family (rule 11)."""
    findings = [_finding(contest, a, b) for a, b in contest.family]
    admissible = [
        index
        for index, finding in enumerate(findings)
        if not finding.obstacles and finding.n_units >= verdicts.MIN_UNITS  # rule 3: no p value below that
    ]
    adjusted = holm([findings[index].difference.p_value() for index in admissible])
    for index, p_adjusted in zip(admissible, adjusted, strict=True):
        findings[index] = replace(findings[index], p_adjusted=p_adjusted, n_pairs=len(admissible))
    return findings


def _contest(runs: Sequence[Run], settings: Mapping[str, Any], ledger: Path | None) -> Contest:
    by_method = {name: [run for run in runs if run.method == name] for name in sorted({run.method for run in runs})}
    question = Question(
        metric=metric_named(str(settings.get("primary", "pck_5px"))),
        margin=float(settings.get("margin", 0.02)),
        confidence=float(settings.get("confidence", 0.95)),
        unit_kind=unit_kind(runs),
        n_seeds=min(len({run.seed for run in own}) for own in by_method.values()),
    )
    frames = runs[0].metrics["split"]["frames"]
    side = str(runs[0].metrics["side"])
    return Contest(
        runs=by_method,
        question=question,
        budgets={name: conditions.mean_budget(own) for name, own in by_method.items()},
        test_over_train=frames[side] / frames["train"] if frames.get("train") else 1.0,
        family=family_of(list(by_method), settings.get("baseline")),
        digest=question_digest({**settings, **_asked(question)}, list(by_method)),
        first_digest=first_question(ledger, str(runs[0].metrics.get("test_digest")))
        if ledger is not None and side == "test"
        else None,
    )


def _asked(question: Question) -> dict[str, Any]:
    return {"primary": question.metric.name, "margin": question.margin, "confidence": question.confidence}


def _finding(contest: Contest, a: str, b: str) -> PairFinding:
    tables = paired.pair_tables(contest.runs[a], contest.runs[b], contest.question.metric)
    both = [*contest.runs[a], *contest.runs[b]]
    budgets = contest.budgets
    obstacles = conditions.obstacles(contest.all_runs, both, contest.question, budgets[a], budgets[b])
    if contest.first_digest not in (None, contest.digest):  # rule 11
        obstacles = (*obstacles, "the question was changed after these frames had first been scored")
    if tables.difference.shape[1] == 0:
        obstacles = (*obstacles, "the two methods share no fold and seed")
    return PairFinding(
        method_a=a,
        method_b=b,
        value_a=float(tables.a.mean(axis=1).mean()),
        value_b=float(tables.b.mean(axis=1).mean()),
        difference=paired.estimate(tables.difference, contest.test_over_train),
        n_units=paired.n_units(tables.difference),
        p_adjusted=float("nan"),
        obstacles=obstacles,
        n_pairs=0,
    )


def _reported(contest: Contest, *methods: str) -> list[tuple[Metric, str]]:
    """Metrics and strata with rows; what incomplete labels would spoil is left out (rule 8), as are unknown names."""
    complete = all(run.metrics.get("complete", True) for run in contest.all_runs)
    named = all(run.metrics["identity"]["denominator"] for method in methods for run in contest.runs[method])
    metrics = [
        metric
        for metric in metrics_reported(contest.question.metric.name)
        if (complete or not metric.false_positives) and (named or not metric.of_names)
    ]
    first, strata = metrics[0], _strata(contest)
    return [(metric, "all") for metric in metrics] + [
        (metric, stratum) for metric in metrics if metric is first or metric.in_strata for stratum in strata
    ]


def _strata(contest: Contest) -> list[str]:
    """Return the strata of factors that divide these labels at all."""
    truth = contest.all_runs[0].keypoints
    levels = [factor[:2] for factor in FACTORS.values()]
    found = [level for pair in levels if all(in_stratum(truth, one).any() for one in pair) for level in pair]
    # rule 10: once more without the corrected labels
    return [*found, UNCORRECTED] if conditions.corrected_share(contest.all_runs) else found


def _method_rows(contest: Contest) -> pd.DataFrame:
    rows = []
    for method, runs in contest.runs.items():
        for metric, stratum in _reported(contest, method):
            table = paired.method_table(runs, metric, stratum)
            units = paired.n_units(table)
            estimate = paired.estimate(table, contest.test_over_train)
            low, high = _bounds(estimate, units, contest.question.confidence)
            row = (method, metric.name, stratum, estimate.value, low, high, units, paired.n_seeds(table))
            rows.append(dict(zip(METHOD_SCHEMA.names, row, strict=True)))
    return pd.DataFrame(rows, columns=METHOD_SCHEMA.names)


def _pair_rows(contest: Contest, findings: Sequence[PairFinding], words: Sequence[Verdict]) -> pd.DataFrame:
    """One row per pair, metric and stratum; only the primary metric over everything is judged (rule 11)."""
    rows = []
    for finding, word in zip(findings, words, strict=True):
        a, b = finding.method_a, finding.method_b
        p = float("nan") if np.isnan(finding.p_adjusted) else finding.difference.p_value()
        for metric, stratum in _reported(contest, a, b):
            judged = metric.name == contest.question.metric.name and stratum == "all"
            table = paired.pair_tables(contest.runs[a], contest.runs[b], metric, stratum).difference
            units = paired.n_units(table)
            estimate = paired.estimate(table, contest.test_over_train)
            low, high = _bounds(estimate, units, contest.question.confidence)
            test = (p, finding.p_adjusted, word) if judged else (float("nan"), float("nan"), None)
            row = (a, b, metric.name, stratum, estimate.value, low, high, *test, units)
            rows.append(dict(zip(PAIR_SCHEMA.names, row, strict=True)))
    return pd.DataFrame(rows, columns=PAIR_SCHEMA.names)


def _bounds(estimate: Estimate, n_units: int, confidence: float) -> tuple[float, float]:
    """The interval, or none where there are too few units (rule 3: estimates only)."""
    return estimate.bounds(confidence) if n_units >= verdicts.MIN_UNITS else (float("nan"), float("nan"))


def _summary(
    contest: Contest, findings: Sequence[PairFinding], words: Sequence[Verdict], settings: Mapping[str, Any]
) -> dict[str, Any]:
    question = contest.question
    runs = contest.all_runs
    sentences = [
        {
            "method_a": finding.method_a,
            "method_b": finding.method_b,
            "verdict": word,
            "text": verdicts.pair_sentence(finding, word, question),
            "unit_differences": _unit_differences(contest, finding),
        }
        for finding, word in zip(findings, words, strict=True)
    ]
    return {
        "schema": SUMMARY_SCHEMA,
        "side": runs[0].metrics["side"],
        **_asked(question),
        "baseline": settings.get("baseline"),
        "question_digest": contest.digest,  # rule 11: fixed before the first test score
        "unit": {"kind": question.unit_kind, "n": _n_units(contest), "icc": _frame_correlation(contest)},
        "label_source": runs[0].metrics["label_source"],
        "banner": conditions.banner(runs),
        "answer": _answer(contest, findings, words),
        "sentences": sentences,
        "conditions": [
            *conditions.conditions(runs, question, contest.budgets),
            *conditions.question_words(str(runs[0].metrics["side"]), contest.digest, contest.first_digest),
        ],
        "budgets": contest.budgets,
        "crowding": _crowding(contest, findings),
        "strata": {name: factor[2] for name, factor in FACTORS.items()},  # rule 12: the cut points, in words
        "corrected_share": conditions.corrected_share(runs),
        "unranked": conditions.unranked(runs),
        "notes": conditions.notes(runs),
    }


def _answer(contest: Contest, findings: Sequence[PairFinding], words: Sequence[Verdict]) -> str:
    """The headline: the one sentence of a pair, or who leads and what of that is decided."""
    question = contest.question
    if len(findings) == 1:
        return verdicts.pair_sentence(findings[0], words[0], question)
    metric = question.metric
    values = {
        method: paired.estimate(paired.method_table(runs, metric), contest.test_over_train).value
        for method, runs in contest.runs.items()
    }
    unranked = conditions.unranked(contest.all_runs)  # rule 2
    ranked = [method for method in values if method not in unranked]
    if not ranked:
        return f"No method may be ranked: {'; '.join(f'{name} {why}' for name, why in unranked.items())}."
    lead = max(ranked, key=lambda name: values[name] if metric.higher_is_better else -values[name])
    start = verdicts.scope_words(question.n_seeds)
    fact = metric.sentence.format(value=metric.told(values[lead]))
    units = verdicts.units_words(_n_units(contest), question.unit_kind)
    if len(values) == 1:
        return f"{start}{lead} {fact} ({units}). It is the only method, so there is nothing to compare."
    beaten = [
        finding.method_b if finding.method_a == lead else finding.method_a
        for finding, word in zip(findings, words, strict=True)
        if (finding.method_a == lead and word == "better") or (finding.method_b == lead and word == "worse")
    ]
    rest = [name for name in values if name not in beaten and name != lead]
    decided = f"It is better than {_listed(beaten)}" if beaten else ""
    open_ = f"against {_listed(rest)} no advantage is shown" if rest else ""
    tail = "; ".join(part for part in (decided, open_) if part)
    return f"{start}{lead} {fact}, the best estimate of {len(values)} methods ({units}). {tail[0].upper()}{tail[1:]}."


def _crowding(contest: Contest, findings: Sequence[PairFinding]) -> list[dict[str, Any]]:
    """The interaction of each pair with crowding (rule 12); where no verdict is allowed no turnover is claimed."""
    question = contest.question
    if question.metric.false_positives:
        return []
    pairs = [(contest.runs[a], contest.runs[b]) for a, b in contest.family]
    found = interactions(pairs, question.metric, question.confidence, contest.test_over_train)
    entries = []
    for one, finding in zip(found, findings, strict=True):
        crossing = None if finding.obstacles else one.crossing
        numbers = {name: _known(value) for name, value in (("slope", one.slope), ("low", one.low), ("high", one.high))}
        entries.append(
            {
                "method_a": one.method_a,
                "method_b": one.method_b,
                **numbers,
                "p_adjusted": _known(one.p_adjusted),
                "n_units": one.n_units,
                "crossing": None if crossing is None else dict(zip(("at", "low", "high"), crossing, strict=True)),
                "text": crowding_sentence(replace(one, crossing=crossing), finding.obstacles, question),
            }
        )
    return entries


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _unit_differences(contest: Contest, finding: PairFinding) -> dict[str, float]:
    tables = paired.pair_tables(contest.runs[finding.method_a], contest.runs[finding.method_b], contest.question.metric)
    return {str(unit): float(value) for unit, value in tables.unit_differences.items()}


def _n_units(contest: Contest) -> int:
    return max(paired.n_units(paired.method_table(runs, contest.question.metric)) for runs in contest.runs.values())


def _frame_correlation(contest: Contest) -> float | None:
    """Intra-class correlation of the primary metric's frame values within units (rule 3), mean over the methods."""
    found = []
    for runs in contest.runs.values():
        frames = runs[0].rows(contest.question.metric).groupby(["unit", "video", "frame"])
        values = pd.Series(
            {key: contest.question.metric.of_rows(rows) for key, rows in frames}, dtype=np.float64
        ).dropna()
        found.append(intraclass_correlation(values.to_numpy(), [str(unit) for unit, _, _ in values.index]))
    known = [value for value in found if not np.isnan(value)]
    return float(np.mean(known)) if known else None
