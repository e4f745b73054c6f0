"""Metrics agree with scikit-learn and SciPy, weights mean repeated rows, and edges behave as stated."""

import numpy as np
import pytest
from scipy.stats import ks_2samp, spearmanr
from sklearn import metrics as sk

from finnet.evaluation.metrics import (
    METRICS,
    accuracy,
    auc,
    brier,
    gini,
    ks,
    log_loss,
    mcc,
    rank_information_coefficient,
    session_rank_ic,
)

ROW_METRICS = [name for name, metric in METRICS.items() if metric.kind == "row" and "probability" in metric.fits]


def sklearn_ks(truth, probability, sample_weight=None):
    false_rate, true_rate, _ = sk.roc_curve(truth, probability, sample_weight=sample_weight, drop_intermediate=False)
    return np.abs(true_rate - false_rate).max()


ORACLES = {
    accuracy: lambda y, p, w: sk.accuracy_score(y, p > 0.5, sample_weight=w),
    mcc: lambda y, p, w: sk.matthews_corrcoef(y, p > 0.5, sample_weight=w),
    auc: lambda y, p, w: sk.roc_auc_score(y, p, sample_weight=w),
    gini: lambda y, p, w: 2 * sk.roc_auc_score(y, p, sample_weight=w) - 1,
    ks: sklearn_ks,
    brier: lambda y, p, w: sk.brier_score_loss(y, p, sample_weight=w),
    log_loss: lambda y, p, w: sk.log_loss(y, p, sample_weight=w),
}


def rows(seed, n=400, ties=False):
    rng = np.random.default_rng(seed)
    probability = rng.uniform(0.01, 0.99, n)
    probability = probability.round(1).clip(0.1, 0.9) if ties else probability
    return (rng.random(n) < probability).astype(float), probability, rng.integers(0, 4, n).astype(float)


@pytest.mark.parametrize("ties", [False, True], ids=["no ties", "ties"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("metric", ORACLES, ids=lambda metric: metric.__name__)
def test_metrics_equal_those_of_scikit_learn(metric, weighted, ties):
    for seed in range(5):
        truth, probability, weight = rows(seed, ties=ties)
        weight = weight if weighted else None
        assert metric(truth, probability, weight) == pytest.approx(
            ORACLES[metric](truth, probability, weight), abs=1e-12
        )


@pytest.mark.parametrize("metric", [auc, ks], ids=lambda metric: metric.__name__)
def test_the_steps_of_the_computation_leave_no_trace(metric, monkeypatch):
    truth, probability, weight = rows(0)
    at_once = metric(truth, probability, weight)
    monkeypatch.setattr("finnet.evaluation.metric_shapes._STEP_WEIGHTS", 7)
    assert metric(truth, probability, weight) == pytest.approx(at_once, abs=1e-12)


@pytest.mark.parametrize("name", ROW_METRICS)
def test_a_weight_means_so_many_equal_rows(name):
    truth, probability, weight = rows(1, ties=True)
    times = weight.astype(int)
    repeated = METRICS[name].function(np.repeat(truth, times), np.repeat(probability, times))
    assert METRICS[name].function(truth, probability, weight) == pytest.approx(repeated, abs=1e-12)


@pytest.mark.parametrize("name", ROW_METRICS)
def test_a_good_forecast_scores_better_than_its_opposite(name):
    truth, probability, _ = rows(2)
    good, bad = METRICS[name].function(truth, probability), METRICS[name].function(truth, 1 - probability)
    # The KS distance has no sign, so it cannot tell a forecast from its opposite.
    assert (good > bad) == METRICS[name].higher_is_better or name == "ks"
    assert name != "ks" or good == pytest.approx(bad)


def test_ks_is_the_two_sample_distance():
    truth, probability, _ = rows(3)
    assert ks(truth, probability) == pytest.approx(ks_2samp(probability[truth == 1], probability[truth == 0]).statistic)


@pytest.mark.parametrize("metric", [auc, gini, ks])
def test_rank_metrics_are_nan_where_one_class_is_missing(metric):
    assert np.isnan(metric(np.ones(3), np.array([0.1, 0.2, 0.3])))


def test_a_constant_forecast_ranks_nothing():
    truth, constant = np.array([1.0, 0.0, 1.0]), np.full(3, 0.7)
    assert (auc(truth, constant), ks(truth, constant), mcc(truth, constant)) == (0.5, pytest.approx(0, abs=1e-15), 0.0)


def test_a_certain_and_wrong_forecast_costs_the_clipped_log():
    assert log_loss(np.array([1.0]), np.array([0.0])) == pytest.approx(-np.log(1e-6))


def test_one_half_says_zero():
    assert accuracy(np.array([0.0, 1.0, 0.0]), np.full(3, 0.5)) == pytest.approx(2 / 3)


def panel_rows(seed, sizes):
    rng = np.random.default_rng(seed)
    session = np.repeat(np.arange(len(sizes)), sizes)
    return rng.integers(0, 9, len(session)) / 10, rng.standard_normal(len(session)).round(1), session


def test_rank_ic_is_the_mean_of_the_sessions_spearman_correlations():
    forecast, returns, session = panel_rows(4, [12, 30, 11, 25])
    expected = [spearmanr(forecast[session == s], returns[session == s]).statistic for s in range(4)]
    assert session_rank_ic(returns, forecast, session) == pytest.approx(expected, abs=1e-12)
    assert rank_information_coefficient(returns, forecast, session) == pytest.approx(np.mean(expected), abs=1e-12)


def test_rank_ic_leaves_out_sessions_with_few_symbols():
    forecast, returns, session = panel_rows(5, [12, 9, 30])
    each = session_rank_ic(returns, forecast, session, minimum=10)
    assert np.isnan(each).tolist() == [False, True, False]
    assert rank_information_coefficient(returns, forecast, session) == pytest.approx(np.mean(each[[0, 2]]))


def test_rank_ic_does_not_change_when_rows_are_shuffled():
    forecast, returns, session = panel_rows(6, [15, 20])
    shuffled = np.random.default_rng(0).permutation(len(session))
    again = rank_information_coefficient(returns[shuffled], forecast[shuffled], session[shuffled])
    assert again == pytest.approx(rank_information_coefficient(returns, forecast, session), abs=1e-12)


def test_rank_ic_of_equal_forecasts_is_zero_and_of_equal_outcomes_unknown():
    session, values = np.zeros(20, int), np.arange(20.0)
    assert rank_information_coefficient(values, np.full(20, 0.5), session) == 0.0
    assert np.isnan(rank_information_coefficient(np.ones(20), values, session))
