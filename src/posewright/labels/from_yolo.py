"""YOLO (Ultralytics) pose data sets as labels: one video of each folder of images, all parts of the set.

Read here and not by sleap-io, which takes the training part only, leaves out lines that it does not understand, and
names an instance's track after the line it stands in.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from posewright.errors import InputError
from posewright.labels.dlc import image_names
from posewright.labels.foreign import NAMES, told
from posewright.labels.model import VideoRef
from posewright.labels.nodes import NodeNames, placed
from posewright.labels.part import Identity, Mark, Part, make_frames
from posewright.labels.videos import images_in
from posewright.labels.yolo import YoloSet, label_file, read_yolo_set

_BOX = 5  #: values of a line before the keypoints: class, centre, width, height


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
            file = label_file(folder / image)
            if not file.is_file():
                continue
            key = (len(videos), number)
            poses = list(_poses(file, folder / image, found))
            marks[key] = [(placed(points[None], own, skeleton.nodes)[0], None) for points in poses]
            if not poses:
                negatives.append(key)
        videos.append(
            images_in(spelled, folder, images)
            if images
            else (("images", str(folder)), VideoRef(spelled, folder, is_images=True))
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
