"""Releases of a project: what they are made of, and which of them have a rule."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from posewright.config.project import WORKING, ProjectConfig
from posewright.errors import InputError
from posewright.files import canonical_json, read_json
from posewright.layout import release_file
from posewright.plan.labels import LabelPlan
from posewright.plan.methods import MethodPlan
from posewright.plan.parts import decoding
from posewright.plan.videos import VideoPlan
from posewright.prediction.checkpoints import is_peer_folder


@dataclass(frozen=True)
class ReleasePlan:
    """The releases of every dataset.

    Attributes:
        project: the resolved config.
        labels: which datasets can train.
        videos: which datasets have videos.
        methods: what working releases are made of.
    """

    project: ProjectConfig
    labels: LabelPlan
    videos: VideoPlan
    methods: MethodPlan

    def predicting(self, dataset: str) -> list[str]:
        """Return the releases that predict a dataset's videos; a dataset without videos needs none.

        Raises:
            InputError: when a release does not exist and cannot be trained, for want of labels.
        """
        releases = list(self.project.predict.releases) if self.videos.ids(dataset) else []
        for release in releases:
            trained = self.methods.recipes(method) if (method := self.definition(release).get("method")) else []
            if trained and dataset not in self.labels.labelled and not Path(release_file(dataset, release)).exists():
                raise InputError(
                    f"dataset {dataset} has no labels, so the release {release} cannot be trained for it; name a "
                    f"bundle (releases.{release}.bundle and sha256), or give the dataset labels."
                )
        return releases

    def running(self) -> dict[str, str]:
        """Return method -> the release it runs as: the one it names, else its working one, and files of poses none."""
        methods = self.project.methods.items()
        return {name: method.release or WORKING + name for name, method in methods if method.predictions is None}

    def untimed(self) -> dict[str, str]:
        """Return method -> why it cannot be run as a release, so that its speed is not measured (rule 13)."""
        reasons = {}
        for name, method in self.project.methods.items():
            foreign = [folder for folder in self.methods.folders(name) if not _is_model(Path(folder))]
            if method.predictions is not None:
                reasons[name] = "it consists of poses that another program found, and there is no model of it to run"
            elif foreign:
                reasons[name] = (
                    f"{Path(foreign[0]).name} holds neither a model of Posewright nor one of sleap-nn, and only such "
                    "models become a release"
                )
        return reasons

    def timed(self) -> dict[str, str]:
        """Return method -> the release it runs as, of the methods whose speed can be measured."""
        untimed = self.untimed()
        return {name: release for name, release in self.running().items() if name not in untimed}

    def definition(self, release: str) -> dict[str, Any]:
        """Return what a release is made of: method, fold and seed, or a bundle, wherever it lies."""
        declared = self.project.releases.get(release)
        if declared is not None and declared.bundle is not None:
            return {"sha256": declared.sha256}
        if declared is not None:
            made_of = {"method": declared.method, "fold": declared.fold, "seed": declared.seed}
            return {**made_of, "refit": True} if declared.refit else made_of
        return {"method": release.removeprefix(WORKING), "fold": 0, "seed": self.project.seeds[0]}

    def to_make(self, dataset: str) -> list[str]:
        """Return the releases that have a rule: working ones, and declared ones that do not exist yet.

        Raises:
            InputError: when the definition of an existing release was changed.
        """
        declared = {release: self.definition(release) for release in self.project.releases}
        frozen = [release for release in declared if Path(release_file(dataset, release)).exists()]
        for release in frozen:
            made_of = read_json(Path(release_file(dataset, release)))["definition"]
            if made_of != declared[release]:
                raise InputError(
                    f"releases.{release}: the release exists and was made of {canonical_json(made_of)}, the config "
                    f"now says {canonical_json(declared[release])}; releases never change, so give the new one "
                    "another name."
                )
        working = [release for release in self.running().values() if release not in declared]
        return working + [release for release in declared if release not in frozen]

    def definition_json(self, release: str) -> str:
        """Return a release's definition as JSON."""
        return canonical_json(self.definition(release))

    def bundle_words(self, release: str) -> list[str]:
        """Return the words that say where a release's bundle lies; none when it is made here."""
        declared = self.project.releases.get(release)
        return ["--bundle", declared.bundle] if declared is not None and declared.bundle is not None else []

    def settings(self) -> str:
        """Return what is chosen once per release: where and how its models run."""
        predict = self.project.predict
        return canonical_json({"backend": predict.backend, "dtype": predict.dtype, "options": decoding(self.project)})


def _is_model(folder: Path) -> bool:
    return (folder / "model.json").is_file() or is_peer_folder(folder)
