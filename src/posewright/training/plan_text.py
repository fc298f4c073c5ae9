"""A plan in words, as ``plan.md``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import groupby
from typing import Any

from posewright.labels.statistics import LabelStatistics
from posewright.training.proposal import Proposal, percent
from posewright.words import counted

_FEW_FRAMES = 20

#: What a method of a type trains.
MODELS_OF = {
    "single_instance": ("single_instance",),
    "topdown": ("centroid", "centered_instance"),
    "bottomup": ("bottomup",),
    "multi_class_topdown": ("centroid", "multi_class_topdown"),
    "multi_class_bottomup": ("multi_class_bottomup",),
}


def plan_text(
    measured: LabelStatistics, methods: Proposal, settings: Mapping[str, Sequence[Proposal]], title: str
) -> str:
    """Return the plan as Markdown: what was measured, which methods, and the settings of their models.

    Args:
        measured: the training labels.
        methods: the types of method to train and compare.
        settings: model type -> its proposed settings.
        title: what the plan is of.
    """
    models = dict.fromkeys(model for method in methods.value for model in MODELS_OF[method])
    parts = [
        f"# Plan for {title}",
        "Measured on the training frames alone, before anything was trained. A recipe that says `auto` takes these "
        "values; one that says anything else keeps its own.",
        "## What was measured",
        "\n".join(f"- {line}" for line in _facts(measured)),
        f"## Train: {' and '.join(methods.value)}",
        methods.reason,
        *(f"## `{model}`\n\n{_lines(settings[model])}" for model in models),
    ]
    return "\n\n".join(parts) + "\n"


def _facts(measured: LabelStatistics) -> list[str]:
    length, spacing, near = measured.length_px, measured.spacing_px, measured.neighbours
    counts = ", ".join(f"{number} in {_each(frames)}" for number, frames in measured.animals.items())
    hidden = [pair for pair in sorted(zip(measured.visibility, measured.nodes, strict=True)) if pair[0] < 1.0][:3]
    facts = [
        f"{counted(measured.frames, 'frame')} of {counted(measured.videos, 'recording')}, up to "
        f"{measured.image.width} x {measured.image.height} px; {measured.n_animals} animals ({counts}).",
        f"Body length {length.p50:.3g} px (middle 80 %: {length.p10:.3g} to {length.p90:.3g}); {len(measured.nodes)} "
        f"nodes, {spacing.p50:.3g} px from the nearest other one ({spacing.p10:.3g} to {spacing.p90:.3g}).",
        f"Least visible nodes: {', '.join(f'{node} {_seldom_all(part)}' for part, node in hidden)}."
        if hidden
        else "Every node is visible on every animal.",
    ]
    if near is not None:
        facts.append(
            f"In contact {percent(near.in_contact)} of the animals: touching {percent(near.touching)}, overlapping "
            f"{percent(near.overlapping)}; nearest middles {near.nearest_p50:.2g} body lengths apart (median)."
        )
    facts.append(
        f"From one frame to the next animals move {measured.motion:.2g} body lengths (median)."
        if measured.motion is not None
        else "No two labelled frames are known to follow each other, so motion was not measured."
    )
    if measured.videos == 1:
        facts.append(
            "All frames are of one recording, and count here as if they were independent of each other: how others "
            "differ is not known."
        )
    if measured.frames < _FEW_FRAMES:
        facts.append(f"With {measured.frames} frames every number here is uncertain; label more before trusting them.")
    names = f"{counted(len(measured.names), 'name')} in several recordings" if measured.names else "no name recurs"
    facts.append(f"{percent(measured.named)} of the animals carry a name that a person gave; {names}.")
    return facts


def _lines(settings: Sequence[Proposal]) -> str:
    """Return one line for each reason; settings that share it stand together."""
    lines = []
    for reason, found in groupby(settings, key=lambda one: one.reason):
        keys = "; ".join(f"`{short(one.key)}: {spelled(one.value)}`" for one in found)
        lines.append(f"- {keys}\n  {reason}")
    return "\n".join(lines)


def short(key: str) -> str:
    """Return the last two parts of a dotted place: enough for a reader who knows recipes."""
    return ".".join(key.split(".")[-2:])


def _seldom_all(part: float) -> str:
    """Return a part below 1 in percent, never as all of them."""
    return f"{100 * part:.0f} %" if part < 0.995 else "nearly 100 %"


def _each(frames: int) -> str:
    return "one frame" if frames == 1 else f"each of {frames} frames"


def spelled(value: Any) -> str:
    """Return a value as YAML has it."""
    if value is None:
        return "null"
    return f"{value:g}" if isinstance(value, float) else str(value)
