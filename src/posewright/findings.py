"""Problems gathered one by one and told all at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeVar

from posewright.errors import InputError, InputProblems, Problem

Result = TypeVar("Result")


@dataclass
class Findings:
    """Problems gathered so far; sentences of exceptions are problems like the others."""

    problems: list[Problem | str] = field(default_factory=list)

    def add(self, where: str, found: str, remedy: str) -> None:
        """Keep a problem."""
        self.problems.append(Problem(where, found, remedy))

    def attempt(self, call: Callable[[], Result]) -> Result | None:
        """Return what ``call`` returns, or None after keeping its complaint."""
        try:
            return call()
        except InputProblems as complaint:
            self.problems += complaint.problems
        except InputError as complaint:
            self.problems.append(str(complaint))
        return None

    def raise_if_any(self) -> None:
        """Raise all problems as one error, each line once."""
        unique = list(dict.fromkeys(map(str, self.problems)))
        if unique:
            raise InputProblems([_Line(line) for line in unique])


class _Line(Problem):
    """A problem that is a complete sentence already."""

    def __init__(self, sentence: str) -> None:
        super().__init__(where=sentence, found="", remedy="")

    def __str__(self) -> str:
        return self.where
