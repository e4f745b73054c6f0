"""Symbols that crash, pause and vanish: the account holds into it, never uses its money twice and adds up."""

import numpy as np
import pytest

from finnet.backtest.engine import run_backtest
from finnet.backtest.positions import LongFlat, LongShort, TopBottom, held_weights
from finnet.data.panel import Panel
from finnet.data.tradability import Delisting
from finnet.forecasts import Forecasts
from finnet.labels import Direction, build_dataset

NAN = np.nan
RULES = [LongFlat(), LongShort(), TopBottom(0.3)]


def forecast_rows(panel, label, value=0.9):
    """The forecasts of every row of the Dataset, as a walk forward gives them."""
    data = build_dataset(panel, ["weekday"], label)
    clocks = {"issued_at": "known_at", "tradable_at": "tradable_at", "resolves_at": "resolves_at"}
    times = {name: data.clock(clock) for name, clock in clocks.items()}
    values = value(len(data)) if callable(value) else value
    rows = {"model": "m", "fold": 0, "entity": data.entity, "target": "direction", "horizon": label.horizon_bars}
    return Forecasts.from_rows({**rows, **times, "kind": "probability", "value": values}, run_id="t")


def vanishing(symbols=20, apart=35):
    """Closes of 10; every `apart` bars one of the first half loses 90 % at its last close."""
    close = np.full((apart * (symbols // 2 + 2), symbols), 10.0)
    for s in range(symbols // 2):
        close[apart * (s + 1), s] = 1.0
        close[apart * (s + 1) + 1 :, s] = NAN
    return close


@pytest.mark.parametrize("horizon", [1, 5, 20])
def test_where_half_the_stocks_crash_and_vanish_both_accounts_read_what_equal_weights_lost(make_panel, horizon):
    panel = make_panel(vanishing())
    table = run_backtest(forecast_rows(panel, Direction(horizon_bars=horizon)), panel, cost_bps=0).table
    left = np.arange(20, 10, -1)
    assert table["equity_net"].iloc[-1] == pytest.approx(np.prod(1 - 0.9 / left))
    assert table["equity_hold"].iloc[-1] == pytest.approx(np.prod(1 - 0.9 / left))


def test_a_stated_delisting_return_is_booked_once(make_panel):
    close = np.full((30, 4), 10.0)
    close[10:, 0] = NAN
    panel = make_panel(close)
    rule = Delisting(delisting_return=-0.4, stale_bars=2)
    table = run_backtest(forecast_rows(panel, Direction()), panel, cost_bps=0, delisting=rule).table
    # A quarter of the account is closed at 40 % less on the third bar without a close.
    assert table["equity_net"].loc[: panel.sessions[11]].eq(1).all()
    assert table["equity_net"].loc[panel.sessions[12] :].to_numpy() == pytest.approx(0.9)
    assert table["equity_hold"].iloc[-1] == pytest.approx(0.9)


def test_a_delisted_holding_pays_for_its_closing_once(make_panel, make_forecasts):
    close = np.full((20, 2), 10.0)
    close[6:, 0] = NAN
    panel = make_panel(close)
    values = np.where(np.isfinite(close), 0.9, NAN)
    values[12:] = NAN
    backtest = run_backtest(make_forecasts(panel, values), panel, cost_bps=10, delisting=Delisting(stale_bars=3))
    assert backtest.positions["A"].tolist() == [0.5] * 8 + [0.0] * 5
    assert backtest.table["turnover"].to_numpy() == pytest.approx([1] + [0] * 7 + [1] + [0] * 3 + [1])


def test_a_suspended_stock_is_held_into_the_fall_at_which_it_returns(make_panel, make_forecasts):
    # Suspended for longer than `stale_bars`, and back at half: nobody could sell before.
    close = np.full((20, 2), 10.0)
    close[5:14, 0] = NAN
    close[14:, 0] = 5.0
    panel = make_panel(close)
    values = np.where(np.isfinite(close), 0.9, NAN)
    values[16:] = NAN
    table = run_backtest(make_forecasts(panel, values), panel, cost_bps=0).table
    assert table["equity_net"].iloc[-1] == pytest.approx(0.75)
    assert table["equity_hold"].iloc[-1] == pytest.approx(0.75)


def test_nothing_trades_without_volume(make_panel, make_forecasts):
    close = np.array([10.0] * 7 + [15.0] * 5)[:, None]
    volume = np.full((12, 1), 1e6)
    volume[3:7] = 0
    panel = make_panel(close).with_fields({"volume": volume})
    values = np.where(np.arange(12) < 2, 0.1, 0.9)
    values[9:] = NAN
    backtest = run_backtest(make_forecasts(panel, values), panel, cost_bps=0)
    assert backtest.positions["A"].tolist() == [0] * 6 + [1] * 3 + [0]
    assert backtest.table["equity_net"].iloc[-1] == 1


def test_a_position_left_over_is_sold_at_the_first_close_after_the_last_horizon(make_panel, make_forecasts):
    panel = make_panel([10, 10, NAN, NAN, 7, 7])
    table = run_backtest(make_forecasts(panel, [0.9] + [NAN] * 5), panel, cost_bps=0).table
    assert table.index[-1] == panel.sessions[4]
    assert table["equity_net"].iloc[-1] == pytest.approx(0.7)


def gappy(make_panel, seed, symbols=6, bars=70):
    """Random closes and volumes: pauses short and long, bars without volume, symbols that leave."""
    rng = np.random.default_rng(seed)
    close = 100 * np.cumprod(1 + 0.05 * rng.standard_normal((bars, symbols)), axis=0)
    for s in range(symbols):
        start = rng.integers(5, bars - 10)
        close[start : start + rng.integers(1, 12), s] = NAN
    close[rng.integers(20, 50) :, 0] = NAN
    volume = np.where(rng.random((bars, symbols)) < 0.1, 0.0, 1e5)
    return make_panel(close).with_fields({"volume": volume})


@pytest.mark.parametrize("horizon", [1, 4])
@pytest.mark.parametrize("seed", range(5))
def test_the_account_is_never_used_twice(make_panel, seed, horizon):
    panel = gappy(make_panel, seed)
    forecasts = forecast_rows(panel, Direction(horizon_bars=horizon), np.random.default_rng(seed).random)
    positions = run_backtest(forecasts, panel).positions
    assert positions.sum(axis=1).max() <= 1 + 1e-12


def booked_in_shares(panel, weights, *, horizon, rule, cost_bps):
    """Value of the account after each bar: shares and cash, one symbol after the other, as a bookkeeper would."""
    close, volume = panel["close"], panel["volume"]
    bars, symbols = close.shape
    cash, shares, price, values = 1.0, np.zeros(symbols), np.ones(symbols), []
    last_close = [max(np.flatnonzero(np.isfinite(close[:, s]))) for s in range(symbols)]
    for t in range(bars):
        can_sell, gone = np.zeros(symbols, bool), np.zeros(symbols, bool)
        for s in range(symbols):
            if np.isfinite(close[t, s]):
                price[s] = close[t, s]
                can_sell[s] = volume[t, s] > 0
            elif t == last_close[s] + rule.stale_bars + 1:
                price[s] *= 1 + rule.delisting_return
                can_sell[s] = gone[s] = True
        if t == bars - 1:
            can_sell[:] = gone[:] = True
        worth = cash + shares @ price
        want, full = np.where(gone, 0.0, weights[t]), max(1.0, np.abs(np.where(gone, 0.0, weights[t])).sum())
        waiting = sum(abs(shares[s] * price[s]) / worth for s in range(symbols) if not can_sell[s])
        asked = sum(abs(want[s]) for s in range(symbols) if can_sell[s])
        share = min(1.0, max(full - waiting, 0.0) / asked) if asked else 0.0
        trades = [(want[s] * share * worth - shares[s] * price[s]) if can_sell[s] else 0.0 for s in range(symbols)]
        fee = cost_bps / 10_000 * np.abs(trades).sum()
        values.append(worth - fee)
        # Costs come from all holdings alike, so weights stay what they are.
        shares = (shares + np.array(trades) / price) * (1 - fee / worth)
        cash = values[-1] - shares @ price
    return np.array(values)


@pytest.mark.parametrize("rule", RULES, ids=repr)
@pytest.mark.parametrize("horizon", [1, 4])
@pytest.mark.parametrize("seed", range(3))
def test_weights_and_shares_keep_the_same_books_through_gaps(make_panel, seed, horizon, rule):
    panel, delisting = gappy(make_panel, seed), Delisting(delisting_return=-0.3, stale_bars=4)
    forecasts = forecast_rows(panel, Direction(horizon_bars=horizon), np.random.default_rng(seed).random)
    table = run_backtest(forecasts, panel, rule=rule, cost_bps=20, delisting=delisting).table
    bars = np.searchsorted(panel.closes_at, forecasts.table["issued_at"])
    matrix = np.full(panel.shape, NAN)
    matrix[bars, [panel.symbols.index(name) for name in forecasts.table["entity"]]] = forecasts.table["value"]
    due = np.vstack([(np.isfinite(panel["close"]) & (panel["volume"] > 0))[1:], np.zeros((1, 6), bool)])
    issued = np.isfinite(matrix).any(axis=1)
    weights = held_weights(np.where(due, rule.weights(matrix), 0.0), issued, horizon=horizon, delay_bars=1)
    weights[bars.max() + 1 + horizon :] = 0
    values = booked_in_shares(panel, weights, horizon=horizon, rule=delisting, cost_bps=20)
    assert table["equity_net"].to_numpy() == pytest.approx(values[1 : 1 + len(table)], rel=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_always_long_without_cost_is_buy_and_hold_through_gaps(make_panel, seed):
    panel = gappy(make_panel, seed)
    table = run_backtest(forecast_rows(panel, Direction(horizon_bars=3)), panel, cost_bps=0).table
    assert table["equity_net"].to_numpy() == pytest.approx(table["equity_hold"].to_numpy(), rel=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_prices_after_a_close_move_no_position_up_to_it(make_panel, seed):
    panel, t = gappy(make_panel, seed), 40
    later = (np.arange(70)[:, None] > t) & np.isfinite(panel["close"])
    other = Panel(
        panel.sessions, panel.closes_at, panel.symbols, {**panel.fields, "close": np.where(later, 50.0, panel["close"])}
    )
    before, after = (
        run_backtest(forecast_rows(p, Direction()), p).positions.loc[: panel.sessions[t]] for p in (panel, other)
    )
    assert before.equals(after)
