"""Products: the finished files of a predicted video, in a folder named by the key of all that decides them.

A product folder appears whole, by rename. Losing that rename to another job with the same key is no error: both hold
the same. Published files of the same key can be adopted back, so the work folder may be purged.
"""

from __future__ import annotations

import os
import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from posewright.files import file_digest, new_folder
from posewright.prediction.edited import SLP_NAME, is_edited
from posewright.prediction.poses import FRAMES_NAME, POSES_NAME
from posewright.prediction.status import STATUS_NAME, Status, read_status, write_status

_FILE_OF = {"poses": POSES_NAME, "frames": FRAMES_NAME, "slp": SLP_NAME}
_RENAME_ATTEMPTS = 5


def kept_files(keep: list[str]) -> list[str]:
    """Return the file names behind the words of the setting ``keep``, the status left out."""
    return [_FILE_OF[word] for word in _FILE_OF if word in keep]


@dataclass(frozen=True)
class Product:
    """The place of one video's product.

    Attributes:
        folder: its folder, there or not.
        key: digest of all that decides the files.
        files: names of the files it has beside ``status.json``.
    """

    folder: Path
    key: str
    files: tuple[str, ...]

    def status(self) -> Status | None:
        """Return the status if the product is complete."""
        return _complete(self.folder, self.key, self.files)

    def published(self, folder: Path) -> Status | None:
        """Return the status of a folder of published files if they are those of this product and complete."""
        return _complete(folder, self.key, self.files)

    def adopt(self, published: Path, write_slp: Callable[[Path], None]) -> Status | None:
        """Take published files of the same key back; return their status, or None if they are not complete.

        A ``poses.slp`` that somebody edited is no product: ``write_slp`` makes it anew of the tables in a folder.
        """
        status = self.published(published)
        if status is None or status.state == "failed":
            return None
        is_own = SLP_NAME not in self.files or not is_edited(published)
        if not is_own and not {POSES_NAME, FRAMES_NAME} <= set(self.files):
            return None
        with self.filling() as folder:
            for name in self.files:
                if name != SLP_NAME:
                    _link(published / name, folder / name)
                elif is_own:  # people save into it: a link would carry their edits everywhere
                    shutil.copyfile(published / name, folder / name)
            if not is_own:
                write_slp(folder)
                status = _with_output(status, folder / SLP_NAME)
            write_status(folder / STATUS_NAME, status, self.key)
        return status

    @contextmanager
    def filling(self) -> Iterator[Path]:
        """Yield an empty folder that becomes the product when the block ends well, and vanishes if not."""
        job = os.environ.get("SLURM_JOB_ID", str(os.getpid()))
        folder = new_folder(self.folder.parent, f".{self.key[:16]}.{socket.gethostname()}.{job}.")
        try:
            yield folder
            self._put_in_place(folder)
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def _put_in_place(self, folder: Path) -> None:
        """Give the filled folder the product's name; an incomplete or failed product there makes room."""
        for attempt in range(_RENAME_ATTEMPTS):
            try:
                folder.rename(self.folder)
                return
            except OSError:
                there = self.status()
                if there is not None and there.state != "failed":
                    return  # another job was faster, with the same content
                if not self.folder.exists() and attempt:
                    raise
                shutil.rmtree(self.folder, ignore_errors=True)
        raise OSError(f"{str(self.folder)!r} cannot be replaced")


def _complete(folder: Path, key: str, files: tuple[str, ...]) -> Status | None:
    """Return the status of a folder that holds all files under this key, else None."""
    found = read_status(folder / STATUS_NAME)
    if found is None or found[1] != key or not all((folder / name).is_file() for name in files):
        return None
    return found[0]


def _with_output(status: Status, path: Path) -> Status:
    """Return the status with the record of one file of the product renewed."""
    told = {"sha256": file_digest(path), "bytes": path.stat().st_size}
    outputs = {**status.provenance.get("outputs", {}), path.name: told}
    return replace(status, provenance={**status.provenance, "outputs": outputs})


def _link(source: Path, target: Path) -> None:
    """Link a file, or copy it where the file systems differ or allow no links."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
