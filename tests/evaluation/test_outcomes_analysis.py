"""What came true of forecasts is set beside what they said and what the run scored."""

import numpy as np
import pandas as pd
import pytest

from finnet.errors import DataError
from finnet.evaluation.outcomes_analysis import outcomes_analysis
from finnet.forecasts import Forecasts

RUN = {"auc": {"value": 0.75, "low": 0.72, "high": 0.78}, "brier": {"value": 0.1, "low": 0.09, "high": 0.11}}


def loans(n=2000, *, seed=0, odds=1.0, blind=False, dated=True):
    rng = np.random.default_rng(seed)
    risk = rng.beta(1, 6, n)
    true = np.full(n, risk.mean()) if blind else risk * odds / (1 - risk + risk * odds)
    rows = {"model": "network", "fold": -1, "entity": np.arange(n).astype(str), "target": "default", "horizon": 12}
    days = pd.Timestamp("2020-01-15") + pd.to_timedelta(30 * (np.arange(n) % 18), unit="D")
    times = {"issued_at": days, "resolves_at": days + pd.Timedelta(days=365)} if dated else {}
    truth = (rng.random(n) < true).astype(float)
    return Forecasts.from_rows({**rows, **times, "kind": "probability", "value": risk, "truth": truth}, run_id="demo")


def test_forecasts_that_are_right_on_average_are_seldom_called_off():
    chances = [outcomes_analysis(loans(300, seed=seed, dated=False), {}).gap_chance for seed in range(20)]
    assert sum(chance < 0.05 for chance in chances) <= 5


def test_doubled_odds_are_found():
    found = outcomes_analysis(loans(odds=2.0), RUN)
    assert found.gap_chance < 1e-6
    assert found.low > found.forecast


def test_an_order_that_is_lost_is_found_and_one_that_is_kept_is_not():
    assert outcomes_analysis(loans(blind=True), RUN).worse_chance < 1e-3
    kept = outcomes_analysis(loans(), RUN)
    assert kept.worse_chance > 0.01
    assert kept.scores["metric"].tolist() == ["auc", "brier"]


def test_every_month_of_issue_has_a_row():
    months = outcomes_analysis(loans(), RUN).months
    assert months["month"].is_monotonic_increasing
    assert months["n"].sum() == 2000
    assert (months["low"] <= months["observed"]).all()


def test_sessions_count_once_where_outcomes_overlap():
    n, rng = 400, np.random.default_rng(0)
    day = pd.bdate_range("2020-01-01", periods=100).repeat(4)
    rows = {"model": "network", "fold": -1, "entity": np.tile(list("ABCD"), 100), "target": "direction", "horizon": 5}
    times = {"issued_at": day, "resolves_at": day + pd.offsets.BDay(6)}
    truth = (rng.random(n) < 0.5).astype(float)
    found = outcomes_analysis(
        Forecasts.from_rows({**rows, **times, "kind": "probability", "value": 0.5, "truth": truth}, run_id="demo"), {}
    )
    assert found.high - found.low > 0.35


def test_numbers_and_quantiles_are_checked_in_their_own_way():
    rows = {
        "model": "network",
        "fold": -1,
        "entity": np.arange(50).astype(str),
        "target": "forward_return",
        "horizon": 1,
    }
    truth = np.random.default_rng(0).normal(1.0, 1.0, 50)
    means = Forecasts.from_rows({**rows, "kind": "mean", "value": 0.0, "truth": truth}, run_id="demo")
    assert outcomes_analysis(means, {}).gap_chance < 1e-3
    quantiles = Forecasts.from_rows(
        {**rows, "kind": "quantile", "level": 0.9, "value": 1.0, "truth": truth}, run_id="demo"
    )
    assert outcomes_analysis(quantiles, {}).bins["forecast"].tolist() == [0.9]


def test_no_known_truth_is_refused():
    unknown = loans(5).table.assign(truth=np.nan)
    with pytest.raises(DataError, match="no case has a known truth"):
        outcomes_analysis(Forecasts(unknown), RUN)
