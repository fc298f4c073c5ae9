"""Everything the page shows, read from a results folder; what is missing becomes a sentence, never an exception."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from posewright.files import read_json
from posewright.records import read_records

_RUN = re.compile(r"fold(\d+)_seed(-?\d+)$")

METHOD_COLUMNS = ("method", "metric", "stratum", "estimate", "low", "high", "n_units", "n_seeds")
PAIR_COLUMNS = (
    "method_a",
    "method_b",
    "metric",
    "stratum",
    "difference",
    "low",
    "high",
    "p_adjusted",
    "verdict",
    "n_units",
)
INSTANCE_COLUMNS = ("video", "frame", "unit", "kind", "oks")
KEYPOINT_COLUMNS = (
    "video",
    "frame",
    "unit",
    "true_instance",
    "node",
    "true_x",
    "true_y",
    "x",
    "y",
    "score",
    "distance_px",
)
CURVE_COLUMNS = ("coverage", "median_px", "n_visible")
STATUS_COLUMNS = ("dataset", "release", "video", "state", "reason", "frames_expected", "frames_predicted", "message")


@dataclass(frozen=True)
class Evaluation:
    """One method's trained model (fold and seed) scored on one side of the split."""

    method: str
    fold: int
    seed: int
    metrics: Mapping[str, Any]
    instances: pd.DataFrame | None
    keypoints: pd.DataFrame | None
    curve: pd.DataFrame | None = None


@dataclass(frozen=True)
class TrainedModel:
    """One recipe trained on one fold with one seed."""

    recipe: str
    fold: int
    seed: int
    info: Mapping[str, Any]
    log: pd.DataFrame | None


@dataclass(frozen=True)
class Results:
    """A results folder as the page needs it.

    Attributes:
        dataset: the folder's name.
        side: ``val`` or ``test``.
        summary: the comparison's summary.json; empty if there is none.
        methods: methods.parquet, or None.
        pairs: pairs.parquet, or None.
        evaluations: sorted by method, fold and seed.
        models: sorted by recipe, fold and seed.
        splits: fold -> split.json.
        status: the dataset's rows of status.tsv; None if there is no such file.
        provenance: place of an artefact within the folder -> its record; predicted videos have theirs in their status.
        missing: sentences about files that are absent or cannot be read.
    """

    dataset: str
    side: str
    folder: Path
    summary: Mapping[str, Any]
    methods: pd.DataFrame | None
    pairs: pd.DataFrame | None
    evaluations: tuple[Evaluation, ...]
    models: tuple[TrainedModel, ...]
    splits: Mapping[int, Mapping[str, Any]]
    status: pd.DataFrame | None
    provenance: Mapping[str, Mapping[str, Any]]
    missing: tuple[str, ...]

    @property
    def method_names(self) -> tuple[str, ...]:
        """Methods with an evaluation or an estimate, sorted; the order fixes their colours on the whole page."""
        names = {evaluation.method for evaluation in self.evaluations}
        if self.methods is not None:
            names |= {str(name) for name in self.methods["method"]}
        return tuple(sorted(names))

    def of_method(self, method: str) -> tuple[Evaluation, ...]:
        """Return the evaluations of one method."""
        return tuple(evaluation for evaluation in self.evaluations if evaluation.method == method)


class Reader:
    """Reads files of one results folder and remembers what was not there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.missing: list[str] = []

    def json(self, path: Path) -> Mapping[str, Any]:
        """Read a JSON object; an empty one if that fails."""
        value = self._read(path, lambda: read_json(path))
        if value is not None and not isinstance(value, dict):
            self._note(path, "holds no JSON object")
        return value if isinstance(value, dict) else {}

    def parquet(self, path: Path, columns: Iterable[str]) -> pd.DataFrame | None:
        """Read a parquet table that has ``columns``; None if that fails."""
        return self._with_columns(path, self._read(path, lambda: pd.read_parquet(path)), columns)

    def csv(self, path: Path, columns: Iterable[str]) -> pd.DataFrame | None:
        """Read a comma-separated table of numbers."""
        return self._with_columns(path, self._read(path, lambda: pd.read_csv(path)), columns)

    def tsv(self, path: Path, columns: Iterable[str]) -> pd.DataFrame | None:
        """Read a tab-separated table as text, so that a video called ``NA`` or ``007`` keeps its name."""
        table = self._read(path, lambda: pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False))
        return self._with_columns(path, table, columns)

    def _read(self, path: Path, read: Any) -> Any:
        if not path.is_file():
            self._note(path, "is not there")
            return None
        try:
            return read()
        except (ValueError, OSError) as error:  # pyarrow's and json's errors are ValueErrors
            self._note(path, f"cannot be read ({str(error).splitlines()[0] if str(error) else type(error).__name__})")
            return None

    def _with_columns(self, path: Path, table: Any, columns: Iterable[str]) -> pd.DataFrame | None:
        if table is None:
            return None
        absent = [name for name in columns if name not in table.columns]
        if absent:
            self._note(path, f"lacks the columns {', '.join(absent)}")
            return None
        return pd.DataFrame(table)

    def _note(self, path: Path, what: str) -> None:
        inside = path.is_relative_to(self.folder)
        self.missing.append(f"{path.relative_to(self.folder) if inside else path} {what}.")


def gather(results: Path, side: str, status: Path | None) -> Results:
    """Read all that ``results/<dataset>`` holds about one side, and the dataset's rows of the status table."""
    reader = Reader(results)
    comparison = results / "comparison" / side
    return Results(
        dataset=results.name,
        side=side,
        folder=results,
        summary=reader.json(comparison / "summary.json"),
        methods=reader.parquet(comparison / "methods.parquet", METHOD_COLUMNS),
        pairs=reader.parquet(comparison / "pairs.parquet", PAIR_COLUMNS),
        evaluations=tuple(_evaluations(reader, results / "evaluation", side)),
        models=tuple(_models(reader, results / "models")),
        splits=_splits(reader, results / "split"),
        status=None if status is None else _status(reader, status, results.name),
        provenance={artefact.name: reader.json(artefact.path) for artefact in read_records(results, videos=False)},
        missing=tuple(reader.missing),
    )


def _evaluations(reader: Reader, folder: Path, side: str) -> Iterable[Evaluation]:
    for run, name, fold, seed in _runs(folder):
        if not (run / side).is_dir():
            continue
        yield Evaluation(
            method=name,
            fold=fold,
            seed=seed,
            metrics=reader.json(run / side / "metrics.json"),
            instances=reader.parquet(run / side / "instances.parquet", INSTANCE_COLUMNS),
            keypoints=reader.parquet(run / side / "keypoints.parquet", KEYPOINT_COLUMNS),
            curve=reader.parquet(run / side / "curve.parquet", CURVE_COLUMNS),
        )


def _models(reader: Reader, folder: Path) -> Iterable[TrainedModel]:
    for run, name, fold, seed in _runs(folder):
        info = reader.json(run / "model.json")
        log = reader.csv(run / "training_log.csv", ("epoch",))
        yield TrainedModel(name, fold, seed, info, log)


def _runs(folder: Path) -> list[tuple[Path, str, int, int]]:
    """Return (folder, name, fold, seed) of every ``<name>/fold<k>_seed<s>`` below a folder, in order."""
    found = []
    for run in folder.glob("*/fold*_seed*"):
        match = _RUN.search(run.name)
        if match and run.is_dir():
            found.append((run, run.parent.name, int(match[1]), int(match[2])))
    return sorted(found, key=lambda item: item[1:])


def _splits(reader: Reader, folder: Path) -> dict[int, Mapping[str, Any]]:
    splits = {}
    for path in folder.glob("fold*/split.json"):
        number = path.parent.name.removeprefix("fold")
        if number.isdecimal():
            splits[int(number)] = reader.json(path)
    return dict(sorted(splits.items()))


def _status(reader: Reader, path: Path, dataset: str) -> pd.DataFrame | None:
    table = reader.tsv(path, STATUS_COLUMNS)
    return None if table is None else table[table["dataset"] == dataset].reset_index(drop=True)


def finite(value: Any) -> float | None:
    """Return a number as a float, or None for what is missing, NaN or no number."""
    if isinstance(value, bool) or not isinstance(value, int | float | np.number):
        return None
    number = float(value)
    return number if np.isfinite(number) else None


def entry(metrics: Mapping[str, Any], path: tuple[str, ...]) -> tuple[float | None, int | None]:
    """Return (value, denominator) of an entry of metrics.json; the denominator stands beside the value."""
    section: Any = metrics
    for key in path[:-1]:
        section = section.get(key) if isinstance(section, Mapping) else None
    if not isinstance(section, Mapping):
        return None, None
    below = section.get("denominator")
    if isinstance(below, Mapping):
        below = below.get(path[-1])
    counted = finite(below)
    return finite(section.get(path[-1])), None if counted is None else int(counted)
