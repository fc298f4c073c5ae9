"""Where a video named in a label file lies on this machine: found, missing, or ambiguous, never guessed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from posewright.errors import InputError


@dataclass(frozen=True)
class Places:
    """Where to look for videos besides the path as given and the label file's own folder.

    Attributes:
        folders: searched by the path's last parts, longest match first, then below them by the base name.
        path_map: old beginning of a path -> new one; slashes of either kind.
    """

    folders: Sequence[Path] = ()
    path_map: Mapping[str, str] = field(default_factory=dict)

    def find(self, path: str, label_file: Path) -> Path | None:
        """Return the file or folder a label file calls ``path``; None when there is none.

        Raises:
            InputError: when several files answer to the name.
        """
        spelled = self.mapped(path)
        parts = [part for part in spelled.split("/") if part not in ("", ".")]
        given = Path(spelled)
        beside = label_file.parent
        steps: list[Callable[[], list[Path]]] = [
            lambda: [given] if given.is_absolute() else [given, beside / given],
            lambda: [beside / parts[-1]],
            lambda: self._by_tail(parts),
            lambda: self._below(parts[-1]),
        ]
        for step in steps:
            found = _existing(step())
            if len(found) > 1:
                listed = ", ".join(str(one) for one in found)
                raise InputError(
                    f"{label_file}: the video {path!r} could be any of {listed}; "
                    "give the folder of the right one in video_paths, or a path_map that spells it out."
                )
            if found:
                return found[0]
        return None

    def mapped(self, path: str) -> str:
        """Return the path with forward slashes and its beginning replaced by the longest fitting map entry."""
        spelled = _slashes(path)
        for old, new in sorted(self.path_map.items(), key=lambda item: -len(item[0])):
            begin = _slashes(old).rstrip("/")
            head, rest = spelled[: len(begin)], spelled[len(begin) :]
            same = head.lower() == begin.lower() if ":" in begin else head == begin
            if same and (not rest or rest.startswith("/")):
                return _slashes(new).rstrip("/") + rest
        return spelled

    def _by_tail(self, parts: list[str]) -> list[Path]:
        """Return what the folders hold under the path's last parts, for the most parts that match anything."""
        for start in range(len(parts)):
            found = _existing(folder.joinpath(*parts[start:]) for folder in self.folders)
            if found:
                return found
        return []

    def _below(self, name: str) -> list[Path]:
        """Return everything of that name anywhere below the folders."""
        return sorted(
            Path(root, name)
            for folder in self.folders
            for root, folders, files in os.walk(folder)
            if name in files or name in folders
        )


def _slashes(path: str) -> str:
    return path.replace("\\", "/")


def _existing(candidates: Iterable[Path]) -> list[Path]:
    """Return the candidates that exist, one spelling for each file."""
    found: dict[str, Path] = {}
    for candidate in candidates:
        if os.path.exists(candidate):  # unlike Path.exists, False also where access is denied
            found.setdefault(os.path.realpath(candidate), candidate)
    return list(found.values())
