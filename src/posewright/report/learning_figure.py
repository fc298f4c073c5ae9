"""The picture of a learning curve."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator, PercentFormatter, StrMethodFormatter

from posewright.report.cost_figures import Point
from posewright.report.figures import (
    HEIGHT_IN,
    MARKERS,
    WIDTH_IN,
    legend_above,
    legend_height_in,
    method_colour,
    short,
    svg_uri,
)


def learning_figure(
    curves: Mapping[str, tuple[int, Sequence[tuple[int, Point]]]], metric: str, *, percent: bool
) -> str:
    """Draw a metric against labelled frames on a doubling axis, one line a method.

    Args:
        curves: method -> its place in the page's order, and (frames, value) in rising order.
        metric: its name.
        percent: whether it is a part of one.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for number, (method, (place, points)) in enumerate(curves.items()):
            shift = 1.0 + 0.015 * (number - (len(curves) - 1) / 2)  # side by side, where intervals overlap
            frames = [frames * shift for frames, _ in points]
            axes.plot(frames, [point.value for _, point in points], color=method_colour(place), linewidth=1.4)
            for index, (x, (_, point)) in enumerate(zip(frames, points, strict=True)):
                axes.errorbar(
                    [x],
                    [point.value],
                    yerr=point.reach,
                    fmt=MARKERS[place % len(MARKERS)],
                    color=method_colour(place),
                    capsize=3,
                    label="_" if index else short(method),
                )
        axes.set_xscale("log", base=2)
        axes.xaxis.set_major_locator(FixedLocator(sorted({frames for _, own in curves.values() for frames, _ in own})))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(StrMethodFormatter("{x:.0f}"))
        axes.set(xlabel="labelled frames trained on", ylabel=metric)
        if percent:
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        legend_above(figure, curves)

    return svg_uri(draw, WIDTH_IN, HEIGHT_IN + legend_height_in(curves))
