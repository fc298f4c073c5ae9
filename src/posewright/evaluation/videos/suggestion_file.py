"""Suggestions as a ``.slp``: the frames in the order in which they count, with a release's poses to correct."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from posewright.config.sheet import VideoRow
from posewright.evaluation.videos.candidates import Candidate
from posewright.evaluation.videos.stretches import Float, side_by_side
from posewright.labels.model import VideoRef
from posewright.labels.skeleton import Skeleton
from posewright.labels.videos import images_in
from posewright.labels.write import write_predictions
from posewright.prediction.poses import POSES_NAME, has_classes, read_skeleton
from posewright.samples.sources.images import Images
from posewright.samples.video import source_of
from posewright.shapes import PoseBatch

Key = tuple[int, int]  #: (video, frame)


@dataclass(frozen=True)
class _Animal:
    """One predicted animal of a suggested frame."""

    key: Key
    points: Float
    scores: Float
    name: str | None


def write_suggestions(out: Path, release: Path, rows: Mapping[str, VideoRow], chosen: Sequence[Candidate]) -> None:
    """Write the chosen frames, best first, with the poses of one release.

    Args:
        out: the file.
        release: folder of its published videos.
        rows: id of a video -> its row of the sheet.
        chosen: the frames.
    """
    videos = sorted({one.video for one in chosen})
    skeleton = read_skeleton(release / videos[0] / POSES_NAME)
    paths = list(dict.fromkeys(rows[video].path for video in videos))  # several arenas of one film are one film
    place = {video: paths.index(rows[video].path) for video in videos}
    best_first = sorted(chosen, key=lambda one: (-one.score, one.video, one.frame))
    keys = list(dict.fromkeys((place[one.video], one.frame) for one in best_first))
    animals = [
        animal
        for video in videos
        for animal in _animals(release / video, skeleton, place[video], {f for v, f in keys if v == place[video]})
    ]
    animals.sort(key=lambda one: keys.index(one.key))
    shape = (len(animals), len(skeleton.nodes))
    poses = PoseBatch(
        np.array([one.points for one in animals], np.float64).reshape(*shape, 2),
        np.array([keys.index(one.key) for one in animals], np.int64),
        len(keys),
        np.array([one.scores for one in animals], np.float64).reshape(shape),
    )
    references = [_reference(path) for path in paths]
    write_predictions(out, skeleton, references, keys, poses, [one.name for one in animals], suggested=True)


def _animals(folder: Path, skeleton: Skeleton, video: int, frames: set[int]) -> Iterator[_Animal]:
    """Yield the animals of some frames. A tracker's names mean nothing elsewhere and would become individuals."""
    is_named = has_classes(folder / POSES_NAME)
    for (view,) in side_by_side([folder], skeleton.nodes):
        for index in range(view.n_before, len(view.frames)):
            frame = int(view.frames[index])
            for row in range(int(view.counts[index]) if frame in frames else 0):
                name = view.tracks[index, row] if is_named else None
                yield _Animal((video, frame), view.points[index, row], view.node_scores[index, row], name)


def _reference(path: str) -> VideoRef:
    source = source_of(Path(path))
    if isinstance(source, Images):
        folder = source.files[0].parent
        return images_in(str(folder), folder, [file.name for file in source.files])[1]
    info = source.info()
    return VideoRef(path, Path(path), stored=(info.n_frames_hint, info.size.height, info.size.width))
