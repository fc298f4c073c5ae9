"""Poses on disk: ``poses.parquet`` and ``frames.parquet``, written as a stream and read as tidy tables.

``poses.parquet`` has one row per predicted instance, ``frames.parquet`` one row per expected frame. Coordinates are
pixels of the whole frame of the original video; NaN where a node was not found. Models that tell individuals apart add
the column ``class_score``: how sure the model is of the individual, whoever gave the track its name.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Sequence
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from posewright.labels.skeleton import Skeleton
from posewright.shapes import PoseBatch

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

SCHEMA = 1
POSES_NAME, FRAMES_NAME = "poses.parquet", "frames.parquet"

_METADATA_KEY = b"posewright"
_CLASS_SCORE = "class_score"
_ROW_GROUP_ROWS = 65536
_TRACK_TYPE = pa.dictionary(pa.int32(), pa.string())
_FRAMES_SCHEMA = pa.schema(
    [("frame", pa.int32()), ("time_s", pa.float64()), ("decoded", pa.bool_()), ("n_instances", pa.int16())]
)


def poses_schema(skeleton: Skeleton, with_classes: bool = False) -> pa.Schema:
    """Return the columns of ``poses.parquet``; the file's metadata carries the skeleton."""
    fixed = [
        ("frame", pa.int32()),
        ("time_s", pa.float64()),
        ("instance", pa.int16()),
        ("track", _TRACK_TYPE),
        ("instance_score", pa.float32()),
        ("raw_score", pa.float32()),
    ]
    if with_classes:
        fixed.append((_CLASS_SCORE, pa.float32()))
    nodes = [(f"{what}_{node}", pa.float32()) for node in skeleton.nodes for what in ("x", "y", "score")]
    metadata = json.dumps({"schema": SCHEMA, "skeleton": skeleton.to_json()}).encode()
    return pa.schema(fixed + nodes, metadata={_METADATA_KEY: metadata})


class _TableWriter:
    """Gathers columns and writes them in row groups, so that memory does not grow with the video."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema
        self._writer = pq.ParquetWriter(path, schema, compression="zstd")
        self._waiting: list[pa.Table] = []
        self._n_waiting = 0

    def add(self, columns: Sequence[Any]) -> None:
        """Append rows, given as one array a column."""
        arrays = [pa.array(column, type=field.type) for column, field in zip(columns, self._schema, strict=True)]
        table = pa.Table.from_arrays(arrays, schema=self._schema)
        self._waiting.append(table)
        self._n_waiting += table.num_rows
        if self._n_waiting >= _ROW_GROUP_ROWS:
            self._flush()

    def _flush(self) -> None:
        table = pa.concat_tables(self._waiting).unify_dictionaries().combine_chunks()
        self._writer.write_table(table, row_group_size=_ROW_GROUP_ROWS)
        self._waiting, self._n_waiting = [], 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._waiting and error is None:
                self._flush()
        finally:
            self._writer.close()


class PosesWriter(_TableWriter):
    """Writes ``poses.parquet`` in the order of frames, class scores where the model tells individuals apart."""

    def __init__(self, path: Path, skeleton: Skeleton, with_classes: bool = False) -> None:
        super().__init__(path, poses_schema(skeleton, with_classes))
        self._with_classes = with_classes

    def add_poses(
        self, frames: Sequence[int], times_s: Sequence[float], poses: PoseBatch, tracks: Sequence[str | None]
    ) -> None:
        """Append the instances of a batch; ``frames`` and ``times_s`` belong to its images, ``tracks`` to its rows."""
        if not len(poses):
            return
        image = np.asarray(poses.frame, dtype=np.int64)
        points = np.asarray(poses.points, dtype=np.float32)
        scores = np.asarray(poses.node_scores, dtype=np.float32)
        raw_scores = np.nan if poses.raw_scores is None else poses.raw_scores
        columns: list[Any] = [
            np.asarray(frames, dtype=np.int32)[image],
            np.asarray(times_s, dtype=np.float64)[image],
            _number_within(image),
            pa.array(tracks, type=pa.string()).dictionary_encode().cast(_TRACK_TYPE),
            np.asarray(poses.instance_scores, dtype=np.float32),
            np.broadcast_to(np.asarray(raw_scores, dtype=np.float32), len(poses)),
        ]
        if self._with_classes:
            columns.append(np.asarray(poses.class_scores, dtype=np.float32))
        for node in range(poses.n_nodes):
            columns += [points[:, node, 0].copy(), points[:, node, 1].copy(), scores[:, node].copy()]
        self.add(columns)


class FramesWriter(_TableWriter):
    """Writes ``frames.parquet``."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, _FRAMES_SCHEMA)

    def add_frames(
        self,
        frames: Sequence[int],
        times_s: Sequence[float],
        decoded: Sequence[bool],
        n_instances: Sequence[int],
    ) -> None:
        """Append frames in order; a time that is not known is NaN."""
        self.add(
            [
                np.asarray(frames, dtype=np.int32),
                np.asarray(times_s, dtype=np.float64),
                np.asarray(decoded, dtype=bool),
                np.asarray(n_instances, dtype=np.int16),
            ]
        )


def read_skeleton(path: Path) -> Skeleton:
    """Return the skeleton that a ``poses.parquet`` carries."""
    metadata = pq.read_schema(path).metadata or {}
    return Skeleton.from_json(json.loads(metadata[_METADATA_KEY])["skeleton"])


def has_classes(path: Path) -> bool:
    """Return whether a ``poses.parquet`` is of a model that tells individuals apart."""
    return _CLASS_SCORE in pq.read_schema(path).names


def pose_chunks(path: Path, rows: int = _ROW_GROUP_ROWS) -> Iterator[dict[str, Any]]:
    """Yield ``poses.parquet`` in chunks: NumPy columns, ``points [row node xy]`` and ``scores [row node]``."""
    skeleton = read_skeleton(path)
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=rows):
            yield _chunk(batch, skeleton)


def frame_chunks(path: Path, rows: int = _ROW_GROUP_ROWS) -> Iterator[dict[str, Any]]:
    """Yield ``frames.parquet`` in chunks of NumPy columns."""
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=rows):
            yield {name: batch[name].to_numpy(zero_copy_only=False) for name in batch.schema.names}


def read_poses(path: Path) -> pd.DataFrame:
    """Return the tidy table: one row per frame, instance and node, with x, y and score.

    Args:
        path: a ``poses.parquet``, or the folder that holds it.
    """
    import pandas as pd

    path = _poses_path(path)
    skeleton = read_skeleton(path)
    wide = pq.read_table(path).to_pandas()
    n_nodes = len(skeleton.nodes)
    about_instances = ["frame", "time_s", "instance", "track", "instance_score", "raw_score", _CLASS_SCORE]
    tidy = wide[[name for name in about_instances if name in wide]]
    tidy = tidy.loc[tidy.index.repeat(n_nodes)].reset_index(drop=True)
    tidy["node"] = pd.Categorical(list(skeleton.nodes) * len(wide), categories=list(skeleton.nodes))
    for what in ("x", "y", "score"):
        tidy[what] = wide[[f"{what}_{node}" for node in skeleton.nodes]].to_numpy(dtype=np.float32).ravel()
    return tidy


def read_xarray(path: Path) -> xr.Dataset:
    """Return a data set with named axes: ``position (frame, space, node, individual)``, ``confidence`` and scores.

    ``instance_score`` (and ``class_score``, where the model tells individuals apart) is ``(frame, individual)``; the
    whole video is in memory, dense: frames x individuals x nodes.

    Individuals are the tracks. What has no track is told apart by its number in the frame: ``unnamed_0``, ``unnamed_1``
    … beside the tracks, plain ``0``, ``1`` … in a video without any. Frames are those of ``frames.parquet`` beside it,
    with or without animals.
    """
    import xarray as xr

    path = _poses_path(path)
    skeleton = read_skeleton(path)
    table = pq.read_table(path.parent / FRAMES_NAME)
    frames = table["frame"].to_numpy()
    tracks = _track_names(path)
    found = {name for _, names in _named_chunks(path, tracks) for name in names}
    individuals = sorted(found, key=lambda name: (bool(tracks) and name not in tracks, len(name), name))
    column = {name: i for i, name in enumerate(individuals)}
    position = np.full((len(frames), 2, len(skeleton.nodes), len(individuals)), np.nan, np.float32)
    confidence = np.full((len(frames), len(skeleton.nodes), len(individuals)), np.nan, np.float32)
    scores = {
        name: np.full((len(frames), len(individuals)), np.nan, np.float32)
        for name in ("instance_score", _CLASS_SCORE)
        if name in pq.read_schema(path).names
    }
    for chunk, names in _named_chunks(path, tracks):
        rows = np.searchsorted(frames, chunk["frame"])
        who = np.array([column[name] for name in names], dtype=np.int64)
        position[rows, :, :, who] = chunk["points"].transpose(0, 2, 1)
        confidence[rows, :, who] = chunk["scores"]
        for name, score in scores.items():
            score[rows, who] = chunk[name]
    return xr.Dataset(
        {
            "position": (("frame", "space", "node", "individual"), position),
            "confidence": (("frame", "node", "individual"), confidence),
            **{name: (("frame", "individual"), score) for name, score in scores.items()},
        },
        coords={
            "frame": frames,
            "time_s": ("frame", table["time_s"].to_numpy()),
            "decoded": ("frame", table["decoded"].to_numpy()),
            "space": ["x", "y"],
            "node": list(skeleton.nodes),
            "individual": individuals,
        },
    )


def _poses_path(path: Path) -> Path:
    return path / POSES_NAME if path.is_dir() else path


def _chunk(batch: pa.RecordBatch, skeleton: Skeleton) -> dict[str, Any]:
    """Return the columns of one chunk as NumPy arrays, coordinates and scores stacked by node."""
    chunk: dict[str, Any] = {
        name: batch[name].to_numpy(zero_copy_only=False)
        for name in ("frame", "time_s", "instance", "instance_score", "raw_score", _CLASS_SCORE)
        if name in batch.schema.names
    }
    chunk["track"] = batch["track"].to_pylist()
    stacked = {
        what: np.stack([batch[f"{what}_{node}"].to_numpy() for node in skeleton.nodes], axis=1)
        for what in ("x", "y", "score")
    }
    chunk["points"] = np.stack([stacked["x"], stacked["y"]], axis=-1)
    chunk["scores"] = stacked["score"]
    return chunk


def _track_names(path: Path) -> set[str]:
    """Return the names of all tracks of a ``poses.parquet``."""
    with pq.ParquetFile(path) as file:
        batches = file.iter_batches(columns=["track"])
        return {name for batch in batches for name in batch["track"].unique().to_pylist() if name is not None}


def _named_chunks(path: Path, tracks: Collection[str]) -> Iterator[tuple[dict[str, Any], list[str]]]:
    """Yield the chunks of a ``poses.parquet`` with a name for each row, which no other row of its frame has.

    A name is the row's track, else its number among the rows of the frame that have none; beside tracks such a number
    is spelled so that it is no track. The rows of a frame may lie in two chunks.
    """
    spelled = (name for name in map("unnamed_{}".format if tracks else str, count()) if name not in tracks)
    unnamed: list[str] = []
    frame, n_unnamed = -1, 0
    for chunk in pose_chunks(path):
        names = []
        for number, track in zip(chunk["frame"].tolist(), chunk["track"], strict=True):
            if number != frame:
                frame, n_unnamed = number, 0
            if track is None and n_unnamed == len(unnamed):
                unnamed.append(next(spelled))
            names.append(unnamed[n_unnamed] if track is None else track)
            n_unnamed += track is None
        yield chunk, names


def _number_within(image: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.int16]]:
    """Return 0, 1, 2 … for the rows of each image; rows are sorted by image."""
    begins = np.searchsorted(image, image, side="left")
    return (np.arange(len(image)) - begins).astype(np.int16)
