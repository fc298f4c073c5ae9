"""How long this job may go on, and how it goes on later.

A job of the workflow under Slurm is ended at its time limit, and before it by a preemption with a grace time. No signal
reaches the program in it, so it asks: work that sees its end come saves what it has, raises `OutOfTime`, and the front
door gives the job back to the queue, where it keeps its id and costs no retry. Elsewhere there is no end.
"""

from __future__ import annotations

import math
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

from posewright import slurm
from posewright.errors import Interrupted, OutOfTime

ASK_VARIABLE = "POSEWRIGHT_ASK_S"  #: environment variable: seconds between two questions to Slurm
ASK_S = 60.0
MARGIN_S = 120.0  #: time in which work saves what it has; of a job shorter than eight minutes, a quarter
_UNTIL_ENDED_S = 600.0  #: Slurm ends a job that it has put back within seconds


class Deadline:
    """Watches the end of the Slurm job that this process runs in.

    Args:
        on_near: called once, from a thread, when the end is near.
    """

    def __init__(self, on_near: Callable[[], None] | None = None) -> None:
        self._on_near = on_near
        self._near = threading.Event()
        self._done = threading.Event()
        self._ask_s = float(os.environ.get(ASK_VARIABLE, ASK_S))

    @property
    def is_near(self) -> bool:
        """Whether work should save what it has and end."""
        return self._near.is_set()

    def bring_near(self) -> None:
        """Let the work end now, to go on later: there is another reason for it."""
        self._near.set()
        if self._on_near is not None:
            self._on_near()

    def leave_if_near(self, done: str, has_gained: bool) -> None:
        """End the work if there is no time for more.

        Args:
            done: what is finished, as a clause.
            has_gained: whether it got further in this job; if not, it would not in the next one either.

        Raises:
            OutOfTime: the job goes on later.
            Interrupted: the job is too short for its work.
        """
        if self.is_near:
            raise interruption(done, has_gained)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Watch the end during the block."""
        if os.environ.get("SLURM_JOB_ID"):
            threading.Thread(target=self._watch, name="deadline", daemon=True).start()
        try:
            yield
        finally:
            self._done.set()

    def _watch(self) -> None:
        margin_s: float | None = None
        spare_s = math.inf
        while True:
            with suppress(OSError):  # Slurm does not answer: ask again, but be ready by the end that was told before
                job = slurm.own_job()
                if job is None:
                    return  # a job of the user's own, whose end is not ours to arrange
                left_s = math.inf if job.ends is None else job.ends - time.time()
                if margin_s is None and math.isfinite(left_s):
                    margin_s = min(MARGIN_S, left_s / 4)
                spare_s = left_s - (margin_s or 0.0)
            if spare_s <= 0:
                self.bring_near()
                return
            pause_s = min(self._ask_s, max(spare_s, 0.5))
            if self._done.wait(pause_s):
                return
            spare_s -= pause_s


def interruption(done: str, has_gained: bool) -> Interrupted:
    """Return how work ends that has no time left; see `Deadline.leave_if_near`."""
    if has_gained:
        return OutOfTime(f"{done}; the time of this job is nearly over, it will go on from there")
    return Interrupted(f"{done}; this job is too short to get any further: raise its runtime in config/site.yaml")


def go_on_later(after: str | None = None) -> None:
    """Give this job back to the queue and wait to be ended; return only where that is impossible.

    Args:
        after: id of a job whose end it has to wait for there.
    """
    try:
        job = slurm.own_job()
    except OSError:
        return
    if job is None:
        return
    until = f", until job {after} has ended" if after else ""
    print(f"job {job.job} asks to be put back into the queue{until}", file=sys.stderr, flush=True)
    if not slurm.put_back(job, after):
        print("Slurm does not allow it", file=sys.stderr, flush=True)
        return
    time.sleep(_UNTIL_ENDED_S)
