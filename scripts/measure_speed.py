"""Time all methods on this machine, in rounds of random order, and say what each costs to run."""

import argparse
import json
from pathlib import Path

from posewright import door
from posewright.evaluation.speed import Contestant, measure_speed
from posewright.provenance import NAME, recording


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--methods", nargs="*", required=True, help="names of the methods")
    words.add_argument("--releases", type=Path, nargs="*", required=True, help="release.json of each, in this order")
    words.add_argument("--scored", type=Path, nargs="*", required=True, help="validation folder of each, in this order")
    words.add_argument("--untimed", type=door.mapping, default={}, metavar="JSON", help="other method -> why not timed")
    words.add_argument("--split", type=Path, required=True, help="folder of the split")
    words.add_argument("--store", type=Path, required=True, help="store.json of the decoded frames")
    words.add_argument("--videos", type=json.loads, default=[], metavar="JSON", help="rows of the sheet, a list")
    words.add_argument("--settings", type=door.mapping, required=True, metavar="JSON", help="how to measure")
    words.add_argument("--threads", type=int, required=True, help="threads of the networks")
    words.add_argument("--work", type=Path, required=True, help="folder for unpacked releases")
    words.add_argument("--out", type=Path, required=True, help="folder for speed.json and rounds.parquet")
    given = words.parse_args()
    inputs = [*given.releases, given.split, given.store]
    with recording(given.out / NAME, "measure_speed", inputs=inputs, params=given.settings):
        measure_speed(
            contestants=[Contestant(*one) for one in zip(given.methods, given.releases, given.scored, strict=True)],
            untimed=given.untimed,
            split=given.split,
            store=given.store,
            videos=given.videos,
            settings=given.settings,
            threads=given.threads,
            work=given.work,
            out=given.out,
        )


if __name__ == "__main__":
    door.main(main)
