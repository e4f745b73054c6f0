"""Tests and intervals have the golden values of their papers, and the size they state."""

import numpy as np
import pytest
from scipy import stats

from finnet.errors import ConfigError, DataError
from finnet.evaluation.significance import (
    block_bootstrap_indices,
    corrected_paired_t,
    data_needed,
    deflated_sharpe,
    diebold_mariano,
    expected_best_sharpe,
    holm,
    newey_west_t,
    probabilistic_sharpe,
    sharpe_interval,
)

D = np.array([0.3, -0.1, 0.4, 0.2, 0.0, 0.4, 0.1])


def test_diebold_mariano_over_one_bar_is_the_t_test():
    # With h = 1, V = g0 / n and the correction is (n - 1) / n, which makes the plain t statistic.
    test, expected = diebold_mariano(D), stats.ttest_1samp(D, 0.0)
    interval = expected.confidence_interval(0.95)
    assert (test.statistic, test.p_value) == pytest.approx((expected.statistic, expected.pvalue))
    assert (test.low, test.high) == pytest.approx((interval.low, interval.high))


def test_diebold_mariano_over_two_bars_by_hand():
    # d = 4, 2, 0, 2: mean 2, centered 2, 0, -2, 0; g0 = (4 + 4) / 4 = 2; g1 = (0 + 0 + 0) / 4 = 0; V = 2 / 4.
    # Correction (4 + 1 - 4 + 2 / 4) / 4 = 0.375; statistic 2 / sqrt(0.5) * sqrt(0.375) = sqrt(3).
    test = diebold_mariano(np.array([4.0, 2.0, 0.0, 2.0]), 2)
    assert test.statistic == pytest.approx(np.sqrt(3))
    assert test.p_value == pytest.approx(2 * stats.t.sf(np.sqrt(3), 3))


def test_diebold_mariano_counts_autocovariances_twice_and_with_full_weight():
    # d = 3, 3, 0, 0, ...: g0 = 2.25, g1 = 2.25 (n - 3) / n ... checked by the formula written as a loop.
    d = np.tile([3.0, 3.0, 0.0, 0.0, 1.0], 6)
    n, h, e = len(d), 3, d - d.mean()
    v = (sum(x * x for x in e) + 2 * sum(e[i] * e[i - k] for k in range(1, h) for i in range(k, n))) / n / n
    expected = d.mean() / np.sqrt(v) * np.sqrt((n + 1 - 2 * h + h * (h - 1) / n) / n)
    assert diebold_mariano(d, h).statistic == pytest.approx(expected)


def test_diebold_mariano_is_undefined_where_the_variance_is_not_above_zero():
    test = diebold_mariano(np.array([1.0, -1.0] * 6), 2)
    assert test.mean == 0
    assert np.isnan([test.statistic, test.p_value, test.low, test.high]).all()


@pytest.mark.parametrize("d", [np.full(20, 0.1), np.zeros(20), np.arange(3.0)], ids=["constant", "zero", "n = h"])
def test_diebold_mariano_is_undefined_without_evidence(d):
    assert np.isnan(diebold_mariano(d, 3).p_value)


@pytest.mark.parametrize(("n", "nominal_size"), [(250, 0.049), (50, 0.078)])
def test_diebold_mariano_has_its_known_size_under_overlap(n, nominal_size):
    rng, h, draws = np.random.default_rng(0), 5, 3000
    noise = rng.standard_normal((draws, n + h - 1))
    overlapping = np.lib.stride_tricks.sliding_window_view(noise, h, axis=1).sum(axis=-1)
    p = np.array([diebold_mariano(row, h).p_value for row in overlapping])
    assert np.mean(p < 0.05) == pytest.approx(nominal_size, abs=0.013)


def test_missing_differences_are_refused():
    with pytest.raises(DataError, match="finite"):
        diebold_mariano(np.array([0.1, np.nan, 0.2]))


def test_newey_west_by_hand():
    # 4, 2, 0, 2, 7: mean 3, centered 1, -1, -3, -1, 4; g0 = 28 / 5; g1 = (-1 + 3 + 3 - 4) / 5; Bartlett weight 1/2.
    expected = 3 / np.sqrt((28 / 5 + 2 * 0.5 * 1 / 5) / 5)
    assert newey_west_t(np.array([4.0, 2.0, 0.0, 2.0, 7.0]), lags=1).statistic == pytest.approx(expected)


def test_corrected_t_by_hand():
    # mean 0.2, sd 0.1, three folds, test rows half of the training rows: 0.2 / (0.1 sqrt(1/3 + 1/2)).
    test = corrected_paired_t(np.array([0.1, 0.2, 0.3]), 0.5)
    assert test.statistic == pytest.approx(2 / np.sqrt(5 / 6))
    assert test.p_value == pytest.approx(2 * stats.t.sf(2 / np.sqrt(5 / 6), 2))


@pytest.mark.parametrize(("folds", "ratio"), [(5, 1.5), (25, 2.7)])
def test_corrected_t_widens_the_naive_error_as_published(folds, ratio):
    d = np.random.default_rng(0).standard_normal(folds)
    corrected = corrected_paired_t(d, 0.25).statistic
    assert stats.ttest_1samp(d, 0.0).statistic / corrected == pytest.approx(ratio, abs=0.01)


def test_one_fold_tests_nothing():
    assert np.isnan(corrected_paired_t(np.array([0.3]), 0.25).p_value)


def test_holm_by_hand():
    # Ascending .005 x 4, .01 x 3, .03 x 2, .04 x 1, never falling: .02, .03, .06, .06.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_holm_does_not_count_tests_that_could_not_be_made():
    assert holm([0.01, np.nan, 0.04]) == pytest.approx([0.02, np.nan, 0.04], nan_ok=True)


def test_holm_never_exceeds_one():
    assert holm([0.9, 0.8]) == pytest.approx([1.0, 1.0])


def test_blocks_hold_neighbors_and_wrap_around():
    indices = block_bootstrap_indices(10, 5, draws=200, rng=np.random.default_rng(0))
    steps = np.diff(indices.reshape(200, 2, 5), axis=2) % 10
    assert (steps == 1).all()
    assert (indices[:, 4] < indices[:, 0]).any()


def test_blocks_draw_every_value_equally_often():
    counts = np.bincount(block_bootstrap_indices(10, 4, draws=20_000, rng=np.random.default_rng(0)).ravel())
    assert counts / 20_000 == pytest.approx(np.ones(10), abs=0.05)


def test_a_block_longer_than_the_data_is_refused():
    with pytest.raises(ConfigError, match="use 1 to 3"):
        block_bootstrap_indices(3, 4, draws=1, rng=np.random.default_rng(0))


def test_probabilistic_sharpe_has_the_published_value():
    value = probabilistic_sharpe(1.585 / np.sqrt(12), 24, skew=-2.448, kurtosis=10.164)
    assert value == pytest.approx(0.9132343, abs=5e-8)


def test_the_best_of_a_hundred_worthless_trials_has_the_published_value():
    assert expected_best_sharpe(1.0, 100) == pytest.approx(2.5306029, abs=5e-8)


def test_deflated_sharpe_has_the_published_value():
    value = deflated_sharpe(2.5 / np.sqrt(250), 1250, trials=100, trial_variance=0.5 / 250, skew=-3, kurtosis=10)
    assert value == pytest.approx(0.9003968, abs=5e-8)


@pytest.mark.parametrize("annualized", [2.5, -1.585])
def test_an_annualized_sharpe_is_refused_where_a_per_period_one_belongs(annualized):
    # The formula would take 2.5 a year for 2.5 a day and answer 0.99999994 instead of 0.90.
    with pytest.raises(ConfigError, match="looks annualized"):
        deflated_sharpe(annualized, 1250, trials=100, trial_variance=0.5, skew=-3, kurtosis=10)


def test_a_sharpe_interval_of_normal_returns_has_the_textbook_width():
    # For normal returns without drift the standard error is sqrt(periods per year / (n - 1)).
    returns = np.random.default_rng(0).standard_normal(5000)
    low, high = sharpe_interval((returns - returns.mean()) / 100, periods_per_year=252)
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(252 / 4999), rel=0.001)


def test_sharpe_intervals_cover_the_truth_of_skewed_returns_as_often_as_stated():
    rng = np.random.default_rng(0)
    # Minus an exponential: mean 0.2, deviation 1, skew -2.
    intervals = [sharpe_interval(1.2 - rng.exponential(size=500), periods_per_year=1) for _ in range(1000)]
    assert np.mean([low <= 0.2 <= high for low, high in intervals]) == pytest.approx(0.95, abs=0.025)


def test_returns_that_do_not_vary_have_no_sharpe_interval():
    assert np.isnan(sharpe_interval(np.full(10, 0.01), periods_per_year=1)).all()


def test_twice_the_data_detects_a_difference_seen_at_t_of_1_98():
    assert data_needed(2.8 / np.sqrt(2)) == pytest.approx(2.0, rel=0.01)
    assert data_needed(0.0) == np.inf
