"""Individuals to tell apart have to be labelled where each fold learns, and where it is judged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from posewright.check import check_inputs
from posewright.check_identities import check_identities
from posewright.config.project import load_project
from posewright.config.recipe import load_recipe
from posewright.errors import InputProblems
from posewright.files import read_json, write_json
from posewright.findings import Findings
from posewright.labels.model import LabelSet
from posewright.labels.read import read_labels
from posewright.labels.split import Split, split_labels
from posewright.labels.write import write_labels
from posewright.shapes import Size
from posewright.synthetic.dataset import make_dataset
from posewright.synthetic.spec import ArenaSpec

from .labels.make_labels import make_labels

TYPES = {"multi_class_bottomup": "class_maps", "multi_class_topdown": "class_vectors"}


def named(videos: Sequence[tuple[str, ...]], n_frames: int = 4) -> LabelSet:
    """Labels of videos in which animals with these tracks are seen."""
    frames = [(video, frame) for video in range(len(videos)) for frame in range(n_frames)]
    made = make_labels(frames, [f"v{video}.mp4" for video in range(len(videos))], animals=3)
    own = [
        replace(frame, points=frame.points[: len(videos[frame.video])], tracks=videos[frame.video])
        for frame in made.frames
    ]
    return replace(made, frames=tuple(own))


def folds_of(labels: LabelSet, folds: int, val: float = 0.2, test: float = 0.2) -> list[Split]:
    return [split_labels(labels, by="video", val=val, test=test, folds=folds, fold=fold) for fold in range(folds)]


def checked(
    labels: LabelSet,
    splits: Sequence[Split],
    classes: Sequence[str] | None = None,
    key: str = "multi_class_bottomup",
    **split: Any,
) -> tuple[list[str], list[str]]:
    """Return faults and notes of a recipe."""
    head = {TYPES[key]: {"classes": classes}}
    recipe = load_recipe({"model_config": {"backbone_config": {"unet": {}}, "head_configs": {key: head}}})
    settings = {"by": "video", "folds": max(1, len(splits)), **split}
    project = load_project({"datasets": {"data": {}}, "recipes": {"who": "who.yaml"}, "split": settings})
    findings = Findings()
    notes = check_identities(project, {"who": recipe}, labels, splits, findings)
    return [str(problem) for problem in findings.problems], notes.get("who", [])


def sides(split: Split) -> Mapping[str, set[int]]:
    return {side: {frame.video for frame in getattr(split, side).frames} for side in ("train", "val", "test")}


def rare(n_videos: int, folds: int) -> tuple[LabelSet, list[Split], int]:
    """Labels in which cleo is in one video that validates in some fold, the splits, and that fold."""
    dealt = folds_of(named([("anna", "bob")] * n_videos), folds)
    fold, video = next(
        (split.settings["fold"], min(sides(split)["val"])) for split in dealt[1:] if len(sides(split)["val"]) > 0
    )
    everywhere: list[tuple[str, ...]] = [("anna", "bob")] * n_videos
    everywhere[video] = ("anna", "bob", "cleo")
    labels = named(everywhere)
    return labels, folds_of(labels, folds), fold


@pytest.mark.parametrize("key", TYPES)
def test_a_listed_individual_that_a_fold_does_not_learn_is_a_fault_of_that_fold(key: str) -> None:
    labels, splits, fold = rare(12, 3)
    assert "cleo" in splits[0].train.track_names and "cleo" not in splits[fold].train.track_names
    (fault,), notes = checked(labels, splits, ["anna", "bob", "cleo"], key)
    assert fault.startswith(
        f"recipe who (who.yaml) key model_config.head_configs.{key}.{TYPES[key]}.classes: fold {fold}: "
    )
    assert "no animal on the training side has the track 'cleo'; label such individuals in more recordings" in fault
    assert fault.endswith("use fewer folds (split.folds), or leave them out of the list.")
    assert not [note for note in notes if "which other folds learn" in note]
    assert checked(labels, splits, ["anna", "bob"], key)[0] == []


def test_folds_that_would_learn_different_individuals_are_noted_once() -> None:
    labels, splits, fold = rare(12, 3)
    faults, notes = checked(labels, splits)
    assert faults == []
    (note,) = [note for note in notes if "cleo" in note]
    assert note.startswith(f"fold {fold}: nobody on the training side has the track cleo, which other folds learn; ")
    assert note.endswith("A list of `classes` makes that an error.")


def test_a_fold_with_a_single_individual_is_a_fault_of_that_fold() -> None:
    dealt = folds_of(named([("anna",)] * 12), 3)
    of_bob = min(sides(dealt[1])["val"])
    labels = named([("bob",) if video == of_bob else ("anna",) for video in range(12)])
    (fault,), _ = checked(labels, folds_of(labels, 3))
    assert "classes: fold 1: two or more identities are needed, and the tracks to learn from give 1 (anna)" in fault
    assert fault.endswith("use fewer folds (split.folds), or use a type without classes.")


def test_a_name_that_is_nowhere_is_told_once_and_the_nearest_is_named() -> None:
    labels = named([("anna", "bob")] * 12)
    (fault,), notes = checked(labels, folds_of(labels, 3), ["anna", "bop"])
    assert "classes: no labelled animal has the track 'bop'; correct the list" in fault
    assert fault.endswith("did you mean 'bob'?")
    assert notes == []
    assert len(checked(labels, folds_of(labels, 3), ["anna", "anna"])[0]) == 1
    assert len(checked(labels, folds_of(labels, 3), ["anna"])[0]) == 1
    assert len(checked(labels, [], ["anna", "bop"])[0]) == 1  # and where the labels cannot be divided
    untracked = replace(labels, frames=tuple(replace(frame, tracks=(None, None)) for frame in labels.frames))
    assert "two or more identities are needed" in checked(untracked, folds_of(untracked, 3))[0][0]


def by_side(**names: tuple[str, ...]) -> tuple[LabelSet, list[Split]]:
    """Labels of which each side shows animals of other names, and the split."""
    (dealt,) = folds_of(named([("anna", "bob")] * 12), 1)
    videos = {video: names[side] for side, own in sides(dealt).items() for video in own}
    labels = named([videos[video] for video in range(12)])
    return labels, folds_of(labels, 1)


def test_strangers_on_the_other_sides_are_noted() -> None:
    labels, splits = by_side(train=("anna", "bob"), val=("anna", "eve"), test=("bob", "cleo", "dan"))
    faults, notes = checked(labels, splits)
    assert faults == []
    assert notes[:2] == [
        "of the 2 names on the validation side, 1 is not learnt: eve. Such an animal is given another's name or none, "
        "and does not count in the identity accuracy.",
        "of the 3 names on the test side, 2 are not learnt: cleo, dan. Such an animal is given another's name or none, "
        "and does not count in the identity accuracy.",
    ]
    assert checked(labels, folds_of(named([("anna", "bob")] * 12), 1))[1] == []


def test_a_test_side_of_nobody_who_is_learnt_is_a_fault() -> None:
    labels, splits = by_side(train=("anna", "bob"), val=("anna", "bob"), test=("cleo", "dan"))
    (fault,), _ = checked(labels, splits)
    assert "classes: none of the names on the test side (cleo, dan) is learnt (anna, bob)" in fault
    assert "name the same individuals alike in all recordings, set split.by to block or video" in fault
    everyone = named([("anna", "bob", "cleo")] * 12)
    assert checked(everyone, folds_of(everyone, 1), ["anna", "bob"])[0] == []
    nobody, unnamed = by_side(train=("anna", "bob"), val=("anna", "bob"), test=(None, None))  # type: ignore[arg-type]
    assert checked(nobody, unnamed) == ([], [])  # nothing to compare


def test_parts_of_the_learning_curve_that_lack_an_individual_are_noted() -> None:
    everywhere: list[tuple[str, ...]] = [("anna", "bob")] * 12
    lacking = []
    (dealt,) = folds_of(named(everywhere), 1)
    for video in sides(dealt)["train"]:
        labels = named([*everywhere[:video], ("anna", "bob", "cleo"), *everywhere[video + 1 :]])
        for classes, then in (
            (None, "its models know fewer names"),
            (["anna", "bob", "cleo"], "its trainings end with"),
        ):
            faults, notes = checked(labels, folds_of(labels, 1), classes)
            assert faults == []
            assert all("has the track cleo" in note and then in note for note in notes)
            lacking.append(sum("`posewright run learning_curve`: nobody in the part" in note for note in notes))
    assert set(lacking) == {0, 1, 2}  # parts of 25 and 50 %, one within the other


def test_all_that_is_wrong_with_individuals_is_told_by_the_check(tmp_path: Path) -> None:
    spec = ArenaSpec(animal_length_px=40, size=Size(100, 116), n_recordings=6, n_frames=6, n_labeled=3, hut=False)
    make_dataset(spec, tmp_path)
    labels = read_labels([tmp_path / "labels.slp"])
    head = {"multi_class_bottomup": {"class_maps": {}}}
    write_json(tmp_path / "who.yaml", {"model_config": {"backbone_config": {"unet": {}}, "head_configs": head}})

    def check(own: LabelSet) -> Any:
        write_labels(own, tmp_path / "own.slp")
        project = load_project(
            {
                "datasets": {"data": {"labels": [str(tmp_path / "own.slp")], "label_source": "human"}},
                "recipes": {"who": str(tmp_path / "who.yaml")},
                "methods": {"who": {"type": "multi_class_bottomup", "recipes": ["who"]}},
                "split": {"by": "video", "folds": 2},
            }
        )
        check_inputs(project, "data", tmp_path / "check.json")
        return read_json(tmp_path / "check.json")["recipes"]["who"]["notes"]

    assert check(labels) == []
    rarely = {min(sides(folds_of(labels, 2)[1])["val"])}
    own = [
        replace(frame, tracks=tuple(f"{name}b" if frame.video in rarely else name for name in frame.tracks))
        for frame in labels.frames
    ]
    assert "fold 1: nobody on the training side" in check(replace(labels, frames=tuple(own)))[0]
    apart = tuple(
        replace(frame, tracks=tuple(f"{name}_{frame.video}" for name in frame.tracks)) for frame in labels.frames
    )
    with pytest.raises(InputProblems, match="none of the names on the test side"):
        check(replace(labels, frames=apart))
