"""Frames that must not be suggested: those that would become test frames, and those that are labelled already."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from posewright.config.labels import SplitConfig
from posewright.config.sheet import VideoRow
from posewright.errors import InputError
from posewright.labels.model import LabelSet, VideoRef
from posewright.labels.recordings import groups_of, video_names
from posewright.labels.sides import Dealer, Place
from posewright.samples.sources.places import is_there

_UNUSABLE = "\0"  #: a group of no name


@dataclass(frozen=True)
class HeldBack:
    """What the labels and the split say of the videos of the sheet, as if these were labelled next.

    A frame that is chosen because models fail on it would make a test set that stands for nothing, and nothing could
    be learnt from it: the split never moves it to the training.

    Attributes:
        labelled: id of a video -> its labelled frames.
        test: ids of videos that belong to the test side as a whole.
        blocks: id of a video -> its name among the split's blocks; empty unless the split is by blocks.
        dealer: deals blocks to sides.
        remembered: block -> place of an earlier split.
        block_frames: length of a block.
    """

    labelled: Mapping[str, Sequence[int]]
    test: frozenset[str]
    blocks: Mapping[str, str]
    dealer: Dealer
    remembered: Mapping[str, Place]
    block_frames: int

    def is_test(self, video: str, frame: int) -> bool:
        """Whether a label on this frame would go to the test side."""
        if video in self.test or video not in self.blocks:
            return video in self.test
        name = f"{self.blocks[video]}/b{frame // self.block_frames}"
        return (self.remembered.get(name) or self.dealer.place(name)) == "test"

    def is_free(self, video: str, frame: int, apart_frames: int) -> bool:
        """Whether a frame may be suggested: no test frame, and none within ``apart_frames`` of it is labelled."""
        near = any(abs(frame - other) < apart_frames for other in self.labelled.get(video, ()))
        return not near and not self.is_test(video, frame)


def held_back(
    labels: LabelSet | None, rows: Sequence[VideoRow], split: SplitConfig, remembered: Mapping[str, Place]
) -> HeldBack:
    """Return what is known of the rows' videos.

    Args:
        labels: of the dataset; None where it has none, so that nothing is held back.
        rows: of the sheet.
        split: how labels are divided.
        remembered: group -> place of an earlier split.
    """
    dealer = Dealer(by=split.by, val=split.val, test=split.test, folds=split.folds, seed=split.seed)
    if labels is None:
        return HeldBack({}, frozenset(), {}, dealer, {}, split.block_frames)
    videos = (*labels.videos, *(_reference(row) for row in rows))
    names = video_names(videos)  # rows come after the labelled ones, so they bear the names they would get
    of_row = dict(zip((row.video for row in rows), names[len(labels.videos) :], strict=True))
    frames: dict[str, list[int]] = defaultdict(list)
    for video, frame in [*(one.key for one in labels.frames), *labels.negatives]:
        frames[names[video]].append(frame)
    labelled = {video: frames.get(name, []) for video, name in of_row.items()}
    if split.by == "block":
        return HeldBack(labelled, frozenset(), of_row, dealer, remembered, split.block_frames)
    groups = of_row if split.by == "video" else _groups(labels, rows, split, remembered)
    places = {video: _place(group, split, dealer, remembered) for video, group in groups.items()}
    test = frozenset(video for video, place in places.items() if place == "test")
    return HeldBack(labelled, test, {}, dealer, remembered, split.block_frames)


def _reference(row: VideoRow) -> VideoRef:
    path = Path(row.path)
    return VideoRef(row.path, path if is_there(path) else None)


def _groups(
    labels: LabelSet, rows: Sequence[VideoRow], split: SplitConfig, remembered: Mapping[str, Place]
) -> dict[str, str]:
    """Return id of a video -> its group; of a video that joins animals of different sides, the test side itself."""
    n_labelled = len(labels.videos)

    def of_rows(own: Sequence[VideoRow]) -> dict[str, str]:
        videos = LabelSet(labels.skeleton, (*labels.videos, *map(_reference, own)), ())
        groups = groups_of(videos, rows, split.by, split.file, remembered)
        return {row.video: groups[n_labelled + i] for i, row in enumerate(own) if n_labelled + i in groups}

    try:
        return of_rows(rows)
    except InputError:
        pass
    found: dict[str, str] = {}
    for row in rows:
        try:
            found |= of_rows([row])
        except InputError:  # labelled, this video would make the split impossible
            found[row.video] = _UNUSABLE
    return found


def _place(group: str, split: SplitConfig, dealer: Dealer, remembered: Mapping[str, Place]) -> Place:
    if group == _UNUSABLE:
        return "test"
    if split.by == "file":
        return group
    return remembered.get(group) or dealer.place(group)
