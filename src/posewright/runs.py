"""Runs of the workflow: who drives one, whether it lives, and what a dead one left behind.

While a run goes on, a record lies in ``.snakemake/posewright/runs`` and is touched by its driver, plain Snakemake or
not. A record whose driver is dead tells what is left: jobs in the queue, processes, a lock.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import shutil
import sys
import threading
import time
import uuid
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

from posewright import slurm
from posewright.avoided import forget_avoided
from posewright.errors import InputError
from posewright.files import read_json, write_json
from posewright.processes import is_running

RUNS = Path(".snakemake/posewright/runs")
LOCKS = Path(".snakemake/locks")
RUN_VARIABLE = "POSEWRIGHT_RUN"  #: environment variable: id of the run that a process belongs to
WORDS_VARIABLE = "POSEWRIGHT_WORDS"  #: environment variable: the words of ``posewright run``, as JSON
STALE_S = 300.0  #: a driver on another host whose record nobody has touched for so long is dead
_BEAT_S = 30.0
_SLURM_RUN = re.compile(r"SLURM run ID: (\S+)")


@dataclass(frozen=True)
class Run:
    """A run of the workflow that has not ended well.

    Attributes:
        id: of this run.
        host: where its driver runs; ``boot`` and ``pid`` with ``born`` name the process there.
        started: time stamp of its begin, seconds.
        words: what Snakemake was called with.
        log: Snakemake's log of the run.
        slurm_job: the Slurm job that the driver itself runs in, None outside.
    """

    id: str
    host: str
    pid: int
    born: float
    started: float
    words: list[str]
    log: str
    slurm_job: str | None

    @property
    def is_here(self) -> bool:
        """Whether its driver runs or ran on this machine."""
        return self.host == platform.node()

    def is_alive(self, project: Path) -> bool:
        """Return whether the driver still runs: on this machine its process, elsewhere its record is fresh."""
        if self.is_here:
            return is_running(self.pid, self.born)
        with suppress(FileNotFoundError):
            return _age_s(self._record(project)) < STALE_S
        return False

    def slurm_runs(self, project: Path) -> list[str]:
        """Return the ids under which its Slurm jobs stand in the queue."""
        with suppress(OSError):
            return sorted(set(_SLURM_RUN.findall((project / self.log).read_text(encoding="utf-8", errors="replace"))))
        return []

    def processes(self) -> list[psutil.Process]:
        """Return what it started on this machine and still runs, jobs of Slurm apart."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                variables = process.environ()
                is_own = variables.get(RUN_VARIABLE) == self.id and process.pid != os.getpid()
                if is_own and variables.get("SLURM_JOB_ID") == self.slurm_job:
                    found.append(process)
        return found

    def end(self, project: Path) -> None:
        """Forget it."""
        self._record(project).unlink(missing_ok=True)

    def _record(self, project: Path) -> Path:
        return project / RUNS / f"{self.id}.json"


def begin_run(logs: Sequence[str], project: Path = Path()) -> Run:
    """Record that this process drives a run from now on, mark what it starts, and forget which nodes others avoided.

    Args:
        logs: Snakemake's log of the run, as its hooks get it: alone in a list, or none.
        project: the folder that Snakemake works in.
    """
    pid = os.getpid()
    run = Run(
        id=uuid.uuid4().hex[:12],
        host=platform.node(),
        pid=pid,
        born=psutil.Process(pid).create_time(),
        started=time.time(),
        words=json.loads(os.environ.pop(WORDS_VARIABLE, "null")) or sys.argv[1:],
        log=next(iter(logs), ""),
        slurm_job=os.environ.get("SLURM_JOB_ID"),
    )
    forget_avoided(project)
    record = run._record(project.absolute())
    write_json(record, {"schema": 1, **asdict(run)})
    os.environ[RUN_VARIABLE] = run.id
    threading.Thread(target=_beat, args=(record,), name="run", daemon=True).start()
    return run


def open_runs(project: Path) -> list[Run]:
    """Return the runs that have a record, oldest first: those that go on, and those whose driver died."""
    runs = []
    for path in (project / RUNS).glob("*.json"):
        with suppress(OSError, ValueError, TypeError, AttributeError):
            record: dict[str, Any] = read_json(path)
            record.pop("schema")
            runs.append(Run(**record))
    return sorted(runs, key=lambda run: run.started)


def live_run(project: Path) -> Run | None:
    """Return a run that goes on, None if there is none."""
    return next((run for run in open_runs(project) if run.is_alive(project)), None)


def leftover_hint(project: Path) -> str | None:
    """Return a sentence on what a dead run left here and which command goes on; None where nothing is left."""
    runs = open_runs(project)
    if any(run.is_alive(project) for run in runs) or not runs:
        return None
    last = runs[-1]
    return (
        f"A run of {_time(last.started)} (process {last.pid} on {last.host}) ended without clearing up. "
        f"`posewright run` ends what is left of it, clears its lock and goes on; say: {_command(last.words)}"
    )


def clear_leftovers(project: Path) -> list[str]:
    """End what dead runs left behind, clear their lock, and return sentences on what was done.

    Raises:
        InputError: a run goes on here, or whose lock this is cannot be known.
        OSError: Slurm does not answer.
    """
    alive = live_run(project)
    if alive is not None:
        raise InputError(
            f"A run goes on here since {_time(alive.started)}: process {alive.pid} on {alive.host}. "
            "Watch it with posewright status, or end it first (Ctrl-C, or kill with SIGINT)."
        )
    runs = open_runs(project)
    if not runs and _is_locked(project):
        _refuse_foreign_lock(project)
    said = [sentence for run in runs for sentence in _end(run, project)]
    if _is_locked(project):
        shutil.rmtree(project / LOCKS)
        said.append("The lock of a run that is dead was cleared.")
    return said


def _end(run: Run, project: Path) -> list[str]:
    """End a dead run's jobs and processes, and forget it."""
    said = []
    jobs = slurm.queue(run.slurm_runs(project))
    if jobs:
        left = slurm.cancel(jobs)
        said.append(f"{len(jobs)} Slurm jobs of the run of {_time(run.started)} were cancelled.")
        if left:
            said.append(f"Still in the queue: {', '.join(job.job for job in left)}; leases keep them from doing harm.")
    processes = run.processes() if run.is_here else []
    if processes:
        for process in processes:
            with suppress(psutil.Error):
                process.terminate()  # a training writes its checkpoint
        for process in psutil.wait_procs(processes, timeout=30.0)[1]:
            with suppress(psutil.Error):
                process.kill()
        said.append(f"{len(processes)} processes of the run of {_time(run.started)} were ended.")
    run.end(project)
    return said


def _is_locked(project: Path) -> bool:
    return any((project / LOCKS).glob("*.lock"))


def _refuse_foreign_lock(project: Path) -> None:
    """Stop at a lock without a record, unless it is old and no Snakemake runs here."""
    remedy = "wait for its end; if you are sure that it is dead, snakemake --unlock"
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            is_snakemake = any(Path(word).name == "snakemake" for word in process.cmdline())
            if is_snakemake and Path(process.cwd()) == project.resolve():
                raise InputError(f"The folder is locked by Snakemake, process {process.pid}; {remedy}.")
    youngest_s = min(_age_s(path) for path in (project / LOCKS).glob("*.lock"))
    if youngest_s < STALE_S:
        raise InputError(
            f"The folder was locked {youngest_s:.0f} s ago, maybe from another machine, and by whom is not recorded; "
            f"{remedy}."
        )


def _beat(record: Path) -> None:
    """Touch the record until it is gone."""
    while record.exists():
        with suppress(OSError):
            os.utime(record)
        time.sleep(_BEAT_S)


def _age_s(path: Path) -> float:
    """Return the seconds since a file was touched, by the clock of its file system."""
    probe = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    probe.touch()
    now = probe.stat().st_mtime
    probe.unlink()
    return now - path.stat().st_mtime


def _time(stamp: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(stamp))


def _command(words: Sequence[str]) -> str:
    """Return a command line that repeats a run."""
    return shlex.join(["posewright", "run", *words])
