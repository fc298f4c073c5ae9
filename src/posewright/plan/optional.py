"""What is made on request only, and what of it is there: speed, and the learning curve.

None of it is an input of anything else, so it can neither cause nor suffer a rerun of the main chain. The report takes
what is there, and is written anew when that changes: digests of these files are one of its params.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from posewright.config.project import ProjectConfig
from posewright.config.stages import STAGE_VERSION
from posewright.files import canonical_json, file_digest
from posewright.layout import curve_file, speed_file
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
        files = {"learning_curve": curve_file(dataset), "speed": speed_file(dataset)}
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

    def curve_methods(self) -> list[str]:
        """Return the methods that can be trained on less: those that train recipes."""
        return [name for name, method in self.project.methods.items() if method.recipes]

    def curve_folds(self) -> list[str]:
        """Return the first fold with each part of its training side, and whole."""
        return [*(f"0_part{percent}" for percent in self.project.learning_curve.percent), "0"]

    def curve_seeds(self) -> list[int]:
        """Return the seeds of these trainings."""
        return list(self.project.learning_curve.seeds or self.project.seeds)

    def curve_settings(self) -> str:
        """Return what the learning curve is about, and how sure its intervals are."""
        compare = self.project.compare
        asked = {"primary": compare.primary, "margin": compare.margin, "confidence": compare.confidence}
        return canonical_json({**asked, "version": STAGE_VERSION["compare_parts"]})

    def epoch_words(self, models: Sequence[str]) -> list[str]:
        """Return the words that give a training on a part the epochs of the whole; none for the whole itself."""
        return ["--epochs-of", *models] if models else []
