"""Frames that were labelled once more, beside the labels: one frame, two labellings of it.

A frame is known by its video and number; which videos are one is told by `same_video`. Images of a list are known by
their files.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from posewright.errors import InputError, InputProblems, Problem
from posewright.labels.model import LabeledFrame, VideoRef
from posewright.labels.nodes import NodeNames, placed
from posewright.labels.part import Identity, Part
from posewright.labels.skeleton import Skeleton
from posewright.labels.videos import same_video

_Key = tuple[int | str, int]  #: (number of a known video, frame), or (image file, 0)


@dataclass(frozen=True, eq=False)
class LabelledTwice:
    """One frame in two labellings.

    Attributes:
        video: path of the video as the labels spell it.
        frame: its number there.
        labels: ``[instance node xy]`` of the labels.
        repeated: ``[instance node xy]`` of the other labelling, in the same nodes.
    """

    video: str
    frame: int
    labels: NDArray[np.float64]
    repeated: NDArray[np.float64]


def labelled_twice(
    parts: Sequence[Part], repeated: Part, skeleton: Skeleton, missing_nodes: Collection[str] = ()
) -> list[LabelledTwice]:
    """Return the frames that stand in the labels and in a file that labels them once more.

    Args:
        parts: the label files.
        repeated: the other file.
        skeleton: of the labels joined.
        missing_nodes: nodes that a file may lack.

    Raises:
        InputError: the file has other nodes, videos that are not among the labelled ones, or no frame of them.
    """
    NodeNames(missing=missing_nodes).joined([(skeleton, str(parts[0].file)), (repeated.skeleton, str(repeated.file))])
    known: dict[Identity, VideoRef] = {}
    for part in parts:
        for identity, video in part.videos:
            known.setdefault(identity, video)
    numbers = {identity: number for number, identity in enumerate(known)}
    ours: dict[_Key, tuple[Part, LabeledFrame]] = {}
    for part in parts:
        for frame in part.frames:
            identity = part.videos[frame.video][0]
            ours[_key(identity, numbers[identity], frame.frame)] = (part, frame)
    meant = _meant(list(known.items()), repeated)
    found = []
    for again in repeated.frames:
        key = _key(repeated.videos[again.video][0], meant[again.video], again.frame)
        if key in ours:
            part, frame = ours[key]
            first = placed(frame.points, part.skeleton.nodes, skeleton.nodes)
            second = placed(again.points, repeated.skeleton.nodes, skeleton.nodes)
            found.append(LabelledTwice(part.videos[frame.video][1].path, frame.frame, first, second))
    if not found:
        raise InputError(
            f"{repeated.file}: none of its {len(repeated.frames)} frames is labelled in "
            f"{', '.join(str(part.file) for part in parts)}; label frames of these once more."
        )
    return found


def _key(identity: Identity, video: int, frame: int) -> _Key:
    """Return what a frame is known by; the number of an image in a list depends on which others are in it."""
    return (identity[1 + frame], 0) if identity[0] == "images" else (video, frame)


def _meant(known: Sequence[tuple[Identity, VideoRef]], repeated: Part) -> dict[int, int]:
    """Return which known video each labelled one of a file is; images are told by their files, and need none.

    Raises:
        InputProblems: some are none of them.
    """
    meant: dict[int, int] = {}
    problems = []
    for index in sorted({frame.video for frame in repeated.frames}):
        identity, video = repeated.videos[index]
        place = -1 if identity[0] == "images" else same_video(known, (identity, video), repeated.file)
        if place is not None:
            meant[index] = place
            continue
        problems.append(
            Problem(
                f"{repeated.file}, video {video.path!r}",
                "it is not among the labelled ones",
                "add its folder to video_paths or the changed part to path_map, or remove its frames from the file",
            )
        )
    if problems:
        raise InputProblems(problems)
    return meant
