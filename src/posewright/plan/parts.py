"""How settings become JSON that rules can compare."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from posewright.config.project import ProjectConfig
from posewright.errors import InputError


def decoding(project: ProjectConfig) -> dict[str, Any]:
    """Return the decode options that the config sets; what is ``auto`` is left to the library."""
    threshold = project.predict.peak_threshold
    return {} if threshold == "auto" else {"peak_threshold": threshold}


def dump(section: Any) -> Any:
    """Return a section of the config as JSON has it."""
    return section.model_dump(mode="json", by_alias=True)


def plain(value: Any) -> Any:
    """Return a value as JSON has it: tuples are lists, paths are strings."""
    if isinstance(value, Path):
        return str(value)
    return [plain(item) for item in value] if isinstance(value, (tuple, list)) else value


def existing(path: Path, key: str) -> Path:
    """Return a path that the config names under ``key``; it is an error where it does not exist."""
    if not path.exists():
        raise InputError(f"{key}: {path} does not exist; correct the path, or make the file first.")
    return path
