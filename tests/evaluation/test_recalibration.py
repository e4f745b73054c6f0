"""Calibration intercept, slope and Spiegelhalter's z, against other implementations and published behavior."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from finnet.evaluation.recalibration import recalibration, spiegelhalter_z


def drawn(n=4000, *, slope=1.0, shift=0.0, seed=0):
    rng = np.random.default_rng(seed)
    score = rng.normal(-1.5, 1.0, n)
    return (rng.random(n) < expit(slope * score + shift)).astype(float), expit(score)


def test_the_slope_is_that_of_a_logistic_regression_without_penalty():
    truth, p = drawn(slope=0.7, shift=0.2)
    other = LogisticRegression(C=1e12, tol=1e-10, max_iter=1000).fit(logit(p)[:, None], truth)
    assert recalibration(truth, p).slope.value == pytest.approx(other.coef_[0, 0], rel=1e-4)


def test_the_intercept_makes_the_mean_forecast_the_observed_rate():
    truth, p = drawn(slope=0.7, shift=0.2)
    intercept = recalibration(truth, p).intercept.value
    assert expit(logit(p) + intercept).mean() == pytest.approx(truth.mean(), rel=1e-9)


def test_intervals_hold_the_truth_in_19_of_20_cases():
    estimates = [recalibration(*drawn(600, seed=seed)) for seed in range(150)]
    assert np.mean([one.slope.low <= 1 <= one.slope.high for one in estimates]) == pytest.approx(0.95, abs=0.045)
    assert np.mean([one.intercept.low <= 0 <= one.intercept.high for one in estimates]) == pytest.approx(
        0.95, abs=0.045
    )


@pytest.mark.parametrize("truth", [np.zeros(20), np.ones(20), np.repeat([0.0, 1.0], 10)])
def test_what_the_rows_do_not_determine_is_unknown(truth):
    """All truths alike, or a score that tells them apart without a fault."""
    assert np.isnan(recalibration(truth, np.linspace(0.1, 0.9, 20)).slope.value)


def test_spiegelhalters_z_is_standard_normal_for_perfect_forecasts():
    p = np.linspace(0.01, 0.6, 500)
    rng = np.random.default_rng(0)
    z = [spiegelhalter_z((rng.random(500) < p).astype(float), p) for _ in range(600)]
    assert np.mean(z) == pytest.approx(0, abs=0.15)
    assert np.std(z) == pytest.approx(1, abs=0.1)


def test_spiegelhalters_z_of_coins_is_not_defined():
    assert np.isnan(spiegelhalter_z(np.array([0.0, 1.0]), np.array([0.5, 0.5])))
