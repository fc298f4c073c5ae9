"""Who looked at the test set: one line per evaluation, never taken back (``comparison.md`` rule 1)."""

from __future__ import annotations

import fcntl
import os
from datetime import UTC, datetime
from pathlib import Path

COLUMNS = ("time", "test_digest", "method", "models_digest")


def append_test_evaluation(ledger: Path, *, test_digest: str, method: str, models_digest: str) -> None:
    """Add a line to the ledger; jobs that write at once wait for each other."""
    ledger.parent.mkdir(parents=True, exist_ok=True)
    time = datetime.now(UTC).isoformat(timespec="seconds")
    with ledger.open("a", encoding="utf-8") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        if os.fstat(stream.fileno()).st_size == 0:
            stream.write("\t".join(COLUMNS) + "\n")
        stream.write("\t".join((time, test_digest, method, models_digest)) + "\n")


def configurations_scored(ledger: Path, test_digest: str) -> int:
    """Return how many different sets of models this test set has scored; a repeated evaluation counts once."""
    if not ledger.is_file():
        return 0
    rows = [line.split("\t") for line in ledger.read_text(encoding="utf-8").splitlines()[1:]]
    return len({(row[2], row[3]) for row in rows if len(row) == len(COLUMNS) and row[1] == test_digest})
