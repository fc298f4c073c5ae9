"""Nested parts of a training side: what would have been trained on, had fewer groups been labelled.

The groups of the side stand in an order that a seeded hash of their names decides, as it decides the split itself; a
part is the groups at the beginning of it. So a smaller part lies within every larger one, and added labels move none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from posewright.errors import InputError
from posewright.files import digest_of, place, read_json, write_json
from posewright.labels.read import read_side
from posewright.labels.sides import hash_of
from posewright.labels.write import write_labels

LEFT_OUT = "left_out"  #: the side of training frames that are not in the part


def take_part(split: Path, percent: int, out: Path) -> None:
    """Write the split with a part of its training side: ``train.slp``, the same ``val.slp`` and, last, ``split.json``.

    Args:
        split: folder of the whole split.
        percent: how many of a hundred training frames the part holds, or a few more, as it holds whole groups.
        out: folder of the part. It has no test side.

    Raises:
        InputError: the training side is one group, of which there is no part.
    """
    record = read_json(split / "split.json")
    chosen = part_of(record, percent)
    units = [
        [*unit[:3], LEFT_OUT if unit[3] == "train" and unit[2] not in chosen else unit[3]] for unit in record["units"]
    ]
    train = read_side(split / "train.slp")
    kept = {(int(video), int(frame)) for video, frame, _, side in units if side == "train"}
    write_labels(train.only(kept), out / "train.slp")
    place(split / "val.slp", out / "val.slp")
    groups = [
        {**group, "side": LEFT_OUT} if group["side"] == "train" and group["group"] not in chosen else group
        for group in record["groups"]
    ]
    part = {"percent": percent, "groups": sorted(chosen), "frames": len(kept), "of": record["digest"]}
    write_json(
        out / "split.json",
        {
            **record,
            "units": units,
            "groups": groups,
            "part": part,
            "digest": digest_of([record["digest"], sorted(chosen)]),
        },
    )


def part_of(record: Mapping[str, Any], percent: int) -> set[str]:
    """Return the training groups of a part: the first of their order that hold so many of the training frames."""
    frames = Counter(str(unit[2]) for unit in record["units"] if unit[3] == "train")
    if len(frames) < 2:
        raise InputError(
            f"The training side is one group ({', '.join(frames)}), so it has no parts to learn from; divide it finer "
            "(split.by: block, or a smaller split.block_frames), or leave the learning curve."
        )
    seed = int(record.get("seed", 0))
    chosen: set[str] = set()
    for name in sorted(frames, key=lambda name: (hash_of(seed, f"part/{name}"), name)):
        if 100 * sum(frames[other] for other in chosen) >= percent * frames.total():
            break
        chosen.add(name)
    return chosen
