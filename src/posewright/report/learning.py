"""The section on the learning curve: what parts of the labels gave, and whether more of them would help."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from posewright.report.context import Context
from posewright.report.cost_figures import Point
from posewright.report.figures import method_colour
from posewright.report.gather import Reader, Results, finite
from posewright.report.learning_figure import learning_figure
from posewright.report.page import Block, Cell, Column, Command, Figure, Gallery, Section, Table, Text
from posewright.report.words import count, counted, interval_of, is_share, metric_name, value_of

_COLUMNS = ("method", "percent", "frames", "steps", "estimate", "low", "high", "n_units", "n_seeds")
TITLE = "Would more labels help?"


def learning_section(context: Context) -> Section | None:
    """Return the learning curve; None where none was asked for."""
    results = context.results
    folder = results.folder / "learning_curve"
    if not folder.is_dir():
        return None
    reader = Reader(results.folder)
    summary, points = reader.json(folder / "summary.json"), reader.parquet(folder / "points.parquet", _COLUMNS)
    if points is None or points.empty or not summary:
        again = Command("posewright run learning_curve")
        return Section("learning", TITLE, "Labels", [Text(" ".join(reader.missing) or "No points.", "warn"), again])
    primary = str(summary.get("primary"))
    name = metric_name(primary)
    curves = _curves(results, points)
    whole = points[points["percent"] == points["percent"].max()].iloc[0]
    blocks: list[Block] = [
        Text(
            "Each method was trained again on nested parts of the training side, with epochs of as many steps as on "
            f"all of it, and scored on the same validation frames. Units: {count(whole['n_units'])}, seeds: "
            f"{count(whole['n_seeds'])}.",
            "quiet",
        )
    ]
    if summary.get("banner"):
        blocks.append(Text(f"Mind: {summary['banner']}.", "warn"))
    if _is_stale(results, summary):
        blocks.append(Text("Models were trained anew after this: posewright run learning_curve.", "warn"))
    blocks += [Text(str(gain["text"])) for gain in summary.get("gains", ())]
    figure = Figure(
        learning_figure(curves, name, percent=is_share(primary)),
        f"{name} against the number of labelled frames trained on, by method",
        f"{name} on validation frames, with its interval where there are units enough. The axis doubles from mark to "
        "mark.",
        f"{name} by labelled frames",
    )
    return Section("learning", TITLE, "Labels", [*blocks, Gallery([figure]), _table(results, points, primary)])


def _curves(results: Results, points: pd.DataFrame) -> dict[str, tuple[int, list[tuple[int, Point]]]]:
    """Return method -> its place in the page's order and its points by labelled frames."""
    found: dict[str, tuple[int, list[tuple[int, Point]]]] = {}
    for name, rows in points.sort_values("frames").groupby("method"):
        place = results.method_names.index(name) if name in results.method_names else len(found)
        own = [
            (int(row["frames"]), Point(float(row["estimate"]), finite(row["low"]), finite(row["high"])))
            for _, row in rows.iterrows()
        ]
        found[str(name)] = place, own
    return found


def _is_stale(results: Results, summary: Mapping[str, Any]) -> bool:
    """Return whether none of the models of today's evaluations is one that the curve ends with."""
    today = {evaluation.metrics.get("models_digest") for evaluation in results.evaluations} - {None}
    return bool(today) and not today & set(summary.get("models_digests", ()))


def _table(results: Results, points: pd.DataFrame, primary: str) -> Table:
    columns = [
        Column("Method"),
        Column("Labelled frames", "of the training side", numeric=True),
        Column(metric_name(primary), numeric=True),
        Column("Steps", "all its networks", numeric=True),
    ]
    rows = []
    for _, row in points.sort_values(["method", "frames"]).iterrows():
        name = str(row["method"])
        known = name in results.method_names
        steps = finite(row["steps"])
        rows.append(
            [
                Cell(name, colour=method_colour(results.method_names.index(name)) if known else ""),
                Cell(count(row["frames"]), f"{row['percent']} %", float(row["frames"])),
                Cell(
                    value_of(primary, row["estimate"]),
                    interval_of(primary, row["low"], row["high"]),
                    "" if finite(row["estimate"]) is None else float(row["estimate"]),
                ),
                Cell(count(steps), sort="" if steps is None else steps),
            ]
        )
    return Table(columns, rows, f"The learning curve as a table ({counted(len(rows), 'point')})", folded=True)
