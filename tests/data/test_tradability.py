"""What can be traded, and what a holding is worth that cannot: from its closes up to each bar."""

import numpy as np
import pandas as pd
import pytest

from finnet.data.panel import Panel, closing_times
from finnet.data.tradability import Delisting, can_trade
from finnet.errors import ConfigError

NAN = np.nan


def tradable(close, volume):
    days = pd.bdate_range("2020-01-06", periods=len(close)).to_numpy("datetime64[us]")
    fields = {"close": np.array(close, float)[:, None], "volume": np.array(volume, float)[:, None]}
    return can_trade(Panel(days, closing_times(days), ("A",), fields))[:, 0].tolist()


@pytest.mark.parametrize(
    ("close", "volume", "expected"),
    [
        ([1, NAN, 1], [5, 5, 5], [True, False, True]),
        ([1, 1, 1], [5, 0, 5], [True, False, True]),
        ([1, 1, 1], [0, 0, 5], [False, False, True]),
        ([1, 1, 1], [5, NAN, 5], [True, False, True]),
        ([1, 1, 1], [NAN, NAN, 5], [True, True, True]),
        ([1, 1, 1], [NAN, NAN, NAN], [True, True, True]),
        ([1, 1, 1], [0, 0, 0], [True, True, True]),
    ],
    ids=["no close", "no volume", "not yet traded", "volume missing", "not yet reported", "never", "never above 0"],
)
def test_a_bar_can_be_traded_where_it_has_a_close_and_volume_if_volume_is_reported(close, volume, expected):
    assert tradable(close, volume) == expected


def test_worth_is_the_last_close_until_the_symbol_counts_as_gone():
    close = np.array([NAN, 10, NAN, NAN, NAN, 8])[:, None]
    worth = Delisting(delisting_return=-0.5, stale_bars=2).known_worth(close)[:, 0]
    np.testing.assert_array_equal(worth, [NAN, 10, 10, 10, 5, 8])


def test_worth_depends_on_no_later_close():
    rng = np.random.default_rng(0)
    close = np.where(rng.random((60, 5)) < 0.5, NAN, rng.uniform(1, 2, (60, 5)))
    rule = Delisting(delisting_return=-0.3, stale_bars=1)
    for stop in range(1, 60):
        np.testing.assert_array_equal(rule.known_worth(close[:stop]), rule.known_worth(close)[:stop])


@pytest.mark.parametrize(
    ("close", "expected"),
    [
        ([10, NAN, NAN, NAN, NAN], [0, 0, 0, 1, 0]),
        ([10, NAN, NAN, NAN, 9], [0, 0, 0, 0, 0]),
        ([10, 10, 10, NAN, NAN], [0, 0, 0, 0, 0]),
        ([NAN, NAN, NAN, NAN, NAN], [0, 0, 0, 0, 0]),
    ],
    ids=["gone", "back again", "the panel ends", "never there"],
)
def test_a_holding_is_closed_once_where_its_symbol_never_trades_again(close, expected):
    closed = Delisting(stale_bars=2).closes_out(np.array(close, float)[:, None])
    assert closed[:, 0].astype(int).tolist() == expected


def test_returns_hold_the_whole_move_of_a_pause_and_the_delisting_once():
    close = np.array([[10, 10], [NAN, NAN], [NAN, NAN], [NAN, 5], [NAN, 5]])
    returns = Delisting(delisting_return=-0.3, stale_bars=1).bar_returns(close)
    assert returns.T.tolist() == [[0, 0, -0.3, 0, 0], [0, 0, 0, -0.5, 0]]


@pytest.mark.parametrize("settings", [{"delisting_return": -1.1}, {"delisting_return": np.inf}, {"stale_bars": -1}])
def test_an_impossible_rule_is_refused(settings):
    with pytest.raises(ConfigError, match=next(iter(settings))):
        Delisting(**settings)
