"""What the queue of a Slurm cluster says, and how its jobs are ended or put back. Without Slurm the queue is empty."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

_ANSWER_S = 30.0  #: time a Slurm command gets to answer
_WHAT = "rule_"  #: how the comment of a job begins that the Snakemake plugin submitted

# The job that puts itself back is being killed meanwhile; Slurm takes a dependency only of a job that runs no more.
_PUT_BACK = """
trap "" TERM HUP INT
scontrol requeue "$1" || exit 1
[ -n "$2" ] || exit 0
for attempt in 1 2 3 4 5 6 7 8; do
    scontrol update jobid="$1" dependency="afterany:$2" && exit 0
    sleep 1
done
"""


@dataclass(frozen=True)
class QueuedJob:
    """A job in the queue.

    Attributes:
        job: its id.
        run: its name, which the Snakemake plugin makes the id of the run.
        state: as Slurm says it (``PENDING``, ``RUNNING`` …).
        ends: when Slurm will end it, in seconds since 1970; None where it has no end or does not run.
        what: the plugin's comment: rule and wildcards.
    """

    job: str
    run: str
    state: str
    ends: float | None
    what: str

    @property
    def stage(self) -> str:
        """The rule that the job runs."""
        return self.what.removeprefix(_WHAT).partition("_wildcards_")[0]

    @property
    def is_of_workflow(self) -> bool:
        """Whether the workflow submitted it."""
        return self.what.startswith(_WHAT)


def queue(runs: Sequence[str]) -> list[QueuedJob]:
    """Return the jobs of runs that have not ended, by one call of squeue.

    Raises:
        OSError: when Slurm is here and does not answer.
    """
    return _jobs(f"--name={','.join(runs)}") if runs else []


def own_job() -> QueuedJob | None:
    """Return the job of the workflow that this process runs in, None elsewhere.

    Raises:
        OSError: when Slurm is here and does not answer.
    """
    job = os.environ.get("SLURM_JOB_ID")
    return next((found for found in _jobs(f"--jobs={job}") if found.is_of_workflow), None) if job else None


def alike(node: str, partition: str | None) -> list[str]:
    """Return a node and those of its partition with the same generic resources and features, by one call of sinfo.

    Raises:
        OSError: when Slurm does not answer.
    """
    where = ["--partition", partition] if partition else []
    answer = _answer(["sinfo", "--noheader", "--Node", *where, "--format=%N|%G|%f"])
    described = dict(line.split("|", 1) for line in answer.splitlines() if "|" in line)
    return sorted({node, *(name for name, what in described.items() if what == described.get(node))})


def put_back(job: QueuedJob, after: str | None = None) -> bool:
    """Ask Slurm to end a job and to start it again under its id; return whether it will.

    Args:
        job: the one.
        after: a job whose end it has to wait for.
    """
    words = ["sh", "-c", _PUT_BACK, "sh", job.job, after or ""]
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        return process.wait(_ANSWER_S) == 0
    except subprocess.TimeoutExpired:
        return False


def cancel(jobs: Sequence[QueuedJob], patience_s: float = 120.0) -> list[QueuedJob]:
    """End jobs, wait until they have left the queue, and return those that have not.

    Raises:
        OSError: when Slurm does not answer.
    """
    if not jobs:
        return []
    _answer(["scancel", *(job.job for job in jobs)])
    runs, end = sorted({job.run for job in jobs}), time.monotonic() + patience_s
    while (left := queue(runs)) and time.monotonic() < end:
        time.sleep(1.0)
    return left


def _jobs(which: str) -> list[QueuedJob]:
    if shutil.which("squeue") is None:
        return []
    answer = _answer(["squeue", "--noheader", which, "--format=%i|%j|%T|%e|%k"])
    return [_job(line) for line in answer.splitlines() if line.count("|") >= 4]


def _job(line: str) -> QueuedJob:
    job, run, state, ends, what = line.split("|", 4)
    end = None
    with suppress(ValueError):  # N/A, NONE, Unknown
        end = float(ends)
    return QueuedJob(job, run, state, end, what)


def _answer(words: Sequence[str]) -> str:
    seconds = {**os.environ, "SLURM_TIME_FORMAT": "%s"}
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_ANSWER_S, check=True, env=seconds)
    except subprocess.TimeoutExpired:
        raise OSError(f"{words[0]} did not answer within {_ANSWER_S:g} s") from None
    except subprocess.CalledProcessError as error:
        raise OSError(f"{words[0]} failed: {error.stderr.strip()}") from None
    return done.stdout
