"""Files appear whole or not at all, and equal content has one spelling and one digest."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def canonical_json(value: Any) -> str:
    """Return the one spelling of a JSON value: sorted keys, no spaces. NaN is refused."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)


def digest_of(value: Any) -> str:
    """Return the sha256 hex digest of a JSON value in its canonical spelling."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """Return the sha256 hex digest of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``; it takes the name ``path`` when the block ends well.

    The temporary name carries host-wide randomness, so two jobs may write the same file at once: the last
    rename wins and neither sees half a file. On an exception nothing is left behind.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}.", suffix=path.suffix)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o666 & ~_umask())  # mkstemp makes private files; results belong to the group
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def new_folder(parent: Path, prefix: str) -> Path:
    """Make a folder with a name of its own in ``parent``, with the rights that umask and a setgid parent give."""
    parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=parent, prefix=prefix))
    folder.chmod((folder.stat().st_mode & 0o7000) | (0o777 & ~_umask()))  # mkdtemp makes private folders
    return folder


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all."""
    with atomic_path(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write a JSON file for people and programs: sorted keys, two spaces, no NaN."""
    write_text(path, json.dumps(value, sort_keys=True, indent=2, allow_nan=False) + "\n")


def read_json(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def place(source: Path, target: Path) -> None:
    """Copy ``source`` to ``target``; the target appears whole or not at all, on any file system."""
    with atomic_path(target) as temporary:
        shutil.copyfile(source, temporary)


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask
