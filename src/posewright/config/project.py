"""``config/config.yaml``: datasets, split, methods, releases, prediction and comparison of a project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from posewright.config.comparison import CompareConfig, LearningCurveConfig, SpeedConfig
from posewright.config.labels import DatasetConfig, SplitConfig
from posewright.config.methods import MethodConfig, ReleaseConfig
from posewright.config.sections import Section, read_yaml, validate
from posewright.config.sheet import ID
from posewright.config.videos import BehaviourConfig, PredictConfig, SuggestConfig
from posewright.errors import InputError, InputProblems, Problem, nearest

Counts = Annotated[tuple[Annotated[int, Field(ge=0, strict=True)], ...], Field(strict=False)]

WORKING = "dev-"  #: beginning of the names of working releases, which are not declared


class ProvenanceConfig(Section):
    """What results tell of where they come from."""

    private: bool = False
    """Keep hosts and absolute paths out of all results, the paths of videos in `.slp` files too (SLEAP then asks where
    they lie). For what is made from then on: nothing runs again for it."""


class ProjectConfig(Section):
    """A project: what there is, what is compared, what is predicted."""

    datasets: dict[str, DatasetConfig]
    """Name -> labels with their videos."""
    split: SplitConfig = SplitConfig()
    """Which labelled frames train, validate and test."""
    recipes: dict[str, str] = Field(default={})
    """Name -> recipe file."""
    methods: dict[str, MethodConfig] = Field(default={})
    """Name -> what is compared."""
    seeds: Counts = (0,)
    """Every recipe is trained once per seed; several show what chance does."""
    releases: dict[str, ReleaseConfig] = Field(default={})
    """Name -> frozen model."""
    videos: str | None = None
    """Sheet of the videos to predict; null: none."""
    predict: PredictConfig = PredictConfig()
    """How videos are predicted."""
    compare: CompareConfig = CompareConfig()
    """What counts when methods are compared."""
    speed: SpeedConfig = SpeedConfig()
    """How `posewright run speed` measures."""
    learning_curve: LearningCurveConfig = LearningCurveConfig()
    """What `posewright run learning_curve` trains."""
    suggest: SuggestConfig = SuggestConfig()
    """Which frames are suggested to be labelled next."""
    behaviour: BehaviourConfig = BehaviourConfig()
    """Measures of behaviour, where two or more releases predict the videos."""
    provenance: ProvenanceConfig = ProvenanceConfig()
    """What results tell of where they come from."""
    work_dir: str = "work"
    """Folder for unfinished pieces, decoded frames and caches; may lie on a scratch disk."""


def load_project(source: Path | str | Mapping[str, Any]) -> ProjectConfig:
    """Read the config from its file, or from the map Snakemake made of it; all problems are named at once."""
    where = "config" if isinstance(source, Mapping) else str(source)
    value = source if isinstance(source, Mapping) else read_yaml(existing_config(Path(source)))
    project = validate(ProjectConfig, value, where)
    problems = [*_names(project, where), *_references(project, where)]
    if problems:
        raise InputProblems(problems)
    return project


def existing_config(path: Path) -> Path:
    """Return the path of a config; it is an error where there is none."""
    if not path.exists():
        raise InputError(
            f"{path} does not exist; go to the folder of your project, or begin one with posewright init FOLDER."
        )
    return path


def _names(project: ProjectConfig, where: str) -> list[Problem]:
    """Return names that cannot be folders, and names that belong to working releases."""
    named = {key: getattr(project, key) for key in ("datasets", "recipes", "methods", "releases")}
    problems = [
        Problem(
            f"{where} key {key}.{name}",
            f"{name!r} cannot name a folder",
            "use letters, digits, '.', '_' and '-', beginning with a letter or digit",
        )
        for key, section in named.items()
        for name in section
        if not ID.fullmatch(name)
    ]
    problems += [
        Problem(
            f"{where} key releases.{name}", f"names with {WORKING} belong to working releases", "choose another name"
        )
        for name in project.releases
        if name.startswith(WORKING)
    ]
    if not project.datasets:
        problems.append(Problem(f"{where} key datasets", "there is no dataset", "name one"))
    if len(set(project.seeds)) != len(project.seeds) or not project.seeds:
        problems.append(
            Problem(f"{where} key seeds", f"found {list(project.seeds)}", "give each seed once, at least one")
        )
    return problems


def _references(project: ProjectConfig, where: str) -> list[Problem]:
    """Return names that lead nowhere: of recipes, methods, folds, seeds and releases."""
    problems = []

    def need(key: str, name: str, known: Mapping[str, Any] | list[str], noun: str) -> None:
        if name not in known:
            remedy = nearest(name, known) if known else "declare it first"
            problems.append(Problem(f"{where} key {key}", f"there is no {noun} {name!r}", remedy))

    for name, method in project.methods.items():
        for index, recipe in enumerate(method.recipes or ()):
            need(f"methods.{name}.recipes[{index}]", recipe, project.recipes, "recipe")
        if method.release is not None:
            need(f"methods.{name}.release", method.release, project.releases, "release")
    for name, release in project.releases.items():
        if release.method is not None:
            own = {one: m for one, m in project.methods.items() if m.release is None and m.predictions is None}
            fit = {one: method for one, method in own.items() if method.recipes or not release.refit}
            need(f"releases.{name}.method", release.method, fit, f"method to {'refit' if release.refit else 'freeze'}")
            if release.fold >= project.split.folds:
                found, remedy = f"there is no fold {release.fold}", f"split.folds is {project.split.folds}, from 0"
                problems.append(Problem(f"{where} key releases.{name}.fold", found, remedy))
    has_models = [one for one, method in project.methods.items() if method.release is None and not method.predictions]
    releases = [*project.releases, *(WORKING + one for one in has_models)]
    for index, name in enumerate(project.predict.releases):
        need(f"predict.releases[{index}]", name, releases, "release")
    for index, seed in enumerate(project.learning_curve.seeds or ()):
        if seed not in project.seeds:
            remedy = f"the whole training side is trained with the seeds {list(project.seeds)}; use some of them"
            problems.append(Problem(f"{where} key learning_curve.seeds[{index}]", f"there is no seed {seed}", remedy))
    if project.compare.baseline is not None:
        need("compare.baseline", project.compare.baseline, project.methods, "method")
    return problems
