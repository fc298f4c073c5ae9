"""Measure how far two labellings of the same frames lie apart: how exact labels are, and the OKS sigmas."""

import argparse
from pathlib import Path

from posewright import door
from posewright.config.labels import DatasetConfig
from posewright.config.sections import validate
from posewright.evaluation.repeats import measure_repeats
from posewright.provenance import NAME, recording


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--dataset", type=door.mapping, required=True, metavar="JSON", help="the dataset's settings")
    words.add_argument("--out", type=Path, required=True, help="folder for repeats.json and distances.parquet")
    given = words.parse_args()
    dataset = validate(DatasetConfig, given.dataset, "--dataset")
    labels = [*(file.path for file in dataset.files), *dataset.repeated]
    params = {"dataset": given.dataset}
    with recording(given.out / NAME, "measure_repeats", labels=[Path(path) for path in labels], params=params):
        measure_repeats(dataset=dataset, out=given.out)


if __name__ == "__main__":
    door.main(main)
