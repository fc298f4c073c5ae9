"""Values per unit and training, for one method or for two on common ground, and the estimates drawn from them.

A table here has one row per unit of inference and one column per training (fold, seed); NaN where a unit has no value.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from posewright.evaluation.intervals import Estimate, from_folds, from_units, from_units_and_runs
from posewright.evaluation.runs import Run
from posewright.evaluation.unit_metrics import Metric
from posewright.evaluation.verdicts import MIN_SEEDS


@dataclass(frozen=True)
class PairTables:
    """Two methods on the same units, trainings and (for distances) nodes."""

    a: pd.DataFrame
    b: pd.DataFrame

    @property
    def difference(self) -> pd.DataFrame:
        """A minus b."""
        return self.a - self.b

    @property
    def unit_differences(self) -> pd.Series:
        """A minus b, one mean per unit."""
        return self.difference.mean(axis=1).dropna()


def method_table(runs: Sequence[Run], metric: Metric, stratum: str = "all") -> pd.DataFrame:
    """Return one method's values ``[unit (fold, seed)]``."""
    return _table({run.key: run.per_unit(metric, stratum) for run in runs})


def pair_tables(runs_a: Sequence[Run], runs_b: Sequence[Run], metric: Metric, stratum: str = "all") -> PairTables:
    """Return two methods' values for the trainings (fold, seed) that both have.

    Distances use the nodes that both found in that training (rule 7: survivorship).
    """
    by_key_b = {run.key: run for run in runs_b}
    common = [(run, by_key_b[run.key]) for run in runs_a if run.key in by_key_b]
    a, b = {}, {}
    for run_a, run_b in common:
        shared = run_a.nodes_found().intersection(run_b.nodes_found()) if metric.found_by_both else None
        a[run_a.key] = run_a.per_unit(metric, stratum, shared)
        b[run_b.key] = run_b.per_unit(metric, stratum, shared)
    table_a, table_b = _table(a), _table(b)
    units = table_a.index.intersection(table_b.index)
    table_a, table_b = table_a.loc[units], table_b.loc[units]
    both = table_a.notna() & table_b.notna()
    return PairTables(table_a.where(both), table_b.where(both))


def n_units(table: pd.DataFrame) -> int:
    """Return how many units have a value."""
    return int(table.notna().any(axis=1).sum())


def n_seeds(table: pd.DataFrame) -> int:
    """Return how many seeds the trainings of a table have."""
    return len({seed for _, seed in table.columns})


def estimate(table: pd.DataFrame, test_over_train: float) -> Estimate:
    """Return the mean over units with the standard error its design calls for (rule 4).

    Folds with units of their own: Nadeau-Bengio over fold means. At least five seeds on the same units: units and seeds
    crossed (folds averaged first, as their training sets overlap). Otherwise: units alone, for the models as they are.
    """
    table = table.dropna(axis=0, how="all")
    if table.empty:
        return from_units([])
    by_fold = _means(table, [fold for fold, _ in table.columns])
    if by_fold.shape[1] > 1 and not (by_fold.notna().sum(axis=1) > 1).any():
        return from_folds(by_fold.mean(axis=0).dropna().to_numpy(dtype=np.float64), test_over_train)
    by_seed = _means(table, [seed for _, seed in table.columns])
    if n_seeds(table) >= MIN_SEEDS and not by_seed.isna().any(axis=None):
        return from_units_and_runs(by_seed.to_numpy(dtype=np.float64))
    return from_units(table.mean(axis=1).to_numpy(dtype=np.float64))


def _means(table: pd.DataFrame, labels: Sequence[int]) -> pd.DataFrame:
    """Return ``[unit label]``, means over the columns that carry the same label."""
    columns = {label: [place for place, own in enumerate(labels) if own == label] for label in sorted(set(labels))}
    return pd.DataFrame({label: table.iloc[:, places].mean(axis=1) for label, places in columns.items()})


def _table(columns: dict[tuple[int, int], pd.Series]) -> pd.DataFrame:
    return pd.DataFrame(columns, dtype=np.float64).sort_index()
