"""The quality of every video that a release predicted: one table, flagged intervals, and a contact sheet a video.

What was judged once lies in the work folder under the key of its product, so a run over 2000 videos that was stopped,
or to which videos were added, judges only what is new.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from posewright.config.sheet import VideoRow
from posewright.config.stages import STAGE_VERSION
from posewright.evaluation.videos.quality import judge_video
from posewright.files import atomic_path, digest_of, place, read_json, write_json
from posewright.prediction.poses import POSES_NAME
from posewright.prediction.status import read_status
from posewright.report.contact_sheet import contact_sheet

VIDEOS_NAME, INTERVALS_NAME, SHEETS_NAME = "videos.parquet", "intervals.parquet", "sheets"

_SERIES = pa.list_(pa.float32())
VIDEO_SCHEMA = pa.schema(
    [
        ("video", pa.string()),
        ("state", pa.string()),
        ("n_animals", pa.int32()),
        ("is_assumed", pa.bool_()),
        ("frames", pa.int64()),
        ("decoded", pa.int64()),
        *((name, pa.float64()) for name in ("as_expected", "fewer", "more", "clean", "score_median", "length_px")),
        ("tracks", pa.int64()),
        ("breaks", pa.int64()),
        ("jumps", pa.float64()),
        ("score_over_time", _SERIES),
        ("expected_over_time", _SERIES),
        ("n_intervals", pa.int64()),
        ("has_sheet", pa.bool_()),
    ]
)
INTERVAL_SCHEMA = pa.schema(
    [
        ("video", pa.string()),
        ("reason", pa.string()),
        ("first", pa.int64()),
        ("last", pa.int64()),
        ("flagged", pa.int64()),
    ]
)


@dataclass(frozen=True)
class _Piece:
    """What was found of one video: its row, its intervals, and where its contact sheet lies if it has one."""

    row: Mapping[str, Any]
    intervals: Sequence[Mapping[str, Any]]
    sheet: Path | None


def check_quality(published: Path, rows: Sequence[VideoRow], work: Path, out: Path, threads: int = 1) -> None:
    """Write ``videos.parquet``, ``intervals.parquet`` and the folder ``sheets`` of a release.

    Args:
        published: folder with one folder a video.
        rows: the sheet's rows of these videos.
        work: folder for what was judged already; each file in it says by its name what it is of.
        out: the folder to write.
        threads: videos looked at together.
    """
    with ThreadPoolExecutor(threads) as pool:
        pieces = list(pool.map(lambda row: _piece(published / row.video, row, work), rows))
    sheets = out / SHEETS_NAME
    sheets.mkdir(parents=True, exist_ok=True)
    for row, piece in zip(rows, pieces, strict=True):
        if piece.sheet is not None:
            place(piece.sheet, sheets / f"{row.video}.jpg")
    _write(out / VIDEOS_NAME, [piece.row for piece in pieces], VIDEO_SCHEMA)
    _write(out / INTERVALS_NAME, [one for piece in pieces for one in piece.intervals], INTERVAL_SCHEMA)


def _piece(folder: Path, row: VideoRow, work: Path) -> _Piece:
    """Return what was found of a video, now or before."""
    known = read_status(folder / "status.json")
    key = digest_of(
        {
            "product": known[1] if known else None,
            "row": [row.video, row.path, row.n_animals, row.fps, row.roi],
            "version": STAGE_VERSION["check_quality"],
        }
    )
    found, sheet = work / key / "quality.json", work / key / "sheet.jpg"
    if known is None or not found.is_file():
        value, picture = _judged(folder, row, known[0].state if known else "not delivered")
        if picture is not None:
            with atomic_path(sheet) as path:
                path.write_bytes(picture)
        write_json(found, value)
    value = read_json(found)
    return _Piece(value["row"], value["intervals"], sheet if value["row"]["has_sheet"] else None)


def _judged(folder: Path, row: VideoRow, state: str) -> tuple[dict[str, Any], bytes | None]:
    """Return the row and the intervals of a video as JSON, and its contact sheet."""
    if not (folder / POSES_NAME).is_file():
        return {"row": {"video": row.video, "state": state, "has_sheet": False}, "intervals": []}, None
    quality = judge_video(folder, row.n_animals)
    picture = contact_sheet(folder, Path(row.path), quality.intervals, row.roi, tells_time=row.fps is None)
    told = {name: _missing_as_none(value) for name, value in asdict(quality).items() if name in VIDEO_SCHEMA.names}
    intervals = [
        {"video": row.video, "reason": one.reason, "first": one.first, "last": one.last, "flagged": one.flagged}
        for one in quality.intervals
    ]
    return {
        "row": {"video": row.video, "state": state, **told, "has_sheet": picture is not None},
        "intervals": intervals,
    }, picture


def _missing_as_none(value: Any) -> Any:
    """Return a value as JSON can hold it."""
    if isinstance(value, list):
        return [_missing_as_none(item) for item in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def _write(path: Path, rows: Sequence[Mapping[str, Any]], schema: pa.Schema) -> None:
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pylist([dict(row) for row in rows], schema=schema), temporary, compression="zstd")
