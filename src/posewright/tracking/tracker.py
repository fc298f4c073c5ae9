"""The window tracker: each new instance goes to the track whose recent instances it is most like."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from posewright.errors import InputError, nearest
from posewright.prediction.task import VideoTask
from posewright.shapes import PoseBatch
from posewright.tracking.similarity import SIMILARITIES, Floats, centroid, centroids

#: How much the distance of centroids counts beside the similarity: only enough to settle ties.
_TIE_WEIGHT = 1e-6


#: Words of the setting ``predict.tracker``.
OPTIONS = ("similarity", "window_frames", "n_animals", "min_similarity", "reduction", "motion")


@dataclass
class _Track:
    """One animal: its name and the latest frames it was seen in."""

    name: str
    seen: deque[tuple[int, Floats]] = field(default_factory=deque)  # (frame, points [node xy]), oldest first

    def velocity(self) -> Floats:
        """Return the mean motion of the centroid over the window, in pixels a frame."""
        frames = np.array([frame for frame, _ in self.seen], dtype=float)
        places = centroids(np.stack([points for _, points in self.seen]))
        known = ~np.isnan(places[:, 0])
        frames, places = frames[known], places[known]
        if len(frames) < 2:
            return np.zeros(2)
        offset = frames - frames.mean()
        return np.asarray(offset @ (places - places.mean(axis=0)) / (offset @ offset))


class WindowTracker:
    """Hungarian matching of a frame's instances to the recent instances of each track.

    Args:
        similarity: ``oks`` (shape and place), ``centroid`` (distance) or ``iou`` (overlap of boxes).
        window_frames: how many frames back a track's instances count. More is steadier and slower to follow.
        n_animals: never more tracks than that; a lost track is taken up again by whatever appears. None: as many
            tracks as needed, and an animal lost for longer than the window comes back under a new name.
        min_similarity: a match below this is none.
        reduction: how the similarities to one track's instances are summed up, ``mean`` or ``max``.
        motion: ``linear`` carries a track's instances forward with its mean motion over the window, so that animals
            that cross keep their names; ``none`` compares places as they were.
    """

    def __init__(
        self,
        similarity: str = "oks",
        window_frames: int = 5,
        n_animals: int | None = None,
        min_similarity: float = 0.001,
        reduction: Literal["mean", "max"] = "mean",
        motion: Literal["linear", "none"] = "linear",
    ) -> None:
        if similarity not in SIMILARITIES:
            raise InputError(f"The tracker knows no similarity {similarity!r}; {nearest(similarity, SIMILARITIES)}")
        for name, value, known in (("reduction", reduction, ("mean", "max")), ("motion", motion, ("linear", "none"))):
            if value not in known:
                raise InputError(f"The tracker knows no {name} {value!r}; {nearest(value, known)}")
        if window_frames < 1 or (n_animals is not None and n_animals < 1):
            raise InputError("The tracker's window_frames and n_animals must be at least 1.")
        self.similarity = similarity
        self.window_frames = window_frames
        self.n_animals = n_animals
        self.min_similarity = min_similarity
        self.reduction = reduction
        self.motion = motion
        self.reset()

    def reset(self) -> None:
        """Forget all tracks; call it between videos."""
        self._frame = 0
        self._n_named = 0
        self._tracks: list[_Track] = []

    def update(self, poses: PoseBatch) -> list[str | None]:
        """Return a track name for each row of the next frame; frames without instances count too."""
        points = np.asarray(poses.points, dtype=np.float64)
        self._forget_old()
        assigned: list[_Track | None] = [None] * len(points)
        self._match(points, assigned, self._tracks, self.min_similarity)
        self._begin_tracks(points, _scores(poses), assigned)
        if self.n_animals is not None:
            lost = [t for t in self._tracks if t not in assigned and t.seen[-1][0] < self._frame - self.window_frames]
            self._match(points, assigned, lost, -np.inf)
        for track, instance in zip(assigned, points, strict=True):
            if track is not None:
                track.seen.append((self._frame, instance))
        self._frame += 1
        return [None if track is None else track.name for track in assigned]

    def state(self) -> dict[str, Any]:
        """Return all that later answers depend on, as plain JSON data."""
        tracks = [
            {"name": track.name, "seen": [[frame, _to_json(points)] for frame, points in track.seen]}
            for track in self._tracks
        ]
        return {"frame": self._frame, "n_named": self._n_named, "tracks": tracks}

    def restore(self, state: dict[str, Any]) -> None:
        """Go on from a saved state, as if the frames before it had been seen."""
        self._frame = int(state["frame"])
        self._n_named = int(state["n_named"])
        self._tracks = [
            _Track(track["name"], deque((frame, _from_json(points)) for frame, points in track["seen"]))
            for track in state["tracks"]
        ]

    def _forget_old(self) -> None:
        """Drop instances that left the window; a lost track stays, with its last instance, if animals are counted."""
        oldest = self._frame - self.window_frames
        keep = 0 if self.n_animals is None else 1
        for track in self._tracks:
            while len(track.seen) > keep and track.seen[0][0] < oldest:
                track.seen.popleft()
        self._tracks = [track for track in self._tracks if track.seen]

    def _match(self, points: Floats, assigned: list[_Track | None], tracks: list[_Track], least: float) -> None:
        """Assign free rows to tracks so that the total similarity is greatest; matches below ``least`` are none."""
        free = [row for row, track in enumerate(assigned) if track is None and not np.isnan(points[row]).all()]
        if not free or not tracks:
            return
        alike, ties = self._similarity_to(points[free], tracks)
        allowed = alike >= least
        gain = np.where(allowed, alike + _TIE_WEIGHT * ties, -1.0)  # below anything allowed, still comparable
        for row, column in zip(*linear_sum_assignment(gain, maximize=True), strict=True):
            if allowed[row, column]:
                assigned[free[row]] = tracks[column]

    def _similarity_to(self, points: Floats, tracks: list[_Track]) -> tuple[Floats, Floats]:
        """Return ``[row track]`` similarity, and that of the centroids, to the instances of each track's window."""
        instances = np.concatenate([self._expected(track) for track in tracks])
        begins = np.cumsum([0, *(len(track.seen) for track in tracks[:-1])])
        counts = np.array([len(track.seen) for track in tracks])
        reduced = []
        for measure in (SIMILARITIES[self.similarity], centroid):
            matrix = measure(points, instances)
            if self.reduction == "max":
                reduced.append(np.maximum.reduceat(matrix, begins, axis=1))
            else:
                reduced.append(np.add.reduceat(matrix, begins, axis=1) / counts)
        return reduced[0], reduced[1]

    def _expected(self, track: _Track) -> Floats:
        """Return the instances ``[seen node xy]`` of a track's window, moved to where they would be by now."""
        places = np.stack([points for _, points in track.seen])
        if self.motion == "none":
            return places
        ages = np.array([self._frame - frame for frame, _ in track.seen], dtype=float)
        return np.asarray(places + ages[:, None, None] * track.velocity())

    def _begin_tracks(self, points: Floats, scores: NDArray[np.floating], assigned: list[_Track | None]) -> None:
        """Give free rows new tracks, best score first, then from left to right: the order of rows has no effect."""
        places = centroids(points)
        free = [row for row, track in enumerate(assigned) if track is None and not np.isnan(places[row]).any()]
        for row in sorted(free, key=lambda row: (-scores[row], *places[row])):
            if self.n_animals is not None and self._n_named >= self.n_animals:
                return
            track = _Track(f"track_{self._n_named}")
            self._n_named += 1
            self._tracks.append(track)
            assigned[row] = track


def tracker_for(task: VideoTask, options: Mapping[str, Any] | None) -> WindowTracker | None:
    """Return the tracker of one video, by the setting ``tracker`` and the number of animals in its row.

    Options are the arguments of `WindowTracker`; an empty section means its defaults, None means no tracking. A number
    of animals in the setting stands above that of the row.
    """
    if options is None:
        return None
    unknown = [name for name in options if name not in OPTIONS]
    if unknown:
        raise InputError(f"The tracker has no option {unknown[0]!r}; {nearest(unknown[0], OPTIONS)}")
    n_animals = options.get("n_animals") or task.n_animals
    return WindowTracker(**{**options, "n_animals": n_animals})


def _scores(poses: PoseBatch) -> NDArray[np.floating]:
    return np.zeros(len(poses)) if poses.node_scores is None else np.asarray(poses.instance_scores)


def _to_json(points: Floats) -> list[list[float | None]]:
    return [[None if np.isnan(value) else float(value) for value in point] for point in points]


def _from_json(points: list[list[float | None]]) -> Floats:
    return np.array([[np.nan if value is None else value for value in point] for point in points], dtype=np.float64)
