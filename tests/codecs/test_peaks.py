"""Peaks: which cells count, and how far each refinement is off on clean Gaussians."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from posewright.codecs.confidence_maps import draw_confidence_maps
from posewright.codecs.peaks import global_peaks, local_peaks
from posewright.shapes import Size


def clean(x: float, y: float, sigma_cells: float) -> np.ndarray:
    slots = np.array([[[[x, y]]]], np.float32)
    return draw_confidence_maps(slots, Size(40, 40), 1, sigma_cells)


@pytest.mark.parametrize(
    ("sigma", "estimate"), [(1.0, 0.46), (1.5, 0.31), (2.5, 0.14), (5.0, 0.04)], ids=lambda value: str(value)
)
def test_integral_is_the_peers_and_shrinks_towards_the_cell(sigma: float, estimate: float) -> None:
    """Interoperability page, 6: what a true offset of half a cell is read as."""
    peak = global_peaks(clean(20.4999, 20.0, sigma), 0.2, "integral", sigma)
    assert peak.cells[0, 0] - 20 == pytest.approx(estimate, abs=0.006)


@pytest.mark.parametrize("sigma", [1.0, 1.5, 2.5, 5.0])
@pytest.mark.parametrize(("x", "y"), [(20.5, 20.0), (20.3, 11.8), (1.2, 38.1), (3.0, 3.5)])
def test_gaussian_is_exact_also_near_the_border(sigma: float, x: float, y: float) -> None:
    for find in (global_peaks, local_peaks):
        np.testing.assert_allclose(find(clean(x, y, sigma), 0.2, "gaussian", sigma).cells, [[x, y]], atol=2e-3)


def test_a_flat_top_is_one_peak_and_a_plateau_of_zeros_none() -> None:
    maps = np.zeros((1, 1, 8, 8), np.float32)
    maps[0, 0, 2, 2:4] = 0.9  # two equal neighbours
    maps[0, 0, 5:7, 5:7] = 0.8  # four
    peaks = local_peaks(maps, 0.2, "none", 1.0)
    np.testing.assert_array_equal(peaks.cells, [[2, 2], [5, 5]])


@pytest.mark.parametrize("levels", [3, 1000])
@pytest.mark.parametrize("threshold", [-9.0, 0.2, 0.6])
def test_local_peaks_are_just_the_cells_that_no_neighbour_exceeds(levels: int, threshold: float) -> None:
    maps = np.random.default_rng(1).integers(0, levels, (2, 3, 11, 7)).astype(np.float32) / levels
    expected = []
    for frame, channel, row, column in np.ndindex(maps.shape):
        value = maps[frame, channel, row, column]
        around = np.pad(maps[frame, channel], 1, constant_values=-np.inf)[row : row + 3, column : column + 3].ravel()
        if value > threshold and (value > around[:4]).all() and (value >= around[5:]).all():
            expected.append((frame, channel, column, row))
    for given in (maps, torch.from_numpy(maps)):
        peaks = local_peaks(given, threshold, "none", 1.0)
        found = np.column_stack([peaks.frame, peaks.channel, peaks.cells])
        np.testing.assert_array_equal(found, expected)


def test_the_threshold_is_reached_by_global_and_exceeded_by_local_peaks() -> None:
    """As the peer (interoperability page, 6)."""
    maps = np.zeros((1, 1, 5, 5), np.float32)
    maps[0, 0, 2, 2] = 0.25
    assert len(global_peaks(maps, 0.25, "none", 1.0).frame) == 1
    assert len(local_peaks(maps, 0.25, "none", 1.0).frame) == 0


def test_rows_are_sorted_by_frame_then_channel() -> None:
    maps = np.random.default_rng(0).random((3, 4, 12, 12)).astype(np.float32)
    peaks = local_peaks(maps, 0.5, "none", 1.0)
    place = peaks.frame * 4 + peaks.channel
    assert (np.diff(place) >= 0).all()
    np.testing.assert_array_equal(
        peaks.values,
        maps[peaks.frame, peaks.channel, peaks.cells[:, 1].astype(int), peaks.cells[:, 0].astype(int)],
    )


def test_values_below_zero_do_not_break_the_fit() -> None:
    maps = clean(20.3, 20.2, 1.5) - np.float32(0.05)
    found = global_peaks(maps, 0.2, "gaussian", 1.5).cells
    np.testing.assert_allclose(found, [[20.3, 20.2]], atol=0.05)
