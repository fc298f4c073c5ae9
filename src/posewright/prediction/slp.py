"""``poses.slp``: predictions in SLEAP's own file, written as a stream from the Parquet files.

The layout is that of sleap-io 0.9 (format 1.4): flat tables of frames, instances and points that refer to each other by
row number. Coordinates count from the centre of the top-left pixel, as ours do.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from posewright.labels.skeleton import Skeleton
from posewright.prediction.poses import frame_chunks, pose_chunks, read_skeleton
from posewright.samples.sources.base import Source, VideoInfo
from posewright.samples.sources.hdf5 import Hdf5Film
from posewright.samples.sources.images import Images
from posewright.shapes import Size

_FORMAT_ID = 1.4
_PREDICTED = 1
_NO_LINK = -1
_CHUNK_ROWS = 8192

_FRAME = np.dtype(
    [
        ("frame_id", "u8"),
        ("video", "u4"),
        ("frame_idx", "u8"),
        ("instance_id_start", "u8"),
        ("instance_id_end", "u8"),
    ]
)
_INSTANCE = np.dtype(
    [
        ("instance_id", "i8"),
        ("instance_type", "u1"),
        ("frame_id", "u8"),
        ("skeleton", "u4"),
        ("track", "i4"),
        ("from_predicted", "i8"),
        ("score", "f4"),
        ("point_id_start", "u8"),
        ("point_id_end", "u8"),
        ("tracking_score", "f4"),
    ]
)
_POINT = np.dtype([("x", "f8"), ("y", "f8"), ("visible", "?"), ("complete", "?")])
_PREDICTED_POINT = np.dtype([*_POINT.descr, ("score", "f8")])


@dataclass(frozen=True)
class SlpVideo:
    """What SLEAP is told about the video.

    Attributes:
        path: the user's own spelling of it.
        size: height and width; None if the video could not be opened.
        channels: 1 for gray, 3 for colour.
        n_frames: number of frames in the whole file.
        fps: average frame rate; 0 if unknown.
        images: the files of an image sequence, as the user would spell them; none for a file.
        dataset: name of the array in an HDF5 file, and whether SLEAP has to turn it; empty for others.
    """

    path: str
    size: Size | None = None
    channels: int = 1
    n_frames: int = 0
    fps: float = 0.0
    images: tuple[str, ...] = ()
    dataset: str = ""
    channels_first: bool = False


def slp_video(path: str, source: Source, info: VideoInfo, fps: float | None) -> SlpVideo:
    """Return what SLEAP is told about a video that can be opened; ``fps`` stands above what the file says."""
    video = SlpVideo(path, info.size, info.channels, info.n_frames_hint, fps or info.fps)
    if isinstance(source, Images):
        folder = path.rstrip("/") if Path(path).is_dir() else path.rpartition("/")[0]
        return replace(video, images=tuple(f"{folder}/{file.name}" if folder else file.name for file in source.files))
    if isinstance(source, Hdf5Film):
        name, channels_first = source.layout()
        return replace(video, path=str(source.path), dataset=name, channels_first=channels_first)
    return video


def write_poses_slp(poses: Path, frames: Path, out: Path, video: SlpVideo) -> None:
    """Write the predictions of one video; every decoded frame is kept, also those without animals.

    Args:
        poses: the video's ``poses.parquet``.
        frames: its ``frames.parquet``.
        out: the file to write; it is not written atomically, callers put it into a folder that appears as a whole.
        video: the video it belongs to.
    """
    skeleton = read_skeleton(poses)
    tracks = _track_names(poses)
    with h5py.File(out, "w") as file:
        _write_metadata(file, skeleton)
        _write_rows(file, "videos_json", [json.dumps(_video_json(video), separators=(",", ":"))])
        _write_rows(file, "tracks_json", [json.dumps([0, name], separators=(",", ":")) for name in tracks])
        for name in ("suggestions_json", "sessions_json"):
            _write_rows(file, name, [])
        file.create_dataset("points", shape=(0,), dtype=_POINT)
        _write_stream(file, "frames", _FRAME, _frame_rows(frames))
        rows = _instance_rows(poses, frames, {name: i for i, name in enumerate(tracks)}, len(skeleton.nodes))
        _write_stream(file, "instances", _INSTANCE, rows)
        _write_stream(file, "pred_points", _PREDICTED_POINT, _point_rows(poses))


def _frame_rows(frames: Path) -> Iterator[NDArray[np.void]]:
    """Yield the table of frames: which instances belong to each follows from their numbers alone."""
    n_frames = n_instances = 0
    for chunk in frame_chunks(frames):
        kept = chunk["decoded"]
        counts = chunk["n_instances"][kept].astype(np.int64)
        ends = n_instances + np.cumsum(counts)
        rows = np.zeros(len(counts), dtype=_FRAME)
        rows["frame_id"] = n_frames + np.arange(len(counts))
        rows["frame_idx"] = chunk["frame"][kept]
        rows["instance_id_start"] = ends - counts
        rows["instance_id_end"] = ends
        yield rows
        n_frames += len(counts)
        n_instances += int(counts.sum())


def _instance_rows(poses: Path, frames: Path, tracks: dict[str, int], n_nodes: int) -> Iterator[NDArray[np.void]]:
    """Yield the table of instances; frame ids come from a walk over both files, which are in the same order."""
    frame_ids = _frame_ids(frames)
    n_instances = 0
    for chunk in pose_chunks(poses):
        count = len(chunk["frame"])
        ids = n_instances + np.arange(count)
        rows = np.zeros(count, dtype=_INSTANCE)
        rows["instance_id"] = ids
        rows["instance_type"] = _PREDICTED
        rows["frame_id"] = [next(frame_ids) for _ in range(count)]
        rows["track"] = [_NO_LINK if name is None else tracks[name] for name in chunk["track"]]
        rows["from_predicted"] = _NO_LINK
        rows["score"] = chunk["instance_score"]
        rows["tracking_score"] = np.nan_to_num(chunk.get("class_score", 0.0))
        rows["point_id_start"] = ids * n_nodes
        rows["point_id_end"] = (ids + 1) * n_nodes
        yield rows
        n_instances += count


def _frame_ids(frames: Path) -> Iterator[int]:
    """Yield the frame id of each instance, one after the other."""
    n_frames = 0
    for chunk in frame_chunks(frames):
        counts = chunk["n_instances"][chunk["decoded"]]
        yield from np.repeat(n_frames + np.arange(len(counts)), counts).tolist()
        n_frames += len(counts)


def _point_rows(poses: Path) -> Iterator[NDArray[np.void]]:
    """Yield the table of points, the nodes of each instance in the order of the skeleton."""
    for chunk in pose_chunks(poses):
        points = chunk["points"].reshape(-1, 2)
        rows = np.zeros(len(points), dtype=_PREDICTED_POINT)
        rows["x"], rows["y"] = points[:, 0], points[:, 1]
        rows["visible"] = ~np.isnan(points[:, 0])
        rows["score"] = chunk["scores"].ravel()
        yield rows


def _track_names(poses: Path) -> list[str]:
    """Return the names of the tracks, in the order in which they begin."""
    names: dict[str, None] = {}
    for chunk in pose_chunks(poses):
        names.update(dict.fromkeys(name for name in chunk["track"] if name is not None))
    return list(names)


def _write_stream(file: h5py.File, name: str, dtype: np.dtype[Any], chunks: Iterator[NDArray[np.void]]) -> None:
    """Write a table chunk by chunk."""
    table = file.create_dataset(
        name, shape=(0,), maxshape=(None,), chunks=(_CHUNK_ROWS,), dtype=dtype, compression="gzip", compression_opts=1
    )
    for chunk in chunks:
        begin = len(table)
        table.resize(begin + len(chunk), axis=0)
        table[begin:] = chunk


def _write_rows(file: h5py.File, name: str, rows: list[str]) -> None:
    """Write JSON texts, one a row."""
    file.create_dataset(name, data=np.array(rows, dtype=object), dtype=h5py.string_dtype(), maxshape=(None,))


def _video_json(video: SlpVideo) -> dict[str, Any]:
    """Return SLEAP's record of a video file, an image sequence or an array."""
    backend: dict[str, Any] = {
        "type": "MediaVideo",
        "filename": video.path,
        "grayscale": video.channels == 1,
        "bgr": True,
        "dataset": "",
        "input_format": "",
    }
    if video.images:
        backend |= {"type": "ImageVideo", "filename": video.images[0], "filenames": list(video.images)}
    if video.dataset:
        order = "channels_first" if video.channels_first else "channels_last"
        backend |= {"type": "HDF5Video", "dataset": video.dataset, "input_format": order, "convert_range": False}
    if video.size is not None:
        backend["shape"] = [video.n_frames, video.size.height, video.size.width, video.channels]
    if video.fps:
        backend["fps"] = video.fps
    return {"filename": list(video.images) or video.path, "backend": backend}


def _write_metadata(file: h5py.File, skeleton: Skeleton) -> None:
    """Write format and skeleton."""
    links = [_link(pair, 1, {"edge_insert_idx": i}) for i, pair in enumerate(skeleton.edges)]
    links += [_link(pair, 2, {}) for pair in skeleton.symmetries]
    graph = {
        "directed": True,
        "graph": {"name": skeleton.name, "num_edges_inserted": len(skeleton.edges)},
        "links": links,
        "multigraph": True,
        "nodes": [{"id": i} for i in range(len(skeleton.nodes))],
    }
    metadata = {
        "version": "2.0.0",
        "skeletons": [graph],
        "nodes": [{"name": name, "weight": 1.0} for name in skeleton.nodes],
        "videos": [],
        "tracks": [],
        "suggestions": [],
        "negative_anchors": {},
        "provenance": {},
    }
    group = file.require_group("metadata")
    group.attrs["format_id"] = _FORMAT_ID
    group.attrs["json"] = np.bytes_(json.dumps(metadata, separators=(",", ":")).encode())


def _link(pair: tuple[int, int], kind: int, extra: dict[str, int]) -> dict[str, Any]:
    """Return one edge (kind 1) or symmetry (kind 2), spelled out as SLEAP's pickled enumeration."""
    edge_type = {"py/reduce": [{"py/type": "sleap.skeleton.EdgeType"}, {"py/tuple": [kind]}]}
    return {**extra, "key": 0, "source": pair[0], "target": pair[1], "type": edge_type}
