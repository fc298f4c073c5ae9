"""Compare methods on the same frames: which is better, by how much, and how sure that is."""

import argparse
from pathlib import Path

from posewright import door
from posewright.evaluation.compare import compare_methods
from posewright.provenance import NAME, recording


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--evaluations", type=Path, nargs="+", required=True, help="folders of scored methods")
    words.add_argument("--settings", type=door.mapping, required=True, metavar="JSON", help="metric, margin, families")
    words.add_argument("--ledger", type=Path, help="table of the readings of the test frames, and what was asked then")
    words.add_argument("--out", type=Path, required=True, help="folder for summary.json and the two tables")
    given = words.parse_args()
    inputs = [folder / "metrics.json" for folder in given.evaluations]
    with recording(given.out / NAME, "compare_methods", inputs=inputs, params=given.settings):
        compare_methods(evaluations=given.evaluations, settings=given.settings, out=given.out, ledger=given.ledger)


if __name__ == "__main__":
    door.main(main)
