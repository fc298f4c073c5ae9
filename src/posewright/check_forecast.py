"""What a run will make: videos, frames, files and disk, and time where one like it was measured here."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posewright.config.sheet import VideoRow
from posewright.config.videos import PredictConfig
from posewright.errors import InputError
from posewright.samples.sources.places import is_there
from posewright.status import read_status

#: Bytes per node of an instance, measured: tracks of flies-pair (24 nodes) and flies-wide (13) with noise on them.
NODE_BYTES = {"poses": 17, "slp": 15}
FRAME_BYTES = {"frames": 8}  #: bytes per frame, measured likewise
SOURCE = "bytes per node and frame as measured on tracks of two flies with 13 and 24 nodes"
WITHOUT = ", predict.also_write not counted"


def forecast(
    predict: PredictConfig,
    dataset: str,
    rows: Sequence[VideoRow],
    n_nodes: int | None,
    animals: int | None,
    root: Path = Path(),
) -> dict[str, Any]:
    """Return what predicting a dataset's videos makes; None for what cannot be known.

    Args:
        predict: settings of prediction.
        dataset: whose videos.
        rows: of the sheet.
        n_nodes: of the skeleton; None without labels.
        animals: the most in a labelled frame, for videos whose row gives no ``n_animals``.
        root: folder with earlier ``results`` and ``benchmarks``.
    """
    asked = [row for row in rows if row.dataset == dataset and not row.exclude]
    releases = len(predict.releases)
    frames = [_frames(row) for row in asked]
    known = [count for count in frames if count is not None]
    n_frames = sum(known) * releases if len(known) == len(asked) else None
    speeds = {name: _frames_per_s(root, dataset, name) for name in predict.releases}
    measured = [speed for speed in speeds.values() if speed is not None]
    seconds = (
        sum(sum(known) / speed for speed in measured) if n_frames and measured and len(measured) == releases else None
    )
    return {
        "videos": len(asked),
        "releases": releases,
        "videos_of_unknown_length": len(asked) - len(known),
        "frames": n_frames,
        "files": len(asked) * releases * (len({*predict.keep, *predict.also_write}) + 1),
        "bytes": _bytes(predict, asked, known, n_nodes, animals) * releases if n_frames and n_nodes else None,
        "bytes_source": SOURCE + (WITHOUT if predict.also_write else ""),
        "seconds": seconds,
        "seconds_source": "batches of these releases as benchmarked here, one after the other" if seconds else None,
    }


def forecast_words(found: dict[str, Any]) -> str:
    """Return the forecast in a sentence."""
    if not found["videos"] or not found["releases"]:
        return "no video will be predicted"
    said = f"{found['videos']} videos x {found['releases']} releases make {found['files']} files"
    if found["frames"] is None:
        unknown = found["videos_of_unknown_length"]
        rows = "1 row gives" if unknown == 1 else f"{unknown} rows give"
        return f"{said}; frames, disk and time are unknown, as {rows} no duration_s and fps, nor stop"
    said += f" and {found['frames']} frames"
    if found["bytes"] is not None:
        said += f", about {found['bytes'] / 1e6:.0f} MB ({found['bytes_source']})"
    if found["seconds"] is not None:
        said += f", about {found['seconds'] / 3600:.1f} h ({found['seconds_source']})"
    return said


def missing_words(rows: Sequence[VideoRow], dataset: str) -> list[str]:
    """Return a sentence on the dataset's videos that are not there now; none where all are."""
    asked = [row for row in rows if row.dataset == dataset and not row.exclude]
    missing = [row for row in asked if not is_there(Path(row.path))]
    if not missing:
        return []
    first = f"{missing[0].video} ({missing[0].path})"
    return [
        f"{len(missing)} of {len(asked)} videos of the sheet {'does' if len(missing) == 1 else 'do'} not exist, the "
        f"first is {first}; a run goes on without {'it' if len(missing) == 1 else 'them'} and says so in the status."
    ]


def _frames(row: VideoRow) -> int | None:
    """Return how many frames of a video will be predicted, if its row tells."""
    length = round(row.duration_s * row.fps) if row.duration_s and row.fps else None
    stop = row.stop if length is None else min(length, row.stop or length)
    return None if stop is None else max(0, stop - (row.start or 0))


def _bytes(
    predict: PredictConfig, rows: Sequence[VideoRow], frames: Sequence[int], n_nodes: int | None, animals: int | None
) -> int:
    total = 0
    for row, count in zip(rows, frames, strict=True):
        nodes = count * (row.n_animals or animals or 1) * (n_nodes or 0)
        total += sum(nodes * NODE_BYTES.get(kind, 0) + count * FRAME_BYTES.get(kind, 0) for kind in predict.keep)
    return total


def _frames_per_s(root: Path, dataset: str, release: str) -> float | None:
    """Return how fast a release predicted before, from the benchmarks of its batches and the table of states."""
    tables = sorted((root / "benchmarks" / "predict_videos" / dataset / release).glob("*.tsv"))
    try:
        states = read_status(root / "results" / "status.tsv")
        seconds = sum(_seconds(table) for table in tables)
        done = [row for row in states if (row["dataset"], row["release"]) == (dataset, release)]
        frames = sum(int(row["frames_predicted"] or 0) for row in done)
    except (InputError, OSError, KeyError, TypeError, ValueError):
        return None
    return frames / seconds if frames and seconds else None


def _seconds(table: Path) -> float:
    with table.open(newline="", encoding="utf-8") as stream:
        return sum(float(row["s"]) for row in csv.DictReader(stream, delimiter="\t"))
