"""What a YOLO (Ultralytics) pose data set describes: its keypoints, its folders of images, and its label files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from posewright.errors import InputError
from posewright.labels.dlc import image_names
from posewright.labels.foreign import NAMES, told
from posewright.labels.skeleton import Skeleton

_PARTS = ("train", "val", "test")


@dataclass(frozen=True)
class YoloSet:
    """What a ``data.yaml`` describes.

    Attributes:
        file: the ``data.yaml``.
        skeleton: nodes and edges; nodes without names are called ``point_0``, ``point_1`` …
        values: numbers per keypoint, 2 or 3 (with a visibility).
        folders: folders of images as spelled, and where they lie.
    """

    file: Path
    skeleton: Skeleton
    values: int
    folders: Sequence[tuple[str, Path]]

    def label_files(self) -> list[Path]:
        """Return the label file of every image, whether or not it is there."""
        return [label_file(folder / name) for _, folder in self.folders for name in image_names(folder)]


def read_yolo_set(path: Path) -> YoloSet:
    """Read a ``data.yaml``, given itself or by its folder."""
    file = path / "data.yaml" if path.is_dir() else path
    with told(file, NAMES["yolo"]):
        settings = yaml.safe_load(file.read_text(encoding="utf-8"))
        if not isinstance(settings, dict) or "kpt_shape" not in settings:
            raise InputError(f"{file}: no YOLO pose data set (it has no kpt_shape).")
        count, values = (int(one) for one in settings["kpt_shape"])
        if count < 1 or values not in (2, 3):
            raise InputError(f"{file}: kpt_shape {[count, values]} is no number of keypoints with 2 or 3 values each.")
        root = file.parent / str(settings.get("path") or ".")
        root = root if root.is_dir() else file.parent
        spelled = [str(one) for part in _PARTS for one in _several(settings.get(part))]
        folders = [(one, root / one) for one in dict.fromkeys(spelled)]
        missing = [str(place) for _, place in folders if not place.is_dir()]
        if missing or not folders:
            listed = f"no folder {', '.join(missing)}" if missing else "neither train nor val nor test"
            raise InputError(f"{file}: there is {listed}; name folders of images.")
        return YoloSet(file, _skeleton(settings, count), values, folders)


def label_file(image: Path) -> Path:
    """Return where YOLO keeps an image's labels: ``images`` in its path is ``labels``, for the last such folder."""
    parts = list(image.parts)
    for place in reversed(range(len(parts) - 1)):
        if parts[place] == "images":
            parts[place] = "labels"
            break
    return Path(*parts).with_suffix(".txt")


def _skeleton(settings: Mapping[str, Any], count: int) -> Skeleton:
    given = settings.get("kpt_names") or settings.get("node_names")
    if isinstance(given, Mapping):
        given = next(iter(given.values()))
    nodes = tuple(str(one) for one in given) if given else tuple(f"point_{index}" for index in range(count))
    if len(nodes) != count:
        raise InputError(f"The data set names {len(nodes)} keypoints {list(nodes)}, kpt_shape says {count}.")
    edges = tuple((int(a), int(b)) for a, b in settings.get("skeleton") or ())
    flips = settings.get("flip_idx") or ()
    pairs = sorted({tuple(sorted((place, int(other)))) for place, other in enumerate(flips) if place != int(other)})
    return Skeleton(nodes, edges, tuple((a, b) for a, b in pairs))


def _several(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list) else [value]
