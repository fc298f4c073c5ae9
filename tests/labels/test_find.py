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


def test_the_order_is_given_beside_folders(tmp_path: Path) -> None:
    labels = tmp_path / "labels" / "labels.slp"
    places = Places([tmp_path / "videos"])
    assert places.find("/old/day1/cam.mp4", labels) is None
    deep = touch(tmp_path / "videos" / "x" / "cam.mp4")
    assert places.find("/old/day1/cam.mp4", labels) == deep
    flat = touch(tmp_path / "videos" / "cam.mp4")
    assert places.find("/old/day1/cam.mp4", labels) == flat
    tail = touch(tmp_path / "videos" / "day1" / "cam.mp4")
    assert places.find("/old/day1/cam.mp4", labels) == tail
    beside = touch(tmp_path / "labels" / "cam.mp4")
    assert places.find("/old/day1/cam.mp4", labels) == beside
    relative = touch(tmp_path / "labels" / "day1" / "cam.mp4")
    assert places.find("day1/cam.mp4", labels) == relative
    assert places.find(str(flat), labels) == flat


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
