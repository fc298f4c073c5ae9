"""The page's figures as files, for Snakemake's own report: one set of all methods, one of each method."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path

from posewright.files import write_text
from posewright.report.answer import primary_metric
from posewright.report.context import Context
from posewright.report.curves import longest_px
from posewright.report.figures import (
    differences_figure,
    error_coverage_figure,
    node_figure,
    nothing_figure,
    pck_figure,
)
from posewright.report.gather import finite
from posewright.report.measures import (
    error_coverage,
    node_errors,
    pck_curve,
    pck_threshold_px,
    threshold_free,
    unit_differences,
    visible_nodes,
)
from posewright.report.words import is_share, metric_name

#: File names of the figures of each method, and of those in which all stand together.
METHOD_FIGURES = ("pck", "coverage", "body_parts")
ALL_FIGURES = (*METHOD_FIGURES, "differences")


def write_figures(context: Context, methods: Sequence[str], folder: Path) -> None:
    """Write ``<method>/<figure>.svg`` for each of the methods and ``_all/<figure>.svg``.

    Every file is written: one without numbers says so.
    """
    for figure in ALL_FIGURES:
        _write(folder / "_all" / f"{figure}.svg", _drawn(context, methods, figure))
    for name in methods:
        for figure in METHOD_FIGURES:
            _write(folder / name / f"{figure}.svg", _drawn(context, (name,), figure))


def _drawn(context: Context, methods: Sequence[str], figure: str) -> str | None:
    """Return one figure as a data URI; None where there are no numbers for it."""
    results = context.results
    primary = primary_metric(results)
    if figure == "differences":
        pairs = unit_differences(results, primary)
        margin = finite(results.summary.get("margin"))
        drawn = pairs and differences_figure(pairs, metric_name(primary), margin, percent=is_share(primary))
        return drawn or None
    nodes = {name: visible_nodes(results.of_method(name)) for name in methods}
    known = {name: table for name, table in nodes.items() if table is not None}
    if not known:
        return None
    places = [results.method_names.index(name) for name in known]
    if figure == "body_parts":
        return node_figure({name: node_errors(table) for name, table in known.items()}, places)
    if figure == "coverage":
        curves = {n: threshold_free(results.of_method(n)) or error_coverage(table) for n, table in known.items()}
        return error_coverage_figure(curves, places)
    mark_px = pck_threshold_px(primary)
    tables = {name: visible_nodes(results.of_method(name)) for name in results.method_names}
    reach_px = longest_px({name: table for name, table in tables.items() if table is not None}, mark_px)
    return pck_figure({name: pck_curve(table, reach_px) for name, table in known.items()}, mark_px, places)


def _write(path: Path, uri: str | None) -> None:
    write_text(path, base64.b64decode((uri or nothing_figure()).partition(",")[2]).decode("utf-8"))
