"""What determines each stage: the values that the workflow's rules compare to know what has to be done again.

Every ``*_identity`` is canonical JSON of the resolved settings that can change a stage's result, with the hand-bumped
version of the stage; paths, worker counts, devices and comments are not in it. Nothing here knows the workflow engine,
and nothing imports torch, lightning, sleap-io or pandas: all of it runs whenever the Snakefile is read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from math import inf
from pathlib import Path
from typing import Any

import h5py

from posewright.batches import batches
from posewright.config.project import WORKING, MethodConfig, ProjectConfig, load_project
from posewright.config.recipe import Recipe, load_recipe
from posewright.config.sheet import VideoRow
from posewright.config.stages import STAGE_VERSION
from posewright.errors import InputError, InputProblems, Problem
from posewright.files import canonical_json, file_digest, read_json
from posewright.first_weights import first_weights_identity
from posewright.labels.digest import labels_digest, video_paths
from posewright.layout import read_rows, release_file
from posewright.samples.sources.places import is_there

#: Columns of the sheet that reach prediction; a change in any other one (a note, a session) predicts nothing again.
PREDICTION_COLUMNS = ("video", "path", "n_animals", "start", "stop", "roi", "fps", "exclude")

FILES_KEPT = {
    "poses": "poses.parquet",
    "frames": "frames.parquet",
    "slp": "poses.slp",
    "analysis_h5": "poses.analysis.h5",
    "nwb": "poses.nwb",
    "dlc_csv": "poses.dlc.csv",
    "coco": "poses.coco.json",
}


@dataclass(frozen=True)
class Plan:
    """A project as it stands on disk now.

    Attributes:
        project: the resolved config.
        recipes: name -> resolved recipe, of every recipe that a method uses.
        videos: the rows of the sheet.
        label_digests: dataset -> content digest of each of its label files; empty where there are no labels.
    """

    project: ProjectConfig
    recipes: Mapping[str, Recipe]
    videos: Sequence[VideoRow]
    label_digests: Mapping[str, tuple[str, ...]]

    @classmethod
    def load(cls, config: Mapping[str, Any]) -> Plan:
        """Read the config and everything it names; faults are `InputError`."""
        project = load_project(config)
        _refuse_unavailable(project)
        used = {name for method in project.methods.values() for name in method.recipes or ()}
        cache = Path(project.work_dir) / "digests.json"
        plan = cls(
            project=project,
            recipes={name: load_recipe(Path(project.recipes[name])) for name in sorted(used)},
            videos=read_rows(Path(project.videos), list(project.datasets)) if project.videos else [],
            label_digests={
                name: tuple(
                    labels_digest(_existing(Path(file.path), f"datasets.{name}.labels"), cache)
                    for file in dataset.files
                )
                for name, dataset in project.datasets.items()
            },
        )
        plan.refuse_missing_videos()
        _ = plan._first_weights  # models that are not there stop the run now
        return plan

    # ---- datasets and videos

    @cached_property
    def labelled(self) -> list[str]:
        """Datasets that have labels; the others only predict."""
        return [name for name, digests in self.label_digests.items() if digests]

    def label_files(self, dataset: str) -> list[str]:
        """Return the label files of a dataset."""
        return [file.path for file in self.project.datasets[dataset].files]

    @cached_property
    def _rows(self) -> dict[str, dict[str, VideoRow]]:
        rows: dict[str, dict[str, VideoRow]] = {name: {} for name in self.project.datasets}
        for row in self.videos:
            rows[str(row.dataset)][row.video] = row
        return rows

    def refuse_missing_videos(self) -> None:
        """Stop where the config wants missing videos to be an error and not a state."""
        if self.project.predict.on_missing == "report":
            return
        sheet, remedy = (
            str(self.project.videos),
            "correct the path, exclude the video, or set predict.on_missing: report",
        )
        missing = [row for row in self.videos if not row.exclude and not is_there(Path(row.path))]
        if missing:
            found = [(row.video, f"{row.path} does not exist") for row in missing]
            raise InputProblems([Problem(f"{sheet} video {video}", clause, remedy) for video, clause in found])

    def video_ids(self, dataset: str) -> list[str]:
        """Return the ids of a dataset's videos, in the order of the sheet."""
        return list(self._rows[dataset])

    @cached_property
    def _batches(self) -> dict[str, dict[str, list[str]]]:
        limits = self.project.predict.batch
        return {
            dataset: batches(
                {video: (row.duration_s or 0.0) / 60.0 for video, row in rows.items()},
                limits.count,
                limits.minutes or inf,
            )
            for dataset, rows in self._rows.items()
        }

    @cached_property
    def _batch_of(self) -> dict[tuple[str, str], str]:
        return {
            (dataset, video): batch
            for dataset, leaves in self._batches.items()
            for batch, videos in leaves.items()
            for video in videos
        }

    def batch_of(self, dataset: str, video: str) -> str:
        """Return the batch a video is predicted in."""
        return self._batch_of[dataset, video]

    def batch_rows(self, dataset: str, batch: str) -> str:
        """Return the rows of a batch as JSON: the columns that reach prediction."""
        rows = [asdict(self._rows[dataset][video]) for video in self._batches[dataset][batch]]
        return canonical_json([{column: _plain(row[column]) for column in PREDICTION_COLUMNS} for row in rows])

    def video_files(self) -> list[str]:
        """Return the names of the files published for each video."""
        predict = self.project.predict
        asked = {*predict.keep, *predict.also_write}
        return [FILES_KEPT[kind] for kind in FILES_KEPT if kind in asked] + ["status.json"]

    # ---- labels

    def dataset_json(self, dataset: str) -> str:
        """Return a dataset's settings, with the places to look for its files."""
        return canonical_json(_dump(self.project.datasets[dataset]))

    def split_json(self) -> str:
        """Return the settings of the split."""
        return canonical_json(_dump(self.project.split))

    def split_identity(self, dataset: str) -> str:
        """Return what determines the split, and whether the inputs are sound."""
        settings = self.project.datasets[dataset]
        nodes = {"node_map": settings.node_map, "missing_nodes": sorted(settings.missing_nodes)}
        return canonical_json(
            {
                "labels": self.label_digests[dataset],
                "skeleton": _plain(settings.skeleton),
                "split": _dump(self.project.split),
                "recordings": self._recordings(dataset),
                "version": STAGE_VERSION["split_labels"],
                **{key: value for key, value in nodes.items() if value},
            }
        )

    def _recordings(self, dataset: str) -> Any:
        """Return what the split is told of the labelled videos by the sheet, or by the split's own file.

        Rows of other videos have no part in it: a new video to predict must not divide the labels anew.
        """
        split = self.project.split
        if split.file is not None:
            return file_digest(_existing(Path(split.file), "split.file"))
        column = {"session": "session", "animal": "animals"}.get(split.by)
        if column is None:
            return None
        names = [_labelled_names(Path(path)) for path in self.label_files(dataset)]
        rows = [[_base(row.path), _plain(getattr(row, column))] for row in self.videos]
        return sorted(row for row in rows if any(known is None or row[0] in known for known in names))

    def store_identity(self, dataset: str) -> str:
        """Return what determines the decoded frames."""
        return canonical_json({"labels": self.label_digests[dataset], "version": STAGE_VERSION["store_frames"]})

    # ---- models and methods

    @cached_property
    def _first_weights(self) -> dict[str, list[dict[str, str]]]:
        return {name: first_weights_identity(recipe) for name, recipe in self.recipes.items()}

    def recipe_identity(self, recipe: str) -> str:
        """Return what determines the weights of a recipe, apart from split and seed."""
        begins = self._first_weights[recipe]
        return canonical_json(
            {
                "recipe": self.recipes[recipe].science(),
                "version": STAGE_VERSION["train_model"],
                **({"first_weights": begins} if begins else {}),
            }
        )

    def recipe_json(self, recipe: str) -> str:
        """Return the whole resolved recipe, with workers and devices."""
        return canonical_json(self.recipes[recipe].to_json())

    def plan_words(self, recipe: str, plan: str) -> list[str]:
        """Return the words that give a training the plan; none for a recipe without ``auto``, which must not see it."""
        return ["--plan", plan] if self.recipes[recipe].auto else []

    def method_recipes(self, method: str) -> list[str]:
        """Return the recipes that a method trains; none when it comes with models."""
        return list(self.project.methods[method].recipes or ())

    def method_types(self) -> str:
        """Return method -> type as JSON."""
        return canonical_json({name: method.type for name, method in self.project.methods.items()})

    def method_folders(self, method: str) -> list[str]:
        """Return the model folders that a method comes with; none when it is trained here."""
        return [str(model.path) for model in self.project.methods[method].models or ()]

    def checkpoint_words(self, method: str | None) -> list[str]:
        """Return the words that have models from elsewhere compared with their digests; none where none are given."""
        models = (self.project.methods[method].models if method else None) or ()
        digests = {model.path: model.sha256 for model in models if model.sha256}
        return ["--checkpoints", canonical_json(digests)] if digests else []

    def seeds_of(self, method: str) -> list[int]:
        """Return the seeds to score a method at: models that are not trained here have no seed, so the first stands."""
        return list(self.project.seeds) if self.method_recipes(method) else list(self.project.seeds)[:1]

    def folds(self) -> range:
        """Return the folds of the split."""
        return range(self.project.split.folds)

    def evaluation_identity(self, method: str) -> str:
        """Return what determines a method's scores, apart from models, split and labels."""
        version = STAGE_VERSION["evaluate_method"]
        return canonical_json({"method": _dump(self.project.methods[method]), "version": version})

    def judged_dataset_json(self, dataset: str) -> str:
        """Return what scoring must know of a dataset's labels; of each file only where files differ."""
        settings = self.project.datasets[dataset]
        usual = {"label_source": settings.label_source, "complete": settings.complete}
        files = settings.declared()
        return canonical_json({**usual, "files": files} if files else usual)

    def evaluation_options(self, method: str) -> str:
        """Return how a method's predictions are read for scoring, and what is declared of it."""
        declared = self.project.methods[method]
        return canonical_json(
            {
                "backend": self.project.predict.backend,
                "tuning": _dump(self.project.compare.declared_tuning),
                "trials": declared.trials,
                "trained_on": None if declared.trained_on is None else list(declared.trained_on),
                **self._decoding(),
            }
        )

    @property
    def tunes(self) -> bool:
        """Whether thresholds are chosen on validation frames."""
        return self.project.predict.peak_threshold == "auto"

    def _decoding(self) -> dict[str, Any]:
        """Return the decode options that the config sets; what is ``auto`` is left to the library."""
        threshold = self.project.predict.peak_threshold
        return {} if threshold == "auto" else {"peak_threshold": threshold}

    def comparison_settings(self) -> str:
        """Return the comparison's declared questions and what each method is made of."""
        methods = {name: _family(method) for name, method in self.project.methods.items()}
        compare = {key: value for key, value in _dump(self.project.compare).items() if key != "tuning"}
        return canonical_json({"compare": compare, "methods": methods})

    # ---- releases

    def releases_of(self, dataset: str) -> list[str]:
        """Return the releases that predict a dataset's videos; a dataset without videos needs none.

        Raises:
            InputError: when a release does not exist and cannot be trained, for want of labels.
        """
        releases = list(self.project.predict.releases) if self.video_ids(dataset) else []
        for release in releases:
            trained = self.method_recipes(method) if (method := self.definition(release).get("method")) else []
            if trained and dataset not in self.labelled and not Path(release_file(dataset, release)).exists():
                raise InputError(
                    f"dataset {dataset} has no labels, so the release {release} cannot be trained for it; name a "
                    f"bundle (releases.{release}.bundle and sha256), or give the dataset labels."
                )
        return releases

    def definition(self, release: str) -> dict[str, Any]:
        """Return what a release is made of: method, fold and seed, or a bundle, wherever it lies."""
        declared = self.project.releases.get(release)
        if declared is not None and declared.bundle is not None:
            return {"sha256": declared.sha256}
        if declared is not None:
            return {"method": declared.method, "fold": declared.fold, "seed": declared.seed}
        return {"method": release.removeprefix(WORKING), "fold": 0, "seed": self.project.seeds[0]}

    def releases_to_make(self, dataset: str) -> list[str]:
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
        working = [WORKING + method for method in self.project.methods]
        return working + [release for release in declared if release not in frozen]

    def release_definition(self, release: str) -> str:
        """Return a release's definition as JSON."""
        return canonical_json(self.definition(release))

    def bundle_words(self, release: str) -> list[str]:
        """Return the words that say where a release's bundle lies; none when it is made here."""
        declared = self.project.releases.get(release)
        return ["--bundle", declared.bundle] if declared is not None and declared.bundle is not None else []

    def release_settings(self) -> str:
        """Return what is chosen once per release: where and how its models run."""
        predict = self.project.predict
        return canonical_json({"backend": predict.backend, "dtype": predict.dtype, "options": self._decoding()})

    def predict_identity(self) -> str:
        """Return what determines the poses of a video, apart from its release and its row."""
        predict = _dump(self.project.predict)
        settings = {key: predict[key] for key in ("tracker", "keep", "also_write")}
        return canonical_json({"settings": settings, "version": STAGE_VERSION["predict_videos"]})

    def predict_settings(self) -> str:
        """Return all settings of prediction, with those that only concern speed."""
        return canonical_json(_dump(self.project.predict))


def _refuse_unavailable(project: ProjectConfig) -> None:
    """Refuse what the config can say and this version cannot do, rather than to ignore it."""
    asked = {
        "predict.chunk_frames": project.predict.chunk_frames is not None,
        f"predict.dtype {project.predict.dtype}": project.predict.dtype != "float32",
    }
    found = [key for key, is_asked in asked.items() if is_asked]
    if found:
        raise InputError(f"The config asks for what is not available yet in this version: {', '.join(found)}.")


def _existing(path: Path, key: str) -> Path:
    if not path.exists():
        raise InputError(f"{key}: {path} does not exist; correct the path, or make the file first.")
    return path


def _labelled_names(labels: Path) -> set[str] | None:
    """Return the base names of the videos of a label file; None where any video might be meant."""
    if labels.suffix.lower() != ".slp":
        return None
    with h5py.File(labels, "r") as file:
        return {_base(path) for path in video_paths(file)}


def _base(path: str) -> str:
    return path.replace("\\", "/").rpartition("/")[2]


def _family(method: MethodConfig) -> dict[str, Any]:
    return {"type": method.type, "recipes": list(method.recipes or ())}


def _dump(section: Any) -> Any:
    return section.model_dump(mode="json", by_alias=True)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: tuples are lists, paths are strings."""
    if isinstance(value, Path):
        return str(value)
    return [_plain(item) for item in value] if isinstance(value, (tuple, list)) else value
