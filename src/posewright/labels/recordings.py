"""Names of videos and groups that survive a move of the data, a save in a GUI, and added labels."""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

from posewright.config.sheet import VideoRow
from posewright.errors import InputError, InputProblems, Problem
from posewright.labels.model import LabelSet, VideoRef


def video_names(videos: Sequence[VideoRef]) -> list[str]:
    """Return a name for each video: its base name, and ``#2``, ``#3`` … for later ones of the same base name.

    Paths are no names: a tool that saves the labels may spell them out. Embedded frames share the name of any other
    video of their base name, for it may be the same recording, and a leak is worse than a coarse group.
    """
    known: dict[str, list[str]] = {}
    names = []
    for video in videos:
        base = video.base_name
        places = known.setdefault(base, [])
        place = os.path.realpath(video.source) if video.source is not None else video.path
        if not places or (place not in places and not _is_embedded(video)):
            places.append(place)
        number = places.index(place) if place in places else 0
        names.append(base if number == 0 else f"{base}#{number + 1}")
    return names


def as_recordings(labels: LabelSet) -> LabelSet:
    """Return the labels with one video for each recording, so that label files made of one film are one.

    Frames that two of them hold count once; for measuring only, since the frame store knows the videos by number.
    """
    names = video_names(labels.videos)
    known = list(dict.fromkeys(names))
    if len(known) == len(names):
        return labels
    videos = tuple(labels.videos[names.index(name)] for name in known)
    moved = [replace(frame, video=known.index(names[frame.video])) for frame in labels.frames]
    frames = {frame.key: frame for frame in reversed(moved)}
    negatives = {(known.index(names[video]), frame) for video, frame in labels.negatives} - frames.keys()
    return LabelSet(labels.skeleton, videos, tuple(frames[key] for key in sorted(frames)), tuple(sorted(negatives)))


def _is_embedded(video: VideoRef) -> bool:
    return video.source is not None and video.source.suffix.lower() == ".slp"


def group_names(
    labels: LabelSet, by: str, groups: Mapping[int, str] | None, block_frames: int
) -> dict[tuple[int, int], str]:
    """Return (video, frame) -> group of every labelled frame, and of frames without animals whose group is known."""
    names = video_names(labels.videos)
    keys = [*(frame.key for frame in labels.frames), *labels.negatives]
    if by == "block":
        return {(video, frame): f"{names[video]}/b{frame // block_frames}" for video, frame in keys}
    if by == "video":
        return {(video, frame): names[video] for video, frame in keys}
    given = groups or {}
    without = sorted({labels.videos[frame.video].path for frame in labels.frames if frame.video not in given})
    if without:
        raise InputError(
            f"split.by: {by} needs to know the {by} of every labelled video; it is not known for {', '.join(without)}. "
            "Give them rows in the sheet of videos with that column filled."
        )
    known = [(video, frame) for video, frame in keys if video in given]
    if by == "file":
        return {(video, frame): f"{names[video]}/{given[video]}" for video, frame in known}
    return {(video, frame): given[video] for video, frame in known}


def groups_of(
    labels: LabelSet,
    rows: Sequence[VideoRow],
    by: str,
    file: str | None = None,
    remembered: Mapping[str, str] = MappingProxyType({}),
) -> dict[int, str]:
    """Return video index -> session, animals or given side, for the labelled videos it is known of.

    Args:
        labels: the labels to divide.
        rows: of the sheet of videos, which names sessions and animals. Videos that share an animal form one group,
            named by the one of their animals whose name is remembered, else by the first.
        by: what to divide by; blocks and videos need no groups.
        file: for ``file``: a tab-separated table with the columns video (a path or its end) and side.
        remembered: group -> place in an earlier split.

    Raises:
        InputError: a new video joins animals that stand on different sides already.
    """
    if by == "file":
        return _given_sides(labels, file)
    if by not in ("session", "animal"):
        return {}
    matches = {index: _row_of(video, rows) for index, video in enumerate(labels.videos)}
    if by == "session":
        return {index: row.session for index, row in matches.items() if row is not None and row.session}
    animals = {index: set(row.animals) for index, row in matches.items() if row is not None and row.animals}
    merged: list[set[str]] = []
    for own in animals.values():
        touching = [group for group in merged if group & own]
        merged = [group for group in merged if not group & own] + [own.union(*touching)]
    names = [_name_of(group, remembered) for group in merged]
    return {
        index: next(name for name, group in zip(names, merged, strict=True) if group & own)
        for index, own in animals.items()
    }


def _name_of(animals: set[str], remembered: Mapping[str, str]) -> str:
    """Return the name of a group of animals; a newcomer before it in the alphabet must not rename it."""
    known = sorted(animals & remembered.keys())
    if len({remembered[name] for name in known}) > 1:
        listed = ", ".join(f"{name} in {remembered[name]}" for name in known)
        raise InputError(
            f"Animals that share a video now stand in different parts of the split: {listed}; leave out the labels of "
            "that video, or remove the split's groups.tsv, which deals all groups anew."
        )
    return known[0] if known else min(animals)


def _given_sides(labels: LabelSet, file: str | None) -> dict[int, str]:
    """Return the side that a table gives each video."""
    if file is None:
        raise InputError("split.by: file needs split.file, a tab-separated table with the columns video and side.")
    given = _read_sides(Path(file))
    sides = {}
    for index, video in enumerate(labels.videos):
        spelled = "/" + video.path.replace("\\", "/")
        fitting = sorted({side for name, side in given.items() if spelled.endswith("/" + name.lstrip("/"))})
        if len(fitting) > 1:
            raise InputError(f"{file}: the video {video.path} is given several sides ({', '.join(fitting)}); keep one.")
        if fitting:
            sides[index] = fitting[0]
    return sides


def _read_sides(path: Path) -> dict[str, str]:
    """Return video -> side of a table; every row with a fault is named."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = list(csv.DictReader(stream, delimiter="\t"))
    except (OSError, UnicodeDecodeError) as fault:
        raise InputError(f"{path}: the split file cannot be read ({fault}).") from None
    problems = [
        Problem(f"{path} row {number} column side", f"{row.get('side')!r} is no side", "write train, val or test")
        for number, row in enumerate(rows, start=2)
        if row.get("side") not in ("train", "val", "test") or not row.get("video")
    ]
    if problems:
        raise InputProblems(problems)
    return {row["video"].replace("\\", "/"): row["side"] for row in rows}


def _row_of(video: VideoRef, rows: Sequence[VideoRow]) -> VideoRow | None:
    """Return the sheet's row of a labelled video: the same file, else the only one of its base name."""
    film = video.original or video.source
    if film is not None:
        place = os.path.realpath(film)
        same = [row for row in rows if os.path.realpath(row.path) == place]
        if same:
            return same[0]
    named = [row for row in rows if row.path.replace("\\", "/").rpartition("/")[2] == video.base_name]
    if len({row.path for row in named}) > 1:
        listed = ", ".join(row.path for row in named)
        raise InputError(
            f"The labelled video {video.path} could be any of the sheet's {listed}; spell its path so that it is found."
        )
    return named[0] if named else None
