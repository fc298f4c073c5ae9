"""The sheet of videos: a tab-separated table, one row a video (or a part of one)."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posewright.errors import InputError, InputProblems, Problem, nearest

ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
#: column -> what it holds; the first two are needed
COLUMNS = {
    "video": "id, unique: letters, digits, `.`, `_` and `-`, beginning with a letter or digit; names the results",
    "path": "file, folder of images, `img*.png`, `img%04d.png` or `film.h5::name`; a missing one becomes a status of "
    "the results, not an error",
    "dataset": "which dataset of config.yaml it belongs to; may be empty when there is only one",
    "session": "recording session; groups videos in `split.by: session`",
    "camera": "camera",
    "group": "experimental group",
    "animals": "names of the animals, separated by commas; groups videos in `split.by: animal`",
    "n_animals": "number of animals in view; never more tracks than that, unless `predict.tracker.n_animals` says so, "
    "or the model names individuals, who are then the tracks",
    "start": "first frame to predict, from 0; frame numbers stay those of the file",
    "stop": "frame to stop before",
    "roi": "part of the image, `x0,y0,x1,y1` in pixels; poses come back in pixels of the whole frame",
    "fps": "frames per second, where the file does not say or lies; times are then frame / fps",
    "duration_s": "length in seconds; only for dividing the work",
    "exclude": "`1`, `true` or `yes`: leave the video out",
}
_YES, _NO = {"1", "true", "yes"}, {"", "0", "false", "no"}


@dataclass(frozen=True)
class VideoRow:
    """One row of the sheet; empty cells are None."""

    video: str
    path: str
    dataset: str | None = None
    session: str | None = None
    camera: str | None = None
    group: str | None = None
    animals: tuple[str, ...] = ()
    n_animals: int | None = None
    start: int | None = None
    stop: int | None = None
    roi: tuple[int, int, int, int] | None = None
    fps: float | None = None
    duration_s: float | None = None
    exclude: bool = False
    extra: dict[str, str] = field(default_factory=dict)


def read_sheet(path: Path | str, datasets: Collection[str] | None = None) -> list[VideoRow]:
    """Read the sheet; extra columns are kept, all problems are named at once.

    Args:
        path: tab-separated file with a header.
        datasets: names the column ``dataset`` may hold; a single one fills empty cells. None: not checked.
    """
    path = Path(path)
    header, lines = _read_table(path)
    problems = [
        Problem(f"{path} row 1 column {name}", "the column is missing", f"add it: {COLUMNS[name].partition(';')[0]}")
        for name in ("video", "path")
        if name not in header
    ]
    problems += [
        Problem(f"{path} row 1 column {name}", "the column stands there twice", "keep one")
        for name in sorted({name for name in header if header.count(name) > 1})
    ]
    if problems:
        raise InputProblems(problems)
    rows: list[VideoRow] = []
    seen: dict[str, int] = {}
    for number, cells in lines:
        row = _Row(path, number, header, cells)
        parsed = row.parse(datasets)
        first = seen.setdefault(parsed.video, number)
        if parsed.video and first != number:
            row.fault("video", f"the id {parsed.video!r} already stands in row {first}", "give each row its own id")
        problems += row.problems
        rows.append(parsed)
    if problems:
        raise InputProblems(problems)
    return rows


def _read_table(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """Return the header and (line number, cells) of each row; blank lines and lines beginning with # are skipped."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, delimiter="\t")
            lines = [(reader.line_num, [cell.strip() for cell in line]) for line in reader if any(map(str.strip, line))]
    except FileNotFoundError:
        raise InputError(f"{path}: the sheet does not exist; correct `videos` in the config.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as fault:
        raise InputError(f"{path}: the sheet cannot be read ({fault}).") from None
    kept = [(number, cells) for number, cells in lines if not cells[0].startswith("#")]
    if not kept:
        raise InputError(f"{path}: the sheet is empty; its first line names the columns, at least video and path.")
    return kept[0][1], kept[1:]


class _Row:
    """The cells of one row, and the problems found in them."""

    def __init__(self, path: Path, number: int, header: Sequence[str], cells: Sequence[str]) -> None:
        self.place = f"{path} row {number}"
        self.cells = dict(zip(header, [*cells, *[""] * len(header)], strict=False))
        self.problems: list[Problem] = []
        if len(cells) > len(header):
            surplus = ", ".join(repr(cell) for cell in cells[len(header) :])
            self.problems.append(
                Problem(self.place, f"{surplus} stand beyond the last column", "separate cells by one tab, quote tabs")
            )

    def fault(self, column: str, found: str, remedy: str) -> None:
        self.problems.append(Problem(f"{self.place} column {column}", found, remedy))

    def parse(self, datasets: Collection[str] | None) -> VideoRow:
        extra = {name: cell for name, cell in self.cells.items() if name not in COLUMNS and name}
        parsed = VideoRow(
            video=self._id(),
            path=self._needed("path"),
            dataset=self._dataset(datasets),
            session=self._text("session"),
            camera=self._text("camera"),
            group=self._text("group"),
            animals=tuple(name.strip() for name in self.cells.get("animals", "").split(",") if name.strip()),
            n_animals=self._number("n_animals", int, 1),
            start=self._number("start", int, 0),
            stop=self._number("stop", int, 1),
            roi=self._roi(),
            fps=self._number("fps", float, 1e-6),
            duration_s=self._number("duration_s", float, 0),
            exclude=self._exclude(),
            extra=extra,
        )
        if parsed.stop is not None and parsed.stop <= (parsed.start or 0):
            self.fault(
                "stop", f"{parsed.stop} does not lie behind the start {parsed.start or 0}", "correct one of them"
            )
        return parsed

    def _needed(self, column: str) -> str:
        if not self.cells.get(column):
            self.fault(column, "the cell is empty", "fill it")
        return self.cells.get(column, "")

    def _id(self) -> str:
        name = self._needed("video")
        if name and not ID.fullmatch(name):
            self.fault(
                "video",
                f"{name!r} is no id",
                "use letters, digits, '.', '_' and '-', beginning with a letter or digit",
            )
        return name

    def _text(self, column: str) -> str | None:
        return self.cells.get(column) or None

    def _dataset(self, datasets: Collection[str] | None) -> str | None:
        name = self._text("dataset")
        if datasets is None:
            return name
        if name is None and len(datasets) == 1:
            return next(iter(datasets))
        if name is None:
            self.fault(
                "dataset",
                "the cell is empty but there are several datasets",
                f"name one of {', '.join(sorted(datasets))}",
            )
        elif name not in datasets:
            self.fault("dataset", f"there is no dataset {name!r}", nearest(name, datasets))
        return name

    def _number(self, column: str, kind: Callable[[str], Any], least: float) -> Any:
        text = self.cells.get(column, "")
        if not text:
            return None
        noun = "whole number" if kind is int else "number"
        try:
            value = kind(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) or value < least:
            bound = "above 0" if 0 < least < 1 else f"from {least}"
            self.fault(column, f"{text!r} is no {noun} {bound}", "correct it or leave the cell empty")
            return None
        return value

    def _roi(self) -> tuple[int, int, int, int] | None:
        text = self.cells.get("roi", "")
        if not text:
            return None
        try:
            x0, y0, x1, y1 = (int(part) for part in text.split(","))
            if 0 <= x0 < x1 and 0 <= y0 < y1:
                return (x0, y0, x1, y1)
        except ValueError:
            pass
        self.fault("roi", f"{text!r} is no region", "write x0,y0,x1,y1 in whole pixels with x0 < x1 and y0 < y1")
        return None

    def _exclude(self) -> bool:
        text = self.cells.get("exclude", "").lower()
        if text not in _YES | _NO:
            self.fault(
                "exclude", f"{text!r} is neither yes nor no", "write 1 or 0, and the reason in a column of its own"
            )
        return text in _YES
