"""How exact the labels are, where frames were labelled once more, beside the errors of the methods."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from posewright.report.context import Context
from posewright.report.gather import Results, finite
from posewright.report.measures import node_errors, visible_nodes
from posewright.report.page import Block, Bullets, Cell, Column, Section, Table, Text
from posewright.report.words import MISSING, count, counted, number

_ALL = "all body parts"


def repeats_section(context: Context) -> Section | None:
    """Return the distances between two labellings beside the errors of the methods; None where nobody repeated any."""
    told = next((found for one in context.results.evaluations if (found := one.metrics.get("repeats"))), None)
    if not told or not told["animals"]["compared"]:
        return None
    blocks: list[Block] = [Text(_ceiling(told)), _table(context.results, told), Bullets("Counts", _counts(told))]
    return Section("labels", "How exact the labels are", "Labels", blocks)


def _ceiling(told: Mapping[str, Any]) -> str:
    both = told["distance_px"]
    return (
        f"Two labellings of {counted(int(told['animals']['compared']), 'animal')} on "
        f"{counted(int(told['frames']), 'frame')} differ by {number(both['p50'], 2)} px in the median and by "
        f"{number(both['p95'], 2)} px at the 95th percentile. If both are equally exact, each lies "
        f"{number(both['p50'] / math.sqrt(2), 2)} px from the truth in the median; so far from the labels would lie "
        "even a method without any error. What comes nearer follows the labeller, too, and not the animal alone."
    )


def _table(results: Results, told: Mapping[str, Any]) -> Table:
    columns = [
        Column("Body part"),
        Column("Labelled twice", "pairs", numeric=True),
        Column("Median (px)", "between two labellings", numeric=True),
        Column("p95 (px)", "between two labellings", numeric=True),
        Column("OKS sigma", "of one labelling", numeric=True),
        *(Column(name, "median error (px)", numeric=True) for name in results.method_names),
    ]
    medians = {name: _medians(results, name) for name in results.method_names}
    rows = []
    for entry in (*told["nodes"], {**told["distance_px"], "node": _ALL}):
        sigma = finite(entry.get("sigma"))
        note = "" if sigma is None or entry.get("source") == "measured" else str(entry.get("source"))
        errors = [known.get(str(entry["node"])) for known in medians.values()]
        rows.append(
            [
                Cell(str(entry["node"])),
                Cell(count(entry["n"]), sort=entry["n"]),
                *(_px(entry[key]) for key in ("p50", "p95")),
                Cell(MISSING if sigma is None else number(sigma, 4), note, "" if sigma is None else sigma),
                *map(_px, errors),
            ]
        )
    return Table(columns, rows, "Two labellings of the same animals, and what methods differ from one of them")


def _medians(results: Results, method: str) -> dict[str, float]:
    """Return node -> median error of a method where it found the node, and that of all together."""
    nodes = visible_nodes(results.of_method(method))
    if nodes is None:
        return {}
    return {**{one.node: one.median_px for one in node_errors(nodes)}, _ALL: float(nodes["distance_px"].median())}


def _px(value: Any) -> Cell:
    found = finite(value)
    return Cell(number(found, 2), sort="" if found is None else found)


def _counts(told: Mapping[str, Any]) -> Sequence[str]:
    animals, files = told["animals"], ", ".join(map(str, told["files"]))
    lines = [
        f"Labelled once more in {files}: {count(animals['compared'])} animals are compared. On these frames "
        f"{count(animals['labels_only'])} animals of the labels and {count(animals['repeated_only'])} of the others "
        "have no partner where they stand."
    ]
    if animals["copied"]:
        lines.append(f"{count(animals['copied'])} were copied, not labelled again (the very same points): left out.")
    outliers = sum(int(entry["outliers"]) for entry in told["nodes"])
    if outliers:
        lines.append(
            f"{count(outliers)} of {count(told['distance_px']['n'])} body parts lie more than four medians apart for "
            "the size of their animal (left for right, a slip of the mouse, an animal of which hardly anything shows): "
            "they count in the distances, and not in the sigmas."
        )
    if any(finite(entry.get("sigma")) is None for entry in told["nodes"]):
        lines.append("No sigma of OKS follows from so few pairs, or from animals without an area: the default stands.")
    return lines
