"""What is made on request only, and what of it is there: speed, and the learning curve.

None of it is an input of anything else, so it can neither cause nor suffer a rerun of the main chain. The report takes
what is there, and is written anew when that changes: digests of these files are one of its params.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from posewright.config.project import ProjectConfig
from posewright.config.stages import STAGE_VERSION
from posewright.files import canonical_json, file_digest
from posewright.layout import speed_file
from posewright.plan.parts import dump
from posewright.plan.videos import VideoPlan


@dataclass(frozen=True)
class OptionalPlan:
    """The targets that have to be asked for.

    Attributes:
        project: the resolved config.
        videos: the sheet.
    """

    project: ProjectConfig
    videos: VideoPlan

    def results(self, dataset: str) -> str:
        """Return name -> digest, as JSON, of the results of optional targets that are there."""
        files = {"speed": speed_file(dataset)}
        return canonical_json({name: file_digest(Path(file)) for name, file in files.items() if Path(file).exists()})

    def speed_settings(self) -> str:
        """Return how speed is measured."""
        return canonical_json(
            {
                **dump(self.project.speed),
                "confidence": self.project.compare.confidence,
                "tracker": dump(self.project.predict)["tracker"],
                "version": STAGE_VERSION["measure_speed"],
            }
        )

    def speed_videos(self, dataset: str) -> str:
        """Return the rows of a dataset's videos, of which the first that opens is timed."""
        return canonical_json([self.videos.row(dataset, video) for video in self.videos.ids(dataset)])
