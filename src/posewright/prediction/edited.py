"""Poses that a person corrected in the published file itself: kept beside it before a run may write that file again.

Snakemake deletes what a rule declares before the rule runs, and one new video publishes its whole batch again, so what
was saved into ``poses.slp`` would be gone without a word. Imported where the Snakefile is parsed: nothing heavy here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from pathlib import Path

from posewright.files import file_digest, place, read_json
from posewright.prediction.status import STATUS_NAME

SLP_NAME = "poses.slp"  #: the published file that people open, correct and save
_TOGETHER_S = 2.0  #: the status is published last, and Snakemake touches the files of a job together


def is_edited(folder: Path, if_untold: bool = False) -> bool:
    """Whether ``poses.slp`` of a published video is another than its status tells.

    Args:
        folder: of the video.
        if_untold: the answer where the status tells nothing, as older versions wrote it.
    """
    try:
        told = read_json(folder / STATUS_NAME)["provenance"]["outputs"][SLP_NAME]["sha256"]
        return bool(file_digest(folder / SLP_NAME) != told)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (KeyError, TypeError, ValueError):
        return if_untold


def keep_edited(folders: Iterable[Path]) -> list[Path]:
    """Give each edited ``poses.slp`` a second name, which no rule declares; return the names that are new.

    Args:
        folders: of published videos. Of most only two times are asked: what is not younger than its status was not
            edited since. What was touched or copied only is read once, and gets the time of its status.
    """
    found = []
    for folder in folders:
        if not _is_younger(folder):
            continue
        if not is_edited(folder, if_untold=True):
            _settle(folder)
        elif kept := _keep(folder):
            found.append(kept)
    return found


def _is_younger(folder: Path) -> bool:
    try:
        made = (folder / STATUS_NAME).stat().st_mtime
        return (folder / SLP_NAME).stat().st_mtime > made + _TOGETHER_S
    except OSError:
        return False


def _settle(folder: Path) -> None:
    """Give an unedited file the time of its status, which Snakemake compares as well: nothing follows from it."""
    made = (folder / STATUS_NAME).stat()
    with suppress(OSError):
        os.utime(folder / SLP_NAME, ns=(made.st_atime_ns, made.st_mtime_ns))


def _keep(folder: Path) -> Path | None:
    """Return the new name; None where this edit has one."""
    source = folder / SLP_NAME
    for number in count(1):
        target = folder / f"poses.edited{'' if number == 1 else number}.slp"
        if not target.exists():
            try:
                os.link(source, target)
            except OSError:
                place(source, target)
            return target
        if target.samefile(source) or file_digest(target) == file_digest(source):
            return None
    return None
