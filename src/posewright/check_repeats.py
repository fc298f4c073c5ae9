"""What files that label frames once more hold, and whether it is enough to tell how exact labels are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posewright.config.labels import DatasetConfig
from posewright.evaluation.repeats import MIN_PAIRS, distances, spread
from posewright.findings import Findings
from posewright.labels.model import LabelSet
from posewright.labels.part import Part
from posewright.labels.read import read_parts
from posewright.labels.repeats import LabelledTwice, labelled_twice


def check_repeats(
    parts: Sequence[Part], labels: LabelSet, settings: DatasetConfig, where: str, findings: Findings
) -> tuple[dict[str, Any], list[str]]:
    """Return facts of the frames that were labelled once more, and what is odd about them; faults are findings.

    Args:
        parts: the label files as read.
        labels: all of them joined.
        settings: of the dataset, with files under ``repeated``.
        where: key of the dataset in the config.
        findings: takes the faults.
    """
    before = len(findings.problems)
    frames: list[LabelledTwice] = []
    reading = settings.reading_repeated()

    def read(path: Path) -> list[LabelledTwice]:
        (again,) = read_parts([path], **reading)
        return labelled_twice(parts, again, labels.skeleton, settings.missing_nodes)

    for path in reading.pop("paths"):
        frames += findings.attempt(lambda path=path: read(path)) or ()  # type: ignore[misc]
    table, animals = distances(frames, labels.skeleton.nodes)
    facts = {"files": list(settings.repeated), "frames": len(frames), "animals": dict(animals)}
    if len(findings.problems) > before:
        return facts, []
    found = spread(table, labels.skeleton.nodes)
    entries = found["nodes"]
    if all(entry["n"] < MIN_PAIRS for entry in entries):
        copied = f" ({animals['copied']} are copies, at the very same points)" if animals["copied"] else ""
        findings.add(
            f"{where}.repeated",
            f"no node is shown in both labellings of {MIN_PAIRS} animals: {animals['compared']} animals were labelled "
            f"twice{copied}",
            "label more frames once more, without looking at the first labels",
        )
    notes = []
    unknown = [entry["node"] for entry in entries if entry["source"] != "measured"]
    if len(unknown) == len(entries):
        notes.append(
            f"{where}.repeated: no sigma of OKS follows (outliers and animals without an area tell none); the default "
            "stands."
        )
    elif unknown:
        notes.append(
            f"{where}.repeated: fewer than {MIN_PAIRS} pairs of labels tell the OKS sigma of {', '.join(unknown)} "
            "(outliers and animals without an area tell none); these nodes take the median of the others'."
        )
    if animals["copied"]:
        notes.append(
            f"{where}.repeated: {animals['copied']} animals stand at the very same points as in the labels; they were "
            "copied and not labelled again, and do not count."
        )
    return {**facts, "nodes": entries}, notes
