"""What frames look like: suggestions that a person would label twice are told from others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from posewright.config.sheet import VideoRow
from posewright.evaluation.videos.candidates import Candidate
from posewright.labels.duplicates import Looks
from posewright.samples.sources.base import VideoFault
from posewright.samples.store import FrameStore
from posewright.samples.video import open_frames


def distinct(
    ranked: Sequence[Candidate], rows: Mapping[str, VideoRow], store: Path | None, count: int
) -> tuple[list[Candidate], int, int]:
    """Return the first frames that look like no other and no labelled one, and how many were alike or unreadable."""
    pictures = _pictures(ranked, rows)
    known = Looks()
    if store is not None:
        labelled = FrameStore(store)
        for key in labelled.keys:
            known.add(labelled[key])
    chosen: list[Candidate] = []
    alike = unseen = 0
    for one in ranked:
        if len(chosen) == count:
            break
        picture = pictures.get((one.video, one.frame))
        if picture is None:
            unseen += 1
        elif known.like(picture) is not None:
            alike += 1
        else:
            known.add(picture)
            chosen.append(one)
    return chosen, alike, unseen


def _pictures(
    candidates: Sequence[Candidate], rows: Mapping[str, VideoRow]
) -> dict[tuple[str, int], NDArray[np.uint8]]:
    """Return the frames by (video, number), each video read once from its beginning; of an arena its region."""
    wanted: dict[str, set[int]] = defaultdict(set)
    for one in candidates:
        wanted[one.video].add(one.frame)
    found: dict[tuple[str, int], NDArray[np.uint8]] = {}
    for video, frames in wanted.items():
        x0, y0, x1, y1 = rows[video].roi or (0, 0, None, None)
        try:
            for frame in open_frames(Path(rows[video].path), 0, max(frames) + 1, frames):
                if frame.image is not None:
                    found[video, frame.index] = np.ascontiguousarray(frame.image[y0:y1, x0:x1])
        except VideoFault:
            continue  # the video is gone since it was predicted; its frames count as unreadable
    return found
