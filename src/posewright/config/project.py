"""``config/config.yaml``: datasets, split, methods, releases, prediction and comparison of a project."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Discriminator, Field, Tag, model_validator

from posewright.config.comparison import CompareConfig, LearningCurveConfig, SpeedConfig
from posewright.config.data import Count
from posewright.config.sections import Section, read_yaml, validate
from posewright.config.sheet import ID
from posewright.config.videos import BehaviourConfig, SuggestConfig
from posewright.errors import InputProblems, Problem, nearest

Texts = Annotated[tuple[str, ...], Field(strict=False)]
Counts = Annotated[tuple[Annotated[int, Field(ge=0, strict=True)], ...], Field(strict=False)]
Part = Annotated[float, Field(ge=0.0, lt=1.0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]

MOST_FILES = 6  #: published for each video and release; quotas of clusters count files
WORKING = "dev-"  #: beginning of the names of working releases, which are not declared


LabelSource = Literal["human", "corrected", "model"]


class LabelFile(Section):
    """One label file that differs from the rest of its dataset."""

    path: str
    """The file, as in a list of plain names."""
    label_source: LabelSource | None = None
    """Who made these labels; null: as the dataset says."""
    complete: bool | None = None
    """Whether every animal in these frames is labelled; null: as the dataset says."""


def _kind_of_file(value: Any) -> str:
    """Return the tag of an entry of `labels`: spelled in parentheses, for it is no key of the file."""
    return "(map)" if isinstance(value, Mapping | LabelFile) else "(text)"


LabelFiles = Annotated[
    tuple[
        Annotated[Annotated[str, Tag("(text)")] | Annotated[LabelFile, Tag("(map)")], Discriminator(_kind_of_file)],
        ...,
    ],
    Field(strict=False),
]


class DatasetConfig(Section):
    """Labels with their videos and skeleton."""

    labels: LabelFiles | None = ()
    """Label files (formats.md lists the kinds); `{path, label_source, complete}` where one differs from the rest."""
    label_source: LabelSource = "human"
    """Who made the labels: a person, a person correcting a model, or a model alone. Stands in every result."""
    complete: bool = True
    """Whether every animal in a labelled frame is labelled; if not, unmatched predictions count as unknown."""
    video_paths: Texts = ()
    """Folders to look for videos in, where the labels' own paths lead nowhere."""
    path_map: dict[str, str] = Field(default={})
    """Old beginning of a video path -> new one, such as `"Z:/lab": /data/lab`."""
    skeleton: Texts | None = None
    """Order of the nodes; null: that of the first label file."""
    node_map: dict[str, str | None] = Field(default={})
    """Name of a node in a label file -> its name here, such as `{snout: nose}`; null leaves the node out."""
    missing_nodes: Texts = ()
    """Nodes that a label file may lack; they then count as not visible in its frames."""
    frame_check: Literal["error", "report", "off"] = "error"
    """What it is if seeking, counting and embedded images show different frames under one number: an error of the
    check, an entry in its facts only, or not looked at."""

    @property
    def files(self) -> tuple[LabelFile, ...]:
        """The label files, each with what holds for it."""
        given = (LabelFile(path=one) if isinstance(one, str) else one for one in self.labels or ())
        return tuple(
            LabelFile(
                path=one.path,
                label_source=one.label_source or self.label_source,
                complete=self.complete if one.complete is None else one.complete,
            )
            for one in given
        )

    def declared(self) -> list[dict[str, Any]]:
        """Return label source and completeness of each file; empty where all are as the dataset says."""
        found = [{"label_source": one.label_source, "complete": one.complete} for one in self.files]
        usual = {"label_source": self.label_source, "complete": self.complete}
        return found if any(one != usual for one in found) else []

    def reading(self) -> dict[str, Any]:
        """Return the arguments of `posewright.labels.read.read_labels`."""
        return {
            "paths": [Path(file.path) for file in self.files],
            "video_paths": [Path(path) for path in self.video_paths],
            "path_map": self.path_map,
            "skeleton": self.skeleton,
            "node_map": self.node_map,
            "missing_nodes": self.missing_nodes,
            "sources": [file.label_source for file in self.files],
        }


class SplitConfig(Section):
    """Which labelled frames train, validate and test; decided once, for all methods and seeds."""

    by: Literal["animal", "session", "video", "block", "file"] = "block"
    """What stays together: animals or sessions (named in the sheet), videos, blocks of time, or as `file` says."""
    val: Part = 0.1
    """Part of the groups for validation, not 0; with several folds each group outside the test validates once."""
    test: Part = 0.2
    """Part of the groups for the final test; the same in all folds."""
    folds: Count = 1
    """Number of folds; each trains every recipe again."""
    block_frames: Count = 50
    """Length of a block, in frames of the video (not in labelled frames)."""
    gap_frames: Annotated[int, Field(ge=0)] | Literal["auto"] = "auto"
    """Training frames so near to a block of another side are dropped; auto: measured from
    the autocorrelation of the labelled frames' pictures."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Another seed deals the groups anew."""
    file: str | None = None
    """With `by: file`: tab-separated table with the columns `video` and `side`."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.val + self.test >= 1:
            raise ValueError(f"val {self.val} and test {self.test} leave nothing to train on")
        if (self.by == "file") != (self.file is not None):
            raise ValueError("`by: file` and `file` belong together; give both or neither")
        if self.folds > 1 and self.by == "file":
            raise ValueError("a split given by a file has one fold")
        return self


class ModelSource(Section):
    """A trained model that comes from elsewhere."""

    path: str
    """Model folder, of Posewright or of the peer."""
    sha256: Sha256 | None = None
    """Digest of its `best.ckpt`, compared whenever it is used; null: not checked."""


class MethodConfig(Section):
    """What is compared: one or two recipes, or models that exist already, and how they are run."""

    type: Literal["single_instance", "topdown", "bottomup", "multi_class_topdown", "multi_class_bottomup"]
    """How poses are found: one animal per frame, animals before nodes, or nodes before animals."""
    recipes: Texts | None = None
    """Names of the recipes to train: one, for top-down a `centroid` and a `centered_instance` recipe."""
    models: Annotated[tuple[ModelSource, ...], Field(strict=False)] | None = None
    """Instead of recipes: trained models, one or two."""
    predictions: Texts | None = None
    """Instead of recipes: files with poses that another program predicted, of any kind that label files may have; they
    are scored on the same frames, and predict no videos."""
    release: str | None = None
    """Instead of recipes: a declared release, as it was frozen; so an old one is compared with models of today."""
    trained_on: Texts | None = None
    """Label files such models were trained on, to find scored frames among them; `[]`: none of these; null: unknown."""
    trials: Count | None = None
    """How many configurations were tried for this method, this one included; null: one for each of its networks."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.trained_on is not None and self.recipes is not None:
            raise ValueError("trained_on is said of models that come from elsewhere; recipes are trained on the split")
        if [self.recipes, self.models, self.release, self.predictions].count(None) != 3:
            raise ValueError("give either recipes (to train), or models or a release (trained already), or predictions")
        if self.predictions is not None and not self.predictions:
            raise ValueError("predictions names no file")
        if self.release is not None or self.predictions is not None:
            return self
        given = len(self.recipes or self.models or ())
        needed = 2 if self.type.endswith("topdown") else 1
        if given != needed:
            raise ValueError(f"the type {self.type} is made of {needed}, found {given}")
        return self


class ReleaseConfig(Section):
    """A frozen model: what it is made of never changes. Either a method trained here, or a bundle from elsewhere."""

    method: str | None = None
    """Method it is made of."""
    fold: Annotated[int, Field(ge=0)] = 0
    """Fold of the split it was trained on."""
    seed: Annotated[int, Field(ge=0)] = 0
    """Seed it was trained with."""
    refit: bool = False
    """Train the method's recipes once more on all labels, those of the test side too; not itself evaluated."""
    bundle: str | None = None
    """Instead of a method: path or http(s) address of a bundle (`<name>.posewright`) made elsewhere."""
    sha256: Sha256 | None = None
    """Digest of the bundle, as `sha256sum` gives it; it says what the release is, wherever the file lies."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if (self.method is None) == (self.bundle is None):
            raise ValueError("give either a method, or a bundle with its sha256")
        if (self.bundle is None) != (self.sha256 is None):
            raise ValueError("a bundle and its sha256 belong together")
        if self.refit and self.method is None:
            raise ValueError("a bundle is as it was made; refit belongs to a method that is trained here")
        return self


class BatchConfig(Section):
    """How videos are divided over prediction jobs."""

    count: Count = 20
    """At most so many videos per job."""
    minutes: Annotated[float, Field(gt=0.0)] | None = None
    """At most so many minutes of video per job (needs `duration_s` in the sheet); null: no bound."""


class TrackerConfig(Section):
    """How instances are joined to tracks over time."""

    similarity: Literal["oks", "centroid", "iou"] = "oks"
    """What makes two instances alike: shape and place, distance of centroids, or overlap of boxes."""
    window_frames: Count = 5
    """How many frames back a track's instances count; more is steadier and slower to follow."""
    n_animals: Count | None = None
    """Never more tracks than that; null: the sheet's `n_animals`, else as many as needed."""
    min_similarity: float = 0.001
    """A match below this is none."""
    reduction: Literal["mean", "max"] = "mean"
    """How the similarities to one track's instances are summed up."""
    motion: Literal["linear", "none"] = "linear"
    """Whether tracks are carried forward with their mean motion, so that animals that cross keep their names."""


class PredictConfig(Section):
    """How videos are predicted."""

    releases: Texts = ()
    """Releases that predict every video: declared ones, or `dev-<method>` for the working one of a method."""
    batch: BatchConfig = BatchConfig()
    """How videos are divided over jobs."""
    frames_at_once: Count = 8
    """Frames that go through the network together; a matter of speed and memory only."""
    chunk_frames: Count | None = None
    """Videos longer than that, by the sheet's `stop` or `duration_s`, are cut over several jobs; null: never."""
    backend: Literal["auto", "torch", "openvino"] = "auto"
    """What runs the network; chosen once per release."""
    dtype: Literal["float32"] = "float32"
    """Number type of the network, which a release keeps; there is one, for a method is scored with the same."""
    peak_threshold: Annotated[float, Field(ge=0.0, le=1.0)] | Literal["auto"] = "auto"
    """Smallest map value that counts as a node; auto: tuned per method on validation frames, see `compare.tuning`."""
    tracker: TrackerConfig | None = TrackerConfig()
    """How instances are joined to tracks; null: not at all."""
    on_missing: Literal["report", "error"] = "report"
    """What a missing video is: a row in the status table, or an error before anything runs."""
    max_failed_fraction: Part = 0.0
    """The run ends with an error when a larger part of the videos failed."""
    keep: Annotated[tuple[Literal["poses", "frames", "slp"], ...], Field(strict=False)] = ("poses", "frames", "slp")
    """Which files are published per video."""
    also_write: Annotated[tuple[Literal["analysis_h5", "nwb", "dlc_csv", "coco"], ...], Field(strict=False)] = ()
    """Further formats of the same poses, for other tools; nothing is predicted again for them."""

    @model_validator(mode="after")
    def _few_files(self) -> Self:
        n_files = len({*self.keep, *self.also_write}) + 1
        if n_files > MOST_FILES:
            raise ValueError(
                f"keep and also_write ask for {n_files} files a video with status.json, at most {MOST_FILES} fit a "
                "cluster's quota; leave some out: `posewright export` writes further formats of what was published"
            )
        if self.also_write and not {"poses", "frames"} <= {*self.keep}:
            raise ValueError("also_write is made of poses and frames; keep both")
        return self


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
    value = source if isinstance(source, Mapping) else read_yaml(Path(source))
    project = validate(ProjectConfig, value, where)
    problems = [*_names(project, where), *_references(project, where)]
    if problems:
        raise InputProblems(problems)
    return project


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


def method_recipe_types(method: MethodConfig) -> tuple[str, ...]:
    """Return the model types that a method's recipes must have."""
    if method.type == "topdown":
        return ("centroid", "centered_instance")
    if method.type == "multi_class_topdown":
        return ("centroid", "multi_class_topdown")
    return (method.type,)
