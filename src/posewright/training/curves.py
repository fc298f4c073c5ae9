"""The losses of a training as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from posewright.files import atomic_path


def draw_curves(rows: Sequence[dict[str, float]], path: Path) -> None:
    """Draw train and validation loss over the steps, on a logarithmic scale."""
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    steps = [row["step"] for row in rows]
    for side, colour in (("train", "#0072B2"), ("val", "#D55E00")):
        axes.plot(steps, [row[f"{side}/loss"] for row in rows], color=colour, marker=".", label=side)
    axes.set(xlabel="step", ylabel="loss", yscale="log")
    axes.legend(frameon=False)
    axes.spines[["top", "right"]].set_visible(False)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=120)
