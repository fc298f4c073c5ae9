"""Where a video named in a label file lies on this machine: found, missing, or ambiguous, never guessed."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from posewright.errors import InputError

Fits = Callable[[Path], bool]  #: whether a file can be the video, by what the label file knows of it
Shows = Callable[[Path], bool]  #: whether a file shows the very pictures that the label file holds of the video


@dataclass(frozen=True)
class Places:
    """Where to look for videos besides the path as given and the label file's own folder.

    Attributes:
        folders: searched, with all below them, for files that share the last parts of a path.
        path_map: old beginning of a path -> new one; slashes of either kind.
    """

    folders: Sequence[Path] = ()
    path_map: Mapping[str, str] = field(default_factory=dict)

    def find(
        self,
        path: str,
        label_file: Path,
        others: Iterable[str] = (),
        fits: Fits = lambda candidate: True,
        shows: Shows | None = None,
    ) -> Path | None:
        """Return the file or folder a label file calls ``path``; None when there is none.

        A path that leads somewhere as it stands, mapped and relative to the label file, is believed. Else the file
        that shares most of the last parts of the path is taken, among those that fit and are not another video's.

        Args:
            path: as the label file spells it.
            label_file: the file; its folder is searched, too, though not what lies below other folders in it.
            others: paths of the file's other videos. What shares more with one of them is not this one.
            fits: tells files that cannot be the video.
            shows: decides, by the label file's own pictures, where names leave a doubt; None where it holds none.

        Raises:
            InputError: when several files answer to the name, or one file to the names of several videos.
        """
        exact = self._exact(path, label_file, shows)
        if exact is not None:
            return exact
        parts = _parts(self.mapped(path))
        if not parts:
            return None
        rivals = {one: _parts(self.mapped(one)) for one in others if self.mapped(one) != self.mapped(path)}
        taken = {os.path.realpath(one) for rival in rivals if (one := self._exact(rival, label_file)) is not None}
        own: dict[Path, int] = {}
        for one in self._of_name(parts, label_file.parent):
            shared = shared_parts(parts, one.parts)
            nearer = any(shared_parts(other, one.parts) > shared for other in rivals.values())
            if os.path.realpath(one) not in taken and not nearer and fits(one):
                own[one] = shared
        best = _shown([one for one, shared in own.items() if shared == max(own.values())], shows)
        if len(best) > 1:
            listed = ", ".join(str(one) for one in best)
            raise InputError(
                f"{label_file}: the video {path!r} could be any of {listed}{_not_told(best, shows)}; "
                "give the folder of the right one in video_paths, or a path_map that spells it out."
            )
        for rival, others_parts in rivals.items() if best else ():
            if shared_parts(others_parts, best[0].parts) == own[best[0]]:
                if shows is not None:
                    return best[0] if shows(best[0]) else None
                raise InputError(
                    f"{label_file}: {best[0]} could be the video {path!r} or the video {rival!r}; "
                    "give folders in which both lie in video_paths, or a path_map that spells them out."
                )
        return best[0] if best else None

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

    def is_exact(self, path: str, label_file: Path) -> bool:
        """Return whether a path leads somewhere as it stands, without a search."""
        return self._exact(path, label_file) is not None

    def _exact(self, path: str, label_file: Path, shows: Shows | None = None) -> Path | None:
        given = Path(self.mapped(path))
        places = [given] if given.is_absolute() else [label_file.parent / given, given]
        found = _shown(_existing(places) if _parts(self.mapped(path)) else [], shows)
        if len(found) > 1:
            raise InputError(
                f"{label_file}: the video {path!r} could be any of {', '.join(map(str, found))}; "
                "give a path_map that spells it out."
            )
        return found[0] if found else None

    def _of_name(self, parts: Sequence[str], beside: Path) -> list[Path]:
        """Return all that ends like the path: beside the label file, and anywhere below the folders."""
        tails = [beside.joinpath(*parts[start:]) for start in range(len(parts))]
        return _existing([*tails, *self._below.get(parts[-1], ())])

    @cached_property
    def _below(self) -> dict[str, list[Path]]:
        """Name -> everything of that name anywhere below the folders."""
        found: dict[str, list[Path]] = {}
        for folder in self.folders:
            for root, folders, files in os.walk(folder):
                folders.sort()
                for name in [*folders, *sorted(files)]:
                    found.setdefault(name, []).append(Path(root, name))
        return found


def _shown(candidates: list[Path], shows: Shows | None) -> list[Path]:
    """Return those of several candidates that show the label file's pictures; all of them if none does."""
    if shows is None or len(candidates) < 2:
        return candidates
    return [one for one in candidates if shows(one)] or candidates


def _not_told(candidates: Sequence[Path], shows: Shows | None) -> str:
    """Say why the pictures leave the doubt, as a clause."""
    if shows is None:
        return ""
    return f" ({'each' if shows(candidates[0]) else 'none'} shows the images embedded in the labels)"


def shared_parts(parts: Sequence[str], others: Sequence[str]) -> int:
    """Return how many of their last parts two paths share."""
    count = 0
    for one, other in zip(reversed(parts), reversed(others), strict=False):
        if one != other:
            break
        count += 1
    return count


def parts_of(path: str) -> list[str]:
    """Return the parts of a path as a label file spells it, whichever slashes it uses."""
    return _parts(_slashes(path))


def _parts(spelled: str) -> list[str]:
    return [part for part in spelled.split("/") if part not in ("", ".")]


def _slashes(path: str) -> str:
    return path.replace("\\", "/")


def _existing(candidates: Iterable[Path]) -> list[Path]:
    """Return the candidates that exist, one spelling for each file."""
    found: dict[str, Path] = {}
    for candidate in candidates:
        try:
            exists = os.path.exists(candidate)  # unlike Path.exists, False also where access is denied
        except ValueError:  # a NUL in a damaged path
            exists = False
        if exists:
            found.setdefault(os.path.realpath(candidate), candidate)
    return list(found.values())
