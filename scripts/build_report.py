"""Put everything a reader needs on one page: the answer, tables, curves, poses, failed videos, versions."""

import argparse
from pathlib import Path

from posewright import door
from posewright.provenance import beside, recording
from posewright.report.build import build_report


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--results", type=Path, required=True, help="results folder of one dataset")
    words.add_argument("--side", choices=("val", "test"), required=True, help="which held-back frames it is about")
    words.add_argument("--status", type=Path, help="table of what became of every video")
    words.add_argument("--store", type=Path, required=True, help="store.json of the decoded frames")
    words.add_argument("--title", required=True, help="headline of the page")
    words.add_argument("--types", type=door.mapping, default={}, metavar="JSON", help="method -> its type")
    words.add_argument("--figures", type=Path, help="folder for the figures as files (default: none)")
    words.add_argument("--out", type=Path, required=True, help="the page")
    given = words.parse_args()
    inputs = [
        given.results / "comparison" / given.side / "summary.json",
        *sorted(given.results.glob(f"evaluation/*/*/{given.side}/metrics.json")),
        *([given.status] if given.status else []),
    ]
    with recording(beside(given.out), "build_report", inputs=inputs, params={"side": given.side, "types": given.types}):
        build_report(
            results=given.results,
            side=given.side,
            status=given.status,
            store=given.store,
            title=given.title,
            out=given.out,
            types=given.types,
            figures=given.figures,
        )


if __name__ == "__main__":
    door.main(main)
