"""Labels identified by content: the same digest whatever a tool rearranges when it saves the file again.

What counts: the skeleton, and of each frame with user instances its video, its number, their points and track names.
What does not: predictions, the order in which things are stored, images embedded or not, and whether a video's path is
spelled relative or absolute. Snakemake computes it whenever it parses the workflow, so nothing heavy is imported.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from posewright.errors import InputError
from posewright.files import digest_of, file_digest, read_json, write_json
from posewright.labels.dlc import DlcTable, dlc_files, image_names, read_dlc
from posewright.labels.foreign import NAMES, kind_of, told
from posewright.labels.yolo import read_yolo_set

_USER_INSTANCE = 0
_EDGE, _SYMMETRY = 1, 2
_HALF_PIXEL_BEFORE = 1.1  #: files of older formats count from a pixel's corner


def labels_digest(path: Path, cache: Path | None = None) -> str:
    """Return the digest of a label file's content.

    Args:
        path: anything `posewright.labels.read.read_labels` takes.
        cache: JSON file that remembers digests by size and time of change; None to read the labels in any case.
    """
    if cache is None:
        return _digest(path)
    known = _read_cache(cache)
    key, stamp = str(path.resolve()), _stamp(path)
    entry = known.get(key)
    if isinstance(entry, dict) and entry.get("stamp") == stamp:
        return str(entry["digest"])
    digest = _digest(path)
    write_json(cache, {**_read_cache(cache), key: {"stamp": stamp, "digest": digest}})
    return digest


def _read_cache(cache: Path) -> dict[str, Any]:
    """Return what the cache remembers; a damaged one remembers nothing."""
    try:
        value = read_json(cache)
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _stamp(path: Path) -> list[list[Any]]:
    """Return name, size and time of change of all that `_digest` reads, folders of images included."""
    kind = kind_of(path)
    if kind == "dlc":
        files = dlc_files(path)
        folders = [file.parent for file in files if file.suffix.lower() == ".csv"]
        folders += [inner for folder in folders for inner in sorted((folder / "labeled-data").glob("*"))]
    elif kind == "yolo":
        found = read_yolo_set(path)
        files = [found.file, *(file for file in found.label_files() if file.is_file())]
        folders = [folder for _, folder in found.folders]
    else:
        files, folders = [path], []
    try:
        return [[one.name, status.st_size, status.st_mtime_ns] for one in [*files, *folders] for status in [one.stat()]]
    except OSError:
        raise InputError(f"{path}: the label file does not exist or cannot be read; correct the path.") from None


def _digest(path: Path) -> str:
    kind = kind_of(path)
    with told(path, NAMES[kind]):
        if kind == "slp":
            with h5py.File(path, "r") as file:
                return digest_of(_slp_content(file))
        if kind == "dlc":
            return digest_of(_dlc_content(path))
        if kind == "coco":
            return digest_of(_coco_content(path))
        if kind == "yolo":
            return digest_of(_yolo_content(path))
        return digest_of([kind, file_digest(path)])  # no labelling tool saves these again


# --- .slp -----------------------------------------------------------------------------------------------------------


def _slp_content(file: h5py.File) -> Any:
    metadata = json.loads(file["metadata"].attrs["json"])
    shift = 0.5 if float(file["metadata"].attrs.get("format_id", 1.0)) < _HALF_PIXEL_BEFORE else 0.0
    names = _video_names(video_paths(file))
    tracks = [json.loads(row)[1] for row in file["tracks_json"][()]]
    points = _points(file["points"][()], shift)
    instances = file["instances"][()]
    frames: dict[tuple[str, int], list[list[Any]]] = {}
    for frame in file["frames"][()]:
        rows = instances[int(frame["instance_id_start"]) : int(frame["instance_id_end"])]
        marks = [
            [int(row["skeleton"]), _track(tracks, int(row["track"])), _hash(points, row)]
            for row in rows[rows["instance_type"] == _USER_INSTANCE]
        ]
        if marks:
            frames.setdefault((names[int(frame["video"])], int(frame["frame_idx"])), []).extend(marks)
    used = sorted({mark[0] for marks in frames.values() for mark in marks})
    empty = _negatives(file, names) - frames.keys()
    return {
        "skeletons": [_skeleton(metadata, metadata["skeletons"][index]) for index in used],
        "frames": [[*key, sorted(mark[1:] for mark in marks)] for key, marks in sorted(frames.items())],
        **({"negatives": [list(key) for key in sorted(empty)]} if empty else {}),
    }


def _negatives(file: h5py.File, names: list[str]) -> set[tuple[str, int]]:
    """Return the frames that are marked as without any animal."""
    if "negative_frames" not in file:
        return set()
    return {(names[int(row[0])], int(row[1])) for row in file["negative_frames"][()]}


def _points(stored: NDArray[Any], shift: float) -> NDArray[np.float64]:
    """Return ``[point xy]`` with one spelling of NaN where a point is not visible."""
    points = np.stack([stored["x"], stored["y"]], axis=-1).astype(np.float64) - shift
    points[~stored["visible"] | np.isnan(points).any(axis=-1)] = np.nan
    return points


def _track(tracks: list[str], index: int) -> str:
    return f"track {tracks[index]}" if index >= 0 else ""


def _hash(points: NDArray[np.float64], row: Any) -> str:
    part = points[int(row["point_id_start"]) : int(row["point_id_end"])]
    return hashlib.sha256(np.ascontiguousarray(part).tobytes()).hexdigest()


def video_paths(file: h5py.File) -> list[str]:
    """Return each video's path; of embedded frames that of the video they were taken from, if it is known."""
    return [_original(file, json.loads(row)) for row in file["videos_json"][()]]


def _original(file: h5py.File, video: dict[str, Any]) -> str:
    backend = video.get("backend", {})
    dataset = str(backend.get("dataset") or "")
    source = video.get("source_video")
    group = dataset.removesuffix("/video")
    if source is None and dataset and f"{group}/source_video" in file:
        stored = file[f"{group}/source_video"]
        source = json.loads(stored["json"][()] if "json" in stored else stored.attrs["json"])
    if source is not None:
        return _original(file, source)
    if dataset:
        return f"embedded:{dataset}"
    if backend.get("filenames"):
        return "|".join(_base(name) for name in backend["filenames"])
    path = backend.get("filename") or video.get("filename") or ""
    return "|".join(_base(name) for name in path) if isinstance(path, list) else str(path)


def _base(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _video_names(paths: list[str]) -> list[str]:
    """Return for each path as few of its last parts as tell it from the others.

    Tools replace a path by where they found the file when they save, so its beginning says nothing.
    """
    parts = [path.replace("\\", "/").split("/") for path in paths]
    for count in range(1, max(map(len, parts), default=0) + 1):
        names = ["/".join(part[-count:]) for part in parts]
        if len(set(names)) == len(set(paths)):
            return names
    return paths


def _skeleton(metadata: dict[str, Any], stored: dict[str, Any]) -> Any:
    """Return names of nodes, edges in order, and symmetries sorted, of a skeleton as SLEAP pickles it."""
    skeleton = stored.get("nx_graph", stored)
    nodes = [str(node["name"]) for node in metadata["nodes"]]
    edges = []
    symmetries = set()
    for value, link in _kinds(skeleton["links"]):
        pair = [nodes[int(link["source"])], nodes[int(link["target"])]]
        if value == _EDGE:
            edges.append(pair)
        elif value == _SYMMETRY:
            symmetries.add(tuple(sorted(pair)))
    return {
        "nodes": [nodes[int(node["id"])] for node in skeleton["nodes"]],
        "edges": edges,
        "symmetries": [list(pair) for pair in sorted(symmetries)],
    }


def _kinds(links: Iterable[dict[str, Any]]) -> Iterable[tuple[int, dict[str, Any]]]:
    """Yield each link with its kind: written out at the first mention, later by the number of that mention."""
    mentioned: list[int] = []
    for link in links:
        kind = link["type"]
        if "py/reduce" in kind:
            mentioned.append(int(kind["py/reduce"][1]["py/tuple"][0]))
            yield mentioned[-1], link
        else:
            number = int(kind["py/id"])
            yield mentioned[number - 1] if number <= len(mentioned) else number, link


# --- tables and JSON ------------------------------------------------------------------------------------------------


def _dlc_content(path: Path) -> Any:
    """Return all tables' content, and the images beside them: their order numbers the frames."""
    return [
        {
            "nodes": list(table.nodes),
            "edges": [list(edge) for edge in table.edges],
            "images": image_names(table.path.parent),
            "rows": [[image, _individuals(rows)] for image, rows in sorted(table.rows.items()) if rows],
            **_folders_below(table),
        }
        for table in read_dlc(path)
    ]


def _folders_below(table: DlcTable) -> dict[str, Any]:
    """Return the images of folders below a table that lies above them, as Lightning Pose keeps it."""
    named = {image.rpartition("/")[0] for image in table.rows}
    folders = sorted(name for name in named if name and (table.path.parent / name).is_dir())
    return {"folders": [[name, image_names(table.path.parent / name)] for name in folders]} if folders else {}


def _individuals(rows: dict[str | None, dict[str, tuple[float, float]]]) -> list[Any]:
    marked: Iterable[tuple[str, Any]] = ((f"track {name}" if name else "", marks) for name, marks in rows.items())
    return sorted([name, sorted([node, *point] for node, point in marks.items())] for name, marks in marked)


def _coco_content(path: Path) -> Any:
    """Return images, categories and annotations without what no label depends on."""
    value = json.loads(path.read_text(encoding="utf-8"))
    return {
        "categories": sorted(value["categories"], key=lambda one: str(one["id"])),
        "images": [[one["id"], one["file_name"], one.get("height"), one.get("width")] for one in value["images"]],
        "annotations": sorted((_coco_mark(one) for one in value["annotations"]), key=json.dumps),
    }


def _coco_mark(mark: dict[str, Any]) -> list[Any]:
    track = mark.get("attributes", {}).get("object_id") or mark.get("track_id") or mark.get("instance_id")
    return [mark["image_id"], mark["category_id"], track, mark.get("keypoints")]


def _yolo_content(path: Path) -> Any:
    found = read_yolo_set(path)
    texts = [(file, file.read_text(encoding="utf-8").split()) for file in found.label_files() if file.is_file()]
    return {
        "skeleton": found.skeleton.to_json(),
        "values": found.values,
        "images": [[spelled, image_names(folder)] for spelled, folder in found.folders],
        "labels": [[file.parent.name, file.name, words] for file, words in texts],
    }
