"""The section on the poses of the videos themselves: what looks wrong without any truth, the worst videos first."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd

from posewright.evaluation.videos.quality import JUMP_LENGTHS, JUMP_STEPS, LOW_SCORE
from posewright.report.context import Context
from posewright.report.gather import Reader, finite
from posewright.report.page import Block, Cell, Column, Figure, Gallery, Heading, Section, Table, Text
from posewright.report.video_quality import INTERVALS_NAME, SHEETS_NAME, VIDEO_SCHEMA, VIDEOS_NAME
from posewright.report.words import MISSING, count, counted, number

_MOST_ROWS, _MOST_INTERVALS, _MOST_SHEETS = 1000, 200, 6  # on the page, over all releases: it goes by mail
_LARGEST_SHEETS_BYTES = 1_500_000

_HOW_TO_READ = (
    "Told from the poses alone, without any truth: a clean video may still be wrong, and a flagged one right. A frame "
    "is flagged where the number of animals is not the expected one, where the mean score is below "
    f"{100 * LOW_SCORE:.0f} % of the video's median, where an animal moves at once by more than {JUMP_LENGTHS:g} of "
    f"its length and {JUMP_STEPS:g} usual steps (a jump), or where it was not decoded. A break is a track that is "
    "interrupted or ends before the video. The small lines run over the video's time, from 0 to 1."
)


def quality_section(context: Context) -> Section | None:
    """Return the table of videos, intervals to look at, and contact sheets of the worst; None without videos."""
    folder = context.results.folder / "quality"
    releases = sorted(path.parent for path in folder.glob(f"*/{VIDEOS_NAME}"))
    if not releases:
        return None
    blocks: list[Block] = [Text(_HOW_TO_READ, "quiet")]
    for release in releases:
        blocks += _release_blocks(release, len(releases))
    return Section("quality", "Quality of the videos' poses", "Quality", blocks)


def _release_blocks(folder: Path, n_releases: int) -> list[Block]:
    reader = Reader(folder)
    videos = reader.parquet(folder / VIDEOS_NAME, VIDEO_SCHEMA.names)
    intervals = reader.parquet(folder / INTERVALS_NAME, ("video", "reason", "first", "last", "flagged"))
    if videos is None or intervals is None:
        return [Heading(folder.name), Text(" ".join(reader.missing), "warn")]
    worst_first = videos.sort_values(["clean", "video"], na_position="last", kind="stable")
    shown = worst_first.head(_MOST_ROWS // n_releases)
    flagged = intervals.assign(length=intervals["last"] - intervals["first"] + 1).sort_values(
        ["length", "video", "first"], ascending=[False, True, True], kind="stable"
    )
    place = f"quality/{folder.name}"
    rest = (
        ""
        if len(shown) == len(videos)
        else f" The {len(shown)} worst are listed here; all are in {place}/{VIDEOS_NAME}."
    )
    blocks: list[Block] = [
        Heading(folder.name),
        Text(
            f"{_summary(videos)}{rest} Contact sheets of all videos lie in {place}/{SHEETS_NAME}; a video's name leads "
            "to its own while this page stays in the results folder."
        ),
        Table(_COLUMNS, [_row(row, folder) for row in shown.to_dict("records")], searchable=len(shown) > 5),
    ]
    if len(flagged):
        rows = [_interval_row(row) for row in flagged.head(_MOST_INTERVALS // n_releases).to_dict("records")]
        caption = f"Intervals to look at: the {len(rows)} longest of {count(videos['n_intervals'].sum())}"
        blocks.append(Table(_INTERVAL_COLUMNS, rows, caption, folded=True, searchable=True))
    figures = _sheets(worst_first, folder, max(1, _MOST_SHEETS // n_releases))
    if figures:
        blocks.append(Gallery(figures, "Contact sheets of the worst videos", wide=True))
    return blocks


_COLUMNS = (
    Column("Video"),
    Column("Clean frames", "nothing flagged, of decoded", numeric=True),
    Column("As expected", "frames with the expected number of animals", numeric=True),
    Column("Animals", "expected a frame", numeric=True),
    Column("Number over time", "share as expected"),
    Column("Score", "median of frames", numeric=True),
    Column("Score over time", "mean of animals"),
    Column("Tracks", numeric=True),
    Column("Breaks", "of tracks", numeric=True),
    Column("Jumps", "of animals", numeric=True),
    Column("Intervals", "flagged", numeric=True),
)
_INTERVAL_COLUMNS = (
    Column("Video"),
    Column("Reason"),
    Column("Frames", numeric=True),
    Column("Flagged", "frames of it", numeric=True),
)


def _summary(videos: pd.DataFrame) -> str:
    """Return one sentence on all videos of a release."""
    measured = videos[videos["clean"].notna()]
    total = counted(len(videos), "video")
    if measured.empty:
        return f"{total}, none with frames to judge."
    doubtful = int((measured["clean"] < 0.9).sum())
    return (
        f"{total}: in the median one {100 * measured['clean'].median():.1f} % of frames have nothing flagged; "
        f"{counted(doubtful, 'video')} {'has' if doubtful == 1 else 'have'} less than 90 % such frames."
    )


def _row(row: dict[str, Any], folder: Path) -> list[Cell]:
    name = str(row["video"])
    href = f"../quality/{quote(folder.name)}/{SHEETS_NAME}/{quote(name)}.jpg" if row["has_sheet"] else ""
    decoded = finite(row["decoded"])
    if not decoded:
        empty = [Cell(MISSING, sort="") for _ in _COLUMNS[2:]]
        return [Cell(name, str(row["state"]), name, href=href), Cell("no frames", sort=""), *empty]
    assumed = ("most frequent number" if row["fewer"] < 1.0 else "at least, none found") if row["is_assumed"] else ""
    fewer, more = (f"{100 * row[key]:.1f} % {key}" for key in ("fewer", "more"))
    jumps, score = finite(row["jumps"]), finite(row["score_median"])
    return [
        Cell(name, "" if row["state"] == "ok" else str(row["state"]), name, href=href),
        Cell(f"{100 * row['clean']:.1f} %", f"of {count(decoded)}", row["clean"]),
        Cell(f"{100 * row['as_expected']:.1f} %", f"{fewer}, {more}", row["as_expected"]),
        Cell(count(row["n_animals"]), assumed, row["n_animals"]),
        Cell(*_spark(row["expected_over_time"])),
        Cell(number(score, 2), "", "" if score is None else score),
        Cell(*_spark(row["score_over_time"])),
        Cell(count(row["tracks"]), "", row["tracks"]),
        Cell(count(row["breaks"]), "", row["breaks"]),
        Cell(count(jumps), "" if jumps is not None else "no tracks", "" if jumps is None else jumps),
        Cell(count(row["n_intervals"]), "", row["n_intervals"]),
    ]


def _spark(series: Sequence[float] | None) -> tuple[Any, ...]:
    """Return the fields of a cell with a small line, sorted by its lowest value."""
    values = [float("nan") if value is None else float(value) for value in (series if series is not None else ())]
    known = [value for value in values if value == value]
    if not known:
        return (MISSING, "", "")
    low, high = min(known), max(known)
    return (f"from {low:.2f} to {high:.2f} over time", "", round(low, 4), "", "", values)


def _interval_row(row: dict[str, Any]) -> list[Cell]:
    first, last, flagged = int(row["first"]), int(row["last"]), int(row["flagged"])
    return [
        Cell(str(row["video"])),
        Cell(str(row["reason"])),
        Cell(f"{first}" if first == last else f"{first} to {last}", sort=first),
        Cell(count(flagged), f"of {count(last - first + 1)}", flagged),
    ]


def _sheets(worst_first: pd.DataFrame, folder: Path, most: int) -> list[Figure]:
    """Return the contact sheets of the worst videos that have one, as many as the page can carry."""
    figures, size = [], 0
    for name in worst_first.loc[worst_first["has_sheet"], "video"].head(most):
        path = folder / SHEETS_NAME / f"{name}.jpg"
        picture = path.read_bytes() if path.is_file() else b""
        size += len(picture)
        if picture and size <= _LARGEST_SHEETS_BYTES:
            source = "data:image/jpeg;base64," + base64.b64encode(picture).decode("ascii")
            figures.append(Figure(source, f"Frames of {name} with the predicted poses drawn", title=str(name)))
    return figures
