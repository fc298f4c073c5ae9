"""Suggest the frames of predicted videos that are worth labelling next, as a file that SLEAP opens."""

import argparse
from pathlib import Path

from posewright import door
from posewright.config.labels import DatasetConfig, SplitConfig
from posewright.config.sections import validate
from posewright.config.videos import SuggestConfig
from posewright.evaluation.videos.suggest import Asked, suggest_frames
from posewright.labels.memory import recall_groups
from posewright.labels.read import read_labels
from posewright.layout import read_rows_of
from posewright.provenance import NAME, recording


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--releases", type=Path, nargs="+", required=True, help="folders of published videos")
    words.add_argument("--sheet", type=Path, required=True, help="videos.tsv")
    words.add_argument("--name", required=True, help="the dataset, as the sheet calls it")
    words.add_argument("--settings", type=door.mapping, required=True, metavar="JSON", help="how many, how far apart")
    words.add_argument("--dataset", type=door.mapping, required=True, metavar="JSON", help="the dataset's settings")
    words.add_argument("--split", type=door.mapping, required=True, metavar="JSON", help="the split's settings")
    words.add_argument("--groups", type=Path, metavar="TSV", help="table that remembers the split's groups")
    words.add_argument("--store", type=Path, help="store.json of the labelled frames, which suggestions do not repeat")
    words.add_argument("--out", type=Path, required=True, help="suggestions.json; the file it names lies beside it")
    given = words.parse_args()
    dataset = validate(DatasetConfig, given.dataset, "--dataset")
    split = validate(SplitConfig, given.split, "--split")
    with recording(
        given.out.with_name(NAME),
        "suggest_frames",
        inputs=[given.sheet, *given.releases, *([given.store] if given.store else [])],
        labels=[Path(file.path) for file in dataset.files],
        params={"settings": given.settings, "split": given.split},
    ):
        suggest_frames(
            asked=Asked(
                rows=read_rows_of(given.sheet, given.name),
                releases=given.releases,
                settings=validate(SuggestConfig, given.settings, "--settings"),
            ),
            labels=read_labels(**dataset.reading()) if dataset.files else None,
            split=split,
            remembered=recall_groups(given.groups, split) if given.groups else {},
            store=given.store,
            out=given.out,
        )


if __name__ == "__main__":
    door.main(main)
