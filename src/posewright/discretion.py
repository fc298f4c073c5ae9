"""What a private project keeps to itself: hosts, users and absolute paths never reach what it publishes.

The config's ``provenance.private`` is told to every process of a run by one environment variable, so that no rule's
words change with it and nothing runs again for it.
"""

from __future__ import annotations

import hashlib
import os
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

PRIVATE_VARIABLE = "POSEWRIGHT_PRIVATE"  #: environment variable: set where results keep hosts, users and paths out
_ROOT = r"(?:[A-Za-z]:[\\/]|\\\\|~?/)"
_WHOLE = re.compile(rf"{_ROOT}(?:[^'\"\n]*\.\w{{1,5}}|[^\s'\"]+)")  #: with spaces only where it ends like a file
_QUOTED = re.compile(rf"(['\"])({_ROOT}(?:(?!\1).)+)\1")
_BARE = re.compile(rf"(?<![\w:/\\.<~])({_ROOT}[^\s'\"<>,;]*[^\s'\"<>,;.:)])")


def is_private() -> bool:
    """Return whether this process works for a private project."""
    return bool(os.environ.get(PRIVATE_VARIABLE))


def publishable(value: Any) -> Any:
    """Return a JSON value as it may be published: unchanged, in a private project without what names people and places.

    A path inside the project is told from there; of any other absolute path the name is left, after a mark that tells
    folders apart. Keys of maps are treated like values.
    """
    if not is_private():
        return value
    if isinstance(value, dict):
        return {publishable(key): publishable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [publishable(item) for item in value]
    return _without_places(value) if isinstance(value, str) else value


def _without_places(text: str) -> str:
    if _WHOLE.fullmatch(text):
        return _path(text)
    text = _QUOTED.sub(lambda found: f"{found[1]}{_path(found[2])}{found[1]}", text)
    return _BARE.sub(lambda found: _path(found[1]), text)


def _path(path: str) -> str:
    """Return an absolute path without its folders."""
    with suppress(ValueError):
        return Path(path).relative_to(Path.cwd()).as_posix()
    folder, _, name = path.replace("\\", "/").rstrip("/").rpartition("/")
    return f"{hashlib.sha256(folder.encode()).hexdigest()[:8]}/{name}"
