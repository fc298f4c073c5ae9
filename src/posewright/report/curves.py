"""The sections made of figures: accuracy over all frames, and how the models were trained."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from posewright.evaluation.conditions import checkpoint_words
from posewright.report.answer import primary_metric
from posewright.report.context import Context
from posewright.report.figures import (
    differences_figure,
    error_coverage_figure,
    method_colour,
    node_figure,
    pck_figure,
    training_figure,
)
from posewright.report.gather import Results, TrainedModel, finite
from posewright.report.measures import (
    NodeError,
    error_coverage,
    node_errors,
    pck_curve,
    pck_threshold_px,
    threshold_free,
    unit_differences,
    visible_nodes,
)
from posewright.report.page import Block, Cell, Column, Figure, Gallery, Section, Table, Text
from posewright.report.words import (
    MISSING,
    count,
    counted,
    difference_of,
    duration,
    is_share,
    metric_name,
    number,
    plain,
)


def curves_section(context: Context) -> Section:
    """Return the figures of accuracy, each with what it is counted over."""
    results = context.results
    nodes = {name: visible_nodes(results.of_method(name)) for name in results.method_names}
    known = {name: table for name, table in nodes.items() if table is not None}
    title = "Accuracy in figures"
    if not known:
        return Section("curves", title, "Figures", [Text("No keypoints were scored, so there are no curves.", "warn")])
    absent = [name for name in nodes if name not in known]
    primary = primary_metric(results)
    mark_px = pck_threshold_px(primary)
    errors = {name: node_errors(table) for name, table in known.items()}
    counts = ", ".join(f"{count(len(table))} ({name})" for name, table in known.items())
    figures = [
        Figure(
            pck_figure({name: pck_curve(table, longest_px(known, mark_px)) for name, table in known.items()}, mark_px),
            "PCK curve: part of visible body parts found within a distance, by method",
            f"A body part not found counts as wrong at every distance. Counted over {counts} visible body parts.",
            "How many body parts lie within a distance of their truth",
        ),
        Figure(
            error_coverage_figure(
                {name: threshold_free(results.of_method(name)) or error_coverage(known[name]) for name in known}
            ),
            "Error against coverage, by method",
            "Predictions are taken in order of their score, surest first; the mark at the end takes all of them. A "
            "lower line is better at the same coverage; a line that ends further right finds more body parts.",
            "Error against coverage: no threshold chosen",
        ),
    ]
    differences = _differences_figure(results, primary)
    figures += [differences] if differences else []
    figures.append(
        Figure(
            node_figure(errors),
            "Median error and 90th percentile of each body part, by method",
            "Mark: the median error, line to the 90th percentile. Only body parts that were found, of all frames "
            "pooled; the table below gives how many.",
            "Error by body part",
        )
    )
    blocks: list[Block] = [Gallery(figures), _node_table(errors)]
    if absent:
        blocks.insert(0, Text(f"No keypoints were found for {', '.join(absent)}.", "warn"))
    if differences is None and len(known) > 1:
        blocks.append(
            Text(f"Differences by unit of {metric_name(primary)} are not drawn: no pair has units in common.", "warn")
        )
    return Section("curves", title, "Figures", blocks)


def training_section(context: Context) -> Section:
    """Return what each method cost, and the loss curves of each recipe."""
    results = context.results
    title = "Training and budgets"
    blocks: list[Block] = []
    budgets = results.summary.get("budgets")
    if isinstance(budgets, Mapping) and budgets:
        blocks.append(Text("Each number is the mean over a method's trainings (fold and seed).", "quiet"))
        blocks.append(_budget_table(results, budgets))
    else:
        blocks.append(Text("The budgets of the methods are not recorded.", "warn"))
    figures, bare = [], []
    for recipe, group in groupby(results.models, key=lambda model: model.recipe):
        models = list(group)
        picture = training_figure(models)
        if picture is None:
            bare.append(recipe)
            continue
        note = f"{counted(len(models), 'model')} (fold and seed)" if len(models) > 1 else "One model"
        figures.append(
            Figure(picture, f"Loss curves of {recipe}", f"{note}. {_model_words(models[0])}".strip(), recipe)
        )
    if figures:
        blocks.append(Gallery(figures))
    if bare:
        blocks.append(Text(f"No training log with losses was found for {', '.join(bare)}.", "warn"))
    if not results.models:
        blocks.append(Text("No model was trained here: the methods use models from elsewhere.", "quiet"))
    return Section("training", title, "Training", blocks)


def _differences_figure(results: Results, primary: str) -> Figure | None:
    pairs = unit_differences(results, primary)
    if not pairs:
        return None
    name = metric_name(primary)
    margin = finite(results.summary.get("margin"))
    units = counted(max(len(pair.units) for pair in pairs), "unit")
    band = (
        ""
        if margin is None
        else f" The shaded band is the margin of practical equality, ±{difference_of(primary, margin, sign=False)}."
    )
    return Figure(
        differences_figure(pairs, name, margin, percent=is_share(primary)),
        f"Difference in {name} on each unit, with the mean and its interval",
        f"Gray dots: one of {units} each, the first method minus the second. Diamond and bar: the mean and its "
        f"interval, where one was computed.{band}",
        f"Paired differences in {name}, unit by unit",
    )


def longest_px(known: Mapping[str, pd.DataFrame], mark_px: float | None) -> float:
    """Return how far the PCK curve goes: past the primary threshold and most errors of every method."""
    tails = [table["distance_px"].quantile(0.97) for table in known.values()]
    tail = max((float(value) for value in tails if np.isfinite(value)), default=10.0)
    return float(min(max(tail, 2.0 * (mark_px or 0.0), 1.0), 10.0 * (mark_px or 10.0)))


def _node_table(errors: Mapping[str, list[NodeError]]) -> Table:
    nodes = dict.fromkeys(error.node for listed in errors.values() for error in listed)
    columns = [Column("Body part")]
    for name in errors:
        columns += [Column(f"{name}: median (px)", numeric=True), Column("Found", f"{name}, of labelled", numeric=True)]
    rows = []
    for node in nodes:
        cells = [Cell(node)]
        for listed in errors.values():
            error = next((item for item in listed if item.node == node), None)
            if error is None:
                cells += [Cell(MISSING, sort=""), Cell(MISSING, sort="")]
                continue
            part = error.n_found / error.n_visible
            median = finite(error.median_px)
            cells.append(Cell(number(median, 2), f"90 %: {number(error.p90_px, 2)}", "" if median is None else median))
            cells.append(Cell(f"{part:.1%}", f"{count(error.n_found)} of {count(error.n_visible)}", part))
        rows.append(cells)
    return Table(columns, rows, "Error by body part as a table, all frames pooled", folded=True)


def _budget_table(results: Results, budgets: Mapping[str, Any]) -> Table:
    columns = [
        Column("Method"),
        Column("Configurations", "tried", numeric=True),
        Column("Optimiser steps", "all its networks", numeric=True),
        Column("Training time", "on the device, all its networks", numeric=True),
        Column("Parameters", "all its networks", numeric=True),
        Column("Input scale", "of each network", numeric=True),
        Column("Weights", "which epoch's"),
        Column("Converged", "all its trainings"),
    ]
    rows = []
    for name, raw in budgets.items():
        budget = raw if isinstance(raw, Mapping) else {}
        seconds = finite(budget.get("seconds"))
        trials, steps, parameters = (_count_cell(budget.get(key)) for key in ("trials", "steps", "parameters"))
        converged = budget.get("converged")
        known = name in results.method_names
        rows.append(
            [
                Cell(str(name), colour=method_colour(results.method_names.index(name)) if known else ""),
                trials,
                steps,
                Cell(duration(seconds), sort="" if seconds is None else seconds),
                parameters,
                _scales_cell(budget.get("scales")),
                Cell(checkpoint_words(budget.get("chosen_by"))),
                Cell("not recorded") if converged is None else _converged(converged),
            ]
        )
    return Table(columns, rows, methods=[(str(name),) for name in budgets])


def _count_cell(value: Any) -> Cell:
    found = finite(value)
    return Cell(count(found), sort="" if found is None else found)


def _scales_cell(value: Any) -> Cell:
    known = isinstance(value, list) and value and None not in value
    return Cell(", ".join(f"{scale:g}" for scale in value) if known else MISSING)


def _converged(value: Any) -> Cell:
    if isinstance(value, bool):
        return Cell("yes", tone="good") if value else Cell("not converged", tone="warn")
    return Cell(plain(value))


def _model_words(model: TrainedModel) -> str:
    kind = model.info.get("model_type")
    return f"Model type {kind}." if kind else ""
