"""The rows behind the metrics: ``instances.parquet`` and ``keypoints.parquet``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from posewright.discretion import publishable
from posewright.evaluation.errors import error_classes, scales_px2
from posewright.evaluation.frames import FrameMatch
from posewright.evaluation.oks import Float, Sigmas, seen
from posewright.evaluation.strata import covered, speeds
from posewright.files import atomic_path
from posewright.labels.model import VideoRef

NONE = -1  #: index of an instance that does not exist

INSTANCE_SCHEMA = pa.schema(
    [
        ("video", pa.int32()),
        ("video_path", pa.string()),
        ("frame", pa.int32()),
        ("unit", pa.string()),
        ("kind", pa.string()),
        ("true_instance", pa.int16()),
        ("predicted_instance", pa.int16()),
        ("true_track", pa.string()),
        ("predicted_track", pa.string()),
        ("oks", pa.float64()),
        ("oks_coco", pa.float64()),
        ("distance_px", pa.float64()),
        ("n_visible", pa.int16()),
        ("n_found", pa.int16()),
        ("score", pa.float64()),
        ("n_animals", pa.int16()),
        ("nearest_px", pa.float64()),
        ("crowding", pa.int16()),
        ("visible_share", pa.float64()),
        ("n_covered", pa.int16()),
        ("speed", pa.float64()),
        ("corrected", pa.float64()),
    ]
)

KEYPOINT_SCHEMA = pa.schema(
    [
        ("video", pa.int32()),
        ("frame", pa.int32()),
        ("unit", pa.string()),
        ("true_instance", pa.int16()),
        ("predicted_instance", pa.int16()),
        ("node", pa.string()),
        ("true_x", pa.float64()),
        ("true_y", pa.float64()),
        ("x", pa.float64()),
        ("y", pa.float64()),
        ("score", pa.float64()),
        ("distance_px", pa.float64()),
        ("error_class", pa.string()),
        ("n_covered", pa.int16()),
    ]
)


def instance_table(
    frames: Sequence[FrameMatch],
    videos: Sequence[VideoRef],
    unit_of: Mapping[tuple[int, int], str],
    length_px: float,
) -> pd.DataFrame:
    """Return one row per matched, missed and extra instance.

    ``n_animals`` counts the true animals of the frame; ``crowding`` counts the other true animals whose box overlaps
    this one's, ``nearest_px`` is the distance from this one's centroid to the nearest other true one (extras: from the
    prediction to the true animals, so their crowding tells where they appear). ``visible_share`` is the part of the
    skeleton's nodes that the truth shows, ``n_covered`` how many of these another animal's box covers, ``speed`` in
    animal lengths (``length_px``) per frame; see `strata`.
    """
    speed_of = speeds(frames, length_px)
    rows = [
        {
            "video": frame.video,
            "video_path": publishable(videos[frame.video].path),
            "frame": frame.frame,
            "unit": unit_of[frame.video, frame.frame],
            "n_animals": len(frame.truth),
            **row,
            "corrected": float("nan"),
            "speed": speed_of.get((frame.video, frame.frame, row["true_instance"]), float("nan")),
        }
        for frame in frames
        for row in _instance_rows(frame)
    ]
    return _typed(pd.DataFrame(rows, columns=INSTANCE_SCHEMA.names), INSTANCE_SCHEMA)


def keypoint_table(
    frames: Sequence[FrameMatch],
    nodes: Sequence[str],
    unit_of: Mapping[tuple[int, int], str],
    length_px: float,
    sigmas: Sigmas,
) -> pd.DataFrame:
    """Return one row per node of every matched or missed true instance, visible or not.

    ``error_class`` is that of `errors`, for a similarity of ``sigmas``; ``n_covered`` is 1 where another animal's box
    covers the node.
    """
    parts = [
        {
            **_keypoint_columns(frame, nodes, unit_of[frame.video, frame.frame], true, predicted),
            "error_class": error_classes(
                frame.truth, true, _found(frame, predicted), scales_px2(frame.truth, sigmas, length_px)
            ),
            "n_covered": covered(frame.truth)[true].astype(int).tolist(),
        }
        for frame in frames
        for true, predicted in sorted([*frame.pairs, *((true, NONE) for true in frame.missed)])
    ]
    columns = {name: [value for part in parts for value in part[name]] for name in KEYPOINT_SCHEMA.names}
    return _typed(pd.DataFrame(columns), KEYPOINT_SCHEMA)


def write_table(path: Path, table: pd.DataFrame, schema: pa.Schema) -> None:
    """Write a table with exactly the columns and types of ``schema``; NaN is null."""
    with atomic_path(path) as temporary:
        pq.write_table(pa.Table.from_pandas(table, schema=schema, preserve_index=False), temporary)


def _typed(table: pd.DataFrame, schema: pa.Schema) -> pd.DataFrame:
    """Give the columns the types of the schema, so that a table in memory equals the one read back."""
    kinds = {field.name: field.type.to_pandas_dtype() for field in schema if not pa.types.is_string(field.type)}
    return table.astype(kinds)


def _instance_rows(frame: FrameMatch) -> Iterator[dict[str, Any]]:
    for true, predicted in sorted([*frame.pairs, *((true, NONE) for true in frame.missed)]):
        others = np.delete(frame.truth, true, axis=0)
        row = {
            "kind": "missed" if predicted == NONE else "matched",
            "true_instance": int(frame.true_index[true]),
            "true_track": frame.true_tracks[true],
            "n_visible": int(seen(frame.truth[true]).sum()),
            "visible_share": float(seen(frame.truth[true]).mean()),
            "n_covered": int(covered(frame.truth)[true].sum()),
            **_crowding(frame.truth[true], others),
        }
        yield row | (_unpredicted() if predicted == NONE else _predicted(frame, true, predicted))
    for predicted in frame.extra:
        yield {
            **_predicted(frame, None, predicted),
            "kind": "extra",
            "true_instance": NONE,
            "true_track": None,
            "n_visible": 0,
            "visible_share": float("nan"),
            "n_covered": 0,
            **_crowding(frame.predicted[predicted], frame.truth),
        }


def _unpredicted() -> dict[str, Any]:
    nan = float("nan")
    blank = {"oks": nan, "oks_coco": nan, "distance_px": nan, "score": nan}
    return {"predicted_instance": NONE, "predicted_track": None, "n_found": 0, **blank}


def _predicted(frame: FrameMatch, true: int | None, predicted: int) -> dict[str, Any]:
    """Columns of a prediction, and of its pair if it has one."""
    nan = float("nan")
    distance = _distances(frame.truth[true], frame.predicted[predicted]) if true is not None else np.array([nan])
    return {
        "predicted_instance": int(frame.predicted_index[predicted]),
        "predicted_track": frame.predicted_tracks[predicted],
        "oks": frame.oks[true, predicted] if true is not None else nan,
        "oks_coco": frame.oks_coco[true, predicted] if true is not None else nan,
        "distance_px": float(np.mean(distance[~np.isnan(distance)])) if true is not None else nan,
        "n_found": int(seen(frame.predicted[predicted]).sum()),
        "score": frame.scores[predicted],
    }


def _crowding(points: Float, others: Float) -> dict[str, Any]:
    """How many of the others' boxes overlap this one's, and how far the nearest centroid is."""
    if not len(others):
        return {"crowding": 0, "nearest_px": float("nan")}
    low, high = np.nanmin(points, axis=0), np.nanmax(points, axis=0)
    overlap = (np.nanmin(others, axis=1) <= high) & (np.nanmax(others, axis=1) >= low)
    gaps = np.linalg.norm(np.nanmean(others, axis=1) - np.nanmean(points, axis=0), axis=-1)
    return {"crowding": int(overlap.all(axis=-1).sum()), "nearest_px": float(gaps.min())}


def _distances(truth: Float, predicted: Float) -> Float:
    return np.asarray(np.linalg.norm(predicted - truth, axis=-1), dtype=np.float64)


def _found(frame: FrameMatch, predicted: int) -> Float:
    """Return the nodes of a prediction ``[node xy]``; NaN for none."""
    return np.full(frame.truth.shape[1:], np.nan) if predicted == NONE else frame.predicted[predicted]


def _keypoint_columns(
    frame: FrameMatch, nodes: Sequence[str], unit: str, true: int, predicted: int
) -> dict[str, Sequence[Any]]:
    n = len(nodes)
    truth = frame.truth[true]
    found = _found(frame, predicted)
    scores = np.full(n, np.nan) if predicted == NONE else frame.node_scores[predicted]
    return {
        "video": [frame.video] * n,
        "frame": [frame.frame] * n,
        "unit": [unit] * n,
        "true_instance": [int(frame.true_index[true])] * n,
        "predicted_instance": [NONE if predicted == NONE else int(frame.predicted_index[predicted])] * n,
        "node": list(nodes),
        "true_x": truth[:, 0].tolist(),
        "true_y": truth[:, 1].tolist(),
        "x": found[:, 0].tolist(),
        "y": found[:, 1].tolist(),
        "score": scores.tolist(),
        "distance_px": _distances(truth, found).tolist(),
    }
