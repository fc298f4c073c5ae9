"""Bundle trained models into a release that predicts videos, on any machine and without labels."""

import argparse
from pathlib import Path

from posewright import door
from posewright.prediction.release import make_release
from posewright.shapes import DecodeOptions


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--name", required=True, help="name of the release")
    words.add_argument("--definition", type=door.mapping, required=True, metavar="JSON", help="what it is made of")
    words.add_argument("--models", type=Path, nargs="*", default=[], help="its model folders, in any order")
    words.add_argument("--ledger", type=Path, required=True, help="table of all names ever given, with their digests")
    words.add_argument(
        "--settings", type=door.mapping, required=True, metavar="JSON", help="backend, dtype, thresholds"
    )
    words.add_argument("--thresholds", type=Path, help="thresholds.json of the method on validation frames")
    words.add_argument("--out", type=Path, required=True, help="release.json; the bundle is written beside it")
    words.add_argument(
        "--gpu", type=int, default=0, help="GPUs that a prediction job gets here; with any, auto is torch"
    )
    given = words.parse_args()
    make_release(
        name=given.name,
        definition=given.definition,
        models=given.models,
        out=given.out,
        ledger=given.ledger,
        backend=given.settings["backend"],
        dtype=given.settings["dtype"],
        options=DecodeOptions(**given.settings["options"]),
        thresholds=given.thresholds,
        gpu=given.gpu > 0,
    )


if __name__ == "__main__":
    door.main(main)
