"""Metrics of numbers agree with scikit-learn and with hand; every metric judges the kinds that it names alone."""

from functools import cache

import numpy as np
import pytest
from sklearn import metrics as sk

from finnet.errors import ConfigError, DataError
from finnet.evaluation.calibration import calibration_table, coverage_table
from finnet.evaluation.comparison import compare
from finnet.evaluation.metrics import METRICS
from finnet.evaluation.number_metrics import coverage_error, mae, mse, pinball, qlike, r2
from finnet.evaluation.scores import compared_metrics, deciding_metric, default_metrics, describe_sample, score
from finnet.forecasts import KINDS
from tests.evaluation.conftest import days, forecasts_of

LEVELS = np.array([0.1, 0.5, 0.9])
OF_NUMBERS = [name for name, metric in METRICS.items() if not {"probability", "score"} & {*metric.fits}]


def rows(n=400, seed=0):
    """Positive truths of a known mean, the mean and quantiles around it, and whole weights."""
    rng = np.random.default_rng(seed)
    mean = rng.uniform(1.0, 3.0, n)
    truth = np.maximum(mean + 0.3 * rng.standard_normal(n), 0.05)
    return truth, mean, mean[:, None] + 0.3 * np.array([-1.28, 0.0, 1.28]), rng.integers(0, 4, n)


def forecast_of(name, mean, quantiles):
    """The forecast that a metric takes, and what else it needs."""
    return (quantiles, {"levels": LEVELS}) if METRICS[name].fits == ("quantile",) else (mean, {})


def test_squared_and_absolute_errors_are_those_of_scikit_learn():
    truth, mean, quantiles, weight = rows()
    assert mse(truth, mean, weight) == pytest.approx(sk.mean_squared_error(truth, mean, sample_weight=weight))
    assert mae(truth, mean, weight) == pytest.approx(sk.mean_absolute_error(truth, mean, sample_weight=weight))
    losses = [sk.mean_pinball_loss(truth, q, alpha=a) for q, a in zip(quantiles.T, LEVELS, strict=True)]
    assert pinball(truth, quantiles, levels=LEVELS) == pytest.approx(np.mean(losses))


def test_r2_by_hand():
    # Errors 1, 0 and 1 against truths 2, 1 and -2: 1 - 2 / 9.
    assert r2(np.array([2.0, 1.0, -2.0]), np.array([1.0, 1.0, -1.0])) == pytest.approx(1 - 2 / 9)
    assert r2(np.array([2.0, 1.0]), np.zeros(2)) == 0.0
    assert np.isnan(r2(np.zeros(2), np.ones(2)))


def test_qlike_by_hand():
    # r = (0.02 / 0.01)^2 = 4: 4 - log 4 - 1. Half of the truth costs more than double.
    assert qlike(np.array([0.02]), np.array([0.01])) == pytest.approx(3 - np.log(4))
    assert qlike(np.array([0.01]), np.array([0.02])) == pytest.approx(np.log(4) - 0.75)
    assert qlike(np.array([0.02]), np.array([0.02])) == 0.0


def test_qlike_of_no_move_and_of_a_forecast_below_zero_is_finite():
    assert np.isfinite(qlike(np.array([0.0, 0.01]), np.array([0.01, -0.5])))


def test_qlike_is_best_at_the_root_mean_square_even_where_some_bars_do_not_move():
    truth = np.abs(np.random.default_rng(0).standard_normal(2000)) * 0.01
    truth[:400] = 0.0
    around = np.sqrt(np.mean(truth**2)) * np.array([0.98, 1.0, 1.02])
    losses = [qlike(truth, np.full(2000, forecast)) for forecast in around]
    assert np.argmin(losses) == 1


def test_coverage_error_by_hand():
    # One of two truths is at or below 1, both are below 3: |0.5 - 0.2| and |1 - 0.9|.
    quantiles = np.array([[1.0, 3.0], [1.0, 3.0]])
    assert coverage_error(np.array([2.0, 1.0]), quantiles, levels=np.array([0.2, 0.9])) == pytest.approx(0.2)


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_a_weight_means_so_many_equal_rows(name):
    truth, mean, quantiles, times = rows()
    forecast, given = forecast_of(name, mean, quantiles)
    repeated = METRICS[name].function(np.repeat(truth, times), np.repeat(forecast, times, axis=0), **given)
    assert METRICS[name].function(truth, forecast, times, **given) == pytest.approx(repeated, abs=1e-12)


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_a_worse_forecast_scores_worse(name):
    truth, mean, quantiles, _ = rows()
    forecast, given = forecast_of(name, mean, quantiles)
    good, bad = (METRICS[name].function(truth, f, **given) for f in (forecast, forecast + 0.5))
    assert (good > bad) == METRICS[name].higher_is_better


@pytest.mark.parametrize("name", OF_NUMBERS)
def test_contributions_average_to_the_metric_and_spread_as_it_does_over_samples(name):
    metric, values, stated = METRICS[name], [], []
    shape = metric.shape_at(LEVELS)
    for seed in range(100):
        truth, mean, quantiles, _ = rows(seed=seed)
        # Half a unit too high, so that no share is at its level, where the coverage error has an edge.
        forecast, given = forecast_of(name, mean + 0.5, quantiles + 0.5)
        values.append(metric.function(truth, forecast, **given))
        moved = shape.contributions(truth, forecast)
        assert moved.mean() == pytest.approx(values[-1], abs=1e-9)
        stated.append(moved.std() / np.sqrt(len(truth)))
    assert np.mean(stated) == pytest.approx(np.std(values), rel=0.2)


@cache
def table_of(kind, target="my_target"):
    """Two models of a kind over 24 days of 12 symbols, with what metrics need: events or positive truths."""
    truth, mean, quantiles, _ = rows(288)
    if kind in ("probability", "score"):
        truth = (mean + np.random.default_rng(1).standard_normal(288) > 2.0).astype(float)
    forecast = {
        "probability": (mean - 1) / 2,
        "mean": mean,
        "score": 100 * mean,
        "quantile": dict(zip(LEVELS, quantiles.T, strict=True)),
    }[kind]
    made = {"issued": days(24, 12), "entity": [f"S{s}" for s in range(12)] * 24, "fold": np.repeat([0, 1], 144)}
    values = {"network": forecast, "training_mean": forecast}
    return forecasts_of(values, truth, kind=kind, target=target, **made)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", METRICS)
def test_every_metric_judges_the_kinds_that_it_names_and_refuses_the_others(name, kind):
    forecasts = table_of(kind)
    if kind in METRICS[name].fits:
        table = score(forecasts, [name], draws=20, block_sessions=1)
        assert np.isfinite(table[["value", "low", "high"]].to_numpy()).all()
        assert compare(forecasts, metric=name).table["difference"].iloc[0] == 0.0
        return
    with pytest.raises(ConfigError, match=f"{name!r} does not fit forecasts of kind {kind}; use .*(rank_ic|pinball)"):
        score(forecasts, [name])


def test_a_comparison_by_a_metric_that_does_not_fit_is_refused():
    with pytest.raises(
        ConfigError, match="'auc' does not fit forecasts of kind mean; use rank_ic, mse, mae, r2 or qlike"
    ):
        compare(table_of("mean"), metric="auc")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", ["direction", "above_median", "default", "forward_return", "forward_volatility"])
def test_every_target_has_a_deciding_metric_for_every_kind(target, kind):
    forecasts = table_of(kind, target)
    assert all(kind in METRICS[name].fits for name in compared_metrics(forecasts))


@pytest.mark.parametrize(
    ("target", "kind", "names"),
    [
        ("forward_return", "mean", "mse rank_ic mae"),
        ("forward_volatility", "mean", "qlike mse rank_ic"),
        ("forward_return", "quantile", "pinball coverage_error"),
        ("direction", "score", "auc rank_ic"),
    ],
)
def test_targets_say_what_decides_and_what_stands_beside(target, kind, names):
    assert " ".join(compared_metrics(table_of(kind, target))) == names


def test_scores_of_one_symbol_are_refused_where_only_the_order_within_a_session_could_judge_them(
    make_forecasts, make_days
):
    truth = np.random.default_rng(0).standard_normal(30)
    forecasts = make_forecasts(
        {"a": truth}, truth, issued=make_days(30), entity="A", kind="score", target="forward_return"
    )
    with pytest.raises(ConfigError, match="needs sessions of 10 symbols"):
        deciding_metric(forecasts)


def test_r2_is_measured_against_the_naive_forecast_of_the_target(make_forecasts):
    truth, mean, _, _ = rows()
    forecasts = make_forecasts({"network": mean, "training_mean": np.full(400, 2.0)}, truth, kind="mean", target="size")
    values = score(forecasts, ["r2"], draws=0).set_index("model")["value"]
    assert values["network"] == pytest.approx(1 - np.sum((truth - mean) ** 2) / np.sum((truth - 2.0) ** 2))
    assert values["training_mean"] == 0.0
    returns = make_forecasts({"network": mean}, truth, kind="mean", target="forward_return")
    assert score(returns, ["r2"], draws=0)["value"].iloc[0] == pytest.approx(r2(truth, mean))


def test_r2_without_its_naive_forecast_is_refused_and_not_asked_for(make_forecasts):
    truth, mean, _, _ = rows()
    forecasts = make_forecasts({"network": mean}, truth, kind="mean", target="size")
    assert default_metrics(forecasts) == ("mse", "mae")
    with pytest.raises(ConfigError, match="naive forecast that the models lack"):
        score(forecasts, ["r2"])


def test_the_interval_of_a_mean_squared_error_covers_it(make_forecasts, make_days):
    covered = []
    for seed in range(16):
        truth = np.random.default_rng(seed).standard_normal(250)
        forecasts = make_forecasts(
            {"a": np.zeros(250)}, truth, issued=make_days(250), entity="A", kind="mean", target="forward_return"
        )
        table = score(forecasts, ["mse"], draws=60, block_sessions=1)
        covered.append(table["low"].iloc[0] <= 1.0 <= table["high"].iloc[0])
    assert np.mean(covered) >= 0.8


def test_quantiles_are_paired_by_every_level(make_forecasts):
    truth, _, quantiles, _ = rows(50)
    forecasts = make_forecasts(
        {"a": dict(zip(LEVELS, quantiles.T, strict=True)), "b": dict.fromkeys(LEVELS, 2.0)}, truth, kind="quantile"
    )
    lacking = forecasts.table.drop(index=np.flatnonzero(forecasts.table["level"] == 0.9)[0])
    for table, n in ((forecasts.table, 50), (lacking, 49)):
        values = score(type(forecasts)(table), ["pinball"], draws=0).set_index("model")["value"]
        expected = pinball(truth[50 - n :], quantiles[50 - n :], levels=LEVELS)
        assert values["a"] == pytest.approx(expected)


def test_a_table_of_two_kinds_is_judged_one_kind_at_a_time(make_forecasts):
    truth, mean, quantiles, _ = rows(50)
    parts = [
        make_forecasts({"a": mean}, truth, kind="mean"),
        make_forecasts({"a": dict(zip(LEVELS, quantiles.T, strict=True))}, truth, kind="quantile"),
    ]
    both = type(parts[0]).concat(parts)
    with pytest.raises(DataError, match="judge one at a time"):
        score(both)
    assert score(both.of_kind("mean"), draws=0).equals(score(parts[0], draws=0))


def test_numbers_have_no_base_rate(make_forecasts):
    truth, mean, _, _ = rows(50)
    assert np.isnan(describe_sample(make_forecasts({"a": mean}, truth, kind="mean")).base_rate)


def test_only_probabilities_are_calibrated_and_only_quantiles_cover(make_forecasts):
    truth, mean, quantiles, _ = rows(400)
    with pytest.raises(DataError, match="of kind mean"):
        calibration_table(make_forecasts({"a": mean}, truth, kind="mean"))
    table = coverage_table(make_forecasts({"a": dict(zip(LEVELS, quantiles.T, strict=True))}, truth, kind="quantile"))
    assert ((table["low"] < table["level"]) & (table["level"] < table["high"])).all()


def test_numbers_are_written_with_figures_that_count():
    assert METRICS["mse"].digits_of(1.2e-7) == 10
    assert METRICS["mae"].digits_of(123.0) == 1
    assert METRICS["mae"].digits_of(0.0) == METRICS["mae"].digits
