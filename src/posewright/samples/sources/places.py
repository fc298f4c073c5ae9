"""How a path names frames: a file, a folder of images, images by a pattern, or a data set within an HDF5 file.

Standard library only: this also runs whenever the Snakefile is read.
"""

from __future__ import annotations

import re
from fnmatch import fnmatchcase
from pathlib import Path

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"})
TIFF_SUFFIXES = frozenset({".tif", ".tiff"})
_DATASET = re.compile(r"(?P<file>.+\.(?:h5|hdf5|hdf))::(?P<dataset>.+)", re.IGNORECASE | re.DOTALL)
_NUMBER = re.compile(r"%(0(?P<digits>\d+))?d")


def images_of(path: Path) -> list[Path] | None:
    """Return the images that a folder or a pattern (``img*.png``, ``img%04d.png``) names; None where it is neither.

    The order is that of the names as text, which is SLEAP's.
    """
    try:
        if path.is_dir():
            return _sorted(path, lambda name: True)
        if path.suffix.lower() not in IMAGE_SUFFIXES or path.exists() or not path.parent.is_dir():
            return None
    except ValueError:  # a NUL character in the name
        return None
    numbered = _NUMBER.search(path.name)
    if numbered is not None:
        digits = numbered["digits"]
        number = r"\d+" if digits is None else rf"\d{{{int(digits)},}}"
        before, after = path.name[: numbered.start()], path.name[numbered.end() :]
        return _sorted(path.parent, re.compile(re.escape(before) + number + re.escape(after)).fullmatch)
    if "*" in path.name:
        return _sorted(path.parent, lambda name: fnmatchcase(name, path.name))
    return None


def _sorted(folder: Path, fits: object) -> list[Path]:
    assert callable(fits)
    return sorted(
        entry
        for entry in folder.iterdir()
        if entry.suffix.lower() in IMAGE_SUFFIXES and not entry.name.startswith(".") and fits(entry.name)
    )


def file_and_dataset(path: Path) -> tuple[Path, str | None]:
    """Return the file and, for ``film.h5::box``, the data set in it; a file that is spelled so stands first."""
    found = _DATASET.fullmatch(str(path))
    if found is None or path.exists():
        return path, None
    return Path(found["file"]), found["dataset"]


def is_there(path: Path) -> bool:
    """Return whether there is anything under a path that names frames."""
    return bool(images_of(path)) or file_and_dataset(path)[0].exists()
