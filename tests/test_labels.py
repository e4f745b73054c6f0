"""Labels start after the trade, and rows say so."""

import numpy as np
import pandas as pd
import pytest

from finnet.data.panel import Panel, closing_times
from finnet.data.samples import made_loan_book, made_market
from finnet.errors import ConfigError, DataError
from finnet.labels import (
    AboveMedian,
    Direction,
    ForwardReturn,
    ForwardVolatility,
    RowCounts,
    build_dataset,
    count_rows,
    default_dataset,
    forward_return,
    forward_volatility,
)

LABELS = [Direction(), Direction(horizon_bars=3, delay_bars=2), AboveMedian(horizon_bars=2), ForwardReturn()]
LABELS += [ForwardVolatility(horizon_bars=3, delay_bars=2)]


def panel_of(*closes):
    close = np.array(closes, float).T
    days = pd.bdate_range("2020-01-06", periods=len(close)).to_numpy("datetime64[us]")
    return Panel(days, closing_times(days), tuple("ABCDE"[: close.shape[1]]), {"close": close})


def test_forward_return_by_hand():
    # Known at the close of bar 0, bought at bar 1 for 110, sold at bar 3 for 99.
    values = forward_return(panel_of([100, 110, 121, 99]), horizon_bars=2, delay_bars=1)
    assert values[0, 0] == pytest.approx(-0.1)
    assert np.isnan(values[1:]).all()


def test_forward_volatility_by_hand():
    # Traded at bar 1 for 100; then +10 %, -20 % and no move: sqrt((0.01 + 0.04 + 0) / 3).
    values = forward_volatility(panel_of([90, 100, 110, 88, 88]), horizon_bars=3)
    assert values[0, 0] == pytest.approx(np.sqrt(0.05 / 3))
    assert np.isnan(values[1:]).all()


def test_volatility_over_one_bar_is_the_size_of_its_return():
    panel = made_market(symbols=3, sessions=40)
    size = np.abs(ForwardReturn(delay_bars=2).values(panel))
    np.testing.assert_allclose(ForwardVolatility(delay_bars=2).values(panel), size, rtol=1e-9)


def test_a_symbol_that_is_delisted_moves_once_and_then_no_more():
    # From bar 1 on: -40 % at bar 2, a pause at bar 3, gone with -50 % at bar 4, nothing at bar 5.
    label = ForwardVolatility(horizon_bars=4, delisting_return=-0.5, stale_bars=1)
    values = label.values(panel_of([100, 100, 60, NAN, NAN, NAN]))
    assert values[0, 0] == pytest.approx(np.sqrt((0.4**2 + 0.5**2) / 4))
    lost = ForwardVolatility(horizon_bars=4, delisting_return=-1.0, stale_bars=1)
    assert lost.values(panel_of([100, 100, 60, NAN, NAN, NAN]))[0, 0] == pytest.approx(np.sqrt((0.4**2 + 1) / 4))


def test_the_dead_zone_drops_what_lies_between_its_edges():
    closes = [100, 100, 100.55 + 1e-9, 100.55, 100.04]  # from bar 1: +0.55 %, 0 %, -0.507 %
    values = Direction(up=0.0055, down=-0.005).values(panel_of(closes))[:3, 0]
    np.testing.assert_array_equal(values, [1.0, np.nan, 0.0])


def test_moves_inside_the_dead_zone_keep_their_row_so_that_nobody_learns_of_large_moves_from_its_absence():
    panel = panel_of([100, 100, 101, 101.1, 99, 99])
    data = build_dataset(panel, ["weekday"], Direction(up=0.005, down=-0.005))
    np.testing.assert_array_equal(data.y, [1.0, np.nan, 0.0, np.nan])


def test_no_change_is_not_up():
    assert Direction().values(panel_of([100, 100, 100]))[0, 0] == 0.0


def test_above_median_splits_each_session_in_halves():
    values = AboveMedian().values(panel_of([1, 1, 1.1], [1, 1, 1.2], [1, 1, 1.3], [1, 1, 1.4]))
    assert values[0].tolist() == [0.0, 0.0, 1.0, 1.0]


NAN = np.nan


def test_a_symbol_that_left_counts_at_its_last_close():
    # Bought at bar 1 for 100; its last close, at bar 2, is 60.
    assert forward_return(panel_of([100, 100, 60, NAN, NAN]), horizon_bars=3)[0, 0] == pytest.approx(-0.4)


def test_a_symbol_gone_for_longer_than_a_pause_counts_at_its_delisting_return():
    # One bar without a close is a pause at bar 3; at bar 4 the symbol is gone, at half of 60.
    panel = panel_of([100, 100, 60, NAN, NAN, NAN])
    for horizon, expected in ((2, -0.4), (3, -0.7)):
        label = ForwardReturn(horizon_bars=horizon, delisting_return=-0.5, stale_bars=1)
        assert label.values(panel)[0, 0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("close", "volume"), [([100, NAN, 110, 120], [1, 1, 1, 1]), ([100, 105, 110, 120], [1, 0, 1, 1])]
)
@pytest.mark.parametrize("label", [ForwardReturn(), ForwardVolatility()], ids=repr)
def test_a_row_that_could_not_be_traded_is_a_row_without_label(close, volume, label):
    panel = panel_of(close, [1, 1, 1, 1])
    panel = panel.with_fields({"volume": np.array([volume, [1, 1, 1, 1]], float).T})
    data = build_dataset(panel, ["weekday"], label)
    np.testing.assert_array_equal(data.y[data.entity == "A"][0], NAN)


@pytest.mark.parametrize("label", LABELS, ids=repr)
def test_which_rows_exist_does_not_depend_on_who_still_trades_later(label):
    panel = made_market(symbols=4, sessions=40)
    close = panel["close"].copy()
    close[25:, 0] = NAN
    rows, full = (build_dataset(p, ["return_1"], label) for p in (panel.with_fields({"close": close}), panel))
    expected = (full.entity != panel.symbols[0]) | (full.clock("known_at") <= panel.closes_at[24])
    assert rows.entity.tolist() == full.entity[expected].tolist()
    np.testing.assert_array_equal(rows.clock("resolves_at"), full.clock("resolves_at")[expected])


def test_rows_that_left_paused_or_could_not_be_traded_are_counted():
    left, paused = [1, 1, 1, NAN, NAN, NAN], [1, 1, NAN, 1, 1, 1]
    panel = panel_of(left, paused, [1] * 6)
    label = ForwardReturn(horizon_bars=1)
    # A: bar 1 ends without a price, bar 2 cannot be traded. B: bar 0 has no price at its end, bar 1 cannot be traded.
    counts = count_rows(panel, build_dataset(panel, ["weekday"], label), label)
    assert counts == RowCounts(rows=10, left=1, paused=1, untradable=2)


def test_only_members_make_the_median():
    panel = panel_of([1, 1, 1.1], [1, 1, 1.2], [1, 1, 9.0])
    member = np.array([[True, True, False]] * 3)
    values = AboveMedian().values(Panel(panel.sessions, panel.closes_at, panel.symbols, panel.fields, member))
    np.testing.assert_array_equal(values[0], [0.0, 1.0, np.nan])


@pytest.mark.parametrize("label", LABELS, ids=repr)
def test_a_label_is_unknown_until_its_last_bar_and_never_changes_after(label):
    panel = made_market(symbols=4, sessions=40)
    final = label.values(panel)
    for stop in range(5, 40):
        known = label.values(panel.until(stop))
        resolved = stop - label.delay_bars - label.horizon_bars
        np.testing.assert_array_equal(known[:resolved], final[:resolved])
        assert np.isnan(known[resolved:]).all()


@pytest.mark.parametrize("kind", [ForwardReturn, ForwardVolatility])
def test_a_label_of_a_panel_with_gaps_never_changes_once_it_is_known(kind):
    label = kind(horizon_bars=3, delisting_return=-0.5, stale_bars=1)
    rng = np.random.default_rng(0)
    panel = made_market(symbols=4, sessions=40)
    panel = panel.with_fields({"close": np.where(rng.random((40, 4)) < 0.4, NAN, panel["close"])})
    for stop in range(5, 40):
        np.testing.assert_array_equal(
            label.values(panel.until(stop))[: stop - 4], label.values(panel)[: stop - 4], err_msg=f"stop={stop}"
        )


@pytest.mark.parametrize("label", LABELS, ids=repr)
def test_clocks_follow_from_delay_and_horizon(label):
    panel = made_market(symbols=2, sessions=30)
    data = build_dataset(panel, ["return_1"], label)
    t = np.searchsorted(panel.closes_at, data.clock("known_at"))
    np.testing.assert_array_equal(data.clock("tradable_at"), panel.closes_at[t + label.delay_bars])
    np.testing.assert_array_equal(data.clock("resolves_at"), panel.closes_at[t + label.delay_bars + label.horizon_bars])


def test_trading_at_the_close_that_made_the_features_is_refused():
    with pytest.raises(ConfigError, match="delay_bars=0"):
        Direction(delay_bars=0)


def test_a_dead_zone_without_zero_is_refused():
    with pytest.raises(ConfigError, match="down <= 0 <= up"):
        Direction(up=-0.01)


def test_too_short_a_history_is_a_data_error_that_says_what_is_needed():
    with pytest.raises(DataError, match="look back 251 bars"):
        build_dataset(made_market(symbols=2, sessions=40), ["return_250"], Direction())


def test_rows_without_enough_closes_of_their_own_are_left_out():
    panel = panel_of([1.0] * 9, [np.nan] * 4 + [1.0] * 5)
    data = build_dataset(panel, ["weekday"], Direction(), min_history_bars=3)
    assert (data.entity == "A").sum() == 5  # bars 2 to 6
    assert (data.entity == "B").sum() == 1  # bar 6 alone


def test_loans_stand_in_the_order_of_application_and_resolve_after_the_horizon():
    book = made_loan_book(loans=50)
    data = default_dataset(book)
    assert (np.diff(data.clock("known_at")) >= np.timedelta64(0, "D")).all()
    assert (data.clock("resolves_at") - data.clock("known_at") == np.timedelta64(365, "D")).all()
