"""Divide the labelled frames of a dataset into train, val and test, by groups that belong together."""

import argparse
from pathlib import Path

from posewright import door
from posewright.config.labels import DatasetConfig, SplitConfig
from posewright.config.sections import validate
from posewright.labels.duplicates import leakage_by_looks
from posewright.labels.memory import recall_groups, remember_groups
from posewright.labels.read import read_labels
from posewright.labels.recordings import groups_of
from posewright.labels.split import SIDES, split_labels, write_split
from posewright.layout import read_rows
from posewright.provenance import NAME, recording
from posewright.samples.store import FrameStore


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--dataset", type=door.mapping, required=True, metavar="JSON", help="the dataset's settings")
    words.add_argument("--split", type=door.mapping, required=True, metavar="JSON", help="the split's settings")
    words.add_argument("--sheet", type=Path, help="videos.tsv with session and animals of the labelled videos")
    words.add_argument("--fold", type=int, default=0, help="which fold, from 0")
    words.add_argument("--groups", type=Path, metavar="TSV", help="table that remembers the groups; read and added to")
    words.add_argument("--store", type=Path, help="store.json of the decoded frames; needed by an auto gap")
    words.add_argument("--out", type=Path, required=True, help="folder for {train,val,test}.slp and split.json")
    given = words.parse_args()
    dataset = validate(DatasetConfig, given.dataset, "--dataset")
    settings = validate(SplitConfig, given.split, "--split")
    with recording(
        given.out / NAME,
        "split_labels",
        inputs=[path for path in (given.sheet, given.store) if path],
        labels=[Path(file.path) for file in dataset.files],
        params={"dataset": given.dataset, "split": given.split, "fold": given.fold},
        seed=settings.seed,
    ):
        make_split(given, dataset, settings)


def make_split(given: argparse.Namespace, dataset: DatasetConfig, settings: SplitConfig) -> None:
    """Divide the labels as the words say."""
    labels = read_labels(**dataset.reading())
    store = FrameStore(given.store) if given.store else None
    rows = read_rows(given.sheet) if given.sheet else []
    remembered = recall_groups(given.groups, settings) if given.groups else {}
    split = split_labels(
        labels,
        by=settings.by,
        val=settings.val,
        test=settings.test,
        folds=settings.folds,
        fold=given.fold,
        block_frames=settings.block_frames,
        gap_frames=settings.gap_frames,
        seed=settings.seed,
        groups=groups_of(labels, rows, settings.by, settings.file, remembered),
        remembered=remembered,
        frames=store,
    )
    if given.groups:  # before the split is there: without the table it could not be made again
        remember_groups(given.groups, settings, split.places)
    sides = {side: [frame.key for frame in getattr(split, side).frames] for side in SIDES}
    write_split(split, given.out, leakage_by_looks(store, sides) if store else None)


if __name__ == "__main__":
    door.main(main)
