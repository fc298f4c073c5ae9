"""Gather what became of every video into one table."""

import argparse
from pathlib import Path

from posewright import door
from posewright.status import collect_status


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--out", type=Path, required=True, help="the table, tab-separated")
    words.add_argument("--statuses", type=Path, nargs="*", default=[], help="the status.json of every video asked for")
    given = words.parse_args()
    collect_status(given.statuses, given.out)


if __name__ == "__main__":
    door.main(main)
