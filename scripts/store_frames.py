"""Decode the labelled frames of a dataset once, into a store that trainings, evaluations and the report read."""

import argparse
from pathlib import Path
from typing import Any

from posewright import door
from posewright.files import place


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--dataset", type=door.mapping, required=True, metavar="JSON", help="the dataset's settings")
    words.add_argument("--out", type=Path, required=True, help="store.json; frames.u8 is written beside it")
    words.add_argument("--index", type=Path, help="where to put a copy of store.json")
    words.add_argument("--if-missing", action="store_true", help="do nothing when the store is there")
    given = words.parse_args()
    is_there = given.out.exists() and given.out.with_name("frames.u8").exists()
    if given.index is not None:
        store_and_record(given.dataset, given.out, given.index)
    elif not (given.if_missing and is_there):
        store(given.dataset, given.out)


def store_and_record(dataset: dict[str, Any], out: Path, index: Path) -> None:
    """Make the store, a copy of its index, and the record of that."""
    from posewright.config.labels import DatasetConfig
    from posewright.config.sections import validate
    from posewright.provenance import beside, recording

    labels = [Path(file.path) for file in validate(DatasetConfig, dataset, "--dataset").files]
    with recording(beside(index), "store_frames", labels=labels, params=dataset):
        store(dataset, out)
        place(out, index)


def store(dataset: dict[str, Any], out: Path) -> None:
    """Make the store; what that needs is slow to import, and mostly the store is there."""
    from posewright.config.labels import DatasetConfig
    from posewright.config.sections import validate
    from posewright.labels.read import read_labels
    from posewright.samples.store import store_frames

    store_frames(read_labels(**validate(DatasetConfig, dataset, "--dataset").reading()), out)


if __name__ == "__main__":
    door.main(main)
