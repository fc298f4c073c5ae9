"""Predict a batch of videos with one release; what is finished already is kept."""

import argparse
import json
from pathlib import Path

from posewright import door
from posewright.prediction.batch import predict_videos
from posewright.provenance import NAME, recording
from posewright.tracking.tracker import tracker_for


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--release", type=Path, required=True, help="release.json")
    words.add_argument("--videos", type=json.loads, required=True, metavar="JSON", help="rows of the sheet, a list")
    words.add_argument("--settings", type=door.mapping, required=True, metavar="JSON", help="the predict section")
    words.add_argument("--work", type=Path, required=True, help="folder for products and unfinished pieces")
    words.add_argument("--published", type=Path, required=True, help="folder of the release's published videos")
    words.add_argument("--manifest", type=Path, required=True, help="JSON to write: where each video's product lies")
    given = words.parse_args()
    # Each video carries its own record in its status; this one tells of the last job that predicted for the release.
    with recording(
        given.published / NAME,
        "predict_videos",
        inputs=[given.release],
        params=given.settings,
        tries=given.manifest.with_suffix(".tries"),
    ):
        predict_videos(
            release=given.release,
            videos=given.videos,
            settings=given.settings,
            work=given.work,
            published=given.published,
            manifest=given.manifest,
            make_tracker=tracker_for,
        )


if __name__ == "__main__":
    door.main(main)
