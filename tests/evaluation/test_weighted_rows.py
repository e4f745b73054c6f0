"""Weighted rows: twice the weight is the row twice, tests keep their size, and what takes no weights says so."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from finnet.errors import ConfigError, DataError
from finnet.evaluation.assessment import assess
from finnet.evaluation.calibration import calibration_errors, calibration_table, coverage_table
from finnet.evaluation.cases import Cases, paired_cases
from finnet.evaluation.comparison import compare
from finnet.evaluation.metrics import METRICS, contributions, require_judges
from finnet.evaluation.paired_tests import one_fold, rows_t
from finnet.evaluation.pairs import Pairs
from finnet.evaluation.scores import describe_sample, score, score_by_fold
from finnet.forecasts import Forecasts
from finnet.lending.cutoff import cutoff_table

OF_EVENTS = [name for name, metric in METRICS.items() if metric.shape is not None and "probability" in metric.fits]
RNG = np.random.default_rng(0)
RISK = RNG.uniform(0.05, 0.95, 120).round(2)
TRUTH = (RNG.random(120) < RISK).astype(float)
COUNT = RNG.integers(1, 5, 120)
TWICE = np.repeat(np.arange(120), COUNT)
BLUNT = (0.5 * RISK + 0.25).round(3)


def forecasts(rows=slice(None), *, weight=None, fold=0, kind="probability", **more):
    """Forecasts of a sharp and a blunt model of these rows, weighted or not."""
    made = {"fold": fold, "target": "default", "horizon": 0, "kind": kind, "truth": TRUTH[rows], **more}
    made |= {"entity": [f"E{number}" for number in range(len(TRUTH[rows]))]}
    made |= {} if weight is None else {"weight": weight}
    values = {"network": RISK[rows], "prior_rate": BLUNT[rows]}
    parts = [{**made, "model": model, "value": value} for model, value in values.items()]
    return Forecasts.concat([Forecasts.from_rows(part, run_id="t") for part in parts])


WEIGHTED, REPEATED = forecasts(weight=COUNT.astype(float)), forecasts(TWICE)


@pytest.mark.parametrize("name", OF_EVENTS)
def test_a_metric_takes_weights_as_repeated_rows(name):
    weighted, repeated = (score(part, [name], draws=0)["value"] for part in (WEIGHTED, REPEATED))
    np.testing.assert_allclose(weighted, repeated, rtol=1e-12)


@pytest.mark.parametrize("name", OF_EVENTS)
def test_weighted_contributions_are_those_of_repeated_rows(name):
    weighted, repeated = paired_cases(WEIGHTED), paired_cases(REPEATED)
    each = contributions(METRICS[name], weighted, weighted.values[:, 0])
    apart = contributions(METRICS[name], repeated, repeated.values[:, 0])
    by_row = dict(zip(zip(repeated.truth, repeated.values[:, 0], strict=True), apart, strict=True))
    expected = [by_row[row] for row in zip(weighted.truth, weighted.values[:, 0], strict=True)]
    # The slope of a metric is measured over steps that follow the number of rows.
    np.testing.assert_allclose(each, expected, rtol=1e-6)


@pytest.mark.parametrize("name", OF_EVENTS)
def test_the_weighted_mean_of_contributions_is_the_metric(name):
    cases = paired_cases(WEIGHTED)
    mean = np.average(contributions(METRICS[name], cases, cases.values[:, 0]), weights=cases.weight)
    assert mean == pytest.approx(score(WEIGHTED, [name], draws=0)["value"][0], abs=1e-9)


def test_the_calibration_table_takes_weights_as_repeated_rows():
    columns = ["model", "bin", "forecast", "observed"]
    weighted, repeated = (calibration_table(part, bins=7)[columns] for part in (WEIGHTED, REPEATED))
    pd.testing.assert_frame_equal(weighted, repeated)


def test_a_bin_of_unequal_weights_has_the_interval_of_fewer_cases():
    heavy = forecasts(weight=np.where(np.arange(120) % 10 == 0, 50.0, 1.0))
    one, plain = (calibration_table(part, bins=1).iloc[0] for part in (heavy, forecasts()))
    assert one["high"] - one["low"] > 2 * (plain["high"] - plain["low"])


def test_the_calibration_error_takes_weights_as_repeated_rows():
    weighted, repeated = (calibration_errors(part, draws=2)["ece"] for part in (WEIGHTED, REPEATED))
    np.testing.assert_allclose(weighted, repeated)


def test_a_perfect_model_of_unequal_weights_may_err_more():
    heavy = forecasts(weight=np.where(np.arange(120) % 10 == 0, 50.0, 1.0))
    assert calibration_errors(heavy)["null_mean"][0] > 1.5 * calibration_errors(forecasts())["null_mean"][0]


def test_coverage_is_the_weighted_share_below():
    rows = {"model": "network", "fold": 0, "entity": ["A", "B"], "target": "forward_return", "horizon": 1, "level": 0.5}
    made = Forecasts.from_rows(
        {**rows, "kind": "quantile", "value": 1.0, "truth": [0.0, 2.0], "weight": [3.0, 1.0]}, run_id="t"
    )
    assert coverage_table(made)["observed"].tolist() == [0.75]


def test_the_cutoff_table_takes_weights_as_repeated_rows():
    weighted, repeated = (cutoff_table(part.of("network"), cutoffs=[0.1, 0.4, 1.0]) for part in (WEIGHTED, REPEATED))
    pd.testing.assert_frame_equal(weighted, repeated)


def test_the_sample_says_the_weighted_rate_and_how_many_rows_it_is_worth():
    sample = describe_sample(WEIGHTED)
    assert sample.base_rate == pytest.approx(TRUTH[TWICE].mean())
    assert sample.effective_rows == pytest.approx(COUNT.sum() ** 2 / (COUNT**2).sum())
    assert describe_sample(forecasts()).effective_rows is None


def test_scores_of_a_fold_are_weighted():
    weighted = score_by_fold(WEIGHTED, ["brier"])["value"][0]
    assert weighted == pytest.approx(np.average((TRUTH - RISK) ** 2, weights=COUNT))


def test_weights_of_one_are_no_weights_to_the_bit():
    alike, plain = (assess(part) for part in (forecasts(weight=1.0), forecasts()))
    for name in ("scores", "fold_scores", "calibration", "calibration_errors"):
        pd.testing.assert_frame_equal(getattr(alike, name), getattr(plain, name), check_exact=True)
    pd.testing.assert_frame_equal(alike.comparisons[0].table, plain.comparisons[0].table, check_exact=True)


def test_weights_that_are_all_alike_leave_the_verdict_as_it_is():
    threefold, plain = (compare(part).table.drop(columns=["model", "metric", "test"]) for part in map_of_two())
    np.testing.assert_allclose(threefold.astype(float), plain.astype(float), rtol=1e-9)


def map_of_two():
    fold = np.arange(120) % 4
    return forecasts(weight=3.0, fold=fold), forecasts(fold=fold)


def test_the_verdict_says_that_rows_are_weighted():
    assert "over 120 weighted rows" in compare(WEIGHTED).verdict


def test_a_weighted_row_test_by_hand():
    # mean (1 * 1 + 3 * 5) / 4 = 4; sum of w^2 (x - 4)^2 is 1 * 9 + 9 * 1 = 18, over (sum w)^2 = 16, times
    # n_eff / (n_eff - 1) with n_eff = 16 / 10.
    test = rows_t(np.array([1.0, 5.0]), np.zeros(2, int), np.arange(2), weight=np.array([1.0, 3.0]))
    assert np.isnan(test.p_value)  # 1.6 rows less one fold leave no degree of freedom
    three = rows_t(np.array([1.0, 5.0, 3.0]), np.zeros(3, int), np.arange(3), weight=np.array([1.0, 2.0, 1.0]))
    # mean (1 + 10 + 3) / 4 = 3.5; sum w^2 r^2 = 6.25 + 9 + 0.25 = 15.5; n_eff = 16 / 6.
    error = np.sqrt(15.5 / 16 * (16 / 6) / (16 / 6 - 1))
    assert (three.mean, three.dof) == (3.5, pytest.approx(16 / 6 - 1))
    assert three.statistic == pytest.approx(3.5 / error)
    assert three.p_value == pytest.approx(2 * stats.t.sf(3.5 / error, 16 / 6 - 1))


def test_equal_weights_leave_the_row_test_that_of_student():
    x = np.random.default_rng(1).standard_normal(40) + 0.2
    test = rows_t(x, np.zeros(40, int), np.arange(40), weight=np.full(40, 7.0))
    assert test.p_value == pytest.approx(stats.ttest_1samp(x, 0.0).pvalue)


def test_repeats_of_a_weighted_row_count_once():
    rng = np.random.default_rng(2)
    x, w = rng.standard_normal(30), rng.uniform(0.5, 4.0, 30)
    once = rows_t(x, np.arange(30) % 3, np.arange(30), weight=w)
    fold = np.tile(np.arange(30) % 3, 3) + 3 * np.repeat(np.arange(3), 30)
    again = rows_t(np.tile(x, 3), fold, np.tile(np.arange(30), 3), weight=np.tile(w, 3))
    assert again.mean == pytest.approx(once.mean)
    assert again.statistic == pytest.approx(once.statistic)


def test_the_weighted_row_test_has_its_size_where_variances_follow_weights():
    rng = np.random.default_rng(0)
    weight = np.where(np.arange(120) % 5 == 0, 12.0, 1.0)
    draws = rng.standard_normal((1000, 120)) * np.where(weight > 1, 2.0, 1.0)
    rejected = [rows_t(x, np.arange(120) % 4, np.arange(120), weight=weight).p_value < 0.05 for x in draws]
    assert 0.03 < np.mean(rejected) < 0.08


def test_a_test_blind_to_weights_would_be_too_sure():
    rng = np.random.default_rng(0)
    weight = np.where(np.arange(120) % 5 == 0, 12.0, 1.0)
    repeated = np.repeat(np.arange(120), weight.astype(int))
    rejected = [stats.ttest_1samp(rng.standard_normal(120)[repeated], 0.0).pvalue < 0.05 for _ in range(300)]
    assert np.mean(rejected) > 0.3


def test_the_test_over_weighted_months_has_its_size():
    rng, rejected = np.random.default_rng(3), []
    month, weight = np.repeat(np.arange(24), 5), np.tile([1.0, 1.0, 1.0, 1.0, 9.0], 24)
    issued = np.datetime64("2018-01-01T00:00:00", "us") + month * np.timedelta64(30, "D")
    for _ in range(200):
        truth, p, zeros = (rng.random(120) < 0.4).astype(float), rng.uniform(0.3, 0.5, (120, 2)), np.zeros(120, int)
        clock = {"unit": month, "issued": issued, "unit_name": "month", "entity": np.arange(120)}
        cases = Cases(["network", "tree"], p, truth, truth, fold=zeros, repeat=zeros, horizon=1, weight=weight, **clock)
        test = Pairs.of(cases, METRICS["log_loss"]).answers("network", "tree").forecasts
        difference = log_losses(truth, p[:, 1]) - log_losses(truth, p[:, 0])
        assert test.mean == pytest.approx(np.average(difference, weights=weight))
        rejected.append(test.p_value < 0.05)
    assert 0.01 < np.mean(rejected) < 0.1


def log_losses(truth, p):
    return -np.log(np.where(truth == 1, p, 1 - p))


def test_the_interval_of_a_score_covers_as_it_says_with_weights():
    rng = np.random.default_rng(4)
    weight, covered = np.where(np.arange(150) % 5 == 0, 8.0, 1.0), []
    for _ in range(40):
        truth = (rng.random(150) < 0.3).astype(float)
        rows = {"model": "tree", "fold": 0, "entity": np.arange(150).astype(str), "target": "default", "horizon": 0}
        made = Forecasts.from_rows(
            {**rows, "kind": "probability", "value": 0.1, "truth": truth, "weight": weight}, run_id="t"
        )
        interval = score(made, ["brier"], draws=100).iloc[0]
        covered.append(interval["low"] <= 0.3 * 0.81 + 0.7 * 0.01 <= interval["high"])
    assert np.mean(covered) > 0.8


def test_a_heavy_fold_can_be_the_one_that_makes_the_difference():
    values, fold = np.array([0.3, 0.3, 0.0, 0.0, 0.9, 0.9]), np.repeat([0, 1, 2], 2)
    assert one_fold(values, fold) == 2
    assert one_fold(values, fold, np.array([10.0, 10.0, 10.0, 10.0, 1.0, 1.0])) == 0


def test_the_rank_ic_takes_no_weights_and_says_so(make_days):
    issued, n = make_days(2, 12), 24
    rows = {"model": "network", "fold": 0, "entity": [f"S{k % 12}" for k in range(n)], "horizon": 1}
    rows |= {"target": "direction", "kind": "probability", "value": np.linspace(0.1, 0.9, n), "issued_at": issued}
    made = Forecasts.from_rows({**rows, "truth": np.arange(n) % 2.0, "weight": np.arange(n) + 1.0}, run_id="t")
    with pytest.raises(ConfigError, match="takes no weights, which these rows have; use accuracy"):
        require_judges("rank_ic", paired_cases(made))
    assert "rank_ic" not in set(score(made, draws=0)["metric"])


def test_a_case_of_two_weights_is_refused():
    table = WEIGHTED.table.copy()
    table.loc[0, "weight"] = 77.0
    with pytest.raises(DataError, match="E0 of fold 0 has two weights"):
        paired_cases(Forecasts(table))
