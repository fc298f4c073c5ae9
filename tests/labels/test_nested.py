"""Parts of a training side are nested, whole groups, and touch nothing else."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from posewright.errors import InputError
from posewright.files import file_digest, read_json
from posewright.labels.nested import part_of, take_part
from posewright.labels.read import read_side
from posewright.labels.split import split_labels, write_split

from .make_labels import make_labels


def record(groups: dict[str, int], seed: int = 0) -> dict[str, Any]:
    units = [[0, number, name, "train"] for name, frames in groups.items() for number in range(frames)]
    return {"seed": seed, "units": [*units, [0, 999, "held back", "val"]]}


def test_a_smaller_part_lies_within_every_larger_one_and_added_groups_move_none() -> None:
    few = {f"v{number}": 3 + number % 4 for number in range(20)}
    parts = [part_of(record(few), percent) for percent in (10, 25, 50, 75, 99)]
    assert all(smaller < larger for smaller, larger in pairwise(parts))
    total = sum(few.values())
    for part, percent in zip(parts, (10, 25, 50, 75, 99), strict=True):
        frames = sum(few[name] for name in part)
        assert 100 * frames >= percent * total and 100 * (frames - max(few.values())) < percent * total
    more = part_of(record({**few, "new": 1}), 50)
    assert more - {"new"} <= part_of(record(few), 75)
    assert part_of(record(few, seed=1), 25) != parts[1]


def test_one_group_has_no_parts() -> None:
    with pytest.raises(InputError, match=r"one group \(v0\).*split.by: block"):
        part_of(record({"v0": 9}), 50)


def test_a_part_of_a_split_on_disk(tmp_path: Path) -> None:
    labels = make_labels([(v, 10 * f) for v in range(10) for f in range(4)], [f"v{v}.mp4" for v in range(10)])
    whole = split_labels(labels, by="video", val=0.2, test=0.2)
    write_split(whole, tmp_path / "fold0")
    take_part(tmp_path / "fold0", 50, tmp_path / "fold0_part50")
    before, after = (read_json(tmp_path / name / "split.json") for name in ("fold0", "fold0_part50"))
    train = read_side(tmp_path / "fold0_part50" / "train.slp")
    kept = {frame.key for frame in train.frames}
    assert 0 < len(kept) < len(whole.train.frames)
    assert kept < {frame.key for frame in whole.train.frames}
    assert {(v, f) for v, f, _, side in after["units"] if side == "train"} == kept
    assert [unit for unit in after["units"] if unit[3] in ("val", "test")] == [
        unit for unit in before["units"] if unit[3] in ("val", "test")
    ]
    assert after["digest"] != before["digest"] and after["part"]["of"] == before["digest"]
    assert file_digest(tmp_path / "fold0" / "val.slp") == file_digest(tmp_path / "fold0_part50" / "val.slp")
    assert not (tmp_path / "fold0_part50" / "test.slp").exists()  # rule 1: a part never sees the test side
