"""What each method costs to train (rule 5 of ``comparison.md``) and to run (rule 13), as a table."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from posewright.report.answer import primary_metric
from posewright.report.figures import method_colour
from posewright.report.gather import Results, finite
from posewright.report.measures import overall
from posewright.report.page import Cell, Column, Table
from posewright.report.words import MISSING, count, counted, duration, interval_of, metric_name, number, value_of


def timing(told_of: Mapping[str, Any], condition: str, animals: str = "all") -> Mapping[str, Any] | None:
    """Return one timing of a method: rate or start-up, with its interval."""
    return next(
        (one for one in told_of.get("timings", ()) if (one["condition"], one["animals"]) == (condition, animals)), None
    )


def rate_of(one: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return the rate that a user sees: with a video where one was timed, else of frames in memory."""
    return timing(one, "video") or timing(one, "in_memory")


def sheet_frames(results: Results) -> tuple[float, int]:
    """Return the frames of all videos of the sheet whose length is known, and how many videos these are."""
    if results.status is None or results.status.empty:
        return 0.0, 0
    first = results.status[results.status["release"] == results.status["release"].iloc[0]]
    known = [float(text) for text in first["frames_expected"] if str(text).isdecimal()]
    return sum(known), len(known)


def untimed(results: Results, speed: Mapping[str, Any]) -> dict[str, str]:
    """Return the methods that a measurement of speed leaves out, each with the reason in words."""
    told = speed.get("untimed") or {}
    missing = [name for name in results.method_names if name not in speed["methods"]]
    return {name: str(told.get(name, "it came after the measurement: posewright run speed")) for name in missing}


def resources_table(results: Results, methods: Mapping[str, Any], without: Mapping[str, str]) -> Table:
    """Return the table of what each method costs: to train (rule 5) and to run (rule 13).

    Args:
        results: of the dataset.
        methods: what was measured of each method.
        without: methods that were not timed, each with the reason.
    """
    primary = primary_metric(results)
    budgets = results.summary.get("budgets") or {}
    frames, videos = sheet_frames(results)
    columns = [
        Column("Method"),
        Column(metric_name(primary), numeric=True),
        Column("Frames/s, video", "decoded to written", numeric=True),
        Column("Frames/s, memory", "network and reading its maps", numeric=True),
        Column("Start-up", numeric=True),
        Column("Peak memory", numeric=True),
        Column("Network", "all its networks", numeric=True),
        Column("Training", "device time, all its networks", numeric=True),
    ]
    if frames:
        columns.insert(2, Column("Your videos", counted(videos, "video"), numeric=True))
    rows = []
    for place, name in enumerate(results.method_names):
        one, budget = methods.get(name, {}), budgets.get(name) or {}
        table = (
            None if results.methods is None else overall(results.methods[results.methods["method"] == name], primary)
        )
        estimate = None if table is None or table.empty else table.iloc[0]
        rate, seconds = rate_of(one), finite(budget.get("seconds"))
        cells = [
            Cell(name, one.get("backend", ""), colour=method_colour(place)),
            Cell(MISSING, sort="")
            if estimate is None
            else Cell(
                value_of(primary, estimate["estimate"]),
                interval_of(primary, estimate["low"], estimate["high"]),
                "" if finite(estimate["estimate"]) is None else float(estimate["estimate"]),
            ),
            *([_hours(frames, rate)] if frames else []),
            _not_timed(without[name])
            if name in without
            else _timed(timing(one, "video"), "frames_per_s", "", f"batch {one.get('batch')}"),
            _timed(timing(one, "in_memory"), "frames_per_s", "", f"batch {one.get('batch')}"),
            _timed(timing(one, "start_up"), "seconds", " s", ""),
            _megabytes(finite(one.get("memory_mb")), ""),
            _megabytes(
                None if "network_bytes" not in one else one["network_bytes"] / 1e6,
                f"{count(budget.get('parameters'))} parameters",
            ),
            Cell(duration(seconds), f"{count(budget.get('steps'))} steps", "" if seconds is None else seconds),
        ]
        rows.append(cells)
    return Table(columns, rows)


def _timed(one: Mapping[str, Any] | None, key: str, unit: str, note: str) -> Cell:
    if one is None:
        return Cell("not measured", sort="")
    ends = f"{number(one['low'], 1)} to {number(one['high'], 1)}"
    return Cell(f"{number(one[key], 1)}{unit}", "\n".join(line for line in (ends, note) if line), one[key])


def _not_timed(why: str) -> Cell:
    return Cell("not timed", f"because {why}", sort="")


def _hours(frames: float, rate: Mapping[str, Any] | None) -> Cell:
    if rate is None:
        return Cell("not measured", sort="")
    seconds = frames / rate["frames_per_s"]
    return Cell(duration(seconds), f"{count(frames)} frames", seconds)


def _megabytes(value: float | None, note: str) -> Cell:
    return Cell(MISSING if value is None else f"{number(value, 1)} MB", note, "" if value is None else value)
