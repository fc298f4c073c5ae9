"""Files of other programs: which kind one is, and what went wrong in it as a sentence, whatever a damaged one does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import h5py

from posewright.errors import InputError
from posewright.labels.dlc import is_dlc

Kind = Literal["slp", "dlc", "coco", "yolo", "nwb", "analysis", "jabs"]

#: what each kind is called in sentences
NAMES: dict[Kind, str] = {
    "slp": ".slp",
    "dlc": "a DeepLabCut table",
    "coco": "COCO keypoints",
    "yolo": "a YOLO pose data set",
    "nwb": "NWB",
    "analysis": "analysis HDF5",
    "jabs": "JABS pose HDF5",
}
_KNOWN = ".slp, .pkg.slp, a DeepLabCut or Lightning Pose csv or project, COCO .json, a YOLO data.yaml, .nwb, or .h5"


def kind_of(path: Path) -> Kind:
    """Return what kind of label file a path is.

    Raises:
        InputError: it does not exist, or is none that we read.
    """
    try:
        exists = path.exists()
    except (OSError, ValueError):
        exists = False
    if not exists:
        raise InputError(f"{path}: the label file does not exist or cannot be read; correct the path.")
    by_suffix: dict[str, Kind] = {".slp": "slp", ".json": "coco", ".nwb": "nwb"}
    suffix = path.suffix.lower()
    if suffix in by_suffix:
        return by_suffix[suffix]
    if is_dlc(path):
        return "dlc"
    if suffix in (".yaml", ".yml") or (path / "data.yaml").is_file():
        return "yolo"
    if suffix in (".h5", ".hdf5"):
        return _kind_of_hdf5(path)
    raise InputError(f"{path}: this kind of label file is not known; give {_KNOWN}.")


def _kind_of_hdf5(path: Path) -> Kind:
    with told(path, "HDF5"), h5py.File(path, "r") as file:
        if "poseest" in file:
            return "jabs"
        if "tracks" in file and "node_names" in file:
            return "analysis"
        if any("pandas_type" in group.attrs for group in file.values() if isinstance(group, h5py.Group)):
            raise InputError(
                f"{path}: DeepLabCut's .h5 holds pickled parts, which are never opened; name the csv beside it."
            )
    raise InputError(f"{path}: neither analysis HDF5 nor JABS pose HDF5; give {_KNOWN}.")


@contextmanager
def told(path: Path, kind: str) -> Iterator[None]:
    """Turn whatever a file makes its reader raise into a sentence: the file is foreign, and so may be its damage."""
    try:
        yield
    except InputError:
        raise
    except Exception as fault:
        said = " ".join(str(fault).split()) or type(fault).__name__
        raise InputError(f"{path}: the file cannot be read as {kind} ({said[:300]}).") from None
