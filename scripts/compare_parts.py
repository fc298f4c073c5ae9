"""Compare what methods learnt from parts of the training side: the learning curve, and whether more labels help."""

import argparse
from pathlib import Path

from posewright import door
from posewright.evaluation.learning_curve import compare_parts
from posewright.provenance import NAME, recording


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--evaluations", type=Path, nargs="+", required=True, help="validation folders, of all parts")
    words.add_argument("--settings", type=door.mapping, required=True, metavar="JSON", help="the compare section")
    words.add_argument("--out", type=Path, required=True, help="folder for summary.json and points.parquet")
    given = words.parse_args()
    inputs = [folder / "metrics.json" for folder in given.evaluations]
    with recording(given.out / NAME, "compare_parts", inputs=inputs, params=given.settings):
        compare_parts(evaluations=given.evaluations, settings=given.settings, out=given.out)


if __name__ == "__main__":
    door.main(main)
