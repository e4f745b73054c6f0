"""Comparisons test the differences that rows, days and folds really give, and claim no more than they show."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from finnet.errors import ConfigError
from finnet.evaluation.comparison import compare
from finnet.evaluation.metrics import METRICS
from finnet.evaluation.paired_tests import fits_t, long_run_t, rows_t
from finnet.evaluation.significance import corrected_paired_t, data_needed, diebold_mariano, holm

ROW_METRICS = [name for name, metric in METRICS.items() if metric.kind == "row" and "probability" in metric.fits]
MEANS = ("accuracy", "brier", "log_loss")


def losses_of(metric, truth, value):
    """Loss of each row by a metric that is a mean over rows."""
    p = np.clip(value, 1e-6, 1 - 1e-6)
    return {
        "accuracy": ((value > 0.5) != (truth == 1)).astype(float),
        "brier": (value - truth) ** 2,
        "log_loss": -np.log(np.where(truth == 1, p, 1 - p)),
    }[metric]


def market(n_days, per_day, seed=0, skill=1.0):
    """Truth and the forecasts of a model that knows the odds and of one that half knows them."""
    rng = np.random.default_rng(seed)
    signal = skill * rng.standard_normal(n_days * per_day)
    odds = 1 / (1 + np.exp(-signal))
    poor = 1 / (1 + np.exp(-(signal + rng.standard_normal(len(signal)))))
    return (rng.random(len(odds)) < odds).astype(float), {"network": odds, "tree": poor}


def daily(make_forecasts, make_days, n_days=120, per_day=3, **made):
    truth, values = market(n_days, per_day, **made)
    symbols = [f"S{s}" for s in range(per_day)] * n_days
    return truth, values, make_forecasts(values, truth, issued=make_days(n_days, per_day), entity=symbols)


@pytest.mark.parametrize("metric", ROW_METRICS)
def test_a_positive_difference_means_that_the_reference_is_better(make_forecasts, make_days, metric):
    _, _, forecasts = daily(make_forecasts, make_days)
    row = compare(forecasts, metric=metric).table.iloc[0]
    better = row["reference_value"] - row["value"]
    assert row["difference"] == pytest.approx(better if METRICS[metric].higher_is_better else -better)
    assert row["difference"] > 0
    assert compare(forecasts, "tree", metric=metric).table["difference"].iloc[0] == pytest.approx(-row["difference"])


@pytest.mark.parametrize("metric", MEANS)
def test_dated_forecasts_are_tested_on_their_daily_means(make_forecasts, make_days, metric):
    truth, values, forecasts = daily(make_forecasts, make_days)
    losses = {name: losses_of(metric, truth, value) for name, value in values.items()}
    expected = long_run_t((losses["tree"] - losses["network"]).reshape(120, 3).mean(axis=1))
    row = compare(forecasts, metric=metric).table.iloc[0]
    assert (row["statistic"], row["p_value"]) == pytest.approx((expected.statistic, expected.p_value))
    assert (row["low"], row["high"]) == pytest.approx((expected.low, expected.high))
    assert row["n"] == 120


def test_symbols_that_move_as_one_prove_no_more_than_one(make_forecasts, make_days):
    truth, values = market(80, 1)
    alone = compare(make_forecasts(values, truth, issued=make_days(80), entity="A")).table
    many = make_forecasts(
        {name: np.repeat(value, 20) for name, value in values.items()}, np.repeat(truth, 20),
        issued=make_days(80, 20), entity=[f"S{s}" for s in range(20)] * 80,
    )  # fmt: skip
    assert compare(many).table["p_value"].iloc[0] == pytest.approx(alone["p_value"].iloc[0])


def test_days_with_more_rows_count_more(make_forecasts, make_days):
    truth, values = market(60, 1)
    # Day d has the row of its own and, on every third day, another two.
    day = np.sort(np.concatenate([np.arange(40), np.arange(0, 40, 4), np.arange(0, 40, 4)]))
    symbol = pd.Series(day).groupby(day).cumcount().map("S{}".format).to_numpy()
    row = compare(make_forecasts(values, truth, issued=make_days(40)[day], entity=symbol)).table.iloc[0]
    losses = {name: losses_of("log_loss", truth, value) for name, value in values.items()}
    assert row["difference"] == pytest.approx(np.mean(losses["tree"] - losses["network"]))
    assert row["difference"] == pytest.approx(row["value"] - row["reference_value"])


def test_the_horizon_widens_the_test(make_forecasts, make_days):
    truth, values = market(200, 1)
    issued = make_days(200)
    made = {"issued": issued, "resolves": issued + pd.Timedelta(days=6), "entity": "A", "horizon": 5}
    losses = {name: losses_of("log_loss", truth, value) for name, value in values.items()}
    expected = long_run_t(losses["tree"] - losses["network"], 5)
    assert compare(make_forecasts(values, truth, **made)).table["statistic"].iloc[0] == pytest.approx(
        expected.statistic
    )


def test_rows_without_dates_are_the_units_and_folds_stand_beside_them(make_forecasts):
    truth, values = market(100, 1)
    fold = np.arange(100) % 5
    losses = {name: losses_of("log_loss", truth, value) for name, value in values.items()}
    difference = losses["tree"] - losses["network"]
    rows, folds = rows_t(difference, fold, np.arange(100)), [difference[fold == k].mean() for k in range(5)]
    row = compare(make_forecasts(values, truth, fold=fold)).table.iloc[0]
    assert (row["statistic"], row["p_value"]) == pytest.approx((rows.statistic, rows.p_value))
    assert row["p_fits"] == pytest.approx(corrected_paired_t(np.array(folds), 0.25).p_value)
    assert (row["test"], row["n"], row["fits"]) == ("rows", 100, 5)
    assert np.isnan(row["years"])


def test_a_row_of_several_repeats_counts_once(make_forecasts):
    truth, values = market(60, 1)
    entity, fold = (
        np.tile([f"E{row}" for row in range(60)], 2),
        np.concatenate([np.arange(60) % 3, 3 + np.arange(60) // 20]),
    )
    twice = make_forecasts({k: np.tile(v, 2) for k, v in values.items()}, np.tile(truth, 2), entity=entity, fold=fold)
    once = make_forecasts(values, truth, fold=np.arange(60) % 3)
    rows = [compare(forecasts).table.iloc[0] for forecasts in (twice, once)]
    assert rows[0]["n"] == 60
    assert rows[0]["statistic"] == pytest.approx(rows[1]["statistic"], rel=0.05)


def test_one_fold_without_dates_is_tested_row_by_row(make_forecasts):
    truth, values = market(90, 1)
    losses = {name: losses_of("brier", truth, value) for name, value in values.items()}
    expected = stats.ttest_1samp(losses["tree"] - losses["network"], 0.0)
    assert compare(make_forecasts(values, truth), metric="brier").table["p_value"].iloc[0] == pytest.approx(
        expected.pvalue
    )


def one_lucky_fold(make_forecasts, make_days):
    """Five fits, in one of which alone the reference is better."""
    truth, values = market(3000, 1)
    fold = np.arange(3000) // 600
    lucky = np.where(fold == 3, values["network"], values["tree"])
    made = {"issued": make_days(3000), "entity": "A", "fold": fold}
    difference = losses_of("log_loss", truth, values["tree"]) - losses_of("log_loss", truth, lucky)
    return make_forecasts({"network": lucky, "tree": values["tree"]}, truth, **made), difference


def test_with_five_fits_the_more_careful_answer_decides(make_forecasts, make_days):
    forecasts, difference = one_lucky_fold(make_forecasts, make_days)
    row = compare(forecasts).table.iloc[0]
    assert diebold_mariano(difference).p_value < 0.01
    assert row["p_forecasts"] == pytest.approx(long_run_t(difference).p_value)
    assert row["p_fits"] == pytest.approx(fits_t(difference.reshape(5, 600).mean(axis=1)).p_value)
    assert (row["p_value"], row["test"], row["n"]) == (row["p_fits"], "fits", 5)
    assert row["p_value"] > 0.3


def test_a_difference_of_one_fold_is_named_and_no_win(make_forecasts, make_days):
    comparison = compare(one_lucky_fold(make_forecasts, make_days)[0])
    assert comparison.table["one_fold"].iloc[0] == 3
    assert "beats" not in comparison.verdict
    assert "One fold makes most of the difference: fold 3 (against the decision tree)." in comparison.verdict


@pytest.mark.parametrize("fits", [1, 2, 4])
def test_few_fits_answer_for_these_forecasts_and_say_so(make_forecasts, make_days, fits):
    truth, values = market(400, 1)
    fold = np.arange(400) * fits // 400
    comparison = compare(make_forecasts(values, truth, issued=make_days(400), entity="A", fold=fold))
    row = comparison.table.iloc[0]
    assert row["p_value"] == row["p_forecasts"]
    assert "whether these forecasts were better, not whether other fits" in comparison.verdict


def test_the_auc_is_compared_as_delong_do(make_forecasts):
    truth, values = market(300, 1)
    row = compare(make_forecasts(values, truth), metric="auc").table.iloc[0]
    components = []
    for value in values.values():
        ones, zeros = value[truth == 1], value[truth == 0]
        right = (ones[:, None] > zeros[None, :]) + 0.5 * (ones[:, None] == zeros[None, :])
        components.append((right.mean(axis=1), right.mean(axis=0)))
    of_ones, of_zeros = (components[0][side] - components[1][side] for side in (0, 1))
    error = np.sqrt(of_ones.var(ddof=1) / len(of_ones) + of_zeros.var(ddof=1) / len(of_zeros))
    assert row["difference"] == pytest.approx(of_ones.mean())
    assert (row["high"] - row["low"]) / (2 * 1.968) == pytest.approx(error, rel=0.01)


def test_above_the_median_is_judged_by_the_order_within_sessions(make_forecasts, make_days):
    rng = np.random.default_rng(0)
    returns, n_days, per_day = rng.standard_normal(60 * 20), 60, 20
    truth = (returns > np.repeat(np.median(returns.reshape(60, 20), axis=1), 20)).astype(float)
    # Both say one half within a hair, so their log losses are alike; one orders the symbols better.
    values = {"network": 0.5 + 1e-5 * (returns + rng.standard_normal(1200)), "tree": 0.5 + 1e-5 * rng.random(1200)}
    made = {"issued": make_days(n_days, per_day), "entity": [f"S{s}" for s in range(per_day)] * n_days}
    comparison = compare(make_forecasts(values, truth, target="above_median", **made))
    assert comparison.metric == "rank_ic"
    assert comparison.verdict.startswith("By rank IC, over 60 sessions")
    assert "beats the decision tree" in comparison.verdict


def test_p_values_are_adjusted_over_the_models(make_forecasts, make_days):
    truth, values = market(150, 1)
    values["knn"], values["svm"] = np.full(150, 0.5), values["tree"] ** 2
    table = compare(make_forecasts(values, truth, issued=make_days(150), entity="A")).table
    assert table["p_holm"].to_numpy() == pytest.approx(holm(table["p_value"].to_numpy()))
    assert (table["p_holm"] > table["p_value"]).any()


def test_p_values_of_other_fits_are_adjusted_among_themselves(make_forecasts):
    truth, values = market(150, 1)
    values["svm"] = values["tree"] ** 2
    table = compare(make_forecasts(values, truth, fold=np.arange(150) % 5)).table
    assert table["p_fits_holm"].to_numpy() == pytest.approx(holm(table["p_fits"].to_numpy()))
    assert (table["p_fits_holm"] > table["p_fits"]).any()


def test_years_needed_follow_from_the_statistic(make_forecasts, make_days):
    _, _, forecasts = daily(make_forecasts, make_days, n_days=40, skill=0.0)
    row = compare(forecasts, metric="accuracy").table.iloc[0]
    assert row["p_holm"] >= 0.05
    assert row["years_needed"] == pytest.approx(40 / 365.25 * data_needed(row["statistic"], dof=row["dof"]))


def test_more_needed_rows_where_several_comparisons_share_the_level(make_forecasts):
    truth, values = market(200, 1, seed=3, skill=0.1)
    values["tree"] = 0.9 * values["network"] + 0.1 * values["tree"]
    one = compare(make_forecasts(values, truth)).table.iloc[0]
    more = {f"tree_{k}": values["tree"] for k in range(4)}
    many = compare(make_forecasts({**values, **more}, truth)).table.iloc[0]
    assert one["p_holm"] > 0.05
    assert one["rows_needed"] == pytest.approx(200 * data_needed(one["statistic"], dof=one["dof"]))
    assert many["times_needed"] == pytest.approx(data_needed(one["statistic"], dof=one["dof"], level=0.01))


def test_a_detected_difference_needs_no_more_years(make_forecasts, make_days):
    _, _, forecasts = daily(make_forecasts, make_days, n_days=400)
    row = compare(forecasts).table.iloc[0]
    assert row["p_holm"] < 0.05
    assert np.isnan(row["years_needed"])


def test_models_that_know_nothing_are_rarely_called_winners(make_forecasts, make_days):
    issued, claims = make_days(250), 0
    for seed in range(30):
        rng = np.random.default_rng(seed)
        guess = {name: rng.uniform(0.4, 0.6, 250) for name in ("network", "tree", "knn", "svm")}
        truth = (rng.random(250) < 0.5).astype(float)
        table = compare(make_forecasts(guess, truth, issued=issued, entity="A")).table
        claims += (table["p_holm"] < 0.05).any()
    assert claims <= 5  # one or two expected; six or more have probability 0.3 %


def test_beating_one_naive_forecast_is_not_beating_them_all(make_forecasts, make_days):
    truth, values = market(500, 1)
    naive = {"always_up": np.full(500, 0.6), "persistence": values["network"]}
    comparison = compare(make_forecasts({"network": values["tree"], **naive}, truth, issued=make_days(500), entity="A"))
    beaten = comparison.table.set_index("model")["difference"] > 0
    assert beaten.to_dict() == {"always_up": True, "persistence": False}
    row = comparison.against_naive.iloc[0]
    assert (row["hardest"], row["beats_all"], row["p_value"]) == ("persistence", False, 1.0)


def test_a_planted_signal_beats_every_naive_forecast(make_forecasts, make_days):
    truth, values = market(500, 1)
    naive = {"always_up": np.full(500, 0.500001), "prior_rate": np.full(500, truth.mean())}
    comparison = compare(make_forecasts({**values, **naive}, truth, issued=make_days(500), entity="A"))
    assert comparison.against_naive.set_index("model").loc["network", "beats_all"]
    assert set(comparison.against_naive["model"]) == {"network", "tree"}


def test_a_win_over_the_naive_has_the_larger_p_value_of_its_tests(make_forecasts, make_days):
    truth, values = market(120, 1)
    naive = {"always_up": np.full(120, 0.55), "prior_rate": np.full(120, 0.5)}
    comparison = compare(
        make_forecasts({"network": values["network"], **naive}, truth, issued=make_days(120), entity="A")
    )
    assert comparison.against_naive["p_value"].iloc[0] == pytest.approx(comparison.table["p_value"].max())


@pytest.mark.parametrize("seed", range(8))
def test_no_verdict_contradicts_itself(make_forecasts, seed):
    truth, values = market(150, 1, seed=seed, skill=0.6)
    crowd = {f"model_{k}": np.clip(values["tree"] + 0.01 * k, 0.01, 0.99) for k in range(6)}
    comparison = compare(make_forecasts({**values, **crowd, "prior_rate": np.full(150, truth.mean())}, truth))
    row = comparison.table.set_index("model").loc["prior_rate"]
    beats = comparison.against_naive.set_index("model")["beats_all"]["network"]
    assert beats == ((row["p_holm"] < 0.05) & (row["difference"] > 0))


def test_without_naive_forecasts_there_is_no_table_of_them(make_forecasts, make_days):
    _, _, forecasts = daily(make_forecasts, make_days)
    assert compare(forecasts).against_naive.empty
    assert "naive" not in compare(forecasts).verdict


@pytest.mark.parametrize(
    ("n", "made", "evidence"),
    [
        (731, {"dated": True, "entity": "A"}, "731 sessions in 2.0 years"),
        (731, {"dated": True}, "731 loans of 24 months"),
        (1200, {"fold": np.arange(1200) % 4}, "1,200 rows in 4 folds"),
        (1200, {}, "1,200 rows"),
    ],
    ids=["market", "loans", "folds", "one fold"],
)
def test_the_verdict_says_what_it_rests_on(make_forecasts, make_days, n, made, evidence):
    truth, values = market(n, 1)
    issued = {"issued": make_days(n)} if made.pop("dated", False) else {}
    assert f"over {evidence}, the network" in compare(make_forecasts(values, truth, **issued, **made)).verdict


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"reference": "netwrk"}, "did you mean 'network'"),
        ({"metric": "logloss"}, "did you mean 'log_loss'"),
        ({"metric": "rmse"}, "metric='rmse' is not known"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(make_forecasts, make_days, settings, message):
    _, _, forecasts = daily(make_forecasts, make_days)
    with pytest.raises(ConfigError, match=message):
        compare(forecasts, **settings)


def test_one_model_alone_is_refused(make_forecasts):
    with pytest.raises(ConfigError, match="at least one other"):
        compare(make_forecasts({"network": [0.1, 0.9]}, [0, 1]))


def test_other_fits_against_the_naive_forecasts_share_one_correction_with_the_rest(make_forecasts):
    truth, values = market(150, 1, skill=0.6)
    naive = {"prior_rate": np.full(150, truth.mean()), "always_up": np.full(150, 0.55)}
    comparison = compare(make_forecasts({**values, **naive}, truth, fold=np.arange(150) % 5))
    table, beaten = comparison.table.set_index("model"), comparison.against_naive.set_index("model")
    assert beaten.loc["network", "p_fits"] == pytest.approx(table.loc[list(naive), "p_fits"].max())
    assert beaten.loc["network", "p_fits_holm"] == pytest.approx(table.loc[list(naive), "p_fits_holm"].max())
    family = holm([*table["p_fits"], beaten.loc["tree", "p_fits"]])
    assert [*table["p_fits_holm"], beaten.loc["tree", "p_fits_holm"]] == pytest.approx(family)


def test_equal_forecasts_are_compared_without_a_warning(make_forecasts, make_days):
    truth, values = market(120, 3)
    equal = {"network": values["network"], "logistic": values["network"].copy(), "tree": values["tree"]}
    forecasts = make_forecasts(equal, truth, issued=make_days(120, 3), entity=["A", "B", "C"] * 120)
    for metric in ("log_loss", "auc"):
        table = compare(forecasts, metric=metric).table.set_index("model")
        assert table.loc["logistic", "difference"] == 0.0
