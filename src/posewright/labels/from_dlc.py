"""DeepLabCut projects and tables as labels: one video of each folder of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posewright.labels.dlc import DlcTable, image_names, read_dlc
from posewright.labels.find import Places
from posewright.labels.foreign import NAMES, told
from posewright.labels.model import VideoRef
from posewright.labels.nodes import NodeNames
from posewright.labels.part import Identity, Mark, Part, make_frames
from posewright.labels.skeleton import Skeleton
from posewright.labels.videos import images_in


def read_dlc_part(path: Path, places: Places, names: NodeNames) -> Part:
    """Read a csv (DeepLabCut's or Lightning Pose's), a project's folder or its config.yaml.

    A frame's number is its image's place among the sorted names of all images of the folder, labelled or not, so
    labelling one more of them moves no number.
    """
    with told(path, NAMES["dlc"]):
        return _joined(path, read_dlc(path), places, names)


def _joined(path: Path, tables: list[DlcTable], places: Places, names: NodeNames) -> Part:
    own = [Skeleton(table.nodes) for table in tables]
    edges = tuple((tables[0].nodes.index(a), tables[0].nodes.index(b)) for a, b in tables[0].edges)
    own[0] = Skeleton(tables[0].nodes, edges)
    files = [str(table.path) for table in tables]
    translated = [names.translated(one, file) for one, file in zip(own, files, strict=True)]
    skeleton = names.joined(list(zip(translated, files, strict=True)))
    videos: list[tuple[Identity, VideoRef]] = []
    marks: dict[tuple[int, int], list[Mark]] = {}
    for table in tables:
        for folder, rows in _by_folder(table, names, skeleton.nodes).items():
            images, video = _images(folder, list(rows), table.path, places)
            position = {name: index for index, name in enumerate(images)}
            marks |= {(len(videos), position[name]): instances for name, instances in rows.items()}
            videos.append(video)
    return Part(path, skeleton, videos, make_frames(marks))


def _by_folder(table: DlcTable, names: NodeNames, nodes: tuple[str, ...]) -> dict[str, dict[str, list[Mark]]]:
    """Return folder -> image name -> instances of a table."""
    folders: dict[str, dict[str, list[Mark]]] = {}
    for image, individuals in table.rows.items():
        folder, _, name = image.rpartition("/")
        marks = [(_points(marked, names, nodes), individual) for individual, marked in individuals.items()]
        folders.setdefault(folder, {})[name] = marks
    return folders


def _points(
    marked: dict[str, tuple[float, float]], names: NodeNames, nodes: tuple[str, ...]
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    points = np.full((len(nodes), 2), np.nan)
    for node, point in marked.items():
        name = names.renamed.get(node, node)
        if name is not None:
            points[nodes.index(name)] = point
    return points


def _images(
    folder: str, labelled: list[str], table: Path, places: Places
) -> tuple[list[str], tuple[Identity, VideoRef]]:
    """Return the sorted image names of a folder and the video they make; images beside the table come first."""
    beside = (table.parent / labelled[0]).is_file()
    source = table.parent if beside else places.find(folder, table)
    if source is None or not source.is_dir():
        return sorted(labelled), (("images", folder, str(table)), VideoRef(folder, None, is_images=True))
    names = sorted({*image_names(source), *labelled})
    return names, images_in(folder, source, names)
