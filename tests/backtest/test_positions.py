"""Rules turn forecasts into weights; decisions are traded late, held for their horizon, kept where nothing trades."""

import numpy as np
import pytest

from finnet.backtest.positions import LongFlat, LongShort, TopBottom, held_weights
from finnet.errors import ConfigError

NAN = np.nan
RULES = [LongFlat(), LongShort(), LongShort(dead_zone=0.1), TopBottom(0.1), TopBottom(0.5)]


def test_long_flat_holds_what_is_above_one_half():
    assert LongFlat().weights(np.array([[0.6, 0.5, 0.4, NAN]])) == pytest.approx(np.array([[1 / 3, 0, 0, 0]]))


def test_long_short_sells_what_is_below_one_half():
    assert LongShort().weights(np.array([[0.6, 0.5, 0.4, NAN]])) == pytest.approx(np.array([[1 / 3, 0, -1 / 3, 0]]))


def test_forecasts_in_the_dead_zone_mean_cash():
    weights = LongShort(dead_zone=0.15).weights(np.array([[0.7, 0.6, 0.45, 0.1]]))
    assert weights == pytest.approx(np.array([[0.25, 0, 0, -0.25]]))


def test_top_bottom_takes_a_share_of_each_side():
    forecast = np.array([np.arange(10) / 10])
    weights = TopBottom(0.2).weights(forecast)
    assert weights[0].tolist() == pytest.approx([-0.25, -0.25, 0, 0, 0, 0, 0, 0, 0.25, 0.25])


def test_top_bottom_counts_only_symbols_with_a_forecast():
    assert TopBottom(0.5).weights(np.array([[NAN, 0.9, 0.1, NAN]])).tolist() == [[0, 0.5, -0.5, 0]]


def test_top_bottom_takes_at_least_one_symbol_a_side():
    assert TopBottom(0.01).weights(np.array([[0.2, 0.9, 0.1]])).tolist() == [[0, 0.5, -0.5]]


@pytest.mark.parametrize(
    "forecast", [[0.5, 0.5, 0.5], [0.9, NAN, NAN], [NAN, NAN, NAN]], ids=["equal", "alone", "none"]
)
def test_top_bottom_holds_nothing_where_nothing_is_ordered(forecast):
    assert TopBottom(0.34).weights(np.array([forecast])).tolist() == [[0, 0, 0]]


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_no_rule_uses_more_than_the_account(rule):
    forecast = np.random.default_rng(0).random((50, 20)).round(1)
    forecast[np.random.default_rng(1).random((50, 20)) < 0.3] = NAN
    weights = rule.weights(forecast)
    assert (np.abs(weights).sum(axis=1) <= 1 + 1e-12).all()
    assert (weights[np.isnan(forecast)] == 0).all()


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_no_rule_looks_at_other_sessions(rule):
    forecast = np.random.default_rng(0).random((5, 20))
    alone = np.vstack([rule.weights(forecast[[t]]) for t in range(5)])
    assert rule.weights(forecast) == pytest.approx(alone)


@pytest.mark.parametrize("make", [lambda: TopBottom(0.6), lambda: TopBottom(0), lambda: LongShort(dead_zone=-0.1)])
def test_impossible_rules_are_refused(make):
    with pytest.raises(ConfigError, match="use"):
        make()


def one_decision(t, size=8):
    return np.eye(size)[:, [t]], np.arange(size) == t


@pytest.mark.parametrize(("horizon", "delay", "held"), [(1, 1, [3]), (3, 1, [3, 4, 5]), (2, 3, [5, 6])])
def test_a_decision_is_held_from_its_delay_for_its_horizon(horizon, delay, held):
    # Held after the close of u means earning the return of u + 1: from t + 1 + delay on.
    weights = held_weights(*one_decision(2), horizon=horizon, delay_bars=delay)
    assert np.flatnonzero(weights[:, 0]).tolist() == held
    assert (weights[held] == 1).all()


def test_daily_decisions_are_tranches_of_one_over_the_horizon():
    decided = np.array([[1.0], [0.0], [-1.0], [0.0], [0.0], [0.0]])
    weights = held_weights(decided, np.array([True] * 4 + [False] * 2), horizon=2, delay_bars=1)
    # After close 2 decisions 0 and 1 are alive, after close 3 decisions 1 and 2, and so on.
    assert weights[:, 0].tolist() == [0, 1.0, 0.5, -0.5, -0.5, 0.0]


def test_decisions_as_rare_as_the_horizon_fill_the_account():
    issued = np.array([True, False, True, False, False, False])
    weights = held_weights(np.where(issued, 1.0, 0.0)[:, None], issued, horizon=2, delay_bars=1)
    assert weights[:, 0].tolist() == [0, 1, 1, 1, 1, 0]


def test_trading_at_the_close_that_made_the_forecast_is_refused():
    with pytest.raises(ConfigError, match="delay_bars=0"):
        held_weights(*one_decision(2), horizon=1, delay_bars=0)
