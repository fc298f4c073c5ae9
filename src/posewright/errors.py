"""Errors are sentences with a remedy: what was found, where, and what would fit."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


class InputError(ValueError):
    """Something a user gave does not fit. The message is complete and needs no traceback."""


class UnusableNode(InputError):
    """This machine cannot do the work that it was given; another may."""


@dataclass(frozen=True)
class Problem:
    """One fault in the inputs.

    Attributes:
        where: file, and row, column or key in it (``videos.tsv row 7 column path``).
        found: what stands there, as a clause (``'cam0.mp4' does not exist``).
        remedy: what to do (``correct the path or set exclude``).
    """

    where: str
    found: str
    remedy: str

    def __str__(self) -> str:
        end = "" if self.remedy.endswith("?") else "."
        return f"{self.where}: {self.found}; {self.remedy}{end}"


class InputProblems(InputError):
    """Several problems at once, one line each."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        count = f"{len(self.problems)} problem{'s' if len(self.problems) != 1 else ''} in the inputs:"
        super().__init__("\n".join([count, *(f"- {problem}" for problem in self.problems)]))


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a hint naming the known word most like ``word``, or all known words when none is near."""
    choices = sorted(known)
    close = difflib.get_close_matches(word, choices, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(choices)}"


class Interrupted(Exception):
    """Work that was asked to stop and will go on from where it is when started again; the message says from where."""


class OutOfTime(Interrupted):
    """The time of this job is nearly over, or another does its work: it goes on in a later run of the job."""
