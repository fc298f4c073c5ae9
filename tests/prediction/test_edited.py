"""Poses that a person saved into a published file keep a name, whenever they were saved and however they came there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from posewright.errors import InputError
from posewright.files import file_digest, write_json
from posewright.prediction import edited as module
from posewright.prediction.edited import edited, is_edited, set_aside

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "publish_video.py"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A published video, as it was published."""
    made = tmp_path / "published"
    made.mkdir()
    (made / "poses.slp").write_text("predicted")
    write_status(made)
    return made


def write_status(folder: Path) -> None:
    told = {"poses.slp": {"sha256": file_digest(folder / "poses.slp")}}
    write_json(folder / "status.json", {"key": "k", "state": "ok", "provenance": {"outputs": told}})


def test_a_file_that_was_saved_elsewhere_before_the_last_run_and_copied_back_after_it_is_kept(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_TOGETHER_S", 0.0)
    published_s = (folder / "status.json").stat().st_mtime
    (folder / "poses.slp").write_text("corrected at home")
    os.utime(folder / "poses.slp", (published_s - 3600, published_s - 3600))  # as a copy that preserves times
    assert edited([folder]) == [folder]
    assert set_aside(folder) == folder / "poses.edited.slp"
    assert not (folder / "poses.slp").exists()
    assert (folder / "poses.edited.slp").read_text() == "corrected at home"


def test_a_file_that_was_copied_back_unedited_is_read_once(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_TOGETHER_S", 0.0)
    read: list[Path] = []
    monkeypatch.setattr(module, "file_digest", lambda path: read.append(path) or file_digest(path))
    (folder / "poses.slp").write_text("predicted")
    assert edited([folder]) == [] and len(read) == 1
    assert edited([folder]) == [] and len(read) == 1


def test_where_a_status_tells_no_digest_a_file_written_later_counts_as_edited(folder: Path) -> None:
    write_json(folder / "status.json", {"key": "k", "state": "ok"})
    assert not is_edited(folder)
    later_s = (folder / "status.json").stat().st_mtime + 60
    os.utime(folder / "poses.slp", (later_s, later_s))
    assert is_edited(folder)


def test_what_cannot_be_kept_is_told_with_its_remedy(folder: Path) -> None:
    (folder / "poses.slp").unlink()
    (folder / "poses.slp").mkdir()  # who reads it gets an error, as of a file without rights
    later_s = (folder / "status.json").stat().st_mtime + 60
    os.utime(folder / "poses.slp", (later_s, later_s))
    with pytest.raises(InputError, match=r"cannot be kept before it is written again .*; make it readable"):
        set_aside(folder)


def test_publishing_keeps_what_was_saved_while_the_run_went_on(folder: Path, tmp_path: Path) -> None:
    product = tmp_path / "product"
    product.mkdir()
    (product / "poses.slp").write_text("predicted anew")
    write_status(product)
    entry = {"product": str(product), "key": "k", "files": ["poses.slp", "status.json"]}
    write_json(tmp_path / "batch.json", {"videos": {"a": entry}})

    def publish() -> None:
        words = ["--manifest", tmp_path / "batch.json", "--video", "a", "--release", "dev", "--out", folder]
        subprocess.run([sys.executable, "-IS", SCRIPT, *words], check=True)

    publish()
    assert sorted(path.name for path in folder.iterdir()) == ["poses.slp", "status.json"]
    (folder / "poses.slp").write_text("a person's work")
    later_s = (folder / "status.json").stat().st_mtime + 60
    os.utime(folder / "poses.slp", (later_s, later_s))
    publish()
    assert (folder / "poses.slp").read_text() == "predicted anew"
    assert (folder / "poses.edited.slp").read_text() == "a person's work"
