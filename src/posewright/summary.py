"""The end of a run: one file that says how it ended, and a command of the site that tells somebody."""

from __future__ import annotations

import re
import subprocess
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from posewright.discretion import publishable
from posewright.files import write_json
from posewright.runs import Run
from posewright.status import failed_fraction, read_status

_FAILED_RULE = re.compile(r"^Error in rule (\w+):", re.MULTILINE)
_NOTIFY_S = 60.0


def write_summary(path: Path, run: Run, table: Path, *, is_finished: bool) -> None:
    """Write how a run ended and what became of the videos.

    Args:
        path: the JSON file to write.
        run: which run.
        table: the status table; a run that ended before the first one was made has none.
        is_finished: whether everything was made.
    """
    rows = read_status(table) if table.exists() else []
    now = time.time()
    write_json(
        path,
        {
            "schema": 1,
            "run": run.id,
            "outcome": "finished" if is_finished else "failed",
            "started": _stamp(run.started),
            "ended": _stamp(now),
            "wall_s": round(now - run.started, 1),
            "videos": dict(sorted(Counter(row["state"] for row in rows).items())),
            "failed_fraction": round(failed_fraction(rows), 6),
            "not_ok": [publishable(_named(row)) for row in rows if row["state"] not in ("ok", "excluded")],
            "failed_attempts": _failed_attempts(Path(run.log)),  # of the machine; a retry may have mended them
            "log": f".snakemake/log/{Path(run.log).name}",
        },
    )


def notify(command: Sequence[str], path: Path) -> str | None:
    """Run a command with the path of the summary as its last word; no shell sees either. Return what went wrong."""
    if not command:
        return None
    try:
        subprocess.run([*command, str(path)], stdin=subprocess.DEVNULL, timeout=_NOTIFY_S, check=True)
    except (OSError, subprocess.SubprocessError) as error:
        return f"config/site.yaml key notify: the command did not succeed ({error}); the run itself is not affected."
    return None


def _named(row: dict[str, str]) -> dict[str, Any]:
    return {key: row.get(key, "") for key in ("dataset", "release", "video", "state", "reason", "message")}


def _failed_attempts(log: Path) -> dict[str, int]:
    """Return stage -> how often one of its jobs failed."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return {}
    return dict(sorted(Counter(_FAILED_RULE.findall(text)).items()))


def _stamp(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%S%z", time.localtime(seconds))
