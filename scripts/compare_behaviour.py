"""Measure the animals' behaviour in every video under every release, and how well the releases agree."""

import argparse
from pathlib import Path

from posewright import door
from posewright.evaluation.videos.behaviour import compare_behaviour, settings_of
from posewright.layout import read_rows_of
from posewright.prediction.status import STATUS_NAME
from posewright.provenance import NAME, recording


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--releases", type=Path, nargs="+", required=True, help="folders of published videos")
    words.add_argument("--sheet", type=Path, required=True, help="videos.tsv")
    words.add_argument("--name", required=True, help="the dataset, as the sheet calls it")
    words.add_argument("--settings", type=door.mapping, required=True, metavar="JSON", help="how behaviour is measured")
    words.add_argument("--out", type=Path, required=True, help="folder for summary.json and the tables")
    given = words.parse_args()
    rows = read_rows_of(given.sheet, given.name)
    statuses = [release / row.video / STATUS_NAME for release in given.releases for row in rows]
    with recording(
        given.out / NAME, "compare_behaviour", inputs=[given.sheet, *statuses], params={"settings": given.settings}
    ):
        compare_behaviour(rows=rows, releases=given.releases, settings=settings_of(given.settings), out=given.out)


if __name__ == "__main__":
    door.main(main)
