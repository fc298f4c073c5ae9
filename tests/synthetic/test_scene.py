from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posewright.synthetic.animal import SKELETON
from posewright.synthetic.scene import VISIBLE, individuals_of, make_scene
from posewright.synthetic.silhouette import silhouette
from posewright.synthetic.spec import ArenaSpec

SPEC = ArenaSpec(n_frames=120, crowding=0.9, seed=4)


def test_the_same_seed_gives_the_same_truth() -> None:
    first, again = make_scene(SPEC, 1).truth(), make_scene(SPEC, 1).truth()
    assert np.array_equal(first.points, again.points)
    assert np.array_equal(first.hidden_by, again.hidden_by)
    for other in (make_scene(SPEC, 2), make_scene(replace(SPEC, seed=5), 1)):
        assert not np.array_equal(first.points, other.truth().points)


def test_a_recording_does_not_depend_on_what_else_is_made() -> None:
    alone = make_scene(replace(SPEC, n_recordings=1), 0).truth()
    among = make_scene(replace(SPEC, n_recordings=6, n_labeled=7), 0).truth()
    assert np.array_equal(alone.points, among.points)


def test_all_nodes_lie_in_the_image_and_hidden_ones_keep_their_truth() -> None:
    for recording in range(3):
        truth = make_scene(SPEC, recording).truth()
        assert np.isfinite(truth.points).all()
        assert truth.points.min() > 0
        assert truth.points.max() < 255
        assert np.isnan(truth.seen()[~truth.visible]).all()
        assert np.array_equal(truth.seen()[truth.visible], truth.points[truth.visible])


def test_a_hidden_node_lies_under_what_hides_it() -> None:
    spec = replace(SPEC, n_animals=3, animal_length_px=60, crowding=0.6)
    covers = set()
    for recording in range(4):
        scene = make_scene(spec, recording)
        truth = scene.truth()
        assert scene.hut is not None
        everybody = scene.bodies_at(np.arange(spec.n_frames, dtype=float))
        covers |= set(np.unique(truth.hidden_by).tolist())
        for frame, animal, node in zip(*np.nonzero(~truth.visible), strict=True):
            x, y = truth.points[frame, animal, node].astype(np.float32)[:, None]
            cover = truth.hidden_by[frame, animal, node]
            if cover == 3:
                assert scene.hut.coverage(x, y)[0] > 0.5
            else:
                assert scene.heights[frame, cover] > scene.heights[frame, animal]
                assert silhouette(everybody[cover].at(frame), x, y).whole[0] > 0.5
    assert covers == {VISIBLE, 0, 1, 2, 3}


def test_one_animal_without_a_hut_is_always_seen() -> None:
    truth = make_scene(replace(SPEC, n_animals=1, hut=False), 0).truth()
    assert truth.visible.all()


def test_a_hut_hides() -> None:
    hidden = [make_scene(replace(SPEC, n_animals=1), recording).truth().hidden_by for recording in range(6)]
    assert 0.005 < np.mean([(by == 1).mean() for by in hidden]) < 0.3


def test_nobody_changes_height_while_touching() -> None:
    scene = make_scene(replace(SPEC, n_frames=400), 0)
    swapped = np.flatnonzero(np.diff(scene.heights[:, 0])) + 1
    assert len(swapped) > 3
    y, x = np.mgrid[:256, :256].astype(np.float32)
    everybody = scene.bodies_at(swapped.astype(float))
    for number in range(min(len(swapped), 25)):
        first, second = (silhouette(each.at(number), x, y).whole for each in everybody)
        assert not ((first > 0) & (second > 0)).any()


@pytest.mark.parametrize("n_animals", [2, 4])
def test_crowding_brings_animals_nearer_and_hides_more(n_animals: int) -> None:
    nearest, hidden = [], []
    for crowding in (0.0, 0.5, 1.0):
        spec = ArenaSpec(n_animals=n_animals, animal_length_px=64, crowding=crowding, n_frames=200, hut=False)
        truths = [make_scene(spec, recording).truth() for recording in range(4)]
        thorax = np.concatenate([truth.points[:, :, SKELETON.index("thorax")] for truth in truths])
        gaps = np.linalg.norm(thorax[:, :, None] - thorax[:, None], axis=-1) + 1e3 * np.eye(n_animals)
        nearest.append(gaps.min(axis=-1).mean())
        hidden.append(np.mean([~truth.visible for truth in truths]))
    assert nearest[0] > 1.1 * nearest[1] > 1.21 * nearest[2]
    assert hidden[0] < 0.005 < hidden[1] < 0.9 * hidden[2]


def test_individuals_stay_or_change_with_the_recording() -> None:
    names = [[each.name for each in individuals_of(SPEC, recording)] for recording in (0, 1)]
    assert names == [["animal_1", "animal_2"]] * 2
    fresh = replace(SPEC, same_individuals=False)
    names = [[each.name for each in individuals_of(fresh, recording)] for recording in (0, 1)]
    assert names == [["animal_1", "animal_2"], ["animal_3", "animal_4"]]
    assert np.array_equal(individuals_of(SPEC, 0)[1].coat, individuals_of(SPEC, 3)[1].coat)
