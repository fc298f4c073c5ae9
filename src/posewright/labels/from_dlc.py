"""DeepLabCut projects and tables as labels: one video of each folder of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from posewright.labels.dlc import DlcTable, image_names, read_dlc
from posewright.labels.find import Places
from posewright.labels.model import VideoRef
from posewright.labels.part import Identity, Mark, Part, make_frames, require_same_nodes
from posewright.labels.skeleton import Skeleton
from posewright.labels.videos import images_in


def read_dlc_part(path: Path, places: Places) -> Part:
    """Read a csv, a project's folder or its config.yaml.

    A frame's number is its image's place among the sorted names of all images of the folder, labelled or not, so
    labelling one more of them moves no number.
    """
    tables = read_dlc(path)
    nodes = tables[0].nodes
    for table in tables[1:]:
        require_same_nodes(Skeleton(nodes), Skeleton(table.nodes), str(tables[0].path), str(table.path))
    videos: list[tuple[Identity, VideoRef]] = []
    marks: dict[tuple[int, int], list[Mark]] = {}
    for table in tables:
        for folder, rows in _by_folder(table, nodes).items():
            names, video = _images(folder, list(rows), table.path, places)
            position = {name: index for index, name in enumerate(names)}
            marks |= {(len(videos), position[name]): instances for name, instances in rows.items()}
            videos.append(video)
    edges = tuple((nodes.index(a), nodes.index(b)) for a, b in tables[0].edges)
    return Part(path, Skeleton(nodes, edges), videos, make_frames(marks))


def _by_folder(table: DlcTable, nodes: tuple[str, ...]) -> dict[str, dict[str, list[Mark]]]:
    """Return folder -> image name -> instances of a table."""
    folders: dict[str, dict[str, list[Mark]]] = {}
    for image, individuals in table.rows.items():
        folder, _, name = image.rpartition("/")
        marks = [(_points(marked, nodes), individual) for individual, marked in individuals.items()]
        folders.setdefault(folder, {})[name] = marks
    return folders


def _points(
    marked: dict[str, tuple[float, float]], nodes: tuple[str, ...]
) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    points = np.full((len(nodes), 2), np.nan)
    for node, point in marked.items():
        points[nodes.index(node)] = point
    return points


def _images(
    folder: str, labelled: list[str], table: Path, places: Places
) -> tuple[list[str], tuple[Identity, VideoRef]]:
    """Return the sorted image names of a folder and the video they make; images beside the table come first."""
    beside = (table.parent / labelled[0]).is_file()
    source = table.parent if beside else places.find(folder, table)
    if source is None or not source.is_dir():
        return sorted(labelled), (("images", folder, str(table)), VideoRef(folder, None))
    names = sorted({*image_names(source), *labelled})
    return names, images_in(folder, source, names)
