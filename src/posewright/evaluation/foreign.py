"""Poses that another program predicted, read from its file and laid beside the truth; frames it lacks hold nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewright.errors import InputError
from posewright.files import digest_of, file_digest
from posewright.labels.find import parts_of, shared_parts
from posewright.labels.foreign import NAMES, Kind, kind_of, told
from posewright.labels.model import LabelSet
from posewright.labels.nodes import placed
from posewright.labels.videos import told_path
from posewright.shapes import PoseBatch

Key = tuple[int, int]  #: (video, frame) of the truth


@dataclass(frozen=True)
class _Animal:
    """One predicted animal on a frame of the truth."""

    frame: int
    points: NDArray[np.float64]
    scores: NDArray[np.float64]
    score: float
    track: str | None


def read_predictions(files: Sequence[Path], truth: LabelSet) -> tuple[PoseBatch, list[str | None] | None]:
    """Return the poses on the truth's frames in its node order, and their tracks where these name its individuals.

    Args:
        files: of any kind that label files may have.
        truth: the frames to score; frames that no file holds have no poses.

    Raises:
        InputError: a file cannot be read, shares no node or no video with the truth, or two hold one frame.
    """
    place = {frame.key: index for index, frame in enumerate(truth.frames)}
    found: dict[int, list[_Animal]] = {}
    read_from: dict[int, Path] = {}
    for path in files:
        for key, animals in _animals(path, truth).items():
            index = place.get(key)
            if index is None:
                continue
            if index in read_from:
                raise InputError(
                    f"Frame {key[1]} of {truth.videos[key[0]].path} is in {read_from[index]} and in {path}; keep one."
                )
            read_from[index] = path
            found[index] = [_Animal(index, *animal) for animal in animals]
    rows = [animal for index in sorted(found) for animal in found[index]]
    shape = (len(rows), len(truth.skeleton.nodes))
    poses = PoseBatch(
        np.array([row.points for row in rows], np.float64).reshape(*shape, 2),
        np.array([row.frame for row in rows], np.int64),
        len(truth.frames),
        np.array([row.scores for row in rows], np.float64).reshape(shape),
        np.array([row.score for row in rows], np.float64),
    )
    tracks = [row.track for row in rows]
    return poses, tracks if set(tracks) & set(truth.track_names) else None


def predictions_digest(files: Sequence[Path]) -> str:
    """Return one digest of all files, whatever their order."""
    return digest_of(sorted(file_digest(path) for path in files))


_Parts = tuple[NDArray[np.float64], NDArray[np.float64], float, str | None]


def _animals(path: Path, truth: LabelSet) -> dict[Key, list[_Parts]]:
    """Return (video, frame) of the truth -> points, node scores, score and track of each animal."""
    kind = kind_of(path)
    with told(path, NAMES[kind]):
        labels = _load(path, kind)
    videos = _labelled(labels.videos, truth, path)
    if labels.videos and all(place is None for place in videos.values()):
        raise InputError(
            f"{path}: none of its videos ({', '.join(sorted(map(told_path, labels.videos)))}) is among the "
            f"labelled ones ({', '.join(video.path for video in truth.videos)}); correct the paths in it."
        )
    are_marked = any(frame.predicted_instances for frame in labels.labeled_frames)  # else the format has no word for it
    found: dict[Key, list[_Parts]] = {}
    for frame in labels.labeled_frames:
        video = videos[id(frame.video)]
        if video is not None:
            own = frame.predicted_instances if are_marked else frame.instances
            found.setdefault((video, int(frame.frame_idx)), []).extend(_parts(one, truth, path) for one in own)
    return found


def _load(path: Path, kind: Kind) -> Any:
    import sleap_io

    if kind == "slp":
        return sleap_io.load_slp(path.as_posix(), open_videos=False)
    if kind == "dlc":
        return sleap_io.load_dlc(path.as_posix())
    return sleap_io.load_file(path.as_posix())


def _parts(instance: Any, truth: LabelSet, path: Path) -> _Parts:
    names, nodes = list(instance.skeleton.node_names), truth.skeleton.nodes
    if not set(names) & set(nodes):
        raise InputError(
            f"{path}: its nodes are {', '.join(names)}, the labels have {', '.join(nodes)}; they share none."
        )
    own = np.asarray(instance.numpy(), np.float64)
    own[~np.isfinite(own).all(axis=-1)] = np.nan
    score = float(getattr(instance, "score", 1.0))
    scores = instance.points["score"] if "score" in (instance.points.dtype.names or ()) else np.full(len(own), score)
    both = np.stack([np.asarray(scores, np.float64)] * 2, axis=-1)
    points = placed(own[None], names, nodes)[0]
    node_scores = placed(both[None], names, nodes)[0][:, 0]
    return points, np.where(np.isnan(points[:, 0]), np.nan, np.nan_to_num(node_scores)), score, _track(instance)


def _track(instance: Any) -> str | None:
    return None if instance.track is None else str(instance.track.name)


def _labelled(videos: Sequence[Any], truth: LabelSet, path: Path) -> dict[int, int | None]:
    """Return the id of each video of a file -> which labelled one it is, None for none; no two of them are one.

    Raises:
        InputError: it could be several, or several could be it.
    """
    candidates: dict[int, list[tuple[int, Any]]] = {}
    for video in videos:
        meant = _video_of(video, len(videos) == 1, truth, path)
        if meant is not None:
            candidates.setdefault(meant[0], []).append((meant[1], video))
    found: dict[int, int | None] = {id(video): None for video in videos}
    for place, own in candidates.items():
        most = max(shared for shared, _ in own)
        best = [video for shared, video in own if shared == most]
        if len(best) > 1:
            raise InputError(
                f"{path}: each of its videos {', '.join(sorted(map(told_path, best)))} could be the labelled "
                f"{truth.videos[place].path}; spell out more of their paths."
            )
        found[id(best[0])] = place
    return found


def _video_of(video: Any, is_only: bool, truth: LabelSet, path: Path) -> tuple[int, int] | None:
    """Return which labelled video a file means, and how many of the last parts of their paths they share.

    It is the one that shares most of them. A file about a single video that does not name it (many formats do not)
    means the only one there is.
    """
    name = told_path(video)
    spelled = parts_of(name)
    shared = [shared_parts(spelled, parts_of(other.path)) for other in truth.videos]
    best = max(shared, default=0)
    if best == 0:
        is_named = bool(name) and os.path.realpath(name) != os.path.realpath(path) and Path(name).suffix != path.suffix
        return (0, 0) if is_only and len(truth.videos) == 1 and not is_named else None
    if shared.count(best) > 1:
        alike = ", ".join(other.path for other, own in zip(truth.videos, shared, strict=True) if own == best)
        raise InputError(f"{path}: its video {name!r} could be any of {alike}; spell out more of its path.")
    return shared.index(best), best
