"""Where models and labels come from, as far as it decides what a score may be used for.

A model that was trained on frames it is scored on is *contaminated*, and one of which nobody knows is not ranked
(``comparison.md`` rule 2). Labels that are a model's output corrected by a person are told from those a person made
from nothing (rule 10).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewright.errors import InputError
from posewright.labels.model import LabelSet
from posewright.labels.read import read_labels
from posewright.labels.seen import frame_mark
from posewright.labels.videos import told_path

SEPARATE, CONTAMINATED, UNKNOWN = "separate", "contaminated", "unknown"


def training_overlap(
    cards: Sequence[Mapping[str, Any]],
    split_digest: str | None,
    truth: LabelSet,
    trained_on: Sequence[str] | None,
    seen: Collection[str] | None = None,
) -> dict[str, Any]:
    """Return whether the models were trained on frames of ``truth``: status, number of shared frames, and how known.

    Args:
        cards: content of each model's ``model.json``; empty for a foreign model.
        split_digest: of the split that ``truth`` is a side of.
        truth: the frames to score.
        trained_on: label files that foreign models were trained on; None if unknown.
        seen: marks of the frames that the models have seen, as their records tell; None where they do not.
    """
    if split_digest is not None and all(card.get("split_digest") == split_digest for card in cards):
        return {"status": SEPARATE, "frames": 0, "known_by": "trained on the other side of this split"}
    if trained_on is None and seen is not None:
        shared = sum(frame_mark(truth.videos[one.video].base_name, one.frame) in seen for one in truth.frames)
        return {
            "status": CONTAMINATED if shared else SEPARATE,
            "frames": shared,
            "known_by": "the record of its training",
        }
    if trained_on is None:
        return {"status": UNKNOWN, "frames": None, "known_by": "nobody says what it was trained on"}
    if not trained_on:
        return {"status": SEPARATE, "frames": 0, "known_by": "declared: trained on none of these recordings"}
    learnt = read_labels([Path(path) for path in trained_on])
    known = {(learnt.videos[frame.video].base_name, frame.frame) for frame in learnt.frames}
    shared = sum((truth.videos[frame.video].base_name, frame.frame) in known for frame in truth.frames)
    return {
        "status": CONTAMINATED if shared else SEPARATE,
        "frames": shared,
        "known_by": "video names and frame numbers of the label files it was trained on",
    }


def corrected_instances(paths: Sequence[Path], truth: LabelSet) -> dict[tuple[int, int], NDArray[np.bool_]] | None:
    """Return for each (video, frame) which true instances began as a model's prediction.

    Args:
        paths: the data set's label files; only ``.slp`` files tell.
        truth: a side of the split made of them.

    Returns:
        None where no file tells: then nothing is known, which is not the same as nothing corrected.
    """
    import sleap_io

    files = [path for path in paths if path.suffix.lower() == ".slp"]
    if not files:
        return None
    began: dict[tuple[str, int], list[NDArray[np.float64]]] = {}
    for path in files:
        if not path.is_file():
            raise InputError(f"{path}: the label file does not exist; correct the path.")
        labels = sleap_io.load_slp(path.as_posix(), open_videos=False)
        for frame in labels.labeled_frames:
            name = told_path(frame.video).replace("\\", "/").rpartition("/")[2]
            for instance in frame.user_instances:
                if instance.from_predicted is not None:
                    began.setdefault((name, int(frame.frame_idx)), []).append(_sorted(instance.numpy()))
    return {
        frame.key: np.array(
            [
                any(
                    np.array_equal(_sorted(points), other, equal_nan=True)
                    for other in began.get((truth.videos[frame.video].base_name, frame.frame), [])
                )
                for points in frame.points
            ],
            dtype=np.bool_,
        )
        for frame in truth.frames
    }


def _sorted(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the visible points in an order that does not depend on that of the skeleton's nodes."""
    shown = np.asarray(points, np.float64)
    shown = shown[~np.isnan(shown).any(axis=-1)]
    return shown[np.lexsort(shown.T)]
