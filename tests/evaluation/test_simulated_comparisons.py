"""Comparisons simulated many times: intervals cover what they promise, and turnovers are claimed where they are.

These are rules 3, 4 and 12 of ``comparison.md``.


Ten units of forty frames, effects skewed and alike within units (intra-class correlation 0.3), trainings that differ.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

from posewright.evaluation import paired
from posewright.evaluation.interaction import Interaction, Lines, interaction
from posewright.evaluation.intervals import intraclass_correlation

N_UNITS, N_FRAMES, ICC = 10, 40, 0.3
REPETITIONS = 2000
DRAWS = {
    "symmetric": lambda random, shape: random.normal(size=shape),
    "skewness 1.4": lambda random, shape: (random.gamma(2.0, 1.0, shape) - 2.0) / np.sqrt(2.0),
    "skewness 2": lambda random, shape: random.exponential(1.0, shape) - 1.0,
}


def frame_differences(kind: str, random: np.random.Generator, n_seeds: int, spread: float) -> NDArray[np.float64]:
    """Return differences ``[unit frame seed]`` of true mean 0; half of a frame's own part comes with every seed."""
    draw = DRAWS[kind]
    unit = np.sqrt(ICC) * draw(random, (N_UNITS, 1, 1))
    frame = np.sqrt((1 - ICC) / 2) * draw(random, (N_UNITS, N_FRAMES, 1))
    rest = np.sqrt((1 - ICC) / 2) * random.normal(size=(N_UNITS, N_FRAMES, n_seeds))
    return np.asarray(unit + frame + rest + spread * random.normal(size=(1, 1, n_seeds)), dtype=np.float64)


def unit_table(differences: NDArray[np.float64]) -> pd.DataFrame:
    """Return the table that a comparison works on: a row for each unit, a column for each training."""
    return pd.DataFrame(differences.mean(axis=1), columns=[(0, seed) for seed in range(differences.shape[2])])


@pytest.mark.long
@pytest.mark.parametrize("kind", list(DRAWS))
@pytest.mark.parametrize(("n_seeds", "spread"), [(1, 0.0), (5, 0.1), (5, 0.3)])
def test_intervals_cover_what_they_promise(kind: str, n_seeds: int, spread: float) -> None:
    """95 % intervals cover 93 to 97 %, where t intervals of skewed effects do not."""
    random = np.random.default_rng(20)
    covered = by_t = 0
    for _ in range(REPETITIONS):
        estimate = paired.estimate(unit_table(frame_differences(kind, random, n_seeds, spread)), 0.25)
        low, high = estimate.bounds(0.95)
        covered += low < 0.0 < high
        low, high = replace(estimate, skewness=0.0).bounds(0.95)
        by_t += low < 0.0 < high
    assert 0.93 <= covered / REPETITIONS <= 0.97
    if (kind, n_seeds) == ("skewness 2", 1):
        assert by_t / REPETITIONS < 0.93


def test_the_simulated_frames_are_as_alike_as_they_claim() -> None:
    random = np.random.default_rng(1)
    found = []
    for _ in range(400):
        frames = frame_differences("skewness 1.4", random, 1, 0.0)[..., 0]
        units = [str(unit) for unit in range(N_UNITS) for _ in range(N_FRAMES)]
        found.append(intraclass_correlation(frames.ravel(), units))
    assert np.mean(found) == pytest.approx(ICC, abs=0.05)  # with ten units the estimate is a little low


def simulated_lines(random: np.random.Generator, slope: float, crossing: float, n_units: int = N_UNITS) -> Lines:
    """Return lines fitted to forty animals of each unit, whose difference is ``slope * (distance - crossing)``."""
    distances, heights, slopes = [], [], []
    for _ in range(n_units):
        own = random.uniform(0.3, 3.0, N_FRAMES)
        skewed = random.gamma(2.0, 1.0) / np.sqrt(2.0) - np.sqrt(2.0)
        noise = np.sqrt(1 - ICC) * (random.exponential(1.0, N_FRAMES) - 1.0)
        difference = slope * (own - crossing) + np.sqrt(ICC) * skewed + noise
        fit = np.polyfit(own, difference, 1)
        distances.append(own)
        slopes.append(fit[0])
        heights.append(fit[1])
    centre = float(np.mean(distances))
    height = pd.DataFrame({(0, 0): np.array(heights) + centre * np.array(slopes)})
    return Lines(height, pd.DataFrame({(0, 0): slopes}), centre, np.concatenate(distances))


def found_interaction(lines: Lines) -> Interaction:
    return interaction(lines, "topdown", "bottomup", 0.95, 0.25)


def test_a_planted_turnover_is_found_with_its_interval_covering_it() -> None:
    random = np.random.default_rng(2)
    found = [found_interaction(simulated_lines(random, slope=1.5, crossing=1.6)) for _ in range(40)]
    crossings = [one.crossing for one in found if one.crossing is not None]
    assert len(crossings) >= 36
    covered = [low <= 1.6 <= high for _, low, high in crossings]
    assert np.mean(covered) >= 0.9
    assert np.median([at for at, _, _ in crossings]) == pytest.approx(1.6, abs=0.15)


@pytest.mark.parametrize(("slope", "crossing"), [(0.0, 1.6), (0.5, -4.0)])
def test_none_is_claimed_where_none_was_planted(slope: float, crossing: float) -> None:
    """No interaction at all, or one that crosses far from any distance that was seen."""
    random = np.random.default_rng(3)
    found = [found_interaction(simulated_lines(random, slope, crossing)) for _ in range(40)]
    assert sum(one.crossing is not None for one in found) <= 1
    if slope:
        assert sum(one.p_adjusted < 0.05 for one in found) >= 36


def test_below_six_units_nothing_is_claimed() -> None:
    lines = simulated_lines(np.random.default_rng(4), slope=1.5, crossing=1.6, n_units=5)
    found = found_interaction(lines)
    assert found.crossing is None and np.isnan([found.low, found.high, found.p_adjusted]).all()
    assert found.slope == pytest.approx(1.5, abs=0.4)
