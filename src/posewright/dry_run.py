"""What a dry run of Snakemake tells of each job: its rule, its wildcards, its files, and why it would run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

_JOB = re.compile(r"^(?:local)?rule (\w+):\n((?: .*\n)*)", re.MULTILINE)
_PARAMS = re.compile(r"Params have changed since last execution: .*? before: (.*) now: (.*)$")
_NOTHING = "<nothing exclusive>"
_FILES = {
    "Missing output files": "missing",
    "Incomplete output files": "incomplete",
    "Updated input files": "changed",
    "Input files updated by another job": "updated",
}
_FLAGS = {
    "Set of input files has changed since last execution": "other_inputs",
    "Code has changed since last execution": "other_rule",
    "Software environment definition has changed since last execution": "other_software",
    "Forced execution": "forced",
}


@dataclass
class PlannedJob:
    """A job that would run.

    Attributes:
        rule: its name.
        wildcards: their values.
        outputs: the files it makes.
        files: kind of reason (``missing``, ``incomplete``, ``changed``, ``updated``) -> files.
        flags: further reasons: ``other_inputs``, ``other_rule``, ``other_software``, ``forced``.
        before: params of the last execution that are no longer the same; None where they could not be read.
        now: what they are now.
    """

    rule: str
    wildcards: list[str]
    outputs: list[str]
    files: dict[str, list[str]] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    before: list[Any] = field(default_factory=list)
    now: list[Any] = field(default_factory=list)
    has_other_params: bool = False


def planned_jobs(text: str) -> list[PlannedJob]:
    """Read the jobs from the text of a dry run, once each, in its order."""
    found: dict[tuple[str, ...], PlannedJob] = {}
    for rule, lines in _JOB.findall(text):
        entries = dict(_entries(lines))
        wildcards = [part.partition("=")[2] for part in _split(entries.get("wildcards", ""))]
        job = PlannedJob(rule, wildcards, _split(entries.get("output", "")))
        _read_reason(entries.get("reason", ""), job)
        found.setdefault((rule, *wildcards), job)
    return list(found.values())


def _entries(lines: str) -> Iterator[tuple[str, str]]:
    for line in lines.splitlines():
        name, colon, value = line.strip().partition(": ")
        if colon:
            yield name, value


def _read_reason(reason: str, job: PlannedJob) -> None:
    """Take a reason apart; what stands in params may hold any sign, so it is cut out first."""
    params = _PARAMS.search(reason)
    if params:
        job.has_other_params = True
        job.before, job.now = _values(params[1]), _values(params[2])
        reason = reason[: params.start()]
    for part in reason.split("; "):
        name, _, value = part.partition(": ")
        if name in _FILES:
            job.files[_FILES[name]] = _split(value)
        if part in _FLAGS:
            job.flags.add(_FLAGS[part])


def _values(text: str) -> list[Any]:
    """Read the params, which stand there as Python spells them."""
    text = text.strip().removesuffix("; Software environment definition has changed since last execution").strip()
    if text == _NOTHING:
        return []
    try:
        return list(ast.literal_eval(f"[{text}]"))
    except (ValueError, SyntaxError):
        return []


def _split(text: str) -> list[str]:
    return [part for part in text.split(", ") if part]
