"""Why a method errs: kinds of error, oracle runs, what scores mean, chosen thresholds, and the part of crowding."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from posewright.evaluation.errors import CLASSES
from posewright.report.context import Context
from posewright.report.figures import method_colour
from posewright.report.gather import Evaluation, Results, entry, finite
from posewright.report.page import Block, Bullets, Cell, Column, Section, Table, Text
from posewright.report.words import MISSING, count, number

_CLASS_TITLES = {
    "good": "on the truth",
    "jitter": "near the truth",
    "inversion": "on another part of the same animal",
    "swap": "on another animal",
    "miss": "not found, or on nothing",
}
_PARTS = {
    "wrong": "of the visible body parts",
    "wrong_with_oracle": "the same, told the truth about one stage",
    "detection": "not found",
    "localisation": "found, but off",
    "assignment": "given to another animal",
}


def reasons_section(context: Context) -> Section:
    """Return the tables behind the sentences of why; means over a method's trained models."""
    results = context.results
    blocks: list[Block] = []
    known = [name for name in results.method_names if _some(results.of_method(name), "errors")]
    if not known:
        blocks.append(Text("No evaluation tells kinds of error.", "warn"))
        return Section("reasons", "Why methods err", "Why", blocks)
    blocks += [*_errors(results, known), *_oracles(results, known), *_scores(results, known)]
    turns = [str(one.get("text")) for one in results.summary.get("crowding") or () if isinstance(one, Mapping)]
    blocks.append(Bullets("Does crowding decide?", turns))
    cuts = results.summary.get("strata")
    if isinstance(cuts, Mapping):
        told = [f"{_capital(str(name))}: {cut}." for name, cut in cuts.items()]
        blocks.append(Bullets("What divides the strata, fixed beforehand and told by the truth", told))
    return Section("reasons", "Why methods err", "Why", blocks)


def _errors(results: Results, methods: Sequence[str]) -> list[Block]:
    columns = [Column("Method"), *(Column(_capital(name), _CLASS_TITLES[name], numeric=True) for name in CLASSES)]
    rows = [_row(results, name, [("errors", kind) for kind in CLASSES]) for name in methods]
    words = (
        "Every visible body part falls in one class (Ronchi & Perona 2017), by how alike it is to its own truth, to "
        "other parts of its animal and to other animals."
    )
    return [Text(words, "quiet"), Table(columns, rows, methods=[(name,) for name in methods])]


def _oracles(results: Results, methods: Sequence[str]) -> list[Block]:
    told = [name for name in methods if _some(results.of_method(name), "oracle")]
    if not told:
        return []
    columns = [
        Column("Method"),
        *(Column(_capital(name.replace("_", " ")), note, numeric=True) for name, note in _PARTS.items()),
    ]
    rows = [_row(results, name, [("oracle", part) for part in _PARTS]) for name in told]
    kinds = {name: _some(results.of_method(name), "oracle")[0] for name in told}
    lines = [
        f"{name}, told the {kind.get('kind')}: "
        + "; ".join(f"{part} means {meaning}" for part, meaning in kind.get("meaning", {}).items())
        + "."
        for name, kind in kinds.items()
    ]
    caption = "Oracle runs: what is left when one stage is right"
    return [Table(columns, rows, caption, methods=[(name,) for name in told]), Bullets("How to read it", lines)]


def _scores(results: Results, methods: Sequence[str]) -> list[Block]:
    columns = [
        Column("Method"),
        Column("Peak threshold", "smallest value of a body part", numeric=True),
        Column("Instance threshold", "smallest score of an animal", numeric=True),
        Column("Chosen by", "on validation frames"),
        Column("ECE of body parts", "score against being right", numeric=True),
        Column("ECE of animals", "score against being right", numeric=True),
    ]
    rows = []
    for name in methods:
        evaluations = results.of_method(name)
        chosen = _some(evaluations, "thresholds")
        values = [
            ", ".join(sorted({number(one.get(key), 2) for one in chosen})) or MISSING
            for key in ("peak_threshold", "min_instance_score")
        ]
        rule = {str(one.get("objective") or one.get("source")) for one in chosen}
        cells = _row(results, name, [("calibration", "nodes", "ece"), ("calibration", "instances", "ece")])
        rows.append(
            [cells[0], *(Cell(value) for value in values), Cell(", ".join(sorted(rule)) or MISSING), *cells[1:]]
        )
    caption = "Thresholds, and whether scores mean what they say (0 %: exactly)"
    return [Table(columns, rows, caption, methods=[(name,) for name in methods])]


def _row(results: Results, method: str, paths: Sequence[tuple[str, ...]]) -> list[Cell]:
    cells = [Cell(method, colour=method_colour(results.method_names.index(method)))]
    for path in paths:
        found = [entry(evaluation.metrics, path) for evaluation in results.of_method(method)]
        values = [value for value, _ in found if value is not None]
        below = sum(denominator or 0 for _, denominator in found)
        if not values:
            cells.append(Cell(MISSING, sort=""))
            continue
        mean = sum(values) / len(values)
        cells.append(Cell(f"{number(100 * mean, 1)} %", f"of {count(below)}" if below else "", finite(mean)))
    return cells


def _some(evaluations: Sequence[Evaluation], key: str) -> list[Mapping[str, Any]]:
    """Return one section of metrics.json of each evaluation that has it."""
    return [found for one in evaluations if isinstance(found := one.metrics.get(key), Mapping)]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
