"""What is true of one computing site only: its GPUs, its limits, its scheduler's words. Never part of a result."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

from posewright.avoided import avoided
from posewright.config.sections import read_yaml
from posewright.config.stages import STAGE_VERSION
from posewright.errors import InputError, nearest

EVERY_STAGE = "all"
KEYS = ("gpu", "gres", "limits", "notify", "resources")

#: A resource that Snakemake computes for each job: called with its wildcards, its input files and the attempt, from 1.
Computed = Callable[[Any, Any, int], float]

_KEEP_LOG = "--open-mode=append"  #: of sbatch: a job that is requeued goes on in its log, as the profiles have it too


@dataclass(frozen=True)
class Site:
    """A site's settings.

    Attributes:
        gpu: GPUs for each job that can use them.
        gres: how the scheduler is asked for them where it counts generic resources (``gpu``, ``gpu:a100``), else None.
        limits: resource name -> the most that any job may ask for.
        notify: words of a command that is run with the path of the summary when a run has ended.
        resources: stage (or ``all``) -> resource name -> value, passed on to the scheduler.
    """

    gpu: int = 0
    gres: str | None = None
    limits: Mapping[str, float] = field(default_factory=dict)
    notify: tuple[str, ...] = ()
    resources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Site:
        """Read a site file; without one there are no GPUs and no wishes."""
        if not path.exists():
            return cls()
        found = read_yaml(path) or {}
        _refuse_unknown(path, "", found, KEYS)
        gpu, gres = found.get("gpu", 0), found.get("gres")
        limits, resources = found.get("limits") or {}, found.get("resources") or {}
        if not isinstance(gpu, int) or isinstance(gpu, bool) or gpu < 0:
            raise InputError(f"{path} key gpu: found {gpu!r}; give a number of GPUs, 0 for none.")
        if gres is not None and (not isinstance(gres, str) or gres.rpartition(":")[2].isdigit() or not gres):
            raise InputError(f"{path} key gres: found {gres!r}; give a name without number, as gpu or gpu:a100.")
        if not isinstance(limits, Mapping) or not all(_is_amount(most) for most in limits.values()):
            raise InputError(f"{path} key limits: found {limits!r}; give resource names with the most that is allowed.")
        _refuse_unknown(path, "resources", resources, (EVERY_STAGE, *STAGE_VERSION))
        for stage, values in resources.items():
            if not isinstance(values, Mapping):
                raise InputError(f"{path} key resources.{stage}: a map of resources is needed, found {values!r}.")
        return cls(gpu, gres, limits, _words(path, found.get("notify")), resources)

    def of(self, stage: str, **usual: float | Computed) -> dict[str, Any]:
        """Return a stage's resources: the rule's own, replaced where the site says otherwise, within its limits.

        Memory that grows with attempts also grows from what the site says. A job with GPUs asks for none of the nodes
        whose GPU turned out to be of no use (`posewright.avoided`).
        """
        asked: dict[str, Any] = {**usual, **self.resources.get(EVERY_STAGE, {}), **self.resources.get(stage, {})}
        if callable(usual.get("mem_mb")) and _is_amount(asked["mem_mb"]):
            asked["mem_mb"] = growing(asked["mem_mb"], inf)  # the site says what the first attempt gets
        if asked.get("gpu") or "slurm_extra" in asked:
            asked["slurm_extra"] = _extra(asked.get("slurm_extra"), avoids=bool(asked.get("gpu")))
        if self.gres is not None and asked.get("gpu"):
            asked["gres"] = f"{self.gres}:{asked.pop('gpu')}"
        return {name: _at_most(value, self.limits.get(name)) for name, value in asked.items()}


def growing(start: float, most: float, per_input_mb: float = 0.0) -> Computed:
    """Return a request that doubles with every attempt, up to ``most``.

    Args:
        start: of the first attempt.
        most: of any attempt.
        per_input_mb: added to ``start`` for each MB of the job's input files.
    """

    def request(wildcards: Any, input: Any, attempt: int) -> int:
        files = [Path(name) for name in input] if per_input_mb else []
        size_mb = sum(file.stat().st_size for file in files if file.exists()) / 1e6
        return int(min(most, (start + per_input_mb * size_mb) * 2 ** (attempt - 1)))

    return request


def _extra(own: str | None, *, avoids: bool) -> Callable[[Any, Any, int], str]:
    """Return further words for sbatch: the site's own, and the nodes to leave out when the job is submitted."""

    def words(wildcards: Any, input: Any, attempt: int) -> str:
        nodes = list(avoided()) if avoids else []
        return " ".join([_KEEP_LOG, *([own] if own else []), *([f"--exclude={','.join(nodes)}"] if nodes else [])])

    return words


def _at_most(value: Any, most: float | None) -> Any:
    """Keep a request within a limit, also one that is computed for each job; words have none."""
    if most is None:
        return value
    if callable(value):

        def request(wildcards: Any, input: Any, attempt: int) -> Any:
            return min(most, value(wildcards, input, attempt))

        return request
    return min(most, value) if _is_amount(value) else value


def _is_amount(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value > 0


def _words(path: Path, command: Any) -> tuple[str, ...]:
    """Return the words of a command; a shell never sees it."""
    if command is None:
        return ()
    try:
        words = tuple(shlex.split(command)) if isinstance(command, str) else ()
    except ValueError:
        words = ()
    if not words:
        raise InputError(f'{path} key notify: found {command!r}; give a command, as "mail -s done me@example.org".')
    return words


def _refuse_unknown(path: Path, place: str, found: Any, known: tuple[str, ...]) -> None:
    if not isinstance(found, Mapping):
        raise InputError(f"{path}{' key ' + place if place else ''}: a map of keys is needed, found {found!r}.")
    for key in found:
        if key not in known:
            where = f"{place}.{key}" if place else str(key)
            raise InputError(f"{path} key {where}: unknown key {key!r}; {nearest(str(key), known)}.")
