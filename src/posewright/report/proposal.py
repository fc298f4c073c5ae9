"""The section that sets what the training labels suggested beside what was measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from posewright.config.auto import at
from posewright.errors import InputError
from posewright.evaluation.unit_metrics import metric_named
from posewright.report.answer import primary_metric
from posewright.report.context import Context
from posewright.report.gather import Reader, Results, TrainedModel, finite
from posewright.report.measures import overall
from posewright.report.page import Block, Cell, Column, Section, Table, Text, Verdict
from posewright.report.words import MISSING, interval_of, metric_name, plain, value_of, verdict

_CROP = "data_config.preprocessing.crop_size"


def proposal_section(context: Context) -> Section | None:
    """Return what was suggested and whether the outcome bears it out; None where nothing was planned."""
    results, types = context.results, context.types
    plan = Reader(results.folder).json(results.folder / "plan" / "fold0" / "plan.json")
    suggested = at(plan, "methods.value")
    if not isinstance(suggested, list):
        return None
    scores = _scores(results)
    blocks: list[Block] = [
        Text(f"Before anything was trained, the training labels suggested {' and '.join(map(str, suggested))}."),
        Text(str(at(plan, "methods.reason") or ""), "quiet"),
        _outcome(results, types, suggested, scores),
        _methods_table(results, types, suggested, scores),
        _settings_table(results.models, plan),
    ]
    shown = [block for block in blocks if not (isinstance(block, Table) and not block.rows)]
    return Section("suggested", "What the data suggested", "Suggested", shown)


def _scores(results: Results) -> dict[str, tuple[float, float | None, float | None]]:
    """Return method -> (estimate, low, high) of the primary metric over everything."""
    if results.methods is None:
        return {}
    rows = overall(results.methods, primary_metric(results)).to_dict("records")
    found = {str(row["method"]): (finite(row["estimate"]), finite(row["low"]), finite(row["high"])) for row in rows}
    return {name: (value, low, high) for name, (value, low, high) in found.items() if value is not None}


def _outcome(
    results: Results,
    types: Mapping[str, str],
    suggested: Sequence[str],
    scores: Mapping[str, tuple[float, float | None, float | None]],
) -> Verdict:
    """Return the sentence that judges the suggestion by the best method of the suggested types and the best other."""
    ranked = _best_first(scores, primary_metric(results))
    own = [name for name in ranked if types.get(name) in suggested]
    others = [name for name in ranked if name not in own]
    if not own:
        return Verdict("not tried", "quiet", "No method of that type was trained and scored here.")
    if not others:
        if len(own) == 1:
            return Verdict("not tried", "quiet", f"{own[0]} is the only method here: nothing stands against it.")
        word, tone = verdict(_judged(results, own[0], own[1]))
        return Verdict(word, tone, f"Several were suggested and trained; {_against(results, own[0], own[1], scores)}.")
    found = _judged(results, own[0], others[0])
    beside = _against(results, own[0], others[0], scores)
    if found == "better":
        return Verdict("borne out", "good", f"The suggested {beside}.")
    if found == "worse":
        return Verdict("not borne out", "bad", f"The suggested {beside}; on this data the other one is better.")
    if found == "equal":
        return Verdict("no difference", "quiet", f"The suggested {beside}: practically equal.")
    return Verdict("undecided", "warn", f"The suggested {beside}; the difference is not decided.")


def _best_first(scores: Mapping[str, tuple[float, float | None, float | None]], primary: str) -> list[str]:
    try:
        sign = -1 if metric_named(primary).higher_is_better else 1
    except InputError:  # results of another version may carry metrics that this one does not know
        sign = -1
    return sorted(scores, key=lambda name: (sign * scores[name][0], name))


def _judged(results: Results, first: str, second: str) -> str:
    """Return the verdict on the first against the second; ``undecided`` where the pair was not judged."""
    turned = {"better": "worse", "worse": "better"}
    for sentence in results.summary.get("sentences", ()):
        pair = (sentence.get("method_a"), sentence.get("method_b"))
        word = str(sentence.get("verdict", "undecided"))
        if pair == (first, second):
            return word
        if pair == (second, first):
            return turned.get(word, word)
    return "undecided"


def _against(
    results: Results, first: str, second: str, scores: Mapping[str, tuple[float, float | None, float | None]]
) -> str:
    primary = primary_metric(results)
    own, other = (value_of(primary, scores[name][0]) for name in (first, second))
    return f"{first} reached {metric_name(primary)} {own}, {second} {other}"


def _methods_table(
    results: Results,
    types: Mapping[str, str],
    suggested: Sequence[str],
    scores: Mapping[str, tuple[float, float | None, float | None]],
) -> Table:
    primary = primary_metric(results)
    rows = [
        [
            Cell(name),
            Cell(types.get(name, MISSING).replace("_", " ")),
            Cell("yes" if types.get(name) in suggested else "no"),
            Cell(value_of(primary, scores[name][0]), interval_of(primary, *scores[name][1:]), scores[name][0]),
        ]
        for name in _best_first(scores, primary)
    ]
    columns = [Column("Method"), Column("Type"), Column("Suggested"), Column(metric_name(primary), numeric=True)]
    return Table(columns, rows, methods=[(name,) for name in _best_first(scores, primary)])


def _settings_table(models: Sequence[TrainedModel], plan: Mapping[str, Any]) -> Table:
    """Return each setting as suggested and as trained with, of the first model of every recipe."""
    rows = []
    for model in {model.recipe: model for model in reversed(models) if model.fold == 0}.values():
        taken = {one.get("key"): one for one in model.info.get("plan", ())}
        for one in at(plan, f"settings.{model.info.get('model_type')}") or ():
            used = at(model.info.get("recipe") or {}, one["key"])
            if one["key"] == _CROP and used is None:
                used = at(model.info, "preprocess.crop_size_px")
            origin = "taken (auto)" if one["key"] in taken else "same" if used == one["value"] else "the recipe's own"
            told = taken.get(one["key"], one)
            cells = [model.recipe, one["key"], plain(told["value"]), plain(used), origin, str(told["reason"])]
            rows.append([Cell(text) for text in cells])
    columns = [Column(title) for title in ("Model", "Setting", "Suggested", "Used", "", "Why suggested")]
    return Table(columns, sorted(rows, key=lambda row: row[0].text), "Every setting, suggested and used", folded=True)
