"""What is true of one computing site only: its GPUs and the words its scheduler wants. Never part of a result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from posewright.config.sections import read_yaml
from posewright.config.stages import STAGE_VERSION
from posewright.errors import InputError, nearest

EVERY_STAGE = "all"


@dataclass(frozen=True)
class Site:
    """A site's settings.

    Attributes:
        gpu: GPUs for each job that can use them.
        resources: stage (or ``all``) -> resource name -> value, passed on to the scheduler.
    """

    gpu: int = 0
    resources: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)

    @classmethod
    def load(cls, path: Path) -> Site:
        """Read a site file; without one there are no GPUs and no wishes."""
        if not path.exists():
            return cls()
        found = read_yaml(path) or {}
        _refuse_unknown(path, "", found, ("gpu", "resources"))
        gpu, resources = found.get("gpu", 0), found.get("resources") or {}
        if not isinstance(gpu, int) or isinstance(gpu, bool) or gpu < 0:
            raise InputError(f"{path} key gpu: found {gpu!r}; give a number of GPUs, 0 for none.")
        _refuse_unknown(path, "resources", resources, (EVERY_STAGE, *STAGE_VERSION))
        for stage, values in resources.items():
            if not isinstance(values, Mapping):
                raise InputError(f"{path} key resources.{stage}: a map of resources is needed, found {values!r}.")
        return cls(gpu, resources)

    def of(self, stage: str, **usual: Any) -> dict[str, Any]:
        """Return the resources of a stage: the rule's own numbers, replaced where the site says otherwise."""
        return {**usual, **self.resources.get(EVERY_STAGE, {}), **self.resources.get(stage, {})}


def _refuse_unknown(path: Path, place: str, found: Any, known: tuple[str, ...]) -> None:
    if not isinstance(found, Mapping):
        raise InputError(f"{path}{' key ' + place if place else ''}: a map of keys is needed, found {found!r}.")
    for key in found:
        if key not in known:
            where = f"{place}.{key}" if place else str(key)
            raise InputError(f"{path} key {where}: unknown key {key!r}; {nearest(str(key), known)}.")
