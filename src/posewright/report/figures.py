"""Figures as SVG data URIs: drawn without a display, colour-blind safe, the same bytes for the same numbers."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, PercentFormatter, StrMethodFormatter

from posewright.report.gather import TrainedModel
from posewright.report.measures import Curve, NodeError, UnitDifferences

#: Okabe and Ito's palette without yellow and black, dark colours first: they stand out on white.
METHOD_COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_LINE_STYLES = ("-", "--", "-.", ":")  # a second sign beside colour, for print in gray
MARKERS = ("o", "s", "^", "D", "v", "P")

_INK, QUIET, _GRID = "#24292f", "#6b7280", "#e5e7eb"
_STYLE: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 10.0,
    "text.parse_math": False,  # a method called $x$ is a name, not a formula
    "text.color": _INK,
    "axes.edgecolor": "#9ca3af",
    "axes.labelcolor": _INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10.5,
    "axes.titlelocation": "left",
    "axes.axisbelow": True,
    "axes.grid": True,
    "grid.color": _GRID,
    "xtick.color": QUIET,
    "ytick.color": QUIET,
    "xtick.labelcolor": _INK,
    "ytick.labelcolor": _INK,
    "legend.frameon": False,
    "svg.fonttype": "path",  # looks the same on a machine without the font
    "svg.hashsalt": "posewright",
}
WIDTH_IN, HEIGHT_IN = 5.4, 3.5
_LEGEND_ROW_IN = 0.22
_LONGEST_NAME = 28


def pck_figure(curves: Mapping[str, Curve], mark_px: float | None, places: Sequence[int] | None = None) -> str:
    """Draw the part of nodes found within a distance, one line per method; the primary threshold is marked.

    Args:
        curves: method -> its curve.
        mark_px: the primary threshold, None for none.
        places: of each method in the page's order, which gives its colour; None: as they stand here.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for place, (name, curve) in zip(places or range(len(curves)), curves.items(), strict=True):
            axes.plot(curve.x, curve.y, label=short(name), **_line(place))
        if mark_px is not None:
            axes.axvline(mark_px, color=QUIET, linewidth=1, linestyle=(0, (2, 3)))
            axes.annotate(
                f"{mark_px:g} px", (mark_px, 0.02), (4, 0), textcoords="offset points", color=QUIET, fontsize=9
            )
        axes.set(xlabel="distance from the truth (px)", ylabel="part of visible body parts", ylim=(0, 1.02))
        axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_xlim(left=0)
        legend_above(figure, curves)

    return svg_uri(draw, WIDTH_IN, HEIGHT_IN + legend_height_in(curves))


def error_coverage_figure(curves: Mapping[str, Curve], places: Sequence[int] | None = None) -> str:
    """Draw the median error against the part of nodes covered, as the score threshold falls."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for place, (name, curve) in zip(places or range(len(curves)), curves.items(), strict=True):
            axes.plot(curve.x, curve.y, label=short(name), **_line(place))
            if len(curve.x):
                axes.plot(curve.x[-1:], curve.y[-1:], MARKERS[place % len(MARKERS)], color=method_colour(place))
        if not any(len(curve.x) for curve in curves.values()):
            _say_nothing_found(axes)
        axes.set(
            xlabel="coverage: part of visible body parts found", ylabel="median error of these (px)", xlim=(0, 1.02)
        )
        axes.xaxis.set_major_formatter(PercentFormatter(1.0))
        axes.set_ylim(bottom=0)
        legend_above(figure, curves)

    return svg_uri(draw, WIDTH_IN, HEIGHT_IN + legend_height_in(curves))


def node_figure(errors: Mapping[str, Sequence[NodeError]], places: Sequence[int] | None = None) -> str:
    """Draw each body part's median error with a line to its 90th percentile, one row a part, one mark a method."""
    nodes = list(dict.fromkeys(error.node for listed in errors.values() for error in listed))
    spread = 0.22 if len(errors) > 1 else 0.0

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for row, (name, listed) in enumerate(errors.items()):
            place = places[row] if places else row
            offset = spread * (2 * row / max(len(errors) - 1, 1) - 1)
            rows = [nodes.index(error.node) + offset for error in listed]
            medians = [error.median_px for error in listed]
            axes.hlines(
                rows, medians, [error.p90_px for error in listed], color=method_colour(place), linewidth=1.4, alpha=0.55
            )
            axes.plot(
                medians,
                rows,
                MARKERS[place % len(MARKERS)],
                color=method_colour(place),
                markersize=6,
                label=short(name),
            )
        if not any(np.isfinite(error.median_px) for listed in errors.values() for error in listed):
            _say_nothing_found(axes)
        axes.set_yticks(range(len(nodes)), [short(node) for node in nodes])
        axes.set(xlabel="error where found (px)", ylim=(len(nodes) - 0.4, -0.6))
        axes.set_xlim(left=0)
        axes.grid(False, axis="y")
        legend_above(figure, errors)

    return svg_uri(draw, WIDTH_IN, max(HEIGHT_IN, 0.8 + 0.3 * len(nodes)) + legend_height_in(errors))


def differences_figure(pairs: Sequence[UnitDifferences], metric: str, margin: float | None, *, percent: bool) -> str:
    """Draw each unit's difference as a dot, the mean with its interval as a bar, the margin of equality as a band."""
    scale = 100.0 if percent else 1.0

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        if margin is not None:
            axes.axvspan(-scale * margin, scale * margin, color="#eef2f7", zorder=0)
        axes.axvline(0, color=QUIET, linewidth=1)
        for row, pair in enumerate(pairs):
            n_units = len(pair.differences)
            jitter = np.linspace(-0.14, 0.14, n_units) if n_units > 1 else np.zeros(n_units)
            axes.plot(
                scale * pair.differences,
                row + 0.22 + jitter,
                "o",
                color="#9ca3af",
                markersize=4.5,
                markeredgewidth=0,
            )
            if pair.low is not None and pair.high is not None:
                axes.hlines(row - 0.12, scale * pair.low, scale * pair.high, color=METHOD_COLOURS[0], linewidth=2.4)
            if pair.estimate is not None:
                axes.plot([scale * pair.estimate], [row - 0.12], "D", color=METHOD_COLOURS[0], markersize=7)
        labels = [f"{short(pair.method_a)}\nminus {short(pair.method_b)}" for pair in pairs]
        axes.set_yticks(range(len(pairs)), labels)
        axes.set(xlabel=f"difference in {metric}{' (points)' if percent else ''}", ylim=(len(pairs) - 0.4, -0.6))
        axes.grid(False, axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, symmetric=False))

    return svg_uri(draw, WIDTH_IN, max(2.3, 1.1 + 0.95 * len(pairs)))


def training_figure(models: Sequence[TrainedModel]) -> str | None:
    """Draw training and validation loss of one recipe's models; None when no log holds a loss."""
    drawn = [(model, model.log) for model in models if model.log is not None and _losses(model.log)]
    if not drawn:
        return None
    unit = "step" if all("step" in log.columns for _, log in drawn) else "epoch"

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        smallest = np.inf
        for place, (_, log) in enumerate(drawn):
            for name, colour, words in (
                ("train/loss", QUIET, "training"),
                ("val/loss", METHOD_COLOURS[0], "validation"),
            ):
                if name not in log.columns:
                    continue
                points = log[[unit, name]].dropna()
                smallest = min(smallest, float(points[name].min())) if len(points) else smallest
                axes.plot(
                    points[unit],
                    points[name],
                    color=colour,
                    linewidth=1.4,
                    alpha=0.85,
                    linestyle=_LINE_STYLES[place % len(_LINE_STYLES)] if len(drawn) > 1 else "-",
                    marker="o" if len(points) == 1 else "",  # a training of one epoch: a line would not be seen
                    label=words if place == 0 else "_",
                )
        if smallest > 0:
            axes.set_yscale("log")
            axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
            axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
            axes.yaxis.set_minor_formatter(NullFormatter())
        axes.set(xlabel="optimiser step" if unit == "step" else "epoch", ylabel="loss")
        legend_above(figure, ("training", "validation"))

    return svg_uri(draw, WIDTH_IN, 3.1)


def nothing_figure() -> str:
    """Draw the sentence that there is nothing to draw."""

    def draw(figure: Figure) -> None:
        figure.text(0.5, 0.5, "There are no numbers for this figure.", ha="center", va="center", color=QUIET)

    return svg_uri(draw, WIDTH_IN, 1.2)


def method_colour(place: int) -> str:
    """Return the colour of the method at a place in the page's order."""
    return METHOD_COLOURS[place % len(METHOD_COLOURS)]


def short(name: str) -> str:
    """Return a name that fits on a figure: one line, cut with an ellipsis."""
    line = " ".join(str(name).split())
    return line if len(line) <= _LONGEST_NAME else line[: _LONGEST_NAME - 1] + "…"


def legend_above(figure: Figure, names: Collection[str]) -> None:
    """Put the legend above the axes, where it covers no data however many methods there are."""
    figure.legend(loc="outside upper left", ncols=_legend_columns(names), borderaxespad=0.1, columnspacing=1.6)


def legend_height_in(names: Collection[str]) -> float:
    """Return the height that such a legend takes."""
    return -(-len(names) // _legend_columns(names)) * _LEGEND_ROW_IN


def _legend_columns(names: Collection[str]) -> int:
    longest = max(len(short(name)) for name in names)
    return 1 if longest > 18 else 2 if longest > 10 else 3


def _say_nothing_found(axes: Axes) -> None:
    axes.text(0.5, 0.5, "no body part was found", transform=axes.transAxes, ha="center", va="center", color=QUIET)


def _line(place: int) -> dict[str, Any]:
    return {
        "color": method_colour(place),
        "linestyle": _LINE_STYLES[place % len(_LINE_STYLES)],
        "linewidth": 2.0,
    }


def _losses(log: pd.DataFrame) -> bool:
    return any(name in log.columns and log[name].notna().any() for name in ("train/loss", "val/loss"))


def svg_uri(draw: Callable[[Figure], None], width_in: float, height_in: float) -> str:
    """Draw a figure and return it as a data URI. It holds no time and no random id: equal input, equal page."""
    with matplotlib.rc_context(_STYLE), warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")  # a name in a script the font lacks shows as boxes
        figure = Figure(figsize=(width_in, height_in), layout="constrained")
        FigureCanvasSVG(figure)
        draw(figure)
        stream = io.BytesIO()
        figure.savefig(stream, format="svg", metadata={"Date": None})
    return "data:image/svg+xml;base64," + base64.b64encode(stream.getvalue()).decode("ascii")
