"""What each label file holds, and what in it is odd without being wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from posewright.config.labels import DatasetConfig
from posewright.findings import Findings
from posewright.labels.find import parts_of, shared_parts
from posewright.labels.foreign import kind_of
from posewright.labels.model import LabeledFrame
from posewright.labels.part import Part
from posewright.labels.recordings import video_names

_MOST_OUTSIDE = 0.5  #: a larger part of a video's points outside its image: these are labels of something else


def file_facts(
    parts: Sequence[Part], settings: DatasetConfig, videos: Sequence[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return statistics of each label file.

    Args:
        parts: the label files as read.
        settings: of the dataset.
        videos: facts of the joined videos; of each path the size is taken.
    """
    sizes = {video["path"]: video["size"] for video in videos}
    return [
        {
            "path": str(part.file),
            "kind": kind_of(part.file),
            "label_source": file.label_source,
            "complete": file.complete,
            "frames": len(part.frames),
            "instances": sum(len(frame.points) for frame in part.frames),
            "frames_without_animals": len(part.negatives),
            "predicted_instances": part.predicted,
            "tracks": sorted({name for frame in part.frames for name in frame.tracks if name is not None}),
            "sizes": sorted({tuple(size[:2]) for _, video in part.videos if (size := sizes.get(video.path))}),
            "visible": _visible(part),
        }
        for part, file in zip(parts, settings.files, strict=True)
    ]


def _visible(part: Part) -> dict[str, float]:
    """Return node -> part of the instances in which it is marked."""
    seen = np.concatenate([np.isfinite(frame.points).all(axis=-1) for frame in part.frames])
    return {node: round(float(share), 4) for node, share in zip(part.skeleton.nodes, seen.mean(axis=0), strict=True)}


def oddities(
    parts: Sequence[Part], settings: DatasetConfig, videos: Sequence[dict[str, Any]], findings: Findings
) -> list[str]:
    """Return sentences on what a user would want to know of the labels; what is certainly wrong is a finding."""
    sizes = {video["path"]: video["size"] for video in videos}
    notes = []
    for part in parts:
        if part.predicted:
            notes.append(f"{part.file}: {part.predicted} predicted instances do not count; only a user's own do.")
        idle = sorted(set(part.tracks) - {name for frame in part.frames for name in frame.tracks})
        if idle:
            notes.append(f"{part.file}: no labelled animal is in the tracks {', '.join(idle)}.")
        notes += _copies(part)
        notes += _namesakes(part)
        for index, (_, video) in enumerate(part.videos):
            frames = [frame for frame in part.frames if frame.video == index]
            size = sizes.get(video.path)
            if size and frames:
                notes += _outside(f"{part.file}, video {video.path!r}", frames, size, part.skeleton.nodes, findings)
            spelled = parts_of(video.path)
            if (
                frames
                and video.source is not None
                and video.handle is None
                and len(spelled) > 1
                and shared_parts(spelled, video.source.resolve().parts) < 2
                and not (part.file.parent / video.path).exists()
            ):
                notes.append(f"{part.file}: the video {video.path!r} was found by its name alone, as {video.source}.")
    notes += _twice(parts)
    if settings.declared():
        notes.append("Label files differ in label_source or complete: of each side of the split the strictest counts.")
    return notes


def _outside(
    where: str, frames: Sequence[LabeledFrame], size: Sequence[int], nodes: Sequence[str], findings: Findings
) -> list[str]:
    """Tell points outside the image; they are kept, for an animal may stand half outside."""
    limits = np.array([size[1], size[0]], np.float64) - 0.5
    n_points, outside = 0, []
    for frame in frames:
        n_points += int(np.isfinite(frame.points).all(axis=-1).sum())
        lost = ((frame.points < -0.5) | (frame.points > limits)).any(axis=-1)
        outside += [(frame.frame, nodes[int(node)]) for node in np.nonzero(lost)[1]]
    if not outside:
        return []
    said = f"{len(outside)} of {n_points} points lie outside its image of {size[1]}x{size[0]}"
    first = f"the first is {outside[0][1]} in frame {outside[0][0]}"
    if len(outside) > _MOST_OUTSIDE * n_points:
        findings.add(where, f"{said}, {first}", "check that this is the video that was labelled")
    return [f"{where}: {said}; {first}."]


def _copies(part: Part) -> list[str]:
    """Tell instances with the same points under two names."""
    found = [
        (frame, index)
        for frame in part.frames
        for index, points in enumerate(frame.points)
        if any(np.array_equal(points, other, equal_nan=True) for other in frame.points[:index])
    ]
    if not found:
        return []
    frame, index = found[0]
    name = part.videos[frame.video][1].path
    return [
        f"{part.file}: {len(found)} instances are copies of another one under a second name, the first is "
        f"{frame.tracks[index]} in frame {frame.frame} of {name}."
    ]


def _namesakes(part: Part) -> list[str]:
    """Tell frames with two animals in one track: they cannot both be that individual."""
    named = [(frame, [name for name in frame.tracks if name is not None]) for frame in part.frames]
    found = [(frame, names) for frame, names in named if len(set(names)) < len(names)]
    if not found:
        return []
    frame, names = found[0]
    name = next(name for name in names if names.count(name) > 1)
    return [
        f"{part.file}: in {len(found)} frames several animals are in one track, the first is {name} in frame "
        f"{frame.frame} of {part.videos[frame.video][1].path}; who is who cannot be learnt there."
    ]


def _twice(parts: Sequence[Part]) -> list[str]:
    """Tell frames of one recording that several label files hold with images of their own: they count twice."""
    videos = [video for part in parts for _, video in part.videos]
    names = iter(video_names(videos))
    of_part = [[next(names) for _ in part.videos] for part in parts]
    identities: dict[tuple[str, int], set[tuple[str, ...]]] = {}
    for part, own in zip(parts, of_part, strict=True):
        for frame in part.frames:
            identities.setdefault((own[frame.video], frame.frame), set()).add(part.videos[frame.video][0])
    twice = sorted(key for key, found in identities.items() if len(found) > 1)
    if not twice:
        return []
    name, frame_number = twice[0]
    return [
        f"{len(twice)} frames are labelled in several files that bring images of one film and so count twice, the "
        f"first is frame {frame_number} of {name}; remove them from one file."
    ]
