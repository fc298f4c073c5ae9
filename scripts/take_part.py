"""Keep a part of a split's training side, nested in every larger part; validation stays as it is."""

import argparse
from pathlib import Path

from posewright import door
from posewright.labels.nested import take_part
from posewright.provenance import NAME, recording


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--split", type=Path, required=True, help="folder of the whole split")
    words.add_argument("--percent", type=int, required=True, help="how many of a hundred training frames to keep")
    words.add_argument("--out", type=Path, required=True, help="folder for train.slp, val.slp and split.json")
    given = words.parse_args()
    params = {"percent": given.percent}
    with recording(given.out / NAME, "take_part", inputs=[given.split], params=params):
        take_part(given.split, given.percent, given.out)


if __name__ == "__main__":
    door.main(main)
