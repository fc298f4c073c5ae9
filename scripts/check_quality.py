"""Judge the poses of every video of a release without any truth: counts, scores, jumps, breaks, contact sheets."""

import argparse
from pathlib import Path

from posewright import door
from posewright.layout import read_rows_of
from posewright.provenance import NAME, recording
from posewright.report.video_quality import check_quality


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--published", type=Path, required=True, help="folder with one folder a video")
    words.add_argument("--sheet", type=Path, required=True, help="sheet of the videos")
    words.add_argument("--name", required=True, help="the dataset, as the sheet calls it")
    words.add_argument("--work", type=Path, required=True, help="folder for what was judged before")
    words.add_argument("--threads", type=int, default=1, help="videos looked at together (default: %(default)s)")
    words.add_argument("--out", type=Path, required=True, help="folder of the tables and sheets")
    given = words.parse_args()
    by_name = sorted(read_rows_of(given.sheet, given.name), key=lambda row: row.video)
    statuses = [given.published / row.video / "status.json" for row in by_name]
    with recording(given.out / NAME, "check_quality", inputs=[given.sheet, *statuses]):
        check_quality(given.published, by_name, given.work, given.out, given.threads)


if __name__ == "__main__":
    door.main(main)
