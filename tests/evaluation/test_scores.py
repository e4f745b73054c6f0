"""Scores are the metrics of the shared rows; their intervals respect that rows of one day are not independent."""

import numpy as np
import pandas as pd
import pytest

from finnet.errors import ConfigError
from finnet.evaluation.metrics import METRICS, Metric
from finnet.evaluation.scores import default_metrics, describe_sample, score
from finnet.evaluation.significance import block_bootstrap_indices

NAMES = ("accuracy", "mcc", "auc", "gini", "ks", "brier", "log_loss")


def outcomes(n, seed=0):
    rng = np.random.default_rng(seed)
    probability = rng.uniform(0.05, 0.95, n).round(2)
    return (rng.random(n) < probability).astype(float), probability


def test_values_are_the_metrics_of_the_rows(make_forecasts):
    truth, probability = outcomes(100)
    table = score(make_forecasts({"a": probability, "b": 1 - probability}, truth), NAMES, draws=0).set_index(
        ["model", "metric"]
    )
    for name in NAMES:
        assert table.loc[("a", name), "value"] == pytest.approx(METRICS[name].function(truth, probability))
        assert table.loc[("b", name), "value"] == pytest.approx(METRICS[name].function(truth, 1 - probability))


@pytest.mark.parametrize("name", NAMES)
def test_intervals_are_those_of_a_bootstrap_written_as_a_loop(make_forecasts, make_days, name):
    per_day, n_days, block = 4, 30, 3
    truth, probability = outcomes(per_day * n_days)
    forecasts = make_forecasts(
        {"a": probability}, truth, issued=make_days(n_days, per_day), entity=list("ABCD") * n_days
    )
    row = score(forecasts, [name], draws=60, block_sessions=block, seed=7).iloc[0]
    sessions = block_bootstrap_indices(n_days, block, draws=60, rng=np.random.default_rng(7))
    drawn = []
    for sample in sessions:
        rows = np.concatenate([np.arange(per_day) + per_day * session for session in sample])
        drawn.append(METRICS[name].function(truth[rows], probability[rows]))
    assert (row["low"], row["high"]) == pytest.approx(tuple(np.quantile(drawn, [0.025, 0.975])), abs=1e-12)


def test_rank_ic_has_the_interval_of_its_sessions(make_forecasts, make_days):
    rng = np.random.default_rng(0)
    truth, probability = (rng.random(20 * 40) < 0.5).astype(float), rng.random(20 * 40)
    forecasts = make_forecasts(
        {"a": probability}, truth, issued=make_days(40, 20), entity=[f"S{s}" for s in range(20)] * 40
    )
    row = score(forecasts, ["rank_ic"], draws=1000, block_sessions=1).iloc[0]
    # Forty independent correlations of twenty rows: standard error about 1 / sqrt(19 * 40).
    assert (row["high"] - row["low"]) / (2 * 1.96) == pytest.approx(1 / np.sqrt(19 * 40), rel=0.25)


def test_symbols_that_move_as_one_do_not_narrow_the_interval(make_forecasts, make_days):
    truth, probability = outcomes(60)
    alone = score(make_forecasts({"a": probability}, truth, issued=make_days(60), entity="A"), NAMES)
    many = make_forecasts(
        {"a": np.repeat(probability, 50)}, np.repeat(truth, 50), issued=make_days(60, 50),
        entity=[f"S{s}" for s in range(50)] * 60,
    )  # fmt: skip
    columns = ["value", "low", "high"]
    assert score(many, NAMES)[columns].to_numpy() == pytest.approx(alone[columns].to_numpy(), abs=1e-12)


def test_repeats_of_the_same_forecasts_do_not_narrow_the_interval(make_forecasts):
    truth, probability = outcomes(60)
    entity = [f"E{row}" for row in range(60)]
    once = score(make_forecasts({"a": probability}, truth, entity=entity), NAMES)
    thrice = make_forecasts(
        {"a": np.tile(probability, 3)}, np.tile(truth, 3), entity=entity * 3, fold=np.repeat([0, 1, 2], 60)
    )
    columns = ["value", "low", "high"]
    assert score(thrice, NAMES)[columns].to_numpy() == pytest.approx(once[columns].to_numpy(), abs=1e-12)


def test_a_metric_of_several_repeats_is_their_mean(make_forecasts):
    truth, first = outcomes(40, 1)
    second = outcomes(40, 2)[1]
    both = make_forecasts(
        {"a": np.concatenate([first, second])}, np.tile(truth, 2), entity=[f"E{row}" for row in range(40)] * 2,
        fold=np.repeat([0, 1], 40),
    )  # fmt: skip
    expected = np.mean([METRICS["auc"].function(truth, p) for p in (first, second)])
    assert score(both, ["auc"], draws=0)["value"].iloc[0] == pytest.approx(expected, abs=1e-12)


def test_all_models_share_the_draws(make_forecasts, make_days):
    truth, probability = outcomes(80)
    twins = make_forecasts({"a": probability, "b": probability}, truth, issued=make_days(80), entity="A")
    table = score(twins).set_index("model")[["low", "high"]]
    assert (table.loc["a"].to_numpy() == table.loc["b"].to_numpy()).all()


def test_intervals_cover_the_truth_about_as_often_as_stated(make_forecasts, make_days):
    issued, covered = make_days(250), []
    for seed in range(60):
        truth = (np.random.default_rng(seed).random(250) < 0.6).astype(float)
        table = score(
            make_forecasts({"a": np.full(250, 0.6)}, truth, issued=issued, entity="A"), ["accuracy"], draws=100
        )
        covered.append(table["low"].iloc[0] <= 0.6 <= table["high"].iloc[0])
    assert 0.85 <= np.mean(covered) <= 0.99


def test_a_metric_of_ones_own_is_drawn_through_its_function(make_forecasts, monkeypatch):
    def hits(truth, probability, weight=None):
        return float(np.average((probability > 0.5) == (truth == 1), weights=weight))

    monkeypatch.setitem(METRICS, "hits", Metric(hits, True, "Hits"))
    truth, probability = outcomes(50)
    table = score(make_forecasts({"a": probability}, truth), ["accuracy", "hits"])
    columns = ["value", "low", "high"]
    assert table.loc[0, columns].tolist() == pytest.approx(table.loc[1, columns].tolist(), abs=1e-12)


def test_blocks_are_at_least_as_long_as_the_horizon(make_forecasts, make_days):
    truth, probability = outcomes(64)
    issued = make_days(64)
    made = {"issued": issued, "resolves": issued + pd.Timedelta(days=10), "entity": "A", "horizon": 9}
    forecasts = make_forecasts({"a": probability}, truth, **made)
    assert score(forecasts).equals(score(forecasts, block_sessions=9))


def test_lasting_errors_make_longer_blocks_and_wider_intervals(make_forecasts, make_days):
    rng = np.random.default_rng(0)
    mood = np.repeat(rng.uniform(0.2, 0.8, 20), 25)
    truth = (rng.random(500) < mood).astype(float)
    forecasts = make_forecasts({"a": np.full(500, 0.45)}, truth, issued=make_days(500), entity="A")
    chosen, short = (score(forecasts, ["brier"], block_sessions=block).iloc[0] for block in (None, 1))
    assert chosen["high"] - chosen["low"] > 1.5 * (short["high"] - short["low"])


def test_too_few_sessions_give_no_interval(make_forecasts, make_days):
    truth, probability = outcomes(5)
    table = score(
        make_forecasts({"a": probability}, truth, issued=make_days(5), entity="A"), ["brier"], block_sessions=3
    )
    assert table[["low", "high"]].isna().all(axis=None)


@pytest.mark.parametrize(
    ("target", "names"), [("default", "auc gini ks brier log_loss"), ("direction", "accuracy mcc auc brier log_loss")]
)
def test_default_metrics_fit_the_target(make_forecasts, target, names):
    truth, probability = outcomes(20)
    assert " ".join(default_metrics(make_forecasts({"a": probability}, truth, target=target))) == names


def test_panels_are_judged_by_their_rank_ic_too(make_forecasts, make_days):
    truth, probability = outcomes(60)
    forecasts = make_forecasts(
        {"a": probability}, truth, issued=make_days(5, 12), entity=[f"S{s}" for s in range(12)] * 5
    )
    assert default_metrics(forecasts)[-1] == "rank_ic"


def test_an_unknown_metric_names_the_nearest(make_forecasts):
    with pytest.raises(ConfigError, match="did you mean 'brier'"):
        score(make_forecasts({"a": [0.1, 0.9]}, [0, 1]), ["brie"])


def test_rank_ic_is_refused_for_rows_without_dates(make_forecasts):
    with pytest.raises(ConfigError, match="without dates"):
        score(make_forecasts({"a": [0.1, 0.9]}, [0, 1]), ["rank_ic"])


def test_the_sample_says_what_scores_rest_on(make_forecasts, make_days):
    forecasts = make_forecasts(
        {"a": np.full(6, 0.5)}, [1, 1, 1, 0, 1, 0], issued=make_days(3, 2), entity=["A", "B"] * 3
    )
    sample = describe_sample(forecasts)
    assert (sample.n_rows, sample.n_sessions, sample.n_entities, sample.n_repeats) == (6, 3, 2, 1)
    assert (sample.first, sample.last) == ("2020-01-01", "2020-01-03")
    assert sample.base_rate == pytest.approx(4 / 6)
