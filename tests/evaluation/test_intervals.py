"""Intervals cover what they promise, and corrections are those of the books (rules 3, 4 and 11)."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from posewright.evaluation.intervals import (
    from_folds,
    from_units,
    from_units_and_runs,
    holm,
    intraclass_correlation,
)

REPETITIONS = 200


def test_symmetric_unit_means_give_the_textbook_t_interval() -> None:
    values = np.array([0.1, 0.4, 0.2, 0.6, 0.5, 0.3])
    expected = stats.t.interval(0.95, 5, values.mean(), stats.sem(values))
    assert from_units(values).bounds(0.95) == pytest.approx(expected)
    assert from_units(values).p_value() == pytest.approx(stats.ttest_1samp(values, 0).pvalue)


@pytest.mark.parametrize("n_units", [6, 12])
def test_units_cover_the_truth_though_frames_within_them_are_alike(n_units: int) -> None:
    """40 frames a unit, intra-unit correlation 0.3: intervals on units cover about 0.95, on frames far less."""
    random = np.random.default_rng(n_units)
    by_unit = by_frame = 0
    for _ in range(REPETITIONS):
        frames = np.sqrt(0.3) * random.normal(size=(n_units, 1)) + np.sqrt(0.7) * random.normal(size=(n_units, 40))
        low, high = from_units(frames.mean(axis=1)).bounds(0.95)
        by_unit += low < 0 < high
        low, high = from_units(frames.ravel()).bounds(0.95)
        by_frame += low < 0 < high
    assert 0.90 <= by_unit / REPETITIONS <= 0.99
    assert by_frame / REPETITIONS < 0.70


def test_crossed_units_and_seeds_cover_where_units_alone_do_not() -> None:
    random = np.random.default_rng(3)
    crossed = units_alone = 0
    for _ in range(REPETITIONS):
        table = random.normal(size=(10, 1)) + 1.5 * random.normal(size=(1, 6)) + random.normal(size=(10, 6))
        low, high = from_units_and_runs(table).bounds(0.95)
        crossed += low < 0 < high
        low, high = from_units(table.mean(axis=1)).bounds(0.95)
        units_alone += low < 0 < high
    assert 0.89 <= crossed / REPETITIONS <= 0.995
    assert units_alone / REPETITIONS < 0.85


def test_one_run_is_units_alone_and_equal_runs_add_nothing() -> None:
    values = np.random.default_rng(0).normal(size=(8, 1))
    assert from_units_and_runs(values) == from_units(values[:, 0])
    same = from_units_and_runs(np.repeat(values, 5, axis=1))
    assert same.standard_error == pytest.approx(from_units(values[:, 0]).standard_error)


def test_nadeau_bengio_widens_by_the_share_of_test_frames() -> None:
    folds = np.array([0.1, 0.3, 0.2, 0.4, 0.15])
    plain, corrected = from_units(folds), from_folds(folds, 0.25)
    assert corrected.standard_error / plain.standard_error == pytest.approx(np.sqrt((1 / 5 + 1 / 4) / (1 / 5)))
    assert corrected.degrees_of_freedom == 4


def test_one_value_has_no_interval() -> None:
    assert np.isnan(from_units([0.3]).bounds(0.95)).all()
    assert np.isnan(from_units([0.3]).p_value())
    assert np.isnan(from_units([]).value)


def test_differences_without_spread() -> None:
    assert from_units([0.0, 0.0]).p_value() == 1.0
    assert from_units([0.1, 0.1]).p_value() == pytest.approx(0.0)


def test_holm_by_hand() -> None:
    """0.01*3, 0.02*2, 0.9*1, in the order given; later ones never below earlier ones."""
    assert holm([0.9, 0.01, 0.02]) == pytest.approx([0.9, 0.03, 0.04])
    assert holm([0.02, 0.02]) == pytest.approx([0.04, 0.04])
    assert holm([]) == []


def test_intraclass_correlation_is_found_again() -> None:
    random = np.random.default_rng(1)
    values = np.sqrt(0.3) * random.normal(size=(300, 1)) + np.sqrt(0.7) * random.normal(size=(300, 20))
    groups = [str(unit) for unit in range(300) for _ in range(20)]
    assert intraclass_correlation(values.ravel(), groups) == pytest.approx(0.3, abs=0.05)
    assert intraclass_correlation(random.normal(size=6000), groups) == pytest.approx(0.0, abs=0.02)
    assert np.isnan(intraclass_correlation([1.0, 2.0], ["a", "b"]))


@pytest.mark.parametrize("shift", np.linspace(-1.5, 1.5, 13))
def test_p_and_interval_say_the_same(shift: float) -> None:
    values = np.random.default_rng(8).exponential(1.0, 10) - 1.0 + shift
    estimate = from_units(values)
    for confidence in (0.8, 0.9, 0.95, 0.99):
        low, high = estimate.bounds(confidence)
        assert (estimate.p_value() < 1 - confidence) == (not low <= 0 <= high)


def test_skewed_effects_widen_the_interval_on_the_side_of_the_long_tail() -> None:
    values = np.random.default_rng(5).exponential(1.0, 10)
    low, high = from_units(values).bounds(0.95)
    plain_low, plain_high = stats.t.interval(0.95, 9, values.mean(), stats.sem(values))
    assert high > plain_high + 0.05
    assert low == pytest.approx(plain_low)
    mirrored = from_units(-values).bounds(0.95)
    assert mirrored == pytest.approx((-high, -low))
