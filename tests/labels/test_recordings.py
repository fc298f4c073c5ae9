"""Names of videos survive a move; groups come from the sheet or from a file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from posewright.config.sheet import VideoRow
from posewright.errors import InputError, InputProblems
from posewright.labels.model import VideoRef
from posewright.labels.recordings import groups_of, video_names

from .make_labels import make_labels


def test_names_do_not_depend_on_where_videos_lie() -> None:
    first = [VideoRef("a.mp4", Path("/x/a.mp4")), VideoRef("b.mp4", None)]
    moved = [VideoRef("C:\\lab\\a.mp4", Path("/y/a.mp4")), VideoRef("/z/b.mp4", Path("/z/b.mp4"))]
    assert video_names(first) == video_names(moved) == ["a.mp4", "b.mp4"]


def test_other_videos_of_the_same_name_are_numbered() -> None:
    places = ("/s1/cam.mp4", "/s2/cam.mp4", "/s1/cam.mp4")
    assert video_names([VideoRef("cam.mp4", Path(place)) for place in places]) == ["cam.mp4", "cam.mp4#2", "cam.mp4"]


def test_embedded_frames_are_taken_for_the_video_they_are_named_after() -> None:
    videos = [VideoRef("cam.mp4", Path("/s1/cam.mp4")), VideoRef("cam.mp4", Path("/s2/train.pkg.slp"))]
    assert video_names(videos) == ["cam.mp4", "cam.mp4"]


def test_videos_that_share_an_animal_are_one_group() -> None:
    labels = make_labels([(video, 1) for video in range(4)], ("a.mp4", "b.mp4", "c.mp4", "d.mp4"))
    animals = (("m2",), ("m3", "m2"), ("m4",), ("m3", "m1"))
    rows = [
        VideoRow(f"v{i}", f"videos/{name}.mp4", session=f"s{i // 2}", animals=own)
        for i, (name, own) in enumerate(zip("abcd", animals, strict=True))
    ]
    assert groups_of(labels, rows, "animal") == {0: "m1", 1: "m1", 2: "m4", 3: "m1"}
    assert groups_of(labels, rows, "session") == {0: "s0", 1: "s0", 2: "s1", 3: "s1"}
    assert groups_of(labels, rows[:1], "session") == {0: "s0"}
    assert groups_of(labels, rows, "block") == {}


def test_a_new_animal_renames_no_remembered_group() -> None:
    labels = make_labels([(video, 1) for video in range(3)], ("a.mp4", "b.mp4", "c.mp4"))
    animals = (("m2",), ("m2", "m1"), ("m3",))
    rows = [VideoRow(name, f"{name}.mp4", animals=own) for name, own in zip("abc", animals, strict=True)]
    remembered = {"m2": "test", "m3": "train"}
    assert groups_of(labels, rows, "animal", remembered=remembered) == {0: "m2", 1: "m2", 2: "m3"}
    rows[1] = VideoRow("b", "b.mp4", animals=("m2", "m3"))
    with pytest.raises(InputError, match=r"different parts of the split: m2 in test, m3 in train; leave out"):
        groups_of(labels, rows, "animal", remembered=remembered)


def test_a_labelled_video_that_fits_several_rows_is_told() -> None:
    labels = make_labels([(0, 1)], ("a.mp4",))
    rows = [VideoRow("v1", "x/a.mp4", session="1"), VideoRow("v2", "y/a.mp4", session="2")]
    with pytest.raises(InputError, match=r"could be any of the sheet's x/a\.mp4, y/a\.mp4"):
        groups_of(labels, rows, "session")
    found = replace(labels, videos=(VideoRef("a.mp4", Path("y/a.mp4")),))
    assert groups_of(found, rows, "session") == {0: "2"}


def test_sides_come_from_a_table(tmp_path: Path) -> None:
    labels = make_labels([(0, 1), (1, 1)], ("day1/a.mp4", "day2/a.mp4"))
    table = tmp_path / "sides.tsv"
    table.write_text("video\tside\nday1/a.mp4\ttest\nday2/a.mp4\ttrain\n")
    assert groups_of(labels, [], "file", str(table)) == {0: "test", 1: "train"}
    table.write_text("video\tside\na.mp4\ttest\nday2/a.mp4\ttrain\n")
    with pytest.raises(InputError, match="several sides"):
        groups_of(labels, [], "file", str(table))
    table.write_text("video\tside\na.mp4\ttset\n")
    with pytest.raises(InputProblems, match="row 2 column side: 'tset' is no side"):
        groups_of(labels, [], "file", str(table))
    with pytest.raises(InputError, match=r"needs split\.file"):
        groups_of(labels, [], "file")
