"""Who looked at the test set: one line per evaluation, never taken back (``comparison.md`` rule 1)."""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

COLUMNS = ("time", "test_digest", "method", "models_digest", "question")
_OLDER = len(COLUMNS) - 1  #: lines of before rule 11 was kept here have no question


def append_test_evaluation(
    ledger: Path, *, test_digest: str, method: str, models_digest: str, question: str | None = None
) -> None:
    """Add a line to the ledger; jobs that write at once wait for each other.

    Args:
        ledger: the table.
        test_digest: of the test labels.
        method: its name.
        models_digest: of what was scored.
        question: digest of what the comparison asked at that time (rule 11); None where nothing was asked.
    """
    ledger.parent.mkdir(parents=True, exist_ok=True)
    time = datetime.now(UTC).isoformat(timespec="seconds")
    with ledger.open("a", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        if os.fstat(stream.fileno()).st_size == 0:
            stream.write("\t".join(COLUMNS) + "\n")
        stream.write("\t".join((time, test_digest, method, models_digest, question or "")) + "\n")


def configurations_scored(ledger: Path, test_digest: str) -> int:
    """Return how many different sets of models this test set has scored; a repeated evaluation counts once."""
    return len({(row[2], row[3]) for row in _rows(ledger, test_digest)})


def first_question(ledger: Path, test_digest: str) -> str | None:
    """Return the digest of the question under which this test set was first scored; None where nobody wrote it down."""
    first = next(iter(_rows(ledger, test_digest)), None)
    return (first[_OLDER] or None) if first is not None and len(first) > _OLDER else None


def _rows(ledger: Path, test_digest: str) -> list[list[str]]:
    """Return the lines on a test set, the first reading first."""
    if not ledger.is_file():
        return []
    rows = [line.split("\t") for line in ledger.read_text(encoding="utf-8").splitlines()[1:]]
    return [row for row in rows if len(row) in (_OLDER, len(COLUMNS)) and row[1] == test_digest]
