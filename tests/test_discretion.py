from __future__ import annotations

from pathlib import Path

import pytest

from posewright.discretion import PRIVATE_VARIABLE, publishable


@pytest.fixture
def private(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(PRIVATE_VARIABLE, "1")
    monkeypatch.chdir(tmp_path)


def test_a_project_that_is_not_private_tells_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(PRIVATE_VARIABLE, raising=False)
    assert publishable({"path": "/home/jane/a.mp4"}) == {"path": "/home/jane/a.mp4"}


@pytest.mark.parametrize(
    "text",
    [
        "/home/jane/cam0.mp4",
        "/home/jane/my films/cam 0.mp4",
        "C:\\Users\\jane\\my films\\cam0.mp4",
        "Z:/lab/jane/cam0.mp4",
        "\\\\server\\jane\\cam0.mp4",
        "~/jane/cam0.mp4",
        "'/home/jane/my films/it is.mp4' was not found",
        "/home/jane/cam0.mp4 does not exist; correct the path.",
        "two: /home/jane/a.mp4, /home/jane/b.mp4",
    ],
)
def test_no_folder_outside_the_project_is_told(private: None, text: str) -> None:
    told = publishable([{text: text}])[0]
    assert all("jane" not in word and "home" not in word for pair in told.items() for word in pair)
    (key,) = told
    assert key.rpartition("/")[2].rstrip("'") == text.replace("\\", "/").rpartition("/")[2].rstrip("'")


def test_what_names_no_place_stays(private: None, tmp_path: Path) -> None:
    kept = ["results/flies/split", "https://host/a/b", "1/2 of 3", "a or/and b", 3, None, True, "25 px/s", "", "/"]
    assert publishable(kept) == kept
    assert publishable(str(tmp_path / "data" / "a.mp4")) == "data/a.mp4"


def test_equal_names_in_other_folders_stay_apart(private: None) -> None:
    assert publishable("/a/cam0.mp4") != publishable("/b/cam0.mp4")
    assert publishable("/a/cam0.mp4") == publishable("/a/cam0.mp4")
