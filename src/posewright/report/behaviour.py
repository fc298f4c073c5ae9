"""The section that tells whether conclusions about behaviour depend on which release predicted the videos."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from posewright.report.context import Context
from posewright.report.figures import differences_figure
from posewright.report.gather import Reader, finite
from posewright.report.measures import UnitDifferences
from posewright.report.page import Block, Bullets, Cell, Column, Figure, Gallery, Section, Table, Text
from posewright.report.words import MISSING, counted, number, plain, signed

_AGREEMENT_COLUMNS = ("video", "unit", "release_a", "release_b", "measure", "difference", "n_frames")
_PAIR_COLUMNS = (
    "release_a",
    "release_b",
    "measure",
    "mean_a",
    "mean_b",
    "difference",
    "low",
    "high",
    "concordance",
    "coverage",
    "n_videos",
    "n_units",
)


def behaviour_section(context: Context) -> Section | None:
    """Return the measures of behaviour under each pair of releases; None where no two releases predict the videos."""
    folder = context.results.folder / "behaviour"
    if not folder.is_dir():
        return None
    reader = Reader(context.results.folder)
    summary = reader.json(folder / "summary.json")
    pairs = reader.parquet(folder / "pairs.parquet", _PAIR_COLUMNS)
    agreements = reader.parquet(folder / "agreement.parquet", _AGREEMENT_COLUMNS)
    measures: Mapping[str, Any] = summary.get("measures", {})
    blocks: list[Block] = [Text(sentence, "warn") for sentence in reader.missing]
    blocks.append(
        Text(
            "The same measures under every release that predicted the videos. What difference matters depends on "
            "the effect you look for, so there is no verdict. " + plain(summary.get("units", "")),
        )
    )
    if summary.get("sentences"):
        blocks.append(Bullets("What they say", [plain(one) for one in summary["sentences"]]))
    left_out = summary.get("videos_left_out") or {}
    if not isinstance(left_out, Mapping):  # of an older version, whose releases are compared no more
        left_out = dict.fromkeys(left_out, "without poses of every release")
    if left_out:
        blocks.append(Bullets("Videos left out", [f"{plain(one)}: {plain(why)}." for one, why in left_out.items()]))
    if pairs is not None and len(pairs):
        blocks.append(_table(pairs, measures))
        if agreements is not None:
            drawn = [_figure(pairs, agreements, name, one) for name, one in measures.items()]
            if known := [one for one in drawn if one is not None]:
                blocks.append(Gallery(known))
    blocks.append(Bullets("What is measured", _definitions(summary)))
    return Section("behaviour", "Does the choice matter for behaviour?", "Behaviour", blocks)


def _definitions(summary: Mapping[str, Any]) -> list[str]:
    lines = [
        f"{plain(one['words'])}{_in_unit(one)}: {plain(one['meaning'])}; mean over a frame's animals, then over frames."
        for one in summary.get("measures", {}).values()
    ]
    if summary.get("body_ends"):
        lines.append(f"Body length lies between {' and '.join(map(plain, summary['body_ends']))}.")
    if summary.get("contact_body_lengths") is not None:
        lines.append(f"Contact is nearer than {number(summary['contact_body_lengths'])} body lengths.")
    lines.append(
        "Frames where a measure is not known are left out, never counted as zero. Concordance (Lin 1989) is 1 where "
        "two releases give equal values frame by frame."
    )
    return lines


def _in_unit(measure: Mapping[str, Any]) -> str:
    return f" ({plain(measure['unit'])})" if measure["unit"] else " (share of the time)"


def _table(pairs: pd.DataFrame, measures: Mapping[str, Any]) -> Table:
    columns = [
        Column("Measure"),
        Column("Releases", "first minus second"),
        Column("First", numeric=True),
        Column("Second", numeric=True),
        Column("Difference", "interval over units", numeric=True),
        Column("Concordance", "median over videos", numeric=True),
        Column("Frames compared", "of expected", numeric=True),
    ]
    rows = []
    for row in pairs.to_dict("records"):
        measure = measures.get(str(row["measure"]), {"words": row["measure"], "unit": ""})
        scale, unit = (1.0, plain(measure["unit"])) if measure["unit"] else (100.0, "%")
        low, high = finite(row["low"]), finite(row["high"])
        interval = "no interval" if low is None or high is None else f"{signed(scale * low)} to {signed(scale * high)}"
        rows.append(
            [
                Cell(plain(measure["words"]), unit),
                Cell(f"{plain(row['release_a'])} − {plain(row['release_b'])}"),
                _number(row["mean_a"], scale),
                _number(row["mean_b"], scale),
                Cell(_signed(row["difference"], scale), interval, finite(row["difference"])),
                _number(row["concordance"], 1.0, counted(int(row["n_videos"]), "video")),
                _share(row["coverage"]),
            ]
        )
    return Table(columns, rows)


def _number(value: Any, scale: float, note: str = "") -> Cell:
    found = finite(value)
    return Cell(MISSING if found is None else number(scale * found), note, found)


def _share(value: Any) -> Cell:
    found = finite(value)
    return Cell(MISSING if found is None else f"{found:.1%}", "", found)


def _signed(value: Any, scale: float) -> str:
    found = finite(value)
    return MISSING if found is None else signed(scale * found)


def _figure(pairs: pd.DataFrame, agreements: pd.DataFrame, name: str, measure: Mapping[str, Any]) -> Figure | None:
    """Draw the differences of one measure, unit by unit, for each pair of releases; None where no unit has any."""
    drawn = []
    for row in pairs[pairs["measure"] == name].to_dict("records"):
        own = agreements[
            (agreements["measure"] == name)
            & (agreements["release_a"] == row["release_a"])
            & (agreements["release_b"] == row["release_b"])
            & (agreements["n_frames"] > 0)
        ]
        units = own.groupby("unit")["difference"].mean()
        drawn.append(
            UnitDifferences(
                str(row["release_a"]),
                str(row["release_b"]),
                tuple(map(str, units.index)),
                units.to_numpy(np.float64),
                finite(row["difference"]),
                finite(row["low"]),
                finite(row["high"]),
            )
        )
    if not any(len(pair.differences) for pair in drawn):
        return None
    words = plain(measure["words"])
    axis = f"{words} ({plain(measure['unit'])})" if measure["unit"] else words
    return Figure(
        differences_figure(drawn, axis, None, percent=not measure["unit"]),
        f"Difference in {words} between releases, unit by unit, with the mean and its interval",
        "Gray dots: one unit each, the first release minus the second. Diamond and bar: the mean and its interval, "
        "where there is one.",
        words[:1].upper() + words[1:],
    )
