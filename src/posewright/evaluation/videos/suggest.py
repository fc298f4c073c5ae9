"""Stage suggest_frames: predicted videos -> the frames worth labelling next, as suggestions that SLEAP opens.

The frames lie in a ``.slp`` that a person opens, corrects and saves. It is named by its content and never written
again, so that no later run can take corrections away; ``suggestions.json`` names the latest one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from posewright.config.labels import SplitConfig
from posewright.config.sheet import VideoRow
from posewright.config.videos import SuggestConfig
from posewright.errors import InputError
from posewright.evaluation.videos.candidates import Candidate, best_of_video, spread
from posewright.evaluation.videos.disagreement import disagreement, doubt
from posewright.evaluation.videos.held_back import HeldBack, held_back
from posewright.evaluation.videos.pictures import distinct
from posewright.evaluation.videos.stretches import Float, Stretch, common_nodes, side_by_side, usual_length_px
from posewright.evaluation.videos.suggestion_file import write_suggestions
from posewright.files import digest_of, write_json
from posewright.labels.model import LabelSet
from posewright.labels.sides import Place
from posewright.prediction.status import STATUS_NAME, read_status

SCHEMA = 1
_SPARE = 3  #: times as many frames are looked at as are wanted: some look like others

WAYS = {
    "disagreement": "where the releases disagree: mean over the nodes of their distance in body lengths, a node or an "
    "animal that only one of them finds counting 1",
    "doubt": "where the only release doubts its poses: low scores, another number of animals than expected, jumps",
}


@dataclass(frozen=True)
class Asked:
    """What is asked for.

    Attributes:
        rows: the dataset's rows of the sheet.
        releases: folders of published videos, one a release; the poses of the first are shown.
        settings: how many frames, and how far apart.
    """

    rows: Sequence[VideoRow]
    releases: Sequence[Path]
    settings: SuggestConfig

    def folders(self, row: VideoRow) -> list[Path]:
        """Return a video's folders of the releases that gave poses of it."""
        folders = [release / row.video for release in self.releases]
        found = [(folder, read_status(folder / STATUS_NAME)) for folder in folders]
        return [folder for folder, status in found if status is not None and status[0].state in ("ok", "partial")]


def suggest_frames(
    *,
    asked: Asked,
    labels: LabelSet | None,
    split: SplitConfig,
    remembered: Mapping[str, Place],
    store: Path | None,
    out: Path,
) -> None:
    """Choose frames, and write them as SLEAP's suggestions with the first release's poses; say what was done.

    Args:
        asked: videos, releases and numbers.
        labels: of the dataset, None where it has none: frames labelled already are not suggested, nor are test frames.
        split: how labels are divided.
        remembered: group -> place of earlier splits.
        store: ``store.json`` of the labelled frames, which suggestions must not look like; None for no such look.
        out: ``suggestions.json``; the ``.slp`` it names lies beside it.
    """
    folder = out.parent
    free = held_back(labels, asked.rows, split, remembered)
    way = "disagreement" if len(asked.releases) > 1 else "doubt"
    usable = {row.video: row for row in asked.rows if len(asked.folders(row)) == len(asked.releases)}
    found = {video: _of_video(row, asked, way, free) for video, row in usable.items()}
    ranked = list(islice(spread(found), _SPARE * asked.settings.count))
    chosen, alike, unseen = distinct(ranked, usable, store, asked.settings.count)
    name = f"suggestions_{_digest(asked, chosen)[:12]}.slp" if chosen else None
    if name is not None and not (folder / name).exists():
        write_suggestions(folder / name, asked.releases[0], usable, chosen)
    facts = {
        "schema": SCHEMA,
        "file": name,
        "way": way,
        "meaning": WAYS[way],
        "releases": [folder.name for folder in asked.releases],
        "asked": asked.settings.count,
        "frames": [
            {"video": one.video, "frame": one.frame, "time_s": _known(one.time_s), "score": one.score} for one in chosen
        ],
        "looked_alike": alike,
        "could_not_be_read": unseen,
        "videos": len(usable),
        "videos_without_poses": sorted(row.video for row in asked.rows if row.video not in usable),
        "videos_of_test": sorted(free.test),
    }
    write_json(out, {**facts, "text": _text(facts, folder)})


def _of_video(row: VideoRow, asked: Asked, way: str, free: HeldBack) -> list[Candidate]:
    """Return the best frames of one video."""
    apart, count = asked.settings.apart_frames, asked.settings.count
    return best_of_video(
        row.video, _scored(row, asked, way), count, apart, lambda frame: free.is_free(row.video, frame, apart)
    )


def _scored(row: VideoRow, asked: Asked, way: str) -> Iterator[tuple[Stretch, Float]]:
    """Yield the stretches of a video with the score of each frame."""
    folders = asked.folders(row)
    nodes, length_px = common_nodes(folders), usual_length_px(folders)
    if not nodes:
        names = " and ".join(folder.name for folder in asked.releases)
        raise InputError(f"{names} know no common node; name releases of one skeleton in predict.releases.")
    for views in side_by_side(folders, nodes):
        shown, new = views[0], slice(views[0].n_before, None)
        if way == "disagreement":
            scores = disagreement(views, length_px, row.n_animals)
        else:
            scores = doubt(shown, length_px, row.n_animals)
        yield shown.only(np.arange(len(shown.frames))[new]), scores[new]


def _digest(asked: Asked, chosen: Sequence[Candidate]) -> str:
    """Return what the file is made of: frames, and whose poses of which products."""
    release = asked.releases[0]
    statuses = {one.video: read_status(release / one.video / STATUS_NAME) for one in chosen}
    keys = {video: found[1] for video, found in statuses.items() if found is not None}
    return digest_of([release.name, [[one.video, one.frame] for one in chosen], keys])


def _text(facts: Mapping[str, Any], folder: Path) -> str:
    """Return what was done as sentences."""
    by = " and ".join(facts["releases"])
    if not facts["frames"]:
        return (
            f"No frame to suggest in {facts['videos']} videos predicted by {by}: each would be a test frame, lies "
            "within suggest.apart_frames of a labelled one, looks like one, cannot be read, or leaves no doubt."
        )
    n_videos = len({one["video"] for one in facts["frames"]})
    short = (
        f" Fewer than the {facts['asked']} asked for: no others are far enough apart and look different."
        if len(facts["frames"]) < facts["asked"]
        else ""
    )
    return (
        f"{len(facts['frames'])} frames of {n_videos} of {facts['videos']} videos ({by}), {facts['meaning']}.{short} "
        f"Open {folder / str(facts['file'])} in SLEAP, correct the poses, save, and join it to the labels with "
        "`posewright merge`."
    )


def _known(value: float) -> float | None:
    return None if np.isnan(value) else value
