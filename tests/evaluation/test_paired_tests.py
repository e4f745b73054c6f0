"""Paired tests keep their size where losses last, outcomes overlap and fits differ, and name the fold that misleads."""

import numpy as np
import pytest
from scipy import stats
from scipy.signal import lfilter

from finnet.errors import DataError
from finnet.evaluation.paired_tests import fits_t, long_run_dof, long_run_t, one_fold, rows_t


def lasting(n, rho, rng):
    """An AR(1) series of n values, in its long run from the start."""
    return lfilter([1.0], [1.0, -rho], rng.standard_normal(n + 300))[300:]


def rejected(series, horizon=1, draws=400):
    return np.mean([long_run_t(series(np.random.default_rng(k)), horizon).p_value < 0.05 for k in range(draws)])


def test_all_frequencies_make_the_classical_t_test():
    # The squares of all cosine transforms but the first add up to the variance.
    x = np.random.default_rng(0).standard_normal(5)
    assert long_run_dof(x) <= 4
    exact = stats.ttest_1samp(x, 0.0)
    waves = np.array([np.sqrt(2 / 5) * np.cos(np.pi * k * (np.arange(5) + 0.5) / 5) @ x for k in range(1, 5)])
    assert x.mean() / np.sqrt(np.mean(waves**2) / 5) == pytest.approx(exact.statistic)


def test_the_statistic_is_the_mean_over_the_cosines_asked_for():
    x = 0.3 + np.random.default_rng(1).standard_normal(200)
    test = long_run_t(x)
    k = np.arange(1, int(test.dof) + 1)[:, None]
    waves = np.sqrt(2 / 200) * np.cos(np.pi * k * (np.arange(200) + 0.5) / 200) @ x
    assert test.statistic == pytest.approx(x.mean() / np.sqrt(np.mean(waves**2) / 200))
    assert test.p_value == pytest.approx(2 * stats.t.sf(abs(test.statistic), len(k)))


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.6, 0.9])
def test_lasting_losses_are_called_a_difference_about_as_rarely_as_stated(rho):
    assert 0.02 <= rejected(lambda rng: lasting(500, rho, rng)) <= 0.085  # 400 draws: standard error .011


@pytest.mark.parametrize("horizon", [5, 20])
def test_overlapping_outcomes_are_called_a_difference_about_as_rarely_as_stated(horizon):
    def overlapping(rng):
        return np.convolve(rng.standard_normal(1000 + horizon - 1), np.ones(horizon), "valid")

    assert 0.02 <= rejected(overlapping, horizon) <= 0.085


def test_a_true_difference_is_found():
    assert rejected(lambda rng: 0.2 + lasting(500, 0.0, rng), draws=100) > 0.95


def test_slower_shocks_leave_fewer_degrees_of_freedom():
    rng = np.random.default_rng(0)
    dofs = [long_run_dof(lasting(1000, rho, rng)) for rho in (0.0, 0.9, 0.99)]
    assert 35 <= dofs[0] <= 40
    assert dofs[0] > dofs[1] > dofs[2]


def test_the_horizon_bounds_the_degrees_of_freedom():
    assert long_run_dof(np.random.default_rng(0).standard_normal(120), 20) <= 2


@pytest.mark.parametrize(("n", "horizon"), [(0, 1), (2, 1), (14, 5)])
def test_too_few_values_leave_the_test_undefined(n, horizon):
    assert np.isnan(long_run_t(np.arange(n, dtype=float), horizon).p_value)


@pytest.mark.parametrize("test", [long_run_t, fits_t, lambda x: rows_t(x, np.zeros(len(x), int), np.arange(len(x)))])
def test_a_constant_difference_is_no_certainty(test):
    assert np.isnan(test(np.full(30, 0.1)).p_value)


def test_missing_values_are_refused():
    with pytest.raises(DataError, match="finite numbers"):
        long_run_t(np.array([1.0, np.nan, 2.0]))


def test_fits_are_tested_by_students_t():
    x = np.array([0.1, 0.2, -0.1, 0.3])
    assert fits_t(x).p_value == pytest.approx(stats.ttest_1samp(x, 0.0).pvalue)
    assert np.isnan(fits_t(x[:1]).p_value)


def test_rows_of_one_fold_are_tested_by_students_t():
    x = np.random.default_rng(0).standard_normal(40)
    assert rows_t(x, np.zeros(40, int), np.arange(40)).p_value == pytest.approx(stats.ttest_1samp(x, 0.0).pvalue)


def test_the_variance_of_rows_is_that_within_folds():
    x = np.random.default_rng(0).standard_normal(40) + np.repeat([0.0, 5.0], 20)
    test = rows_t(x, np.repeat([0, 1], 20), np.arange(40))
    within = np.concatenate([part - part.mean() for part in (x[:20], x[20:])])
    assert test.mean / test.statistic == pytest.approx(np.sqrt(within @ within / 38 / 40))


def test_rows_forecast_in_several_repeats_count_once():
    x = np.random.default_rng(0).standard_normal(30)
    once = rows_t(x, np.arange(30) % 3, np.arange(30))
    thrice = rows_t(
        np.tile(x, 3), np.concatenate([np.arange(30) % 3 + 3 * k for k in range(3)]), np.tile(np.arange(30), 3)
    )
    assert thrice.n == 30
    assert thrice.statistic == pytest.approx(once.statistic)


def test_equal_folds_have_none_that_makes_the_difference():
    rng = np.random.default_rng(0)
    assert one_fold(1.0 + 0.1 * rng.standard_normal(50), np.repeat(np.arange(5), 10)) is None


def test_a_fold_that_turns_the_sign_is_named():
    values = np.concatenate([np.full(10, -0.1), np.full(10, 2.0), np.full(10, -0.1)])
    assert one_fold(values, np.repeat([7, 8, 9], 10)) == 8


def test_one_fold_alone_is_no_fold_among_others():
    assert one_fold(np.array([1.0, 2.0]), np.zeros(2, int)) is None
