"""Intervals and tests whose sample is the unit of inference, never the frame.

A t interval on unit means holds its promise where a percentile bootstrap over few units does not (``comparison.md``
rule 3: 0.90 to 0.92 against 0.71 to 0.91 at 3 to 20 units). What a t interval lacks where effects are skewed, Hall's
transformation of the t statistic gives back: it removes the skewness of the unit means from it. An interval here
reaches on each side as far as the farther of the two. In 20,000 simulations each, with effects of skewness 0, 1.4, 2
and 2.3, nominal 95 % cover 0.940 to 0.962 at 10 units and 0.932 to 0.964 at 6 (t alone: from 0.909 and 0.902; Hall
alone: from 0.931 and 0.922; a studentised bootstrap at 10: from 0.92).

Sources: Hall 1992 (transformation), Joanes & Gill 1998 (skewness of small samples), Nadeau & Bengio 2003 (folds),
Satterthwaite 1946 (degrees of freedom of a sum of variances), Holm 1979 (several pairs), Shrout & Fleiss 1979
(intra-class correlation).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Float = NDArray[np.float64]

_NO_SKEWNESS = 1e-9


@dataclass(frozen=True)
class Estimate:
    """A mean with what is needed for an interval.

    Attributes:
        value: the mean.
        standard_error: NaN where it cannot be estimated (one value).
        degrees_of_freedom: of the t distribution.
        skewness: of the mean as a statistic: that of the units over the square root of their number.
    """

    value: float
    standard_error: float
    degrees_of_freedom: float
    skewness: float = 0.0

    def bounds(self, confidence: float) -> tuple[float, float]:
        """Return the interval; NaN where there is none."""
        if np.isnan(self.standard_error):
            return float("nan"), float("nan")
        reach = float(stats.t.ppf(0.5 + confidence / 2, self.degrees_of_freedom))
        low = self.value - self.standard_error * max(reach, self._statistic(reach))
        return low, self.value - self.standard_error * min(-reach, self._statistic(-reach))

    def p_value(self) -> float:
        """Return the two-sided p of "the true mean is 0"; NaN where there is no standard error.

        It falls below 1 - confidence exactly where the interval of that confidence leaves out 0.
        """
        if np.isnan(self.standard_error):
            return float("nan")
        if self.standard_error == 0:
            return 1.0 if self.value == 0 else 0.0
        t, a = self.value / self.standard_error, self.skewness
        symmetric = t + a * t**2 / 3 + a**2 * t**3 / 27 + a / 6  # Hall's cubic, which is monotone
        nearest = 0.0 if t * symmetric < 0 else min(abs(t), abs(symmetric))
        return float(2 * stats.t.sf(nearest, self.degrees_of_freedom))

    def _statistic(self, symmetric: float) -> float:
        """Return the t statistic that Hall's cubic maps to ``symmetric``."""
        a = self.skewness
        if abs(a) < _NO_SKEWNESS:
            return symmetric
        return float(3 / a * (np.cbrt(1 + a * (symmetric - a / 6)) - 1))


def from_units(values: Sequence[float] | Float) -> Estimate:
    """Return the mean of one value per unit."""
    sample = np.asarray(values, dtype=np.float64)
    n = len(sample)
    if n == 0:
        return Estimate(float("nan"), float("nan"), 0.0)
    error = float(sample.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    return Estimate(float(sample.mean()), error, float(n - 1), _skewness_of_mean(sample))


def _skewness_of_mean(sample: Float) -> float:
    """Return the adjusted Fisher-Pearson skewness of a sample, over the square root of its size; 0 below 3 values."""
    n = len(sample)
    away = sample - sample.mean()
    spread = float((away**2).mean()) if n else 0.0
    if n < 3 or spread <= np.finfo(np.float64).tiny:
        return 0.0
    adjusted = float((away**3).mean()) / spread**1.5 * np.sqrt(n * (n - 1)) / (n - 2)
    return float(adjusted / np.sqrt(n))


def from_units_and_runs(table: Float) -> Estimate:
    """Return the mean of ``[unit run]``, both units and trainings being samples of many (crossed; rule 4).

    The variance of the mean is the sum of three mean squares over the number of cells: units + runs - remainder, never
    less than that of the units alone; its degrees of freedom are Satterthwaite's.
    """
    n_units, n_runs = table.shape
    if n_runs < 2 or n_units < 2:
        return from_units(table.mean(axis=1))
    mean = float(table.mean())
    by_unit, by_run = table.mean(axis=1), table.mean(axis=0)
    rest = table - by_unit[:, None] - by_run[None, :] + mean
    squares_units = n_runs * float(by_unit.var(ddof=1))
    squares_runs = n_units * float(by_run.var(ddof=1))
    df_rest = (n_units - 1) * (n_runs - 1)
    squares_rest = float((rest**2).sum()) / df_rest
    total = squares_units + squares_runs - squares_rest
    units_alone = from_units(by_unit)
    if total <= squares_units:
        return units_alone
    spread = squares_units**2 / (n_units - 1) + squares_runs**2 / (n_runs - 1) + squares_rest**2 / df_rest
    skewness = units_alone.skewness * (squares_units / total) ** 1.5  # trainings add variance, but no skewness
    return Estimate(mean, float(np.sqrt(total / table.size)), max(1.0, total**2 / spread), skewness)


def from_folds(fold_means: Sequence[float] | Float, test_over_train: float) -> Estimate:
    """Return the mean over folds with the Nadeau-Bengio correction, as their training sets overlap (rule 4).

    Args:
        fold_means: one value per fold.
        test_over_train: number of held-back frames over number of training frames.
    """
    sample = np.asarray(fold_means, dtype=np.float64)
    n = len(sample)
    if n < 2:
        return from_units(sample)
    error = float(np.sqrt((1 / n + test_over_train) * sample.var(ddof=1)))
    return Estimate(float(sample.mean()), error, float(n - 1))


def intraclass_correlation(values: Sequence[float] | Float, groups: Sequence[str]) -> float:
    """Return the part of the variance that lies between groups (one-way random effects), at least 0.

    NaN where it cannot be estimated: fewer than two groups, or one value in each.
    """
    sample = np.asarray(values, dtype=np.float64)
    names, index, sizes = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    n, k = len(sample), len(names)
    if k < 2 or n <= k:
        return float("nan")
    means = np.bincount(index, weights=sample) / sizes
    between = float((sizes * (means - sample.mean()) ** 2).sum()) / (k - 1)
    within = float(((sample - means[index]) ** 2).sum()) / (n - k)
    size = (n - float((sizes**2).sum()) / n) / (k - 1)
    total = between + (size - 1) * within
    return max(0.0, (between - within) / total) if total > 0 else float("nan")


def holm(p_values: Sequence[float]) -> list[float]:
    """Return p values corrected for their number by Holm's steps (rule 11)."""
    order = np.argsort(p_values, kind="stable")
    adjusted = [0.0] * len(p_values)
    highest = 0.0
    for step, index in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - step) * p_values[index]))
        adjusted[index] = highest
    return adjusted
