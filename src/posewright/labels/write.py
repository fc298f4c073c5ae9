"""Labels and predictions as ``.slp`` files that SLEAP and sleap-io open."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from posewright.discretion import publishable
from posewright.files import atomic_path
from posewright.labels.model import LabelSet, VideoRef
from posewright.labels.skeleton import Skeleton
from posewright.shapes import PoseBatch


def write_labels(labels: LabelSet, path: Path) -> None:
    """Write user instances without images, and the frames marked as without animals; all videos keep their order."""
    import sleap_io

    skeleton = _skeleton(labels.skeleton)
    videos = [_video(video) for video in labels.videos]
    tracks = {name: sleap_io.Track(name) for name in labels.track_names}
    frames = [
        sleap_io.LabeledFrame(
            video=videos[frame.video],
            frame_idx=frame.frame,
            instances=[
                sleap_io.Instance.from_numpy(points, skeleton=skeleton, track=None if track is None else tracks[track])
                for points, track in zip(frame.points, frame.tracks, strict=True)
            ],
        )
        for frame in labels.frames
    ]
    frames += [
        sleap_io.LabeledFrame(video=videos[video], frame_idx=frame, is_negative=True)
        for video, frame in labels.negatives
    ]
    _save(path, frames, videos, skeleton, list(tracks.values()))


def write_predictions(
    path: Path,
    skeleton: Skeleton,
    videos: Sequence[VideoRef],
    frames: Sequence[tuple[int, int]],
    poses: PoseBatch,
    tracks: Sequence[str | None] | None = None,
    suggested: bool = False,
) -> None:
    """Write predicted instances; ``poses.frame`` indexes ``frames``, the (video, frame) keys in any order.

    Args:
        path: the ``.slp`` to write.
        skeleton: of the predictions.
        videos: all videos the keys count in.
        frames: (video, frame) of each image of the batch; those without instances are written too.
        poses: NumPy batch with node scores.
        tracks: one name or None for each row; None for no tracks at all.
        suggested: whether the frames are SLEAP's labelling suggestions, in this order.
    """
    import sleap_io

    target = _skeleton(skeleton)
    files = [_video(video) for video in videos]
    names = list(tracks) if tracks is not None else [None] * len(poses)
    known = {name: sleap_io.Track(name) for name in sorted({name for name in names if name is not None})}
    scores = np.asarray(poses.instance_scores)
    node_scores = np.nan_to_num(np.asarray(poses.node_scores))
    class_scores = np.nan_to_num(np.asarray(0.0 if poses.class_scores is None else poses.class_scores))
    track_scores = np.broadcast_to(class_scores, len(poses))
    instances: list[list[Any]] = [[] for _ in frames]
    for row in range(len(poses)):
        name = names[row]
        instances[int(poses.frame[row])].append(
            sleap_io.PredictedInstance.from_numpy(
                np.asarray(poses.points[row], dtype=np.float64),
                skeleton=target,
                point_scores=node_scores[row],
                score=float(scores[row]),
                track=None if name is None else known[name],
                tracking_score=float(track_scores[row]),
            )
        )
    labelled = [
        sleap_io.LabeledFrame(video=files[video], frame_idx=frame, instances=found)
        for (video, frame), found in zip(frames, instances, strict=True)
    ]
    suggestions = [
        sleap_io.SuggestionFrame(video=files[video], frame_idx=frame) for video, frame in (frames if suggested else ())
    ]
    _save(path, labelled, files, target, list(known.values()), suggestions)


def _save(
    path: Path, frames: list[Any], videos: list[Any], skeleton: Any, tracks: list[Any], suggestions: Sequence[Any] = ()
) -> None:
    import sleap_io

    labels = sleap_io.Labels(
        labeled_frames=frames, videos=videos, skeletons=[skeleton], tracks=tracks, suggestions=list(suggestions)
    )
    with atomic_path(path) as temporary:
        sleap_io.save_slp(labels, temporary.as_posix(), embed=False, verbose=False)
        keep_spelling(temporary, videos)


def keep_spelling(path: Path, videos: list[Any]) -> None:
    """Store paths as the user spelled them: sleap-io turns every backslash."""
    spelled = [video.backend_metadata.get("filename") for video in videos]
    if not any(name and "\\" in name for name in spelled):
        return
    with h5py.File(path, "r+") as file:
        rows = [json.loads(row) for row in file["videos_json"][()]]
        for row, name in zip(rows, spelled, strict=True):
            if name and "\\" in name:
                row["filename"] = row["backend"]["filename"] = name
        del file["videos_json"]
        file["videos_json"] = [json.dumps(row, separators=(",", ":")) for row in rows]


def _skeleton(skeleton: Skeleton) -> Any:
    import sleap_io

    nodes = [sleap_io.Node(name) for name in skeleton.nodes]
    return sleap_io.Skeleton(
        nodes=nodes,
        edges=[sleap_io.Edge(nodes[a], nodes[b]) for a, b in skeleton.edges],
        symmetries=[sleap_io.Symmetry([nodes[a], nodes[b]]) for a, b in skeleton.symmetries],
        name=skeleton.name,
    )


def _video(video: VideoRef) -> Any:
    """Return the video under the user's own spelling, closed: writing labels never touches images."""
    import sleap_io

    path = publishable(video.path)
    names = getattr(video.handle, "filename", None)
    if isinstance(names, list) and video.source is not None:
        root = video.source.as_posix()
        names = [f"{path}{name.removeprefix(root)}" for name in names]
        stored = {"type": "ImageVideo", "filename": names[0], "filenames": names}
        return sleap_io.Video(filename=names, backend_metadata=stored, open_backend=False)
    stored = {} if video.stored is None else {"shape": [*video.stored, 1]}
    metadata = {"filename": path, **stored} if video.stored or "\\" in path else {}
    return sleap_io.Video(filename=path, backend_metadata=metadata, open_backend=False)
