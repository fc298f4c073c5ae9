"""What determines each stage: the values that the workflow's rules compare to know what has to be done again.

Every ``*_identity`` is canonical JSON of the resolved settings that can change a stage's result, with the hand-bumped
version of the stage; paths, worker counts, devices and comments are not in it. Nothing here knows the workflow engine,
and nothing imports torch, lightning, sleap-io or pandas: all of it runs whenever the Snakefile is read.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from posewright.config.project import ProjectConfig, load_project
from posewright.config.recipe import load_recipe
from posewright.labels.digest import labels_digest
from posewright.layout import read_rows
from posewright.plan.labels import LabelPlan
from posewright.plan.methods import MethodPlan
from posewright.plan.optional import OptionalPlan
from posewright.plan.parts import existing
from posewright.plan.predicted import PredictedPlan
from posewright.plan.releases import ReleasePlan
from posewright.plan.videos import VideoPlan


@dataclass(frozen=True)
class Plan:
    """A project as it stands on disk now.

    Attributes:
        project: the resolved config.
        labels: label files, split and store.
        videos: the sheet and its batches.
        methods: recipes, models and their comparison.
    """

    project: ProjectConfig
    labels: LabelPlan
    videos: VideoPlan
    methods: MethodPlan

    @cached_property
    def releases(self) -> ReleasePlan:
        """The releases that predict."""
        return ReleasePlan(self.project, self.labels, self.videos, self.methods)

    @property
    def optional(self) -> OptionalPlan:
        """The targets that have to be asked for."""
        return OptionalPlan(self.project, self.videos)

    @cached_property
    def predicted(self) -> PredictedPlan:
        """What is made of predicted videos."""
        return PredictedPlan(self.project, self.labels, self.videos, self.releases)

    @classmethod
    def load(cls, config: Mapping[str, Any]) -> Plan:
        """Read the config and everything it names; faults are `InputError`."""
        project = load_project(config)
        rows = read_rows(Path(project.videos), list(project.datasets)) if project.videos else []
        cache = Path(project.work_dir) / "digests.json"
        sets = project.datasets.items()
        digests = {
            name: _digests([file.path for file in one.files], f"datasets.{name}.labels", cache) for name, one in sets
        }
        repeated = {name: _digests(one.repeated, f"datasets.{name}.repeated", cache) for name, one in sets}
        used = {name for method in project.methods.values() for name in method.recipes or ()}
        recipes = {name: load_recipe(Path(project.recipes[name])) for name in sorted(used)}
        labels = LabelPlan(project, digests, repeated, rows)
        plan = cls(project, labels, VideoPlan(project, rows), MethodPlan(project, recipes))
        plan.videos.refuse_missing()
        _ = plan.methods.first_weights  # models that are not there stop the run now
        return plan


def _digests(paths: Iterable[str], key: str, cache: Path) -> tuple[str, ...]:
    """Return the content digests of label files that the config names under ``key``."""
    return tuple(labels_digest(existing(Path(path), key), cache) for path in paths)
