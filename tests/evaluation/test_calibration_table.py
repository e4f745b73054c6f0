"""Calibration tables hold what was observed, and perfect forecasts look calibrated about as often as stated."""

import numpy as np
import pytest

from finnet.evaluation.calibration import (
    calibration_errors,
    calibration_table,
    ece_null,
    expected_calibration_error,
    jeffreys_interval,
)


def outcomes(n, seed=0):
    rng = np.random.default_rng(seed)
    probability = rng.random(n)
    return (rng.random(n) < probability).astype(float), probability


def test_bins_hold_equally_many_rows_in_order(make_forecasts):
    probability = np.array([0.9, 0.1, 0.4, 0.6, 0.2, 0.8])
    table = calibration_table(make_forecasts({"a": probability}, [1, 0, 0, 1, 1, 1]), bins=3)
    assert table["bin"].tolist() == [1, 2, 3]
    assert table["n"].tolist() == [2, 2, 2]
    assert table["forecast"].tolist() == pytest.approx([0.15, 0.5, 0.85])
    assert table["observed"].tolist() == [0.5, 0.5, 1.0]


def test_equal_forecasts_share_one_bin(make_forecasts):
    table = calibration_table(
        make_forecasts({"prior": np.full(10, 0.3), "a": np.linspace(0, 1, 10)}, np.arange(10) % 2)
    )
    assert (table["model"] == "prior").sum() == 1
    assert (table["model"] == "a").sum() == 10


def test_repeats_of_a_case_count_once(make_forecasts):
    truth, probability = outcomes(40)
    entity = [f"E{row}" for row in range(40)]
    once = calibration_table(make_forecasts({"a": probability}, truth, entity=entity), bins=4)
    twice = make_forecasts(
        {"a": np.tile(probability, 2)}, np.tile(truth, 2), entity=entity * 2, fold=np.repeat([0, 1], 40)
    )
    assert calibration_table(twice, bins=4).drop(columns="model").to_numpy() == pytest.approx(
        once.drop(columns="model").to_numpy()
    )


def test_intervals_of_perfect_forecasts_hold_the_forecast_as_often_as_stated(make_forecasts):
    truth, probability = outcomes(20_000)
    table = calibration_table(make_forecasts({"a": probability}, truth), bins=200)
    inside = (table["low"] <= table["forecast"]) & (table["forecast"] <= table["high"])
    assert inside.mean() == pytest.approx(0.95, abs=0.04)


def test_jeffreys_interval_has_the_published_ends():
    # Brown, Cai & DasGupta 2001: 0 of 10 and 5 of 10.
    low, high = jeffreys_interval(np.array([0.0, 5.0, 10.0]), np.full(3, 10.0))
    assert low == pytest.approx([0.0, 0.224, 0.783], abs=5e-4)
    assert high == pytest.approx([0.217, 0.776, 1.0], abs=5e-4)


def test_expected_calibration_error_by_hand():
    # Two rows in each of two bins: gaps |1/2 - 0.2| and |1/2 - 0.7|.
    truth, probability = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.3, 0.6, 0.8])
    assert expected_calibration_error(truth, probability, bins=2) == pytest.approx(0.25)


def test_bins_hold_equally_many_rows_where_nearly_all_forecasts_are_low():
    # Bins of equal width would hold all of them in one, whose gaps cancel.
    truth, probability = np.array([0.0, 0.0, 1.0, 0.0]), np.array([0.01, 0.01, 0.03, 0.03])
    assert expected_calibration_error(truth, probability, bins=2) == pytest.approx((0.01 + 0.47) / 2)


@pytest.mark.parametrize(("n", "low", "high"), [(200, 0.07, 0.09), (1000, 0.03, 0.04), (10_000, 0.008, 0.013)])
def test_a_perfect_model_has_the_known_calibration_error_on_average(n, low, high):
    errors = [expected_calibration_error(*outcomes(n, seed)) for seed in range(60)]
    assert low <= np.mean(errors) <= high


def test_the_null_has_the_mean_that_perfect_forecasts_have():
    probability = outcomes(500)[1]
    rng = np.random.default_rng(1)
    errors = [expected_calibration_error(rng.random(500) < probability, probability) for _ in range(400)]
    assert ece_null(probability, draws=400).mean() == pytest.approx(np.mean(errors), rel=0.05)


def test_one_perfect_model_in_twenty_is_called_uncalibrated():
    probability = outcomes(400)[1]
    rng = np.random.default_rng(2)
    worst = np.quantile(ece_null(probability, draws=500), 0.95)
    errors = [expected_calibration_error(rng.random(400) < probability, probability) for _ in range(400)]
    assert np.mean(errors > worst) == pytest.approx(0.05, abs=0.03)


def test_timid_forecasts_are_called_uncalibrated(make_forecasts):
    truth, probability = outcomes(3000, seed=1)
    forecasts = make_forecasts({"perfect": probability, "timid": 0.5 + (probability - 0.5) / 2}, truth)
    table = calibration_errors(forecasts).set_index("model")
    assert table["calibrated"].to_dict() == {"perfect": True, "timid": False}
    assert table.loc["timid", "ece"] == pytest.approx(0.125, abs=0.02)


def book(n, seed, *, rate):
    """Forecasts between 0.05 and 6 %, and outcomes at `rate(forecast)`."""
    rng = np.random.default_rng(seed)
    probability = np.exp(rng.uniform(np.log(0.0005), np.log(0.06), n))
    return probability, (rng.random(n) < rate(probability)).astype(float)


def found(make_forecasts, probability, truth, **settings):
    return calibration_errors(make_forecasts({"a": probability}, truth), **settings).iloc[0]


def test_a_spread_that_is_not_there_is_found_at_low_default_rates(make_forecasts):
    """20,000 loans of which 2 % default, whatever was forecast."""
    records = [found(make_forecasts, *book(20_000, seed, rate=lambda p: 0.02 + 0 * p), draws=59) for seed in range(3)]
    assert not any(record["calibrated"] for record in records)
    assert all("too extreme" in record["finding"] for record in records)


def test_one_calibrated_book_in_twenty_is_found_at_fault(make_forecasts):
    books = [book(300, seed, rate=lambda p: p) for seed in range(100)]
    wrong = [not found(make_forecasts, *made, draws=59, seed=seed)["calibrated"] for seed, made in enumerate(books)]
    assert 0.01 <= np.mean(wrong) <= 0.1


@pytest.mark.parametrize(
    ("stretch", "shift", "finding"),
    [
        (1.0, 0.0, "no miscalibration detected"),
        (2.0, 0.0, "forecasts too extreme"),
        (0.5, 0.0, "forecasts too timid"),
        (1.0, 0.4, "forecasts too high"),
        (1.0, -0.4, "forecasts too low"),
    ],
)
def test_the_finding_says_in_words_what_is_wrong(make_forecasts, stretch, shift, finding):
    rng = np.random.default_rng(8)
    score = rng.standard_normal(4000)
    truth = (rng.random(4000) < 1 / (1 + np.exp(-score))).astype(float)
    record = found(make_forecasts, 1 / (1 + np.exp(-stretch * score - shift)), truth)
    assert record["finding"] == finding
    assert record["calibrated"] == (finding == "no miscalibration detected")


def test_wrong_bins_are_found_where_level_slope_and_brier_score_are_right(make_forecasts):
    probability = np.repeat([0.3, 0.4, 0.6, 0.7], 500)
    rate = np.repeat([0.36, 0.3, 0.7, 0.64], 500)
    truth = (np.arange(2000) % 500 < 500 * rate).astype(float)
    record = found(make_forecasts, probability, truth)
    assert record["finding"] == "forecasts off in some bins"
    assert record["p_ece"] < 0.01 < record["p_curve"]


def test_forecasts_that_are_all_alike_have_no_slope(make_forecasts):
    record = found(make_forecasts, np.full(200, 0.1), (np.arange(200) % 10 == 0).astype(float))
    assert np.isnan(record["slope"])
    assert record["intercept"] == pytest.approx(0.0, abs=1e-9)
    assert record["calibrated"]


def test_a_forecast_of_never_that_came_true_is_found_at_fault(make_forecasts):
    assert not found(make_forecasts, np.zeros(50), (np.arange(50) == 0).astype(float))["calibrated"]


def test_repeats_of_a_case_do_not_make_the_tests_surer(make_forecasts):
    probability, truth = book(500, 1, rate=lambda p: 3 * p)
    entity = [f"E{row}" for row in range(500)]
    once = calibration_errors(make_forecasts({"a": probability}, truth, entity=entity))
    tiled = {"a": np.tile(probability, 2)}
    twice = calibration_errors(make_forecasts(tiled, np.tile(truth, 2), entity=entity * 2, fold=np.repeat([0, 1], 500)))
    assert twice.equals(once)
