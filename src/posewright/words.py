"""Words that sentences of several stages share."""

from __future__ import annotations


def counted(number: int, noun: str) -> str:
    """Return a number with its noun: 1 video, 2 videos."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
