"""Whether a process of this machine still runs."""

from __future__ import annotations

import psutil


def is_running(pid: int, born: float) -> bool:
    """Return whether the process with this number and time of birth (seconds since 1970) runs, not its successor."""
    try:
        process = psutil.Process(pid)
        return abs(process.create_time() - born) < 1.0 and bool(process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
