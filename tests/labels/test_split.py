"""Laws of the split: deterministic, stable, disjoint, complete, shared across folds (rule 2)."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from posewright.config.sheet import VideoRow
from posewright.errors import InputError
from posewright.files import read_json
from posewright.labels.model import LabelSet, VideoRef
from posewright.labels.read import read_labels, read_side
from posewright.labels.recordings import as_recordings, groups_of
from posewright.labels.split import Split, leakage, split_labels, write_split

from .make_labels import make_labels

VIDEOS = tuple(f"v{number}.mp4" for number in range(60))
EVERY = [(video, frame) for video in range(60) for frame in (3, 400)]


def split(labels: LabelSet, by: Any = "block", val: float = 0.1, test: float = 0.2, **more: Any) -> Split:
    return split_labels(labels, by=by, val=val, test=test, **more)


def keys(part: LabelSet) -> set[tuple[int, int]]:
    return {frame.key for frame in part.frames}


def sides(made: Split) -> dict[str, str]:
    return {group: side for group, (side, _) in made.groups.items()}


@pytest.mark.parametrize("by", ["video", "block"])
@pytest.mark.parametrize("seed", range(5))
def test_every_frame_is_accounted_for_once_and_groups_are_whole(by: str, seed: int) -> None:
    labels = make_labels(EVERY + [(0, frame) for frame in range(500, 900)], VIDEOS)
    made = split(labels, by=by, seed=seed)
    parts = [keys(made.train), keys(made.val), keys(made.test), set(made.dropped)]
    assert sum(map(len, parts)) == len(labels.frames)
    assert set().union(*parts) == keys(labels)
    assert leakage(made)["groups_on_two_sides"] == []
    assert sum(count for _, count in made.groups.values()) == len(labels.frames) == len(made.units)


@pytest.mark.parametrize("by", ["video", "block"])
def test_equal_inputs_give_equal_splits_and_another_seed_another(by: str) -> None:
    labels = make_labels(EVERY, VIDEOS)
    assert split(labels, by=by).digest == split(labels, by=by).digest
    assert split(labels, by=by).units == split(labels, by=by).units
    assert split(labels, by=by, seed=1).digest != split(labels, by=by).digest


@settings(max_examples=20, deadline=None)
@given(
    st.sets(st.integers(0, 3000), min_size=300, max_size=500),
    st.sets(st.integers(0, 6000), max_size=100),
    st.integers(0, 9),
)
def test_adding_labels_moves_no_block(first: set[int], more: set[int], seed: int) -> None:
    options: Any = {"seed": seed, "block_frames": 30, "gap_frames": 3}
    few = split(make_labels([(0, frame) for frame in first]), **options)
    many = split(make_labels([(0, frame) for frame in first | more]), remembered=few.places, **options)
    assert sides(few).items() <= sides(many).items()
    assert keys(few.train) <= keys(many.train)
    assert keys(few.test) <= keys(many.test)


@pytest.mark.parametrize("folds", [1, 3])
@pytest.mark.parametrize("seed", range(10))
def test_videos_added_one_by_one_move_no_video(seed: int, folds: int) -> None:
    remembered: dict[str, str] = {}
    for count in range(folds + 2, 30):
        labels = make_labels([(video, 1) for video in range(count)], VIDEOS[:count])
        made = [split(labels, by="video", seed=seed, folds=folds, fold=k, remembered=remembered) for k in range(folds)]
        assert remembered.items() <= made[0].places.items()
        assert all(one.places == made[0].places for one in made)
        assert all(one.train.frames and one.val.frames and one.test.frames for one in made)
        again = split(labels, by="video", seed=seed, folds=folds, remembered=made[0].places)
        assert (again.places, again.notes) == (made[0].places, made[0].notes)
        remembered |= made[0].places


def test_what_is_remembered_holds_against_the_hash_and_a_new_group_fills_what_is_empty() -> None:
    remembered = {"v0.mp4": "train", "v1.mp4": "train", "v2.mp4": "train", "gone.mp4": "val"}
    labels = make_labels([(video, 1) for video in range(4)], VIDEOS[:4])
    made = split(labels, by="video", test=0.0, remembered=remembered)
    assert made.places == {"v0.mp4": "train", "v1.mp4": "train", "v2.mp4": "train", "v3.mp4": "val"}
    with pytest.raises(InputError, match=r"no group left in val: .* remove the split's groups\.tsv"):
        split(make_labels([(video, 1) for video in range(3)], VIDEOS[:3]), by="video", test=0.0, remembered=remembered)


@pytest.mark.parametrize(("val", "test"), [(0.1, 0.2), (0.1, 0.1), (0.2, 0.2), (0.15, 0.1), (0.1, 0.0), (0.05, 0.3)])
@pytest.mark.parametrize("seed", range(3))
def test_blocks_keep_the_wanted_parts(val: float, test: float, seed: int) -> None:
    labels = make_labels([(0, frame) for frame in range(0, 10_000, 5)])
    made = split(labels, val=val, test=test, block_frames=50, gap_frames=0, seed=seed)
    assert len(made.val.frames) / len(labels.frames) == pytest.approx(val, abs=0.02)
    assert len(made.test.frames) / len(labels.frames) == pytest.approx(test, abs=0.02)


@pytest.mark.parametrize("gap", [0, 1, 7, 60])
def test_training_keeps_its_distance_from_other_blocks(gap: int) -> None:
    made = split(make_labels([(0, frame) for frame in range(3000)]), gap_frames=gap)
    nearest = leakage(made)["nearest_train_frame"]
    assert min(nearest.values()) == gap + 1
    assert bool(made.dropped) == (gap > 0)
    assert {side for _, _, _, side in made.units} == {"train", "val", "test"} | ({"dropped"} if gap else set())


def test_the_gap_says_where_it_comes_from() -> None:
    labels = make_labels([(0, frame) for frame in range(1000)])
    rng = np.random.default_rng(0)
    pictures = {frame.key: rng.integers(0, 255, (64, 64, 1), np.uint8) for frame in labels.frames}
    measured = split(labels, block_frames=50, frames=pictures)
    assert (measured.gap_frames, measured.gap_reason[:9]) == (1, "measured:")
    given = split(labels, block_frames=50, gap_frames=3)
    assert (given.gap_frames, given.gap_reason) == (3, "as split.gap_frames says")
    assert split(make_labels(EVERY, VIDEOS), by="video").gap_frames == 0


def test_without_pictures_every_group_has_the_place_it_will_have() -> None:
    labels = make_labels([(0, frame) for frame in range(1000)])
    before, after = split(labels, block_frames=50), split(labels, block_frames=50, gap_frames=7)
    assert (before.gap_frames, before.gap_reason[:16], before.dropped) == (None, "not measured yet", ())
    assert (before.places, before.val.frames, before.test.frames) == (after.places, after.val.frames, after.test.frames)


@pytest.mark.parametrize("by", ["video", "block"])
def test_folds_share_the_test_and_each_other_group_validates_once(by: str) -> None:
    labels = make_labels([*EVERY, *((0, frame) for frame in range(500, 4500, 20))], VIDEOS)
    made = [split(labels, by=by, folds=4, fold=fold, gap_frames=0) for fold in range(4)]
    assert len({frozenset(keys(one.test)) for one in made}) == 1
    validated = [key for one in made for key in keys(one.val)]
    assert sorted(validated) == sorted(keys(labels) - keys(made[0].test))
    assert len({one.digest for one in made}) == 4


@pytest.mark.parametrize("seed", range(20))
def test_few_groups_still_fill_every_side(seed: int) -> None:
    labels = make_labels([(video, 1) for video in range(3)], VIDEOS[:3])
    made = split(labels, by="video", seed=seed)
    assert sorted(sides(made).values()) == ["test", "train", "val"]
    assert split(labels, by="video", test=0.0, seed=seed).test.frames == ()


def test_a_side_that_cannot_be_filled_is_told_with_a_remedy() -> None:
    with pytest.raises(InputError, match=r"1 group by video cannot fill train and val and test; split\.by: block"):
        split(make_labels([(0, 1), (0, 99)]), by="video")
    with pytest.raises(InputError, match=r"2 groups by block .* lower split\.block_frames \(50; the labels span 99"):
        split(make_labels([(0, 1), (0, 99)]))
    with pytest.raises(InputError, match=r"2 groups by block cannot fill train and val and test; label more, or set"):
        split(make_labels([(0, 1), (0, 99)]), block_frames=1)
    with pytest.raises(InputError, match="No frame is left to train on"):
        split(make_labels([(0, frame) for frame in range(500)]), gap_frames=5000)


def test_validation_is_never_empty() -> None:
    labels = make_labels(EVERY, VIDEOS)
    with pytest.raises(InputError, match=r"split\.val is 0, .* set split\.val to 0\.1"):
        split(labels, by="video", val=0.0)
    with pytest.raises(InputError, match=r"4 groups by video cannot fill 4 folds and test; .* lower split\.folds"):
        split(make_labels([(video, 1) for video in range(4)], VIDEOS), by="video", folds=4)
    assert split(labels, by="video", val=0.0, folds=2).val.frames
    with pytest.raises(InputError, match="no labelled video on the val side; name one"):
        split(make_labels([(0, 1), (1, 1)], VIDEOS[:2]), by="file", val=0.0, groups={0: "train", 1: "test"})


def test_settings_that_make_no_sense_are_told() -> None:
    labels = make_labels([(0, 1)])
    with pytest.raises(InputError, match="nothing to train on"):
        split(labels, val=0.5, test=0.5)
    with pytest.raises(InputError, match="Fold 2 does not exist"):
        split(labels, folds=2, fold=2)


def test_named_groups_stay_together_and_must_be_known() -> None:
    labels = make_labels([(video, 1) for video in range(40)], VIDEOS[:40])
    groups = {video: f"animal{video // 4}" for video in range(40)}
    made = split(labels, by="animal", groups=groups)
    assert set(made.groups) == set(groups.values())
    of_video = {video: side for video, _, _, side in made.units}
    assert all(of_video[video] == of_video[video - video % 4] for video in range(40))
    del groups[7]
    with pytest.raises(InputError, match=r"not known for v7\.mp4"):
        split(labels, by="animal", groups=groups)


def test_sides_given_by_hand_are_kept() -> None:
    labels = make_labels([(0, 1), (1, 1), (2, 1)], VIDEOS[:3])
    made = split(labels, by="file", groups={0: "val", 1: "train", 2: "test"})
    assert (keys(made.train), keys(made.val), keys(made.test)) == ({(1, 1)}, {(0, 1)}, {(2, 1)})
    with pytest.raises(InputError, match="no labelled video on the test side"):
        split(labels, by="file", groups={0: "val", 1: "train", 2: "train"})


def test_the_digest_sees_membership_only(tmp_path: Path) -> None:
    labels = make_labels(EVERY, VIDEOS)
    assert split(labels, by="video").digest == split(make_labels(EVERY, VIDEOS, animals=2), by="video").digest
    assert split(labels, by="video").digest != split(make_labels(EVERY[:-1], VIDEOS), by="video").digest


def test_the_folder_holds_the_sides_and_the_whole_story(shared_data: Path, tmp_path: Path) -> None:
    labels = read_labels([shared_data / "mouse-openfield" / "config.yaml"])
    made = split(labels, test=0.1, block_frames=6, gap_frames=1)
    write_split(made, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["split.json", "test.slp", "train.slp", "val.slp"]
    story = read_json(tmp_path / "split.json")
    assert story["schema"] == 1
    assert story["unit"] == story["by"] == "block"
    assert len(story["units"]) == 116
    assert story["videos"] == ["labeled-data/m4s1"]
    assert story["groups"][0].keys() == {"group", "side", "frames"}
    assert story["dropped_frames"] == len(made.dropped)
    assert (story["gap_frames"], story["gap_reason"]) == (made.gap_frames, made.gap_reason)
    for side in ("train", "val", "test"):
        assert read_labels([tmp_path / f"{side}.slp"]).frames == getattr(made, side).frames
        assert sum(group["frames"] for group in story["groups"] if group["side"] == side) >= len(
            getattr(made, side).frames
        )


def test_two_videos_of_one_name_stay_two_on_the_sides(tmp_path: Path, shared_data: Path) -> None:
    """Frames embedded in two files name one film; the store counts them as two videos, so the sides must too."""
    files = [shared_data / "flies-pair" / name for name in ("train.pkg.slp", "val.pkg.slp", "test.pkg.slp")]
    labels = read_labels(files)
    assert len(labels.videos) == 3
    made = split(labels, by="block", block_frames=20, gap_frames=0)
    write_split(made, tmp_path)
    for side, part in (("train", made.train), ("val", made.val), ("test", made.test)):
        again = read_side(tmp_path / f"{side}.slp")
        assert len(again.videos) == 3
        assert keys(again) == keys(part)


@pytest.mark.parametrize(("val", "test", "folds"), [(0.1, 0.2, 1), (0.25, 0.25, 1), (0.1, 0.0, 1), (0.1, 0.2, 4)])
@pytest.mark.parametrize("count", [5, 6, 10, 17, 40])
def test_parts_are_as_near_to_those_asked_for_as_whole_groups_allow(
    val: float, test: float, folds: int, count: int
) -> None:
    names = tuple(f"r{number}.mp4" for number in range(count))
    labels = make_labels([(video, 1) for video in range(count)], names)
    for seed in range(10):
        made = split(labels, by="video", val=val, test=test, folds=folds, seed=seed)
        wanted = {"test": test} if test else {}
        wanted |= {f"fold{k}": (1 - test) / folds for k in range(folds)} if folds > 1 else {"val": val}
        found = {place: sum(own == place for own in made.places.values()) for place in wanted}
        assert all(abs(found[place] - max(1.0, part * count)) < 1 for place, part in wanted.items()), found


def test_cameras_of_one_session_stay_together() -> None:
    names = tuple(f"s{session}/cam{camera}.mp4" for session in range(8) for camera in range(3))
    labels = make_labels([(video, frame) for video in range(24) for frame in (1, 2)], names)
    rows = [VideoRow(name.replace("/", "_"), name, session=name[:2], camera=name[3:7]) for name in names]
    found = LabelSet(labels.skeleton, tuple(VideoRef(name, Path(name)) for name in names), labels.frames)
    made = split(found, by="session", groups=groups_of(found, rows, "session"))
    side = {names[video][:2]: own for video, _, _, own in made.units}
    assert all(side[names[video][:2]] == own for video, _, _, own in made.units)
    assert set(side.values()) == {"train", "val", "test"}


def test_frames_without_animals_go_with_their_group(tmp_path: Path) -> None:
    labels = make_labels(EVERY, VIDEOS)
    marked = replace(labels, negatives=tuple((video, 7) for video in range(len(VIDEOS))))
    plain, made = split(labels, by="video"), split(marked, by="video")
    assert made.digest != plain.digest, "models may learn from them, so they are part of what a model was trained on"
    for side in (made.train, made.val, made.test):
        assert {video for video, _ in side.negatives} == {frame.video for frame in side.frames}
    write_split(made, tmp_path)
    assert read_side(tmp_path / "val.slp").negatives == made.val.negatives
    counts = read_json(tmp_path / "split.json")["frames_without_animals"]
    assert sum(counts.values()) == len(VIDEOS)


def test_pkg_files_of_one_film_are_one_recording(shared_data: Path) -> None:
    flies = shared_data / "flies-pair"
    labels = read_labels([flies / "train.pkg.slp", flies / "val.pkg.slp"])
    assert (len(labels.videos), len(as_recordings(labels).videos)) == (2, 1)
    assert len(as_recordings(labels).frames) == len(labels.frames)
    made = split(labels, block_frames=20, gap_frames=2)
    joined = split(as_recordings(labels), block_frames=20, gap_frames=2)
    assert (made.gap_frames, leakage(made)) == (joined.gap_frames, leakage(joined))
    assert leakage(made)["nearest_train_frame"]["val"] is not None
    assert {group for _, _, group, _ in made.units} == {group for _, _, group, _ in joined.units}
