"""What is made of predicted videos: frames to label next, and measures of behaviour."""

from __future__ import annotations

from dataclasses import asdict, dataclass

from posewright.config.project import ProjectConfig
from posewright.config.stages import STAGE_VERSION
from posewright.files import canonical_json, digest_of
from posewright.plan.labels import LabelPlan
from posewright.plan.parts import dump, plain
from posewright.plan.releases import ReleasePlan
from posewright.plan.videos import VideoPlan

#: Columns of the sheet that say which videos belong together, beside those that prediction knows.
_COLUMNS = ("video", "path", "session", "animals", "n_animals", "roi", "exclude")


@dataclass(frozen=True)
class PredictedPlan:
    """What follows from the poses that releases published.

    Attributes:
        project: the resolved config.
        labels: which frames are labelled already.
        videos: the sheet.
        releases: which releases predict.
    """

    project: ProjectConfig
    labels: LabelPlan
    videos: VideoPlan
    releases: ReleasePlan

    @property
    def is_published(self) -> bool:
        """Whether the files that are read here are among those that are kept."""
        return {"poses", "frames"} <= {*self.project.predict.keep}

    def suggested(self) -> list[str]:
        """Return the datasets for which frames can be suggested: those with predicted videos."""
        return [name for name in self.project.datasets if self.is_published and self.releases.predicting(name)]

    def compared(self) -> list[str]:
        """Return the datasets whose videos two or more releases predict."""
        return [name for name in self.suggested() if len(self.releases.predicting(name)) > 1]

    def sheet_words(self, dataset: str) -> list[str]:
        """Return the words that name the sheet and the dataset whose rows are meant."""
        return ["--sheet", str(self.project.videos), "--name", dataset]

    def suggest_identity(self, dataset: str) -> str:
        """Return what determines suggestions, apart from the poses."""
        labelled = dataset in self.labels.labelled
        return canonical_json(
            {
                "settings": dump(self.project.suggest),
                "split": self.labels.split_identity(dataset) if labelled else None,
                "videos": self._rows(dataset),
                "version": STAGE_VERSION["suggest_frames"],
            }
        )

    def _rows(self, dataset: str) -> str:
        """Return a digest of what the sheet says of a dataset's videos, not of the work."""
        rows = [asdict(row) for row in self.videos.of(dataset)]
        return digest_of([[plain(row[column]) for column in _COLUMNS] for row in rows])

    def suggest_settings(self) -> str:
        """Return how many frames are asked for, and how far apart."""
        return canonical_json(dump(self.project.suggest))

    def behaviour_identity(self, dataset: str) -> str:
        """Return what determines the measures of behaviour, apart from the poses."""
        return canonical_json({"videos": self._rows(dataset), "version": STAGE_VERSION["compare_behaviour"]})

    def behaviour_settings(self) -> str:
        """Return how behaviour is measured, and how sure intervals are."""
        return canonical_json({**dump(self.project.behaviour), "confidence": self.project.compare.confidence})
