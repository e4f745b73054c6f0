"""Resampling: intervals that cover, and the same counts by cells as by rows."""

import numpy as np
import pytest

from finnet.lending.resampling import middle, resampled_cells, resampled_sums


def test_the_middle_of_the_draws_covers_a_mean_of_losses():
    # Profits of loans: +0.1 nine times in ten, else -0.5, each of 1 to 5 units.
    rng, covered = np.random.default_rng(0), []
    for seed in range(300):
        lent = rng.integers(1, 6, 300)
        profit = np.where(rng.random(300) < 0.9, 0.1, -0.5) * lent
        drawn = resampled_sums(profit[:, None], np.arange(300), draws=200, seed=seed)
        low, high = middle(drawn)
        covered.append(low[0] <= 300 * 3 * (0.09 - 0.05) <= high[0])
    assert 0.91 <= np.mean(covered) <= 0.98


def test_cells_drawn_at_once_spread_as_rows_do():
    cell = np.repeat([0, 1, 2], [10, 30, 60])
    at_once = resampled_cells(cell, np.arange(100), n_cells=3, weight=np.ones(100), draws=4000)
    by_row = resampled_sums(np.eye(3)[cell], np.arange(100), draws=4000)
    assert at_once.mean(axis=0) == pytest.approx(by_row.mean(axis=0), rel=0.05)
    assert at_once.std(axis=0) == pytest.approx(by_row.std(axis=0), rel=0.1)


def test_units_are_drawn_whole():
    drawn = resampled_cells(np.array([0, 1, 1]), np.array([0, 0, 0]), n_cells=2, weight=np.ones(3), draws=5)
    assert drawn.tolist() == [[1, 2]] * 5


def test_the_same_seed_draws_the_same():
    first, second = (resampled_sums(np.ones((9, 1)), np.arange(9) // 2, draws=9, seed=3) for _ in range(2))
    assert np.array_equal(first, second)


def test_what_most_draws_lack_has_no_interval():
    drawn = np.full((10, 1), np.nan)
    drawn[:4] = 1.0
    assert np.isnan(middle(drawn)[0][0])
