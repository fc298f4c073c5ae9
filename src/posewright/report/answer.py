"""The top of the page: banners, the answer in words, the table of methods and the table of pairs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from posewright.report.context import Context
from posewright.report.figures import method_colour
from posewright.report.gather import Evaluation, Results, entry, finite
from posewright.report.measures import overall
from posewright.report.page import Banner, Block, Bullets, Cell, Column, Section, Table, Text, Verdict
from posewright.report.words import (
    MISSING,
    count,
    counted,
    difference_of,
    interval_of,
    metric_name,
    number,
    p_value,
    plain,
    value_of,
    verdict,
)

DEFAULT_PRIMARY = "pck_5px"
SIDE_WORDS = {"val": "validation", "test": "test"}

_LABEL_BANNERS: Mapping[str, Banner] = {
    "human": Banner("Labels were made by people (label source: human).", ""),
    "corrected": Banner(
        "Labels are a model's output corrected by people (label source: corrected): they may favour methods like that "
        "model.",
        "warn",
    ),
    "model": Banner(
        "Labels are the output of an earlier model (label source: model): the numbers show agreement with an earlier "
        "model, not accuracy, and carry no verdict.",
        "bad",
    ),
}


@dataclass(frozen=True)
class _Measure:
    """A column of the table of methods: where metrics.json keeps it and what it is counted over."""

    metric: str
    path: tuple[str, ...]
    over: str
    title: str = ""


_MEASURES = (
    _Measure("coverage", ("coverage", "value"), "visible body parts"),
    _Measure("median_distance_px", ("distance_px", "p50"), "body parts found", "Median (px)"),
    _Measure("p95_distance_px", ("distance_px", "p95"), "body parts found", "p95 (px)"),
    _Measure("mean_distance_capped_px", ("distance_capped_px", "mean"), "all visible, misses capped", "Mean (px)"),
    _Measure("oks_map", ("oks", "map"), "labelled animals", "OKS mAP"),
    _Measure("hallucinated", ("visibility", "hallucinated"), "body parts without truth", "Invented"),
)
_NAMES = _Measure("identity_accuracy", ("identity", "accuracy"), "animals found, both named")  #: where any are named


def primary_metric(results: Results) -> str:
    """Return the metric that decides."""
    return str(results.summary.get("primary") or DEFAULT_PRIMARY)


def banners(results: Results) -> list[Banner]:
    """Return what must be read before any number: where labels come from, how far the answer reaches, which side."""
    found = []
    source = _label_source(results)
    stated = results.summary.get("banner")
    if stated:
        found.append(Banner(_capital(str(stated)).rstrip(".") + ".", "bad" if source == "model" else "warn"))
    if source not in _LABEL_BANNERS:
        found.append(
            Banner("The label source is not recorded: take the numbers as agreement with unknown labels.", "warn")
        )
    elif not (stated and source == "model"):
        found.append(_LABEL_BANNERS[source])
    if _n_videos(results) == 1 and "recording only" not in str(stated):
        found.append(Banner("One video was scored: conclusions concern this recording only.", "warn"))
    if results.side == "val":
        found.append(Banner("Scored on validation frames. Test frames are read by the target “final” only.", ""))
    else:
        found.append(Banner("Scored on test frames, which took no part in training or in any choice.", ""))
    return found


def headline(results: Results) -> str:
    """Return the answer in one sentence, or why there is none."""
    if results.summary.get("answer"):
        return str(results.summary["answer"])
    names = results.method_names
    if not names:
        return "No method has been evaluated yet, so there is no answer."
    if len(names) == 1:
        return f"Only one method, {names[0]}, was evaluated: there is nothing to compare it with."
    return f"{len(names)} methods were evaluated, but no comparison of them was found."


def answer_blocks(results: Results) -> list[Block]:
    """Return the sentences behind the answer with their verdict words, and the conditions under which they hold."""
    sentences = [item for item in results.summary.get("sentences", ()) if isinstance(item, dict)]
    blocks: list[Block] = [_verdict(item, headline(results)) for item in sentences]
    blocks.append(Bullets("This holds under these conditions", _texts(results.summary.get("conditions"))))
    blocks.append(Bullets("Notes", _texts(results.summary.get("notes"))))
    return blocks


def _verdict(sentence: Mapping[str, Any], said: str) -> Verdict:
    """Return the verdict word with the sentence of its pair; names only where the headline is that sentence."""
    word = sentence.get("verdict", "undecided")
    text = str(sentence.get("text", ""))
    if text != said:
        return Verdict(*verdict(word), text)
    first, second = str(sentence.get("method_a")), str(sentence.get("method_b"))
    if word == "worse":  # the better one first, as the headline ends
        word, first, second = "better", second, first
    return Verdict(*verdict(word), f"{first} against {second}")


def methods_section(context: Context) -> Section:
    """Return the table of methods, and one row per trained model below it."""
    results = context.results
    blocks: list[Block] = []
    if not results.method_names:
        blocks.append(Text("No method has been evaluated yet.", "warn"))
        return Section("methods", "Methods", "Methods", blocks)
    primary = primary_metric(results)
    named = any(entry(evaluation.metrics, _NAMES.path)[1] for evaluation in results.evaluations)
    shown = [*_MEASURES, _NAMES] if named else _MEASURES
    measures = [_primary_measure(primary), *(item for item in shown if item.metric != primary)]
    confidence = finite(results.summary.get("confidence"))
    words = f"{100 * confidence:g} % interval" if confidence else "interval"
    blocks.append(
        Text(
            f"The primary metric is {metric_name(primary)}. Below each value stand its {words}, where there is one, "
            "and its denominator. Values are means over a method's trained models; counts and denominators are sums "
            "over them. Click a column's title to sort.",
            "quiet",
        )
    )
    blocks += [Text(line) for line in _counting(results)]
    rows = [_method_row(results, name, place, measures) for place, name in enumerate(results.method_names)]
    blocks.append(
        Table(
            [*_columns(measures), *_COUNT_COLUMNS],
            rows,
            _METHODS_CAPTION if _counting(results) else "",
            methods=[(name,) for name in results.method_names],
        )
    )
    runs = [_run_row(evaluation, measures) for evaluation in results.evaluations]
    run_columns = [Column("Method"), Column("Fold", numeric=True), Column("Seed", numeric=True)]
    blocks.append(
        Table(
            [*run_columns, *_columns(measures)[1:], *_COUNT_COLUMNS],
            runs,
            f"Each trained model by itself ({len(runs)}), all its frames pooled",
            folded=True,
            methods=[(evaluation.method,) for evaluation in results.evaluations],
        )
    )
    return Section("methods", "Methods", "Methods", blocks)


def pairs_section(context: Context) -> Section:
    """Return the comparison of each pair on the primary metric, and everything else as a description."""
    results = context.results
    title = "Pairs of methods"
    if results.pairs is None or results.pairs.empty:
        why = "One method alone has no pairs." if len(results.method_names) < 2 else "No comparison of pairs was found."
        return Section("pairs", title, "Pairs", [Text(why, "warn")])
    primary = primary_metric(results)
    decided = overall(results.pairs, primary)
    margin = finite(results.summary.get("margin"))
    blocks: list[Block] = [
        Text(
            "Differences are the first method minus the second, paired on the same units. "
            + _unit_sentence(results.summary.get("unit"))
            + (
                ""
                if margin is None
                else f" “Practically equal” means within ±{difference_of(primary, margin, sign=False)} of each other."
            ),
            "quiet",
        )
    ]
    columns = [
        Column("Pair"),
        Column("Verdict"),
        Column(f"Difference in {metric_name(primary)}", "with its interval", numeric=True),
        Column("p", "adjusted for the number of pairs", numeric=True),
        Column("Units", numeric=True),
    ]
    rows = [_pair_row(row, primary, judged=True) for _, row in decided.iterrows()]
    blocks.append(Table(columns, rows, methods=_pairs_of(decided)))
    if decided.empty:
        blocks.append(Text(f"The pairs carry no row of the primary metric {metric_name(primary)}.", "warn"))
    others = results.pairs.drop(index=decided.index)
    if len(others):
        columns = [Column("Pair"), Column("Metric"), Column("Stratum"), *columns[2:3], Column("Units", numeric=True)]
        columns[3] = Column("Difference", "with its interval", numeric=True)
        rows = [_pair_row(row, str(row["metric"]), judged=False) for _, row in others.iterrows()]
        caption = f"Other metrics and strata: descriptive, no verdicts ({len(rows)})"
        blocks.append(Table(columns, rows, caption, folded=True, methods=_pairs_of(others), searchable=True))
    return Section("pairs", title, "Pairs", blocks)


_METHODS_CAPTION = "Means over units; “pooled”: the same of all frames together, as in metrics.json"


def _counting(results: Results) -> list[str]:
    """Say how a value over units comes about, and why it is not the one that all frames together give (rule 3)."""
    if results.methods is None:
        return []
    unit = results.summary.get("unit")
    kind = str(unit.get("kind", "unit")) if isinstance(unit, Mapping) else "unit"
    return [
        f"Where a measure is compared, its value is the mean over the {kind}s, each counting the same however many "
        f"frames it has: a median is the mean of the medians of the {kind}s, not the median of all errors. “Pooled” "
        "below it is the measure of all frames together, as metrics.json and model cards have it; it is shown where it "
        f"differs. Intervals and verdicts belong to the mean over {kind}s."
    ]


_COUNT_COLUMNS = (
    Column("Missed", "labelled animals", numeric=True),
    Column("Extra", "predicted animals", numeric=True),
    Column("Frames/s", "labelled frames, one run", numeric=True),
)


def _columns(measures: Sequence[_Measure]) -> list[Column]:
    titled = [Column(item.title or _capital(metric_name(item.metric)), item.over, numeric=True) for item in measures]
    return [Column("Method"), *titled]


def _method_row(results: Results, name: str, place: int, measures: Sequence[_Measure]) -> list[Cell]:
    evaluations = results.of_method(name)
    table = None if results.methods is None else results.methods[results.methods["method"] == name]
    models = counted(len(evaluations), "trained model") if evaluations else "not evaluated"
    cells = [Cell(name, models, colour=method_colour(place))]
    for item in measures:
        values, below = _entries(evaluations, item.path)
        estimated = pd.DataFrame() if table is None else overall(table, item.metric)
        lines, together = [], []
        value = sum(values) / len(values) if values else None
        if len(estimated):
            row = estimated.iloc[0]
            pooled, value = value, finite(row["estimate"])
            lines.append(interval_of(item.metric, row["low"], row["high"]))
            told = "" if pooled is None else value_of(item.metric, pooled)
            together = [f"pooled {told}"] if told and told != value_of(item.metric, value) else []
        if below:
            lines.append(f"of {count(below)}")
        lines += together
        cells.append(Cell(value_of(item.metric, value), "\n".join(lines), _sortable(value)))
    return [*cells, *_count_cells(evaluations)]


def _run_row(evaluation: Evaluation, measures: Sequence[_Measure]) -> list[Cell]:
    cells = [Cell(evaluation.method), Cell(str(evaluation.fold)), Cell(str(evaluation.seed))]
    for item in measures:
        value, below = entry(evaluation.metrics, item.path)
        cells.append(Cell(value_of(item.metric, value), f"of {count(below)}" if below else "", _sortable(value)))
    return [*cells, *_count_cells([evaluation])]


def _count_cells(evaluations: Sequence[Evaluation]) -> list[Cell]:
    cells = []
    for key, below in (("missed", "true"), ("extra", "predicted")):
        values, wholes = (_entries(evaluations, ("counts", name))[0] for name in (key, below))
        if values:
            cells.append(Cell(count(sum(values)), f"of {count(sum(wholes))}", sum(values)))
        else:
            cells.append(Cell("not computed" if evaluations else MISSING, sort=""))
    speeds, _ = _entries(evaluations, ("throughput", "frames_per_s"))
    speed = sum(speeds) / len(speeds) if speeds else None
    return [*cells, Cell(number(speed, 1), "", _sortable(speed))]


def _entries(evaluations: Iterable[Evaluation], path: tuple[str, ...]) -> tuple[list[float], int]:
    """Return the values of one entry over evaluations, and the sum of its denominators."""
    found = [entry(evaluation.metrics, path) for evaluation in evaluations]
    return [value for value, _ in found if value is not None], sum(below or 0 for _, below in found)


def _pair_row(row: Any, metric: str, *, judged: bool) -> list[Cell]:
    ends = interval_of(metric, row["low"], row["high"])
    difference = Cell(difference_of(metric, row["difference"]), ends, _sortable(finite(row["difference"])))
    pair = Cell(f"{row['method_a']} minus {row['method_b']}")
    units = Cell(count(row["n_units"]), "", _sortable(finite(row["n_units"])))
    if not judged:
        stratum = str(row["stratum"]) if pd.notna(row["stratum"]) and row["stratum"] else "all"
        return [pair, Cell(metric_name(metric)), Cell(stratum), difference, units]
    word, tone = verdict(row["verdict"])
    p_cell = Cell(p_value(row["p_adjusted"]), "", _sortable(finite(row["p_adjusted"])))
    return [pair, Cell(word, tone=tone), difference, p_cell, units]


def _pairs_of(pairs: pd.DataFrame) -> list[tuple[str, ...]]:
    return [(str(a), str(b)) for a, b in zip(pairs["method_a"], pairs["method_b"], strict=True)]


def _primary_measure(metric: str) -> _Measure:
    if metric.startswith("pck_"):
        return _Measure(metric, ("pck", metric.removeprefix("pck_").removesuffix("px")), "visible body parts")
    return next(
        (item for item in _MEASURES if item.metric == metric), _Measure(metric, (metric,), "what it is defined on")
    )


def _unit_sentence(unit: Any) -> str:
    if not isinstance(unit, dict):
        return "The unit of inference is not recorded."
    sentence = f"The unit of inference is the {unit.get('kind', 'unit')}: {counted(int(unit.get('n') or 0), 'unit')}"
    icc = finite(unit.get("icc"))
    return sentence + ("." if icc is None else f", intra-class correlation {icc:.2f}.")


def _label_source(results: Results) -> str:
    stated = results.summary.get("label_source")
    if not stated and results.evaluations:
        stated = results.evaluations[0].metrics.get("label_source")
    return str(stated)


def _n_videos(results: Results) -> int:
    tables = [evaluation.instances for evaluation in results.evaluations if evaluation.instances is not None]
    return len({int(video) for table in tables for video in table["video"].unique()})


def _texts(value: Any) -> list[str]:
    return [item if isinstance(item, str) else plain(item) for item in value] if isinstance(value, list) else []


def _sortable(value: float | None) -> float | str:
    return "" if value is None else value


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
