"""The table of groups: it grows, it never changes, and whoever writes it at the same time writes the same."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from posewright.config.labels import SplitConfig
from posewright.errors import InputError
from posewright.files import read_json
from posewright.labels.memory import recall_groups, remember_groups
from posewright.labels.write import write_labels

from .make_labels import make_labels

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "split_labels.py"
BY_VIDEO = SplitConfig(by="video")


def test_a_known_group_stays_as_it_is_also_without_labels(tmp_path: Path) -> None:
    table = tmp_path / "split" / "groups.tsv"
    assert recall_groups(table, BY_VIDEO) == {}
    remember_groups(table, BY_VIDEO, {"a\tb.mp4": "test", "c.mp4": "train"})
    remember_groups(table, BY_VIDEO, {"c.mp4": "val", "d.mp4": "val"})
    assert recall_groups(table, BY_VIDEO) == {"a\tb.mp4": "test", "c.mp4": "train", "d.mp4": "val"}


def test_an_unchanged_table_is_not_written_again(tmp_path: Path) -> None:
    table = tmp_path / "groups.tsv"
    remember_groups(table, BY_VIDEO, {"a.mp4": "test"})
    before = table.stat().st_ino
    remember_groups(table, BY_VIDEO, {"a.mp4": "test"})
    assert table.stat().st_ino == before


@pytest.mark.parametrize(
    "other", [{"by": "session"}, {"seed": 1}, {"val": 0.2}, {"test": 0.1}, {"folds": 3}, {"by": "block"}]
)
def test_other_settings_begin_anew(tmp_path: Path, other: dict[str, object]) -> None:
    table = tmp_path / "groups.tsv"
    remember_groups(table, BY_VIDEO, {"a.mp4": "test"})
    assert recall_groups(table, SplitConfig.model_validate({"by": "video", **other})) == {}
    assert recall_groups(table, SplitConfig(by="video", gap_frames=9, block_frames=9)) == {"a.mp4": "test"}


def test_blocks_of_another_length_are_other_groups(tmp_path: Path) -> None:
    table = tmp_path / "groups.tsv"
    remember_groups(table, SplitConfig(block_frames=30), {"a.mp4/b3": "test"})
    assert recall_groups(table, SplitConfig(block_frames=60)) == {}


def test_sides_given_by_hand_are_not_remembered(tmp_path: Path) -> None:
    remember_groups(tmp_path / "groups.tsv", SplitConfig(by="file", file="sides.tsv"), {"a.mp4/test": "test"})
    assert not (tmp_path / "groups.tsv").exists()


@pytest.mark.parametrize("text", ["", "group\tplace\n", "settings\tgroup\tplace\nk\ta.mp4\ttets\n"])
def test_a_damaged_table_is_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "groups.tsv").write_text(text)
    with pytest.raises(InputError, match="damaged; restore it"):
        recall_groups(tmp_path / "groups.tsv", BY_VIDEO)


def test_folds_divided_at_the_same_time_remember_the_same(tmp_path: Path) -> None:
    table = tmp_path / "split" / "groups.tsv"
    alone: dict[int, list[str]] = {}
    for count in (5, 9):
        labels = make_labels([(video, 1) for video in range(count)], [f"v{number}.mp4" for number in range(count)])
        write_labels(labels, tmp_path / "labels.slp")
        with ThreadPoolExecutor(3) as pool:
            list(pool.map(lambda fold: _script(tmp_path, fold), range(3)))
        alone[count] = table.read_text().splitlines()
        _script(tmp_path, 0)
        assert table.read_text().splitlines() == alone[count]
        assert len(alone[count]) == count + 1
    assert set(alone[5]) <= set(alone[9])
    stories = [read_json(tmp_path / "split" / f"fold{fold}" / "split.json") for fold in range(3)]
    assert all(story["notes"] == stories[0]["notes"] for story in stories)
    assert [path.name for path in table.parent.iterdir() if path.is_file()] == ["groups.tsv"]


def _script(folder: Path, fold: int) -> None:
    words = {
        "--dataset": json.dumps({"labels": [str(folder / "labels.slp")], "label_source": "human"}),
        "--split": json.dumps({"by": "video", "folds": 3}),
        "--fold": str(fold),
        "--groups": str(folder / "split" / "groups.tsv"),
        "--out": str(folder / "split" / f"fold{fold}"),
    }
    subprocess.run([sys.executable, SCRIPT, *(part for pair in words.items() for part in pair)], check=True)
