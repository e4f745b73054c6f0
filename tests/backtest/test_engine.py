"""A backtest trades late, pays for it, makes no money by bookkeeping and knows nothing of the future."""

import numpy as np
import pandas as pd
import pytest

from finnet.backtest import engine
from finnet.backtest.engine import run_backtest
from finnet.backtest.positions import LongFlat, LongShort, TopBottom, held_weights
from finnet.data.panel import Panel, closing_times
from finnet.errors import ConfigError, DataError
from finnet.forecasts import Forecasts

NAN = np.nan
RULES = [LongFlat(), LongShort(), TopBottom(0.3)]


def test_one_forecast_by_hand(make_panel, make_forecasts):
    # Forecast at 90, bought at 100 for a cost of 0.1 %, sold at 110 for 0.1 %: 0.999 * 1.1 * 0.999.
    panel = make_panel([90, 100, 110, 200])
    table = run_backtest(make_forecasts(panel, [0.9, NAN, NAN, NAN]), panel, cost_bps=10).table
    assert table.index.tolist() == list(pd.DatetimeIndex(panel.sessions[1:3]))
    assert table["turnover"].tolist() == pytest.approx([1, 1])
    assert table["equity_gross"].tolist() == pytest.approx([1, 1.1])
    assert table["equity_net"].tolist() == pytest.approx([0.999, 0.999 * 1.1 * 0.999])


def test_two_bars_are_held_in_two_tranches_by_hand(make_panel, make_forecasts):
    # Up at bar 0, down at bar 1, each for two bars. After close 1 all is long; after close 2 both tranches are alive
    # and cancel; after close 3 only the second is, short; after close 4 nothing.
    panel = make_panel([100, 100, 110, 120, 60])
    backtest = run_backtest(
        make_forecasts(panel, [0.9, 0.1, NAN, NAN, NAN], horizon=2), panel, rule=LongShort(), cost_bps=0
    )
    assert backtest.positions["A"].tolist() == [1, 0, -1, 0]
    assert backtest.table["equity_net"].tolist() == pytest.approx([1, 1.1, 1.1, 1.1 * 1.5])


def earns_the_bar_it_was_made_on(panel, forecasts):
    return run_backtest(forecasts, panel, cost_bps=0).table["equity_net"].iloc[-1] > 1


def test_a_forecast_cannot_trade_at_the_close_that_made_it(make_panel, make_forecasts, monkeypatch):
    # The price jumps on the bar after the forecast and halves on the one after that.
    panel = make_panel([100, 150, 75, 75])
    forecasts = make_forecasts(panel, [0.9, NAN, NAN, NAN])
    assert not earns_the_bar_it_was_made_on(panel, forecasts)

    def same_bar(decided, issued, *, horizon, delay_bars):
        early = held_weights(decided, issued, horizon=horizon, delay_bars=delay_bars)
        return np.vstack([early[1:], early[-1:]])

    monkeypatch.setattr(engine, "held_weights", same_bar)
    monkeypatch.setattr(engine._Market, "first", 0)
    monkeypatch.setattr(engine._Market, "least", 3)
    assert earns_the_bar_it_was_made_on(panel, forecasts)


def test_no_delay_is_refused(make_panel, make_forecasts):
    panel = make_panel([100, 150, 75])
    with pytest.raises(ConfigError, match="delay_bars=0"):
        run_backtest(make_forecasts(panel, [0.9, NAN, NAN]), panel, delay_bars=0)


@pytest.mark.parametrize("horizon", [1, 3])
@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_prices_after_a_close_change_no_position_up_to_the_next(make_forecasts, random_market, rule, horizon):
    panel, values = random_market
    t = 40
    noise = np.exp(np.random.default_rng(1).standard_normal((80, 6)))
    close = np.where(np.arange(80)[:, None] <= t, panel["close"], noise)
    close[t + 3 :, 2] = NAN
    other = Panel(panel.sessions, panel.closes_at, panel.symbols, {"close": close})
    new_values = np.where(np.arange(80)[:, None] <= t, values, noise / noise.max())
    before, after = (
        run_backtest(make_forecasts(panel, v, horizon=horizon), p, rule=rule).positions
        for p, v in ((panel, values), (other, new_values))
    )
    last = panel.sessions[t + 1]
    assert before.loc[:last].equals(after.loc[:last])
    assert not before.equals(after)


@pytest.mark.parametrize("horizon", [1, 4])
def test_always_long_without_cost_is_buy_and_hold(make_forecasts, random_market, horizon):
    panel, values = random_market
    table = run_backtest(make_forecasts(panel, values * 0 + 0.9, horizon=horizon), panel, cost_bps=0).table
    assert table["equity_net"].to_numpy() == pytest.approx(table["equity_hold"].to_numpy(), rel=1e-12)
    assert table["equity_net"].iloc[-1] != pytest.approx(1.0, abs=1e-3)


def test_always_long_in_one_symbol_pays_what_buy_and_hold_pays(make_panel, make_forecasts):
    panel = make_panel([90, 100, 130, 120, 150])
    table = run_backtest(make_forecasts(panel, [0.9, 0.9, 0.9, NAN, NAN]), panel, cost_bps=20).table
    assert table["equity_net"].iloc[-1] == pytest.approx(0.998 * 1.5 * 0.998)
    assert table["equity_hold"].iloc[-1] == pytest.approx(0.998 * 1.5 * 0.998)


def test_buy_and_hold_does_not_depend_on_the_forecasts(make_forecasts, random_market):
    panel, values = random_market
    first, second = (run_backtest(make_forecasts(panel, v), panel).table["equity_hold"] for v in (values, 1 - values))
    assert first.equals(second)


@pytest.mark.parametrize("rule", [LongShort(), TopBottom(0.3)], ids=repr)
def test_the_opposite_forecast_earns_the_opposite_before_cost(make_forecasts, random_market, rule):
    panel, values = random_market
    first, second = (
        run_backtest(make_forecasts(panel, v), panel, rule=rule).table["gross"] for v in (values, 1 - values)
    )
    assert first.to_numpy() == pytest.approx(-second.to_numpy())


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_cost_is_what_gross_and_net_differ_by(make_forecasts, random_market, rule):
    panel, values = random_market
    table = run_backtest(make_forecasts(panel, values), panel, rule=rule, cost_bps=25).table
    paid = (1 + table["gross"]) * (1 - 0.0025 * table["turnover"]) - 1
    assert table["net"].to_numpy() == pytest.approx(paid.to_numpy())
    assert table["equity_net"].iloc[-1] < table["equity_gross"].iloc[-1]


def test_everything_is_sold_where_the_data_ends(make_panel, make_forecasts):
    panel = make_panel([100, 110, 121])
    backtest = run_backtest(make_forecasts(panel, [0.9, 0.9, 0.9], horizon=5), panel, cost_bps=10)
    assert backtest.positions["A"].iloc[-1] == 0
    assert backtest.table["equity_net"].iloc[-1] == pytest.approx(0.999 * 1.1 * 0.999)


def test_a_missing_close_delays_the_exit(make_panel, make_forecasts):
    # Bought at 100, to be sold on the next bar, which has no close: sold at 80 on the one after.
    panel = make_panel([[100, 5], [100, 5], [NAN, 5], [80, 5], [90, 5]])
    values = np.array([[0.9, NAN], [NAN, NAN], [NAN, 0.1], [NAN, NAN], [NAN, NAN]])
    table = run_backtest(make_forecasts(panel, values), panel, cost_bps=0).table
    assert table["equity_net"].tolist() == pytest.approx([1, 1, 0.8, 0.8])


def test_the_summary_holds_gross_net_and_buy_and_hold(make_forecasts, random_market):
    panel, values = random_market
    backtest = run_backtest(make_forecasts(panel, values), panel, cost_bps=10, bars_per_year=60)
    summary, table = backtest.summary, backtest.table
    assert summary.index.tolist() == ["gross", "net", "buy_and_hold"]
    assert summary["total_return"].tolist() == pytest.approx(
        [table[name].iloc[-1] - 1 for name in ("equity_gross", "equity_net", "equity_hold")]
    )
    assert summary.loc["gross", "sharpe"] > summary.loc["net", "sharpe"]
    years = (len(table) - 1) / 60
    assert summary.loc["buy_and_hold", "turnover_per_year"] == pytest.approx(2 / years)


def test_a_planted_signal_earns_and_its_opposite_loses(make_panel, make_forecasts):
    rng = np.random.default_rng(0)
    returns = 0.01 * rng.standard_normal((300, 5))
    panel = make_panel(100 * np.cumprod(1 + returns, axis=0))
    knows = np.full((300, 5), NAN)
    knows[:-2] = 0.5 + np.sign(returns[2:]) / 4
    sharpe = [
        run_backtest(make_forecasts(panel, v), panel, rule=LongShort()).summary.loc["net", "sharpe"]
        for v in (knows, 1 - knows)
    ]
    assert sharpe[0] > 10 > -10 > sharpe[1]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": ["a", "b", "b"]}, "choose one model"),
        ({"horizon": [1, 2, 2]}, "one target, horizon and kind"),
        ({"issued_at": pd.to_datetime(["2020-01-06", "2020-01-07", "2020-01-08"])}, "not a close of the panel"),
        ({"issued_at": pd.to_datetime(["2030-01-06", "2030-01-07", "2030-01-08"])}, "not a close of the panel"),
        ({"issued_at": pd.NaT}, "no issued_at"),
        ({"entity": "Z"}, "Z is not a symbol of the panel"),
    ],
)
def test_forecasts_that_do_not_fit_are_refused_with_a_reason(make_panel, make_forecasts, change, message):
    panel = make_panel([100, 110, 121, 130])
    table = make_forecasts(panel, [0.9, 0.8, 0.7, NAN]).table.assign(fold=[0, 1, 2], **change)
    with pytest.raises(DataError, match=message):
        run_backtest(Forecasts(table), panel)


def test_two_forecasts_of_one_case_are_refused(make_panel, make_forecasts):
    panel = make_panel([100, 110, 121])
    table = make_forecasts(panel, [0.9, NAN, NAN]).table
    with pytest.raises(DataError, match="two forecasts"):
        run_backtest(Forecasts(pd.concat([table, table.assign(fold=1)])), panel)


def test_forecasts_too_late_to_trade_are_refused(make_panel, make_forecasts):
    panel = make_panel([100, 110, 121])
    with pytest.raises(DataError, match="give more prices"):
        run_backtest(make_forecasts(panel, [NAN, 0.9, NAN]), panel)


def test_less_than_a_year_is_not_made_one(make_forecasts, random_market):
    panel, values = random_market
    summary = run_backtest(make_forecasts(panel, values), panel).summary
    assert (
        summary[["annual_return", "annual_volatility", "sharpe", "sharpe_low", "turnover_per_year"]]
        .isna()
        .all(axis=None)
    )
    assert summary[["total_return", "total_turnover", "max_drawdown"]].notna().all(axis=None)


def test_yearly_figures_follow_the_bars_of_the_panel(make_forecasts):
    months = pd.date_range("2000-01-01", periods=121, freq="MS").to_numpy("datetime64[us]")
    growth = np.where(np.arange(121) % 2, 1.02, 0.99)
    panel = Panel(months, closing_times(months), ("A",), {"close": np.cumprod(growth)[:, None]})
    summary = run_backtest(make_forecasts(panel, np.full(121, 0.9)), panel, cost_bps=0).summary.loc["net"]
    # Bought at the second month, sold at the last: 119 months.
    assert summary["years"] == pytest.approx(119 / 12, abs=0.02)
    assert summary["annual_return"] == pytest.approx((1.02**59 * 0.99**60) ** (12 / 119) - 1, abs=1e-4)


@pytest.mark.parametrize("rule", [TopBottom(0.3), LongFlat()], ids=repr)
def test_a_book_that_sells_what_it_buys_is_compared_with_cash(make_forecasts, random_market, rule):
    panel, values = random_market
    backtest = run_backtest(make_forecasts(panel, values), panel, rule=rule)
    assert backtest.benchmark == ("cash" if isinstance(rule, TopBottom) else "buy_and_hold")
    assert backtest.summary.index[-1] == backtest.benchmark
    assert (backtest.table["equity_hold"] == 1).all() == isinstance(rule, TopBottom)


def test_an_idle_fold_holds_nothing_and_buy_and_hold_all_the_same(make_panel, make_forecasts):
    panel = make_panel([100, 100, 110, 121, 242, 242])
    table = make_forecasts(panel, [0.9, 0.9, 0.9, 0.9, NAN, NAN]).table.assign(fold=[0, 0, 1, 1])
    backtest = run_backtest(Forecasts(table), panel, cost_bps=0, idle_folds=[1])
    assert backtest.positions["A"].tolist() == [1, 1, 0, 0, 0]
    assert backtest.table["equity_net"].iloc[-1] == pytest.approx(1.21)
    assert backtest.table["equity_hold"].iloc[-1] == pytest.approx(2.42)


def test_folds_of_one_number_are_named(make_panel, make_forecasts):
    panel = make_panel([100, 100, 100, 100, 100])
    table = make_forecasts(panel, [0.48, 0.48 + 1e-12, 0.3, 0.31, 0.7]).table.assign(fold=[0, 0, 1, 1, 2])
    assert engine.constant_folds(Forecasts(table)) == [0]
