from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from posewright.errors import InputError
from posewright.prediction.task import VideoTask
from posewright.shapes import PoseBatch
from posewright.tracking.tracker import WindowTracker, tracker_for

NAN = float("nan")


def frame_of(points: Any, scores: Any = None) -> PoseBatch:
    points = np.asarray(points, dtype=np.float64)
    points = points[:, None] if points.ndim == 2 else points
    node_scores = np.broadcast_to(0.9 if scores is None else np.asarray(scores)[:, None], points.shape[:2])
    return PoseBatch(points, np.zeros(len(points), np.int64), 1, node_scores)


def nothing() -> PoseBatch:
    return frame_of(np.zeros((0, 1, 2)), np.zeros(0))


def run(tracker: WindowTracker, frames: list[Any]) -> list[list[str | None]]:
    return [tracker.update(frame if isinstance(frame, PoseBatch) else frame_of(frame)) for frame in frames]


def wanderers(n: int, n_frames: int, nodes: int = 4, seed: int = 0) -> np.ndarray:
    """Animals [frame animal node xy] that wander in a field and sometimes hide."""
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 400, (n, 2)) + np.cumsum(rng.normal(0, 4, (n_frames, n, 2)), axis=0)
    return places[:, :, None] + rng.uniform(-15, 15, (n, nodes, 2))


@pytest.mark.parametrize("similarity", ["oks", "centroid"])
@pytest.mark.parametrize("height_px", [0.0, 1.0, 12.0])
@pytest.mark.parametrize("speed_px", [1.0, 4.0])
def test_animals_that_cross_keep_their_names(similarity: str, height_px: float, speed_px: float) -> None:
    tracker = WindowTracker(similarity, n_animals=2)
    rng = np.random.default_rng(1)
    for i in range(60):
        x = (i - 29.5) * speed_px
        points = np.array([[200 + x, 100.0], [200 - x, 100.0 + height_px]]) + rng.normal(0, 0.1, (2, 2))
        order = rng.permutation(2)
        names = tracker.update(frame_of(points[order]))
        by_animal = [names[list(order).index(animal)] for animal in range(2)]
        assert by_animal == ["track_0", "track_1"], f"frame {i}"


@pytest.mark.parametrize("similarity", ["oks", "centroid", "iou"])
@pytest.mark.parametrize("reduction", ["mean", "max"])
@pytest.mark.parametrize("n_animals", [None, 3, 5])
def test_the_order_of_instances_does_not_matter(similarity: str, reduction: Any, n_animals: int | None) -> None:
    rng = np.random.default_rng(0)
    plain, shuffled = (WindowTracker(similarity, n_animals=n_animals, reduction=reduction) for _ in range(2))
    for places in wanderers(5, 60):
        points = places[rng.random(5) > 0.2]
        scores = rng.uniform(0.2, 1.0, len(points))
        order = rng.permutation(len(points))
        names = plain.update(frame_of(points, scores))
        assert shuffled.update(frame_of(points[order], scores[order])) == [names[i] for i in order]


def test_no_two_instances_of_a_frame_share_a_track() -> None:
    tracker = WindowTracker(n_animals=3)
    for places in wanderers(6, 50):
        names = [name for name in tracker.update(frame_of(places)) if name is not None]
        assert len(names) == len(set(names)) == 3


def test_never_more_tracks_than_animals() -> None:
    tracker = WindowTracker(n_animals=2)
    seen = {name for names in run(tracker, list(wanderers(4, 80))) for name in names}
    assert seen == {"track_0", "track_1", None}


def test_the_best_scores_get_the_tracks() -> None:
    names = WindowTracker(n_animals=2).update(frame_of([[0, 0], [50, 0], [100, 0]], [0.3, 0.9, 0.6]))
    assert names == [None, "track_0", "track_1"]


def test_a_lost_animal_is_taken_up_again_where_animals_are_counted() -> None:
    still, here, there = [10.0, 10.0], [200.0, 200.0], [390.0, 30.0]
    frames = [[still, here]] * 8 + [[still]] * 30 + [[still, there]] * 3
    assert run(WindowTracker(n_animals=2), frames)[-1] == ["track_0", "track_1"]
    assert run(WindowTracker(n_animals=None), frames)[-1] == ["track_0", "track_2"]


def test_a_short_gap_does_not_end_a_track() -> None:
    frames: list[Any] = [[[10.0, 10.0]]] * 4 + [nothing()] * 3 + [[[12.0, 10.0]]]
    assert run(WindowTracker(window_frames=5), frames)[-1] == ["track_0"]


def test_a_far_jump_is_no_match() -> None:
    tracker = WindowTracker("centroid", min_similarity=1 / (1 + 50))
    assert run(tracker, [[[0.0, 0.0]], [[49.0, 0.0]]])[-1] == ["track_0"]
    tracker.reset()
    assert run(tracker, [[[0.0, 0.0]], [[51.0, 0.0]]])[-1] == ["track_1"]


def test_reset_makes_videos_independent() -> None:
    used, fresh = WindowTracker(n_animals=3), WindowTracker(n_animals=3)
    run(used, list(wanderers(3, 30, seed=1)))
    used.reset()
    video = list(wanderers(3, 30, seed=2))
    assert run(used, video) == run(fresh, video)


@pytest.mark.parametrize("n_animals", [None, 3])
def test_a_saved_state_joins_chunks_exactly(n_animals: int | None) -> None:
    rng = np.random.default_rng(3)
    video = [places[rng.random(3) > 0.3] for places in wanderers(3, 60)]
    whole = run(WindowTracker(n_animals=n_animals), video)
    first, second = WindowTracker(n_animals=n_animals), WindowTracker(n_animals=n_animals)
    joined = run(first, video[:31])
    second.restore(json.loads(json.dumps(first.state(), allow_nan=False)))
    assert joined + run(second, video[31:]) == whole


def test_nodes_may_be_missing_and_instances_empty() -> None:
    part, empty = [[10.0, 10.0], [NAN, NAN]], [[NAN, NAN], [NAN, NAN]]
    names = run(WindowTracker(), [[[[10.0, 10.0], [14.0, 10.0]], empty], [empty, part]])
    assert names == [["track_0", None], [None, "track_0"]]


def test_options_come_from_the_setting_and_the_number_of_animals_from_the_sheet() -> None:
    task = VideoTask("a", "a.mp4", n_animals=2)
    assert tracker_for(task, None) is None
    tracker = tracker_for(task, {"similarity": "centroid", "n_animals": None})
    assert tracker is not None
    assert (tracker.similarity, tracker.n_animals) == ("centroid", 2)
    named = tracker_for(task, {"n_animals": 3})
    assert named is not None
    assert named.n_animals == 3
    with pytest.raises(InputError, match="similarity"):
        tracker_for(task, {"similarty": "oks"})
    with pytest.raises(InputError, match="centroid"):
        tracker_for(task, {"similarity": "centroids"})
