"""Poses that a person corrected in the published file itself: they get a name of their own before it is written again.

One new video publishes its whole batch again, so what was saved into ``poses.slp`` would be gone without a word.
Imported where the Snakefile is parsed and where a video is published (``python -IS``): the standard library only.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path

from posewright.errors import InputError
from posewright.files import file_digest, read_json
from posewright.prediction.status import STATUS_NAME

SLP_NAME = "poses.slp"  #: the published file that people open, correct and save
_TOGETHER_S = 2.0  #: the status is published last, and Snakemake touches the files of a job together


def is_edited(folder: Path) -> bool:
    """Whether ``poses.slp`` of a published video is another than its status tells.

    Where the status tells nothing, as older versions wrote it, what was written later counts as edited.
    """
    try:
        told = read_json(folder / STATUS_NAME)["provenance"]["outputs"][SLP_NAME]["sha256"]
        return bool(file_digest(folder / SLP_NAME) != told)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (KeyError, TypeError, ValueError):
        return _later_s(folder)[0] > _TOGETHER_S


def edited(folders: Iterable[Path]) -> list[Path]:
    """Return those folders of published videos whose ``poses.slp`` was edited.

    Of most only times are asked: what was neither written nor changed later than its status was not edited since. A
    file that was saved elsewhere and copied back may bear an older time of writing, but not of change. What was touched
    or copied only is read once, and gets the time of its status.

    Raises:
        InputError: one cannot be read.
    """
    found = []
    for folder in folders:
        if max(_later_s(folder)) <= _TOGETHER_S:
            continue
        try:
            if is_edited(folder):
                found.append(folder)
            else:
                _settle(folder)
        except OSError as fault:
            raise _unkept(folder, fault) from None
    return found


def set_aside(folder: Path) -> Path | None:
    """Give an edited ``poses.slp`` a name that no rule declares, and return it; None where it is not edited.

    Raises:
        InputError: it cannot be read or renamed.
    """
    try:
        return _renamed(folder) if edited([folder]) else None
    except OSError as fault:
        raise _unkept(folder, fault) from None


def _renamed(folder: Path) -> Path:
    """Return the new name; the one that this very edit has already, where there is such."""
    source = folder / SLP_NAME
    names = (folder / f"poses.edited{'' if number == 1 else number}.slp" for number in count(1))
    target = next(name for name in names if not name.exists() or file_digest(name) == file_digest(source))
    if not target.exists():
        source.rename(target)
    return target


def _unkept(folder: Path, fault: OSError) -> InputError:
    return InputError(
        f"Somebody may have saved into {folder / SLP_NAME}, and it cannot be kept before it is written again "
        f"({fault}); make it readable and its folder writable, or move it away."
    )


def _later_s(folder: Path) -> tuple[float, float]:
    """Return by how many seconds the poses were written, and changed, later than their status; 0 where one lacks."""
    try:
        made, slp = ((folder / name).stat() for name in (STATUS_NAME, SLP_NAME))
    except OSError:
        return 0.0, 0.0
    return slp.st_mtime - made.st_mtime, slp.st_ctime - made.st_ctime


def _settle(folder: Path) -> None:
    """Give an unedited file the time of its status, which Snakemake compares as well: nothing follows from it."""
    made = (folder / STATUS_NAME).stat()
    with suppress(OSError):
        for name in (SLP_NAME, STATUS_NAME):  # the status last: its time of change is then the later one
            os.utime(folder / name, ns=(made.st_atime_ns, made.st_mtime_ns))
