"""What a piece of work cost: time, processor time and memory, over all tries at it."""

from __future__ import annotations

import json
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from posewright.surroundings import cpu_seconds, peak_memory_mb


@dataclass(frozen=True)
class Effort:
    """What a piece of work cost.

    Attributes:
        started: time stamp of the first try, seconds.
        wall_s: time that the tries took.
        cpu_s: processor time of them, with their helpers.
        peak_memory_mb: largest resident memory of any of their processes.
        attempts: how many tries there were.
        resumes: how many of them went on where one before had stopped.
        untold: how many were killed before they could tell what they cost, which is missing in the sums.
    """

    started: float
    wall_s: float
    cpu_s: float
    peak_memory_mb: float
    attempts: int = 1
    resumes: int = 0
    untold: int = 0


class Stopwatch:
    """Measures the effort of one try, from when it is made, or from the begin of the whole process."""

    def __init__(self, *, of_process: bool = False) -> None:
        self.started = psutil.Process().create_time() if of_process else time.time()
        self._cpu_s = 0.0 if of_process else cpu_seconds()

    def effort(self) -> Effort:
        """Return what was spent so far."""
        return Effort(
            started=self.started,
            wall_s=time.time() - self.started,
            cpu_s=cpu_seconds() - self._cpu_s,
            peak_memory_mb=peak_memory_mb(),
        )


def together(efforts: Sequence[Effort]) -> Effort:
    """Return what several pieces of one work cost; of each its first try belongs to the first try of all."""
    return Effort(
        started=min(one.started for one in efforts),
        wall_s=sum(one.wall_s for one in efforts),
        cpu_s=sum(one.cpu_s for one in efforts),
        peak_memory_mb=max(one.peak_memory_mb for one in efforts),
        attempts=1 + sum(one.attempts - 1 for one in efforts),
        resumes=sum(one.resumes for one in efforts),
        untold=sum(one.untold for one in efforts),
    )


class Journal:
    """The tries at one piece of work, told line by line in a file that outlives each of them.

    It does not matter who began a try: Slurm after a time limit or a lost node, Snakemake's retries, or a later run.

    Args:
        path: of the file.
        work: what is worked on, where the file does not tell by its place; tries at anything else do not count.
    """

    def __init__(self, path: Path, work: str = "") -> None:
        self._path = path
        self._work = work

    @contextmanager
    def attempt(self, *, resumes: bool, watch: Stopwatch | None = None) -> Iterator[None]:
        """Tell of one try: when it begins, and what it cost when it ends in any way but by SIGKILL."""
        watch, name = watch or Stopwatch(), uuid.uuid4().hex[:8]
        self._append({"attempt": name, "work": self._work, "started": watch.started, "resumes": resumes})
        try:
            yield
        finally:
            spent = watch.effort()
            cost = {"wall_s": spent.wall_s, "cpu_s": spent.cpu_s, "peak_memory_mb": spent.peak_memory_mb}
            with suppress(OSError):  # a full disk must not hide how the work itself ended; the try is then untold
                self._append({"attempt": name, **cost})

    def total(self) -> Effort | None:
        """Return the effort of all tries; None where none was told of."""
        tries: dict[str, dict[str, Any]] = {}
        for line in self._path.read_text(encoding="utf-8").splitlines() if self._path.is_file() else []:
            try:
                told = json.loads(line)
                tries.setdefault(told["attempt"], {}).update(told)
            except (ValueError, KeyError, TypeError):
                continue  # the disk was full in the middle of a line: that try is untold
        begun = [one for one in tries.values() if "started" in one and one.get("work", "") == self._work]
        ended = [one for one in begun if "wall_s" in one]
        if not begun:
            return None
        return Effort(
            started=min(one["started"] for one in begun),
            wall_s=sum(one["wall_s"] for one in ended),
            cpu_s=sum(one["cpu_s"] for one in ended),
            peak_memory_mb=max((one["peak_memory_mb"] for one in ended), default=0.0),
            attempts=len(begun),
            resumes=sum(one["resumes"] for one in begun),
            untold=len(begun) - len(ended),
        )

    def forget(self) -> None:
        """Remove the file: the work is done."""
        self._path.unlink(missing_ok=True)

    def _append(self, line: dict[str, Any]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as stream:
            stream.write(json.dumps(line) + "\n")
