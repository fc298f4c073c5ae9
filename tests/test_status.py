from __future__ import annotations

from pathlib import Path

import pytest

from posewright.errors import InputError
from posewright.files import write_json
from posewright.status import collect_status, failed_fraction, read_status, summary


def deliver(results: Path, video: str, **status: object) -> Path:
    path = results / "flies" / "videos" / "dev-topdown" / video / "status.json"
    write_json(path, {"schema": 1, "video": video, "release": "dev-topdown", **status})
    return path


def test_the_table_has_one_row_a_file_sorted(tmp_path: Path) -> None:
    statuses = [
        deliver(tmp_path, "b", state="ok", reason="", frames_expected=9, frames_predicted=9, message=""),
        deliver(
            tmp_path, "a", state="failed", reason="missing", frames_expected=0, frames_predicted=0, message="no\tfile"
        ),
    ]
    collect_status(statuses, tmp_path / "status.tsv")
    rows = read_status(tmp_path / "status.tsv")
    assert [(row["dataset"], row["release"], row["video"], row["state"]) for row in rows] == [
        ("flies", "dev-topdown", "a", "failed"),
        ("flies", "dev-topdown", "b", "ok"),
    ]
    assert rows[0]["message"] == "no\tfile"
    assert rows[1]["frames_expected"] == "9"


def test_a_status_that_was_not_delivered_is_a_row(tmp_path: Path) -> None:
    missing = tmp_path / "flies" / "videos" / "dev-topdown" / "c" / "status.json"
    collect_status([missing], tmp_path / "status.tsv")
    rows = read_status(tmp_path / "status.tsv")
    assert rows[0]["state"] == "not delivered"
    assert failed_fraction(rows) == 1.0


def test_without_videos_the_table_has_only_its_head(tmp_path: Path) -> None:
    collect_status([], tmp_path / "status.tsv")
    assert read_status(tmp_path / "status.tsv") == []
    assert summary([]) == "no videos were asked for"


def test_the_summary_counts_states_and_names_what_failed() -> None:
    row = {"dataset": "flies", "release": "r", "reason": "", "message": ""}
    rows = [
        {**row, "video": "a", "state": "ok"},
        {**row, "video": "b", "state": "failed", "reason": "missing"},
        {**row, "video": "c", "state": "excluded"},
    ]
    assert summary(rows).splitlines() == ["1 excluded, 1 failed, 1 ok, of 3 asked for", "- flies/r/b: failed missing"]
    assert failed_fraction(rows) == 0.5


def test_a_missing_table_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="run the workflow first"):
        read_status(tmp_path / "status.tsv")
