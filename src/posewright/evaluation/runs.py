"""Finished evaluations as folders: one run is one method, fold and seed on one side of the split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from posewright.config.auto import at
from posewright.discretion import publishable
from posewright.errors import InputError
from posewright.evaluation.scoring import METRICS_SCHEMA, Evaluation
from posewright.evaluation.strata import in_stratum
from posewright.evaluation.tables import INSTANCE_SCHEMA, KEYPOINT_SCHEMA, write_table
from posewright.evaluation.unit_metrics import Metric
from posewright.files import read_json, write_json

_NODE = ["video", "frame", "true_instance", "node"]


@dataclass(frozen=True)
class Run:
    """One evaluation folder.

    Attributes:
        method: its name.
        fold: of the split.
        seed: of the training.
        metrics: content of ``metrics.json``.
        keypoints: rows of nodes the truth shows, with the columns ``unit`` and ``cap_px``, and of their instance
            ``crowding``, ``nearest_px``, ``visible_share``, ``speed`` and ``corrected``.
        instances: rows of instances, with column ``unit``.
    """

    method: str
    fold: int
    seed: int
    metrics: dict[str, Any]
    keypoints: pd.DataFrame
    instances: pd.DataFrame
    _known: dict[tuple[str, str], pd.Series] = field(default_factory=dict, compare=False, repr=False)

    @property
    def key(self) -> tuple[int, int]:
        """(fold, seed): what two methods must share to be compared in a pair."""
        return self.fold, self.seed

    def rows(self, metric: Metric, stratum: str = "all", only: pd.MultiIndex | None = None) -> pd.DataFrame:
        """Return the rows a metric reads, of one stratum, and of the nodes ``only`` if given."""
        table = self.keypoints if metric.table == "keypoints" else self.instances
        if stratum != "all":
            table = table[in_stratum(table, stratum)]
        if only is not None and metric.found_by_both:
            table = table[pd.MultiIndex.from_frame(table[_NODE]).isin(only)]
        return table

    def per_unit(self, metric: Metric, stratum: str = "all", only: pd.MultiIndex | None = None) -> pd.Series:
        """Return the metric of each unit of inference (rule 3), indexed by unit."""
        if only is not None and metric.found_by_both:
            return self._per_unit(metric, stratum, only)
        place = metric.name, stratum  # every pair of methods asks for it again
        if place not in self._known:
            self._known[place] = self._per_unit(metric, stratum, None)
        return self._known[place]

    def _per_unit(self, metric: Metric, stratum: str, only: pd.MultiIndex | None) -> pd.Series:
        groups = self.rows(metric, stratum, only).groupby("unit", sort=True)
        return pd.Series({unit: metric.of_rows(rows) for unit, rows in groups}, dtype=np.float64)

    def nodes_found(self) -> pd.MultiIndex:
        """Return the nodes that have a distance."""
        return pd.MultiIndex.from_frame(self.keypoints[self.keypoints["distance_px"].notna()][_NODE])


def write_run(out: Path, evaluation: Evaluation, facts: Mapping[str, Any]) -> None:
    """Write the two tables and ``metrics.json``, which holds the metrics and the ``facts`` of the run."""
    write_table(out / "instances.parquet", evaluation.instances, INSTANCE_SCHEMA)
    write_table(out / "keypoints.parquet", evaluation.keypoints, KEYPOINT_SCHEMA)
    write_json(
        out / "metrics.json", publishable({**evaluation.metrics, **facts})
    )  # last: where it stands, the others stand


def run_of(metrics: Mapping[str, Any], keypoints: pd.DataFrame, instances: pd.DataFrame) -> Run:
    """Return an evaluation as a run.

    Args:
        metrics: content of ``metrics.json``, with the facts of the run.
        keypoints: the table of `scoring.Evaluation`.
        instances: the table of `scoring.Evaluation`.
    """
    visible = keypoints[keypoints["true_x"].notna() & keypoints["true_y"].notna()]
    key = ["video", "frame", "true_instance"]
    facts = instances[instances["kind"] != "extra"][
        [*key, "crowding", "nearest_px", "visible_share", "speed", "corrected"]
    ]
    joined = visible.merge(facts, on=key, how="left", validate="many_to_one")
    return Run(
        method=str(metrics["method"]),
        fold=int(metrics["fold"]),
        seed=int(metrics["seed"]),
        metrics=dict(metrics),
        keypoints=joined.assign(cap_px=float(metrics["distance_capped_px"]["cap_px"])),
        instances=instances,
    )


def read_runs(folders: Sequence[Path]) -> list[Run]:
    """Read evaluation folders and check that they may be compared at all."""
    if not folders:
        raise InputError("There is no evaluation to compare; evaluate at least one method.")
    runs = sorted((_read_run(folder) for folder in folders), key=lambda run: (run.method, run.fold, run.seed))
    _check_same(runs, "side", "evaluate all methods on one side")
    _check_same(runs, "label_source", "evaluate all methods with the same labels")
    _check_same(runs, "oks.sigma", "evaluate all methods again, with the same repeated labels")  # rule 9
    for fold in sorted({run.fold for run in runs}):
        # rule 2: one split file for all methods
        _check_same([run for run in runs if run.fold == fold], "test_digest", "evaluate all methods on one split")
    seen: set[tuple[str, int, int]] = set()
    for run in runs:
        if (run.method, *run.key) in seen:
            raise InputError(f"Method {run.method!r} comes twice with fold {run.fold}, seed {run.seed}.")
        seen.add((run.method, *run.key))
    return runs


def unit_kind(runs: Sequence[Run]) -> str:
    """Return the kind of the units of inference; blocks of several videos count as videos (rule 3)."""
    kind = str(runs[0].metrics["split"].get("unit") or "video")
    return "video" if kind == "block" and n_videos(runs) > 1 else kind


def n_videos(runs: Sequence[Run]) -> int:
    """Return the number of recordings behind all evaluations."""
    return len({path for run in runs for path in run.instances["video_path"].unique()})


def with_units(runs: Sequence[Run]) -> list[Run]:
    """Return the runs with the ``unit`` column of the highest independent group (rule 3).

    A split by time blocks makes blocks its units; when there are several videos the video stands above its blocks.
    """
    recorded = str(runs[0].metrics["split"].get("unit") or "video")
    return list(runs) if unit_kind(runs) == recorded else [_by_video(run) for run in runs]


def _by_video(run: Run) -> Run:
    paths = run.instances.drop_duplicates("video").set_index("video")["video_path"]
    instances = run.instances.assign(unit=run.instances["video_path"])
    keypoints = run.keypoints.assign(unit=run.keypoints["video"].map(paths))
    return Run(run.method, run.fold, run.seed, run.metrics, keypoints, instances)


def _read_run(folder: Path) -> Run:
    metrics = read_json(folder / "metrics.json")
    if metrics.get("schema") != METRICS_SCHEMA:
        raise InputError(
            f"{folder}: metrics.json has schema {metrics.get('schema')!r}, this version reads {METRICS_SCHEMA}; "
            "evaluate the method again."
        )
    instances = pd.read_parquet(folder / "instances.parquet")
    keypoints = pd.read_parquet(folder / "keypoints.parquet")
    return run_of(metrics, keypoints, instances)


def _check_same(runs: Sequence[Run], name: str, remedy: str) -> None:
    values = sorted({str(at(run.metrics, name)) for run in runs})
    if len(values) > 1:
        raise InputError(f"The evaluations differ in {name} ({', '.join(values)}); {remedy}.")
