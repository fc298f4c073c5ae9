"""What the queue of a Slurm cluster says, and how its jobs are ended. Without Slurm the queue is empty."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

_ANSWER_S = 30.0  #: time a Slurm command gets to answer


@dataclass(frozen=True)
class QueuedJob:
    """A job in the queue.

    Attributes:
        job: its id.
        run: its name, which the Snakemake plugin makes the id of the run.
        state: as Slurm says it (``PENDING``, ``RUNNING`` …).
        what: the plugin's comment: rule and wildcards.
    """

    job: str
    run: str
    state: str
    what: str

    @property
    def stage(self) -> str:
        """The rule that the job runs."""
        return self.what.removeprefix("rule_").partition("_wildcards_")[0]


def queue(runs: Sequence[str]) -> list[QueuedJob]:
    """Return the jobs of runs that have not ended, by one call of squeue.

    Raises:
        OSError: when Slurm is here and does not answer.
    """
    if not runs or shutil.which("squeue") is None:
        return []
    words = ["squeue", "--noheader", f"--name={','.join(runs)}", "--format=%i|%j|%T|%k"]
    return [QueuedJob(*line.split("|", 3)) for line in _answer(words).splitlines() if line.count("|") >= 3]


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


def _answer(words: Sequence[str]) -> str:
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_ANSWER_S, check=True)
    except subprocess.TimeoutExpired:
        raise OSError(f"{words[0]} did not answer within {_ANSWER_S:g} s") from None
    except subprocess.CalledProcessError as error:
        raise OSError(f"{words[0]} failed: {error.stderr.strip()}") from None
    return done.stdout
