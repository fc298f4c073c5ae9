"""An animal keeps its class in every frame, whoever else is there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from posewright.labels.model import LabeledFrame
from posewright.labels.read import read_side
from posewright.samples.store import FrameStore
from posewright.training.planning import make_plan, sources_for

from .small import small_recipe

CLASSES = {"animal_1": 0, "animal_2": 1, None: -1}


@pytest.mark.parametrize("model_type", ["multi_class_bottomup", "multi_class_topdown"])
def test_classes_are_kept_where_animals_or_their_tracks_are_missing(data: Path, model_type: str) -> None:
    labels, store = read_side(data / "split" / "train.slp"), FrameStore(data / "store" / "store.json")
    thinned = replace(labels, frames=tuple(_thinned(frame, index) for index, frame in enumerate(labels.frames)))
    assert thinned.frames[0].tracks == ("animal_2",)
    plan = make_plan(small_recipe(model_type), thinned, store, 0, "")
    assert plan.model_type.classes == ("animal_1", "animal_2")
    sources = sources_for(plan.model_type, plan.preprocess, thinned, store)
    own = slice(None) if model_type == "multi_class_bottomup" else slice(1)  # others follow a crop's own animal
    found = [int(one) for index in range(len(sources)) for one in sources[index].class_ids[own]]
    assert found == [CLASSES[name] for frame in thinned.frames for name in frame.tracks]
    assert set(found) == set(CLASSES.values())


def _thinned(frame: LabeledFrame, index: int) -> LabeledFrame:
    """Return a frame without its first animal, without that one's track, or as it is."""
    assert sorted(filter(None, frame.tracks)) == ["animal_1", "animal_2"]
    first = frame.tracks.index("animal_1")
    if index % 3 == 0:
        return replace(frame, points=np.delete(frame.points, first, axis=0), tracks=("animal_2",))
    if index % 3 == 1:
        return replace(frame, tracks=tuple(None if name == "animal_1" else name for name in frame.tracks))
    return frame
