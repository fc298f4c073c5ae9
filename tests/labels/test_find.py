"""Videos are found where they are, or missing, or told to be ambiguous; never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from posewright.errors import InputError
from posewright.labels.find import Places


def touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    return path


def find(folder: Path, path: str, *others: str) -> Path | None:
    return Places([folder / "videos"]).find(path, folder / "labels" / "labels.slp", others)


def test_a_path_that_leads_somewhere_is_believed_else_the_longest_end_counts(tmp_path: Path) -> None:
    assert find(tmp_path, "/old/day1/cam.mp4") is None
    deep = touch(tmp_path / "videos" / "x" / "cam.mp4")
    assert find(tmp_path, "/old/day1/cam.mp4") == deep
    tail = touch(tmp_path / "videos" / "more" / "day1" / "cam.mp4")
    assert find(tmp_path, "/old/day1/cam.mp4") == tail
    touch(tmp_path / "labels" / "cam.mp4")
    assert find(tmp_path, "Z:\\old\\day1\\cam.mp4") == tail
    longer = touch(tmp_path / "labels" / "old" / "day1" / "cam.mp4")
    assert find(tmp_path, "Z:\\old\\day1\\cam.mp4") == longer
    relative = touch(tmp_path / "labels" / "day1" / "cam.mp4")
    assert find(tmp_path, "day1/cam.mp4") == relative
    assert find(tmp_path, str(deep)) == deep


def test_what_is_another_videos_is_never_taken(tmp_path: Path) -> None:
    first, second = "Z:\\lab\\s1\\cam0.mp4", "Z:\\lab\\s2\\cam0.mp4"
    one = touch(tmp_path / "videos" / "s1" / "cam0.mp4")
    assert find(tmp_path, first, first, second) == one
    assert find(tmp_path, second, first, second) is None
    two = touch(tmp_path / "videos" / "s2" / "cam0.mp4")
    assert (find(tmp_path, first, first, second), find(tmp_path, second, first, second)) == (one, two)
    touch(tmp_path / "labels" / "cam0.mp4")
    assert find(tmp_path, "/elsewhere/cam0.mp4", first, second, "cam0.mp4") is None


def test_one_file_that_bears_the_name_of_two_videos_is_told(tmp_path: Path) -> None:
    touch(tmp_path / "labels" / "cam0.mp4")
    first, second = "Z:\\lab\\s1\\cam0.mp4", "Z:\\lab\\s2\\cam0.mp4"
    for path in (first, second):
        with pytest.raises(InputError, match=r"labels.cam0\.mp4 could be the video .*s\d.* or the video .*s\d"):
            find(tmp_path, path, first, second)


def test_what_does_not_fit_is_no_candidate(tmp_path: Path) -> None:
    first, second = touch(tmp_path / "videos" / "a" / "cam.mp4"), touch(tmp_path / "videos" / "b" / "cam.mp4")
    places, labels = Places([tmp_path / "videos"]), tmp_path / "labels.slp"
    assert places.find("/x/cam.mp4", labels, fits=lambda one: one != first) == second
    assert places.find("/x/cam.mp4", labels, fits=lambda one: False) is None


def test_several_candidates_are_listed(tmp_path: Path) -> None:
    first, second = touch(tmp_path / "a" / "cam.mp4"), touch(tmp_path / "b" / "cam.mp4")
    for folders in ([tmp_path / "a", tmp_path / "b"], [tmp_path]):
        with pytest.raises(InputError, match=f"could be any of {first}, {second}"):
            Places(folders).find("cam.mp4", tmp_path / "labels.slp")


def test_the_same_file_by_two_ways_is_one(tmp_path: Path) -> None:
    touch(tmp_path / "a" / "cam.mp4")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    assert Places([tmp_path / "a", tmp_path / "b"]).find("cam.mp4", tmp_path / "labels.slp") is not None


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("Z:\\lab\\day1\\cam.mp4", "/data/lab/day1/cam.mp4"),
        ("z:/lab/cam.mp4", "/data/lab/cam.mp4"),
        ("Z:/lab/new/cam.mp4", "/fast/cam.mp4"),
        ("Z:/labels/cam.mp4", "Z:/labels/cam.mp4"),
        ("/mnt/x/cam.mp4", "C:/x/cam.mp4"),
        ("/MNT/x/cam.mp4", "/MNT/x/cam.mp4"),
    ],
)
def test_the_longest_fitting_beginning_is_replaced(path: str, expected: str) -> None:
    mapped = {"Z:/lab": "/data/lab", "Z:\\lab\\new\\": "/fast/", "/mnt": "C:\\"}
    assert Places(path_map=mapped).mapped(path) == expected
