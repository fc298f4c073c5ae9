"""The figures of the section on cost, drawn as all others."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from posewright.report.figures import (
    HEIGHT_IN,
    MARKERS,
    QUIET,
    WIDTH_IN,
    legend_above,
    legend_height_in,
    method_colour,
    short,
    svg_uri,
)


@dataclass(frozen=True)
class Point:
    """A value with its interval; both ends are None where there is none."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def reach(self) -> list[list[float]]:
        """How far the interval reaches below and above the value, as error bars are drawn."""
        if self.low is None or self.high is None:
            return [[0.0], [0.0]]
        return [[max(self.value - self.low, 0.0)], [max(self.high - self.value, 0.0)]]


@dataclass(frozen=True)
class Offer:
    """What one method gives and costs; ``place`` is its place in the page's order of methods."""

    method: str
    place: int
    cost: Point
    accuracy: Point


@dataclass(frozen=True)
class Line:
    """A method whose accuracy is known and whose cost is not."""

    method: str
    accuracy: Point


def pareto_figure(
    offers: Sequence[Offer],
    untimed: Sequence[Line],
    front: Collection[str],
    cost: str,
    accuracy: str,
    *,
    percent: bool,
    higher_is_better: bool,
) -> str:
    """Draw accuracy against cost, one mark a method; a line joins those that no other one beats in both.

    A method that was not timed is a level line with its name.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        best = sorted((offer for offer in offers if offer.method in front), key=lambda offer: offer.cost.value)
        axes.plot(
            [offer.cost.value for offer in best],
            [offer.accuracy.value for offer in best],
            color=QUIET,
            linewidth=1.2,
            linestyle=(0, (4, 3)),
            zorder=1,
        )
        for offer in offers:
            axes.errorbar(
                [offer.cost.value],
                [offer.accuracy.value],
                xerr=offer.cost.reach,
                yerr=offer.accuracy.reach,
                fmt="none",
                color=method_colour(offer.place),
                capsize=3,
            )
            axes.plot(
                [offer.cost.value],
                [offer.accuracy.value],
                MARKERS[offer.place % len(MARKERS)],
                color=method_colour(offer.place),
                markersize=8,
                markerfacecolor=method_colour(offer.place) if offer.method in front else "white",
                label=short(offer.method),
            )
        for one in untimed:
            axes.axhline(one.accuracy.value, color=QUIET, linewidth=1.2, linestyle=(0, (1, 2)), zorder=1)
            axes.annotate(
                f"{short(one.method)}: not timed",
                (1.0, one.accuracy.value),
                xycoords=("axes fraction", "data"),
                ha="right",
                va="bottom",
                color=QUIET,
                fontsize="small",
            )
        axes.set(xlabel=cost, ylabel=accuracy)
        axes.set_xlim(left=0)
        if percent:
            axes.yaxis.set_major_formatter(PercentFormatter(1.0))
        if not higher_is_better:
            axes.invert_yaxis()  # better is up on every such figure
        legend_above(figure, [offer.method for offer in offers])

    return svg_uri(draw, WIDTH_IN, HEIGHT_IN + legend_height_in([offer.method for offer in offers]))


def animals_figure(times_ms: Mapping[str, Mapping[str, Point]], strata: Sequence[str]) -> str:
    """Draw the time of a frame against the number of animals in it, one line per method."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for place, (method, own) in enumerate(times_ms.items()):
            known = [name for name in strata if name in own]
            offset = 0.04 * (place - (len(times_ms) - 1) / 2)
            for number, name in enumerate(known):
                axes.errorbar(
                    [strata.index(name) + offset],
                    [own[name].value],
                    yerr=own[name].reach,
                    fmt=MARKERS[place % len(MARKERS)],
                    color=method_colour(place),
                    capsize=3,
                    label="_" if number else short(method),
                )
            axes.plot(
                [strata.index(name) + offset for name in known],
                [own[name].value for name in known],
                color=method_colour(place),
                linewidth=1.2,
                alpha=0.6,
            )
        axes.set_xticks(range(len(strata)), [name.replace("-", "\N{EN DASH}") for name in strata])
        axes.set(xlabel="animals in the frame", ylabel="time of a frame (ms)")
        axes.set_ylim(bottom=0)
        legend_above(figure, times_ms)

    return svg_uri(draw, WIDTH_IN, HEIGHT_IN + legend_height_in(times_ms))
