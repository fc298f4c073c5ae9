"""What is made on request only, and what of it is there: speed and the learning curve, as the rules need them.

None of it is an input of anything else, so it can neither cause nor suffer a rerun of the main chain. The report takes
what is there, and is written anew when that changes: a digest of each file is one of its params.
"""

from __future__ import annotations

from pathlib import Path

from posewright.config.stages import STAGE_VERSION
from posewright.files import canonical_json, file_digest
from posewright.layout import curve_file, speed_file
from posewright.plan import Plan


def optional_results(dataset: str) -> str:
    """Return name -> digest, as JSON, of the results of optional targets that a dataset has."""
    files = {"learning_curve": curve_file(dataset), "speed": speed_file(dataset)}
    return canonical_json({name: file_digest(Path(file)) for name, file in files.items() if Path(file).exists()})


def speed_settings(plan: Plan) -> str:
    """Return how speed is measured."""
    project = plan.project
    tracker = project.predict.tracker
    return canonical_json(
        {
            **project.speed.model_dump(mode="json"),
            "confidence": project.compare.confidence,
            "tracker": None if tracker is None else tracker.model_dump(mode="json"),
            "version": STAGE_VERSION["measure_speed"],
        }
    )


def speed_videos(plan: Plan, dataset: str) -> str:
    """Return the rows of a dataset's videos, of which the first that opens is timed."""
    return canonical_json([plan.prediction_row(dataset, video) for video in plan.video_ids(dataset)])
