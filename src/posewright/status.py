"""What became of every video: one table of the states that prediction left beside its results."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

from posewright.errors import InputError
from posewright.files import read_json, write_text

COLUMNS = (
    "dataset",
    "release",
    "video",
    "state",
    "reason",
    "frames_expected",
    "frames_predicted",
    "message",
)


def collect_status(statuses: Iterable[Path], out: Path) -> None:
    """Write the table of all states, one row a file ``<dataset>/videos/<release>/<video>/status.json``."""
    rows = sorted((_row(path) for path in statuses), key=lambda row: (row["dataset"], row["release"], row["video"]))
    text = io.StringIO()
    writer = csv.DictWriter(text, COLUMNS, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(out, text.getvalue())


def _row(path: Path) -> dict[str, str]:
    """Read one state; whose it is, the place of the file says. A file that does not exist is a row that says so."""
    dataset, _, release, video = path.absolute().parts[-5:-1]
    row = {"dataset": dataset, "release": release, "video": video}
    if not path.is_file():
        return {**row, "state": "not delivered", "message": f"{path} does not exist"}
    found = read_json(path)
    rest = {name: found.get(name) for name in COLUMNS if name not in row}
    return {**row, **{name: "" if value is None else str(value) for name, value in rest.items()}}


def read_status(path: Path) -> list[dict[str, str]]:
    """Read the table back, one dictionary a row."""
    if not path.is_file():
        raise InputError(f"{path} does not exist; run the workflow first (posewright run, or snakemake).")
    with path.open(newline="", encoding="utf-8") as stream:
        return list(csv.DictReader(stream, delimiter="\t"))


def summary(rows: Sequence[dict[str, str]]) -> str:
    """Return the states counted, and one line for each video that is neither ok nor excluded."""
    if not rows:
        return "no videos were asked for"
    counts = Counter(row["state"] for row in rows)
    lines = [", ".join(f"{count} {state}" for state, count in sorted(counts.items())) + f", of {len(rows)} asked for"]
    for row in rows:
        if row["state"] not in ("ok", "excluded"):
            name = f"{row['dataset']}/{row['release']}/{row['video']}"
            lines.append(f"- {name}: {row['state']} {row['reason']} {row['message']}".rstrip())
    return "\n".join(lines)


def failed_fraction(rows: Sequence[dict[str, str]]) -> float:
    """Return the share of videos that gave nothing at all; excluded ones were not asked for, partial ones gave some."""
    asked = [row for row in rows if row["state"] != "excluded"]
    failed = [row for row in asked if row["state"] not in ("ok", "partial")]
    return len(failed) / len(asked) if asked else 0.0
