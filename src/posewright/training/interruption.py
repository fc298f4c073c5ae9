"""Signals that ask a training to stop: outside the steps it ends at once, within them after the step at hand."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from posewright.deadline import interruption
from posewright.errors import Interrupted

#: time limit and preemption; what schedulers can be told to send before; Ctrl-C
_SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class StopRequest:
    """Whether somebody asked for the end, and how soon it must come.

    Attributes:
        asked: whether the training should write its checkpoint and end.
    """

    def __init__(self) -> None:
        self.asked = False
        self._goes_on_later = False
        self._can_wait = False

    def ask_to_go_on_later(self) -> None:
        """Ask for the end of this run of the job, not of the job; from any thread, heard from the first step on."""
        self._goes_on_later = True
        self.asked = True

    def interruption(self, done: str, has_gained: bool) -> Interrupted:
        """Return how the training ends, once it was asked to.

        Args:
            done: how far it is, as a clause.
            has_gained: whether this run of it got further than it began.
        """
        if self._goes_on_later:
            return interruption(done, has_gained)
        return Interrupted(f"{done}; it will go on from there when started again")

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Hear the signals in the block; before `defer`, one ends the block by `Interrupted`."""
        if threading.current_thread() is not threading.main_thread():
            yield  # signals belong to the main thread
            return
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        self._install()
        try:
            yield
        finally:
            self._can_wait = False
            for number, handler in before.items():
                signal.signal(number, handler)

    def defer(self) -> None:
        """From here on a signal only sets `asked`; Lightning's own handlers, put up meanwhile, are taken down."""
        self._can_wait = True
        if threading.current_thread() is threading.main_thread():
            self._install()

    def _install(self) -> None:
        for number in _SIGNALS:
            signal.signal(number, self._heard)

    def _heard(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.asked:
            raise KeyboardInterrupt  # a second Ctrl-C means now
        self.asked = True
        if not self._can_wait:
            raise Interrupted("interrupted before a step of training; start it again to go on")


def leave_signals_to_the_training(worker: int) -> None:
    """Let a process that reads images ignore the signals (torch calls this in each of them).

    Schedulers signal whole process groups. Readers that died of it would take the step at hand with them; the training
    ends them itself.
    """
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
