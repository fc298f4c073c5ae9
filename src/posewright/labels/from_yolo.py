"""YOLO (Ultralytics) pose data sets as labels: one video of each folder of images, all parts of the set.

Read here and not by sleap-io, which takes the training part only, leaves out lines that it does not understand, and
names an instance's track after the line it stands in.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from posewright.errors import InputError
from posewright.labels.dlc import image_names
from posewright.labels.foreign import NAMES, told
from posewright.labels.model import VideoRef
from posewright.labels.nodes import NodeNames, placed
from posewright.labels.part import Identity, Mark, Part, make_frames
from posewright.labels.skeleton import Skeleton
from posewright.labels.videos import images_in

_PARTS = ("train", "val", "test")
_BOX = 5  #: values of a line before the keypoints: class, centre, width, height


@dataclass(frozen=True)
class YoloSet:
    """What a ``data.yaml`` describes.

    Attributes:
        file: the ``data.yaml``.
        settings: its content.
        skeleton: nodes and edges; nodes without names are called ``point_0``, ``point_1`` …
        values: numbers per keypoint, 2 or 3 (with a visibility).
        folders: folders of images as spelled, and where they lie.
    """

    file: Path
    settings: Mapping[str, Any]
    skeleton: Skeleton
    values: int
    folders: Sequence[tuple[str, Path]]

    def label_files(self) -> list[Path]:
        """Return the label file of every image, whether or not it is there."""
        return [_label_file(folder / name) for _, folder in self.folders for name in image_names(folder)]


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
        return YoloSet(file, settings, _skeleton(settings, count), values, folders)


def read_yolo(path: Path, names: NodeNames) -> Part:
    """Read a YOLO pose data set; a frame's number is its image's place among the sorted names of its folder.

    An image with an empty label file is a frame without animals, as YOLO understands it; one without a label file is
    not labelled.
    """
    found = read_yolo_set(path)
    own = names.of(found.skeleton)
    skeleton = names.translated(found.skeleton, str(found.file))
    videos: list[tuple[Identity, VideoRef]] = []
    marks: dict[tuple[int, int], list[Mark]] = {}
    negatives = []
    for spelled, folder in found.folders:
        images = image_names(folder)
        for number, image in enumerate(images):
            file = _label_file(folder / image)
            if not file.is_file():
                continue
            key = (len(videos), number)
            poses = list(_poses(file, folder / image, found))
            marks[key] = [(placed(points[None], own, skeleton.nodes)[0], None) for points in poses]
            if not poses:
                negatives.append(key)
        videos.append(
            images_in(spelled, folder, images) if images else (("images", str(folder)), VideoRef(spelled, folder))
        )
    return Part(found.file, skeleton, videos, make_frames(marks), negatives)


def _poses(file: Path, image: Path, found: YoloSet) -> Iterator[np.ndarray[Any, np.dtype[np.float64]]]:
    """Yield ``[node xy]`` pixels of each line of a label file."""
    import cv2

    with told(file, NAMES["yolo"]):
        text = file.read_text(encoding="utf-8")
    lines = [(number, line.split()) for number, line in enumerate(text.splitlines(), start=1)]
    kept = [(number, words) for number, words in lines if words and not words[0].startswith("#")]
    if not kept:
        return
    pixels = cv2.imread(str(image), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise InputError(f"{image}: the image cannot be read; restore it.")
    size = np.array([pixels.shape[1], pixels.shape[0]], np.float64)
    wanted = _BOX + len(found.skeleton.nodes) * found.values
    for number, words in kept:
        try:
            numbers = np.array([float(word) for word in words])
        except ValueError:
            numbers = np.zeros(0)
        if len(numbers) != wanted or not np.isfinite(numbers).all():
            raise InputError(
                f"{file} line {number}: {wanted} numbers are needed (class, box, {len(found.skeleton.nodes)} keypoints "
                f"of {found.values}), found {len(words)} words; correct the line."
            )
        keypoints = numbers[_BOX:].reshape(-1, found.values)
        hidden = keypoints[:, 2] == 0 if found.values == 3 else (keypoints == 0).all(axis=1)
        yield np.where(hidden[:, None], np.nan, keypoints[:, :2] * size)


def _label_file(image: Path) -> Path:
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
