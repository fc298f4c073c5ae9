"""A contact sheet: a few frames of a video with their poses drawn, some spread over it, some from flagged intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from posewright.evaluation.videos.intervals import Interval
from posewright.labels.skeleton import Skeleton
from posewright.prediction.poses import FRAMES_NAME, POSES_NAME, frame_chunks, pose_chunks, read_skeleton
from posewright.report.overlays import draw_poses
from posewright.samples.video import VideoFault, glimpses

_SPREAD, _FLAGGED = 5, 3
_COLUMNS = 4
_TILE_PX = 280
_STRIP_PX = 18
_QUALITY = 78
Picture = NDArray[np.uint8]


def contact_sheet(
    folder: Path,
    video: Path,
    intervals: Sequence[Interval],
    roi: tuple[int, int, int, int] | None = None,
    tells_time: bool = True,
) -> bytes | None:
    """Return the sheet as a JPEG; None where no frame can be shown.

    Args:
        folder: a published video with ``poses.parquet`` and ``frames.parquet``.
        video: the film itself.
        intervals: flagged ones; the middle frame of the longest is shown.
        roi: part of the frame to show, as x0, y0, x1, y1.
        tells_time: the times in ``frames.parquet`` are the film's own.
    """
    words = _chosen(folder, intervals)
    times_s = _times_s(folder, words, tells_time)
    try:
        images = glimpses(video, times_s)
    except VideoFault:
        return None
    skeleton = read_skeleton(folder / POSES_NAME)
    poses = _poses(folder, images)
    tiles = [_tile(images[frame], skeleton, poses.get(frame), roi, words[frame]) for frame in sorted(images)]
    return _jpeg(_joined(tiles)) if tiles else None


def _chosen(folder: Path, intervals: Sequence[Interval]) -> dict[int, str]:
    """Return frame -> the words above it: frames spread over the decoded ones, and the worst of different reasons."""
    decoded = [chunk["frame"][chunk["decoded"].astype(bool)] for chunk in frame_chunks(folder / FRAMES_NAME)]
    n_frames = sum(map(len, decoded))
    if not n_frames:
        return {}
    places = np.unique(np.linspace(0, n_frames - 1, _SPREAD).astype(int))
    begins = np.cumsum([0, *map(len, decoded)])
    chosen = {}
    for place in places:
        chunk = int(np.searchsorted(begins, place, side="right")) - 1
        frame = int(decoded[chunk][place - begins[chunk]])
        chosen[frame] = f"frame {frame}"
    by_reason: dict[str, Interval] = {}
    for interval in intervals:
        if interval.reason != "not decoded":
            by_reason.setdefault(interval.reason, interval)
    for interval in list(by_reason.values())[:_FLAGGED]:
        frame = (interval.first + interval.last) // 2
        chosen[frame] = f"frame {frame}: {interval.reason}"
    return chosen


def _times_s(folder: Path, frames: Mapping[int, str], tells_time: bool) -> dict[int, float]:
    found = {}
    for chunk in frame_chunks(folder / FRAMES_NAME):
        for place in np.flatnonzero(np.isin(chunk["frame"], list(frames)) & chunk["decoded"].astype(bool)):
            found[int(chunk["frame"][place])] = float(chunk["time_s"][place]) if tells_time else float("nan")
    return found


def _poses(folder: Path, frames: Mapping[int, Any]) -> dict[int, NDArray[np.float64]]:
    """Return frame -> ``[instance node xy]``, in the order of tracks, so that an animal keeps its colour."""
    rows: dict[int, list[tuple[str, Any]]] = {}
    for chunk in pose_chunks(folder / POSES_NAME):
        for place in np.flatnonzero(np.isin(chunk["frame"], list(frames))):
            track = chunk["track"][place] or ""
            rows.setdefault(int(chunk["frame"][place]), []).append((track, chunk["points"][place]))
    ordered = {frame: sorted(found, key=lambda one: (len(one[0]), one[0])) for frame, found in rows.items()}
    return {frame: np.stack([points for _, points in found]).astype(np.float64) for frame, found in ordered.items()}


def _tile(
    image: Picture,
    skeleton: Skeleton,
    poses: NDArray[np.float64] | None,
    roi: tuple[int, int, int, int] | None,
    words: str,
) -> Picture:
    left, top, right, bottom = roi or (0, 0, image.shape[1], image.shape[0])
    part = image[max(top, 0) : bottom, max(left, 0) : right]
    corner = np.array([max(left, 0), max(top, 0)], np.float64)
    scale = _TILE_PX / max(part.shape[:2])
    drawn = draw_poses(part, skeleton, None, None if poses is None else poses - corner, scale, marks=0.5)
    tile = np.full((_STRIP_PX + _TILE_PX, _TILE_PX, 3), 255, np.uint8)
    tile[_STRIP_PX : _STRIP_PX + drawn.shape[0], : drawn.shape[1]] = drawn
    cv2.putText(tile, words, (2, _STRIP_PX - 5), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (40, 40, 40), 1, cv2.LINE_AA)
    return tile


def _joined(tiles: Sequence[Picture]) -> Picture:
    """Return the tiles in rows, without the empty strip below wide frames."""
    columns = min(_COLUMNS, len(tiles))
    blank = np.full_like(tiles[0], 255)
    full = [*tiles, *[blank] * (-len(tiles) % columns)]
    height = max(int(np.flatnonzero((tile != 255).any(axis=(1, 2)))[-1]) + 1 for tile in tiles)
    rows = [np.hstack([tile[:height] for tile in full[i : i + columns]]) for i in range(0, len(full), columns)]
    return np.vstack(rows)


def _jpeg(picture: Picture) -> bytes:
    _, encoded = cv2.imencode(".jpg", np.ascontiguousarray(picture[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
    return encoded.tobytes()
