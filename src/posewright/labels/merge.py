"""Labels that were corrected elsewhere, joined with the project's: a person's work is kept, a model's gives way.

sleap-io moves frames, skeletons, tracks and suggestions between files (`Labels.merge`); which videos are the same, and
which animals, is decided here. Its own rules would not do: of two user instances within 5 px it keeps the older one, so
that a small correction is lost without a word, and it takes videos of one base name for one (sleap-io 0.9.5).

- A user instance that stands in both files is kept once. One that is the same animal at other points, or with another
  track, is a correction and takes the place of the older. All others are kept.
- Predictions of a frame give way to those of the corrected file; those that a user instance was made of stay with it,
  since they tell corrected labels from others, and those that stand where a user instance stands go.
- Frames of the corrected file that no person touched bring nothing new, but newer predictions of frames that have old.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from posewright.errors import InputError
from posewright.files import atomic_path
from posewright.labels.find import Places
from posewright.labels.foreign import NAMES, kind_of, told
from posewright.labels.model import VideoRef
from posewright.labels.part import Identity
from posewright.labels.videos import same_video, videos_of
from posewright.labels.write import keep_spelling

EQUAL_PX = 1e-3  #: what saving and opening a file may change
SAME_ANIMAL = 0.15  #: median distance of the common nodes, in lengths of the animal
_SHORTEST_PX = 10.0  #: a length that every animal has at least, one of a single node too


@dataclass
class Merged:
    """What a merge did.

    Attributes:
        counts: ``kept`` user instances of the labels, ``equal`` ones that stood in both, ``added``, ``corrected`` ones
            of the labels (once, however many files correct them);
            ``predictions_replaced`` old predictions gone; ``frames_left_out`` of the corrected files with nothing but
            predictions.
        corrections: a sentence on each corrected animal.
        videos: a sentence on each video of the corrected files that goes by another path or is new.
    """

    counts: Counter[str] = field(default_factory=Counter)
    corrections: list[str] = field(default_factory=list)
    videos: list[str] = field(default_factory=list)

    def lines(self) -> list[str]:
        """Return all of it as sentences."""
        n = self.counts
        return [
            f"User instances: {n['kept']} kept as they were ({n['equal']} of them stood in both), {n['corrected']} "
            f"corrected, {n['added']} added.",
            f"Predictions: {n['predictions_replaced']} old ones replaced or no longer needed; "
            f"{n['frames_left_out']} frames with nothing but predictions were left out.",
            *self.videos,
            *self.corrections,
        ]


def merge_labels(labels: Path, corrected: Sequence[Path], out: Path, places: Places) -> Merged:
    """Write the labels with all corrected files joined to them, in order; no file that is there is changed.

    Args:
        labels: the project's ``.slp``.
        corrected: files saved by a labelling tool: suggestions, a ``poses.slp``, or any other ``.slp``.
        out: the file to write.
        places: where videos are looked for.

    Raises:
        InputError: ``out`` is there already, a file cannot be read, the labels have no skeleton, or a file has others.
    """
    if out.exists():
        raise InputError(f"{out} is there already, and nothing is overwritten; name another --out.")
    base = _load(labels)
    if not base.skeletons:
        raise InputError(f"{labels} has no skeleton, so nothing can be joined to it; name your labels first.")
    merged = Merged()
    known = _known_videos(base, labels, places)
    # Kept alive: the id of one that a correction replaces would else be given to a newer one.
    first = {id(one): one for frame in base.labeled_frames for one in frame.user_instances}
    for path in corrected:
        _join(base, known, _load(path), path, places, merged, first)
    merged.counts["added"] = sum(len(frame.user_instances) for frame in base.labeled_frames) - len(first)
    merged.counts["kept"] = len(first) - merged.counts["corrected"]
    _save(base, out)
    return merged


def _load(path: Path) -> Any:
    import sleap_io

    if kind_of(path) != "slp":
        raise InputError(f"{path}: only .slp files are merged; save it as .slp in the labelling tool.")
    with told(path, NAMES["slp"]):
        return sleap_io.load_slp(path.as_posix(), open_videos=False)


def _save(labels: Any, out: Path) -> None:
    """Write the labels; images embedded in a file stay there and are referred to."""
    import sleap_io

    with atomic_path(out) as temporary:
        sleap_io.save_slp(labels, temporary.as_posix(), embed=None, verbose=False)
        keep_spelling(temporary, labels.videos)


# ---- videos


@dataclass(frozen=True)
class _Known:
    """A video of the labels: what it is, and sleap-io's object for it."""

    identity: Identity
    reference: VideoRef
    video: Any


def _known_videos(labels: Any, path: Path, places: Places) -> list[_Known]:
    told_of = videos_of(labels.videos, path, places)
    return [_Known(*one, video) for one, video in zip(told_of, labels.videos, strict=True)]


def _same_video(known: Sequence[_Known], other: _Known, file: Path) -> _Known | None:
    """Return the video of the labels that another file means; None where it is a new one, with pictures of its own."""
    alike = [one for one in known if one.identity[0] == other.identity[0]]
    told = [(one.identity, one.reference) for one in alike]
    same = same_video(told, (other.identity, other.reference), file)
    return None if same is None else alike[same]


class _ByObject:
    """Tells sleap-io that videos are one where they are one object, and only there."""

    method = None

    def find_match(self, video: Any, candidates: Sequence[Any], **_: Any) -> Any:
        return next((one for one in candidates if one is video), None)


# ---- frames


def _join(
    base: Any, known: list[_Known], other: Any, path: Path, places: Places, merged: Merged, first: Mapping[int, Any]
) -> None:
    """Join one corrected file to the labels in memory."""
    from sleap_io.model.matching import SkeletonMatcher, SkeletonMatchMethod

    _one_skeleton(base, other, path)
    newer = _known_videos(other, path, places)
    own = {id(one.video): _same_video(known, one, path) for one in newer}
    frames = {(id(frame.video), int(frame.frame_idx)): frame for frame in base.labeled_frames}
    wanted = []
    for frame in other.labeled_frames:
        place = own[id(frame.video)]
        old = None if place is None else frames.get((id(place.video), int(frame.frame_idx)))
        touched = bool(frame.user_instances) or frame.is_negative
        if touched and old is None and place is not None and place.identity[0] == "embedded":
            raise InputError(
                f"{path}: frame {frame.frame_idx} of {place.reference.path} is labelled, and its picture is not among "
                "those embedded in the labels; merge it into labels that name the video itself."
            )
        if touched or (old is not None and old.predicted_instances and frame.predicted_instances):
            wanted.append(frame)
            _settle(old, frame, merged, first)
        elif frame.predicted_instances:
            merged.counts["frames_left_out"] += 1
    used = {id(frame.video) for frame in wanted} | {id(one.video) for one in other.suggestions}
    other.labeled_frames = wanted
    other.replace_videos(
        video_map={one.video: place.video for one in newer if (place := own[id(one.video)]) is not None}
    )
    kept_videos = [one for one in newer if id(one.video) in used]
    other.videos = list({id(v): v for v in (_target(one, own) for one in kept_videos)}.values())
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Track .* was merged by name")  # it compares what was settled here
        base.merge(
            other,
            skeleton=SkeletonMatcher(method=SkeletonMatchMethod.SUBSET),
            video=_ByObject(),
            track="name",
            frame="keep_both",
            error_mode="strict",
        )
    for one in kept_videos:
        place = own[id(one.video)]
        if place is None:
            known.append(one)
            merged.videos.append(f"The video {one.reference.path} of {path} is new to the labels.")
        elif place.reference.path != one.reference.path:
            merged.videos.append(f"The video {one.reference.path} of {path} is {place.reference.path} of the labels.")


def _target(one: _Known, own: dict[int, _Known | None]) -> Any:
    place = own[id(one.video)]
    return one.video if place is None else place.video


def _one_skeleton(base: Any, other: Any, path: Path) -> None:
    """Give another file's instances the skeleton of the labels.

    Raises:
        InputError: it has other nodes.
    """
    ours = base.skeletons[0]
    for theirs in list(other.skeletons):
        if set(theirs.node_names) != set(ours.node_names):
            raise InputError(
                f"{path}: its nodes are {', '.join(theirs.node_names)}, those of the labels "
                f"{', '.join(ours.node_names)}; merge files of one skeleton."
            )
        other.replace_skeleton(ours, old_skeleton=theirs, node_map=None)


def _settle(old: Any, new: Any, merged: Merged, first: Mapping[int, Any]) -> None:
    """Leave in each of two frames of one number what will stand in the merged one.

    Args:
        old: a frame of the labels, or None.
        new: the corrected one.
        merged: takes what is done.
        first: by their ``id``, the user instances that the labels had before any merge.
    """
    older = [] if old is None else list(old.user_instances)
    newer, spent = list(new.user_instances), []
    for ours, theirs in _one_animal(older, newer):
        is_equal = _is_equal(ours, theirs)
        if is_equal and (ours.from_predicted is not None or theirs.from_predicted is None):
            newer = [one for one in newer if one is not theirs]
            spent.append(theirs.from_predicted)
        else:
            older = [one for one in older if one is not ours]
            theirs.from_predicted = theirs.from_predicted or ours.from_predicted
        merged.counts["equal"] += is_equal
        if not is_equal:
            merged.counts["corrected"] += id(ours) in first
            merged.corrections.append(_correction(old, ours, theirs))
    stale = [] if old is None else list(old.predicted_instances)
    made_of = [one.from_predicted for one in (*older, *newer) if one.from_predicted is not None]
    remaining = [one for one in stale if _is_in(one, made_of)]
    merged.counts["predictions_replaced"] += len(stale) - len(remaining)
    fresh = [one for one in new.predicted_instances if not _is_in(one, spent)]
    free = [one for one in fresh if not _is_in(one, made_of)]
    doubled = {id(theirs) for _, theirs in _one_animal([*older, *newer], free)}
    new.instances = [*newer, *(one for one in fresh if id(one) not in doubled)]
    if old is not None:
        old.instances = [*older, *remaining]


def _is_in(item: Any, items: Sequence[Any]) -> bool:
    return any(item is one for one in items)


def _one_animal(ours: Sequence[Any], theirs: Sequence[Any]) -> list[tuple[Any, Any]]:
    """Return pairs of instances that are the same animal: those at equal points first, then the nearest."""
    left, right = list(ours), list(theirs)
    pairs = []
    for one in ours:
        twin = next((other for other in right if _lies_there(one, other)), None)
        if twin is not None:
            pairs.append((one, twin))
            left, right = [a for a in left if a is not one], [b for b in right if b is not twin]
    if not left or not right:
        return pairs
    apart = np.array([[_apart(one, other) for other in right] for one in left])
    for row, column in zip(*linear_sum_assignment(np.minimum(apart, 1e6)), strict=True):
        if apart[row, column] <= SAME_ANIMAL:
            pairs.append((left[row], right[column]))
    return pairs


def _apart(one: Any, other: Any) -> float:
    """Return the median distance of the nodes that both show, in lengths of the first; infinite without any."""
    points, others = _points(one), _points(other)
    distances = np.linalg.norm(points - others, axis=-1)
    known = distances[~np.isnan(distances)]
    shown = points[~np.isnan(points).any(axis=-1)]
    if not len(known):
        return float("inf")
    return float(np.median(known)) / max(float(np.ptp(shown, axis=0).max()), _SHORTEST_PX)


def _is_equal(one: Any, other: Any) -> bool:
    return _track(one) == _track(other) and _lies_there(one, other)


def _lies_there(one: Any, other: Any) -> bool:
    return bool(np.allclose(_points(one), _points(other), rtol=0, atol=EQUAL_PX, equal_nan=True))


def _points(instance: Any) -> NDArray[np.float64]:
    return np.asarray(instance.numpy(), np.float64)


def _track(instance: Any) -> str | None:
    return None if instance.track is None else str(instance.track.name)


def _correction(frame: Any, ours: Any, theirs: Any) -> str:
    moved = np.nan_to_num(np.linalg.norm(_points(ours) - _points(theirs), axis=-1))
    where = np.nanmean(_points(theirs), axis=0)
    return (
        f"Corrected: frame {frame.frame_idx} of {frame.video.filename}, the animal at "
        f"({where[0]:.0f}, {where[1]:.0f}): nodes moved by up to {moved.max():.1f} px."
    )
