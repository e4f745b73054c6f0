"""Every family passes the look-ahead checks, and the checks catch the leaks that people write by accident."""

from inspect import signature

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finnet.data.panel import Panel, closing_times
from finnet.data.samples import made_market
from finnet.errors import LookAheadError, UndecidedError
from finnet.features.cross_section import market, rank
from finnet.features.feature import Feature, PanelView
from finnet.features.feature_set import CROSS_SECTION, FAMILIES, STANDARD, FeatureSet, feature_named
from finnet.features.lookahead import (
    require_blind_to_future,
    require_each_symbol_alone,
    require_look_back,
    require_no_look_ahead,
    require_nothing_outside,
    require_same_on_prefixes,
    require_same_when_restated,
)
from finnet.features.rolling import rolling_mean, rolling_std, shifted
from finnet.types import FloatArray


def small_member(family: str) -> Feature:
    """A feature of the family whose windows are a quarter of the default ones, so that a short panel holds many."""
    if family in ("rank", "market"):
        return FAMILIES[family](small_member("volatility"))
    parameters = signature(FAMILIES[family]).parameters.items()
    return FAMILIES[family](**{name: max(p.default // 4, 2) for name, p in parameters if p.annotation is int})


def gappy_market(*, sessions: int = 70, symbols: int = 3, seed: int = 0) -> Panel:
    """A made market with missing bars, missing scores and members that come and go."""
    panel, rng = made_market(sessions=sessions, symbols=symbols, seed=seed), np.random.default_rng(seed)
    closed = rng.random(panel.shape) < 0.05
    fields = {name: np.where(closed, np.nan, values) for name, values in panel.fields.items()}
    fields["sentiment"] = np.where(rng.random(panel.shape) < 0.3, np.nan, fields["sentiment"])
    return Panel(panel.sessions, panel.closes_at, panel.symbols, fields, rng.random(panel.shape) < 0.9)


ALL = [small_member(family) for family in FAMILIES]


@pytest.mark.parametrize("feature", ALL, ids=lambda feature: feature.name)
def test_every_family_looks_neither_ahead_nor_back_too_far(feature):
    require_no_look_ahead(feature, gappy_market())


@pytest.mark.parametrize("feature", ALL, ids=lambda feature: feature.name)
def test_every_family_passes_on_one_symbol(feature):
    require_no_look_ahead(feature, gappy_market(symbols=1, sessions=70, seed=1), sessions=range(64, 70))


@pytest.mark.parametrize("name", sorted({*STANDARD, *CROSS_SECTION}))
def test_named_sets_have_the_look_back_they_declare(name):
    feature = feature_named(name)
    require_look_back(feature, gappy_market(sessions=feature.look_back + 3))


@given(seed=st.integers(0, 2**16), sessions=st.integers(3, 40), symbols=st.integers(1, 4), data=st.data())
@settings(max_examples=25, deadline=None)
def test_no_future_moves_the_past(seed, sessions, symbols, data):
    panel, rng = gappy_market(sessions=sessions, symbols=symbols, seed=seed), np.random.default_rng(seed)
    t = data.draw(st.integers(0, sessions - 1))
    for feature in ALL:
        require_blind_to_future(feature, panel, t, rng=rng)


def test_feature_sets_are_blind_to_the_future_too():
    panel, features = gappy_market(), FeatureSet(tuple(ALL))
    np.testing.assert_array_equal(features.compute(panel)[:40], features.compute(panel.until(40)))


# What people write by accident. Each computes from bars that were not yet known.


def tomorrow(view: PanelView) -> FloatArray:
    return np.vstack([view["close"][1:], np.full((1, view.shape[1]), np.nan)])


def centred_mean(view: PanelView) -> FloatArray:
    return pd.DataFrame(view["close"]).rolling(5, center=True).mean().to_numpy()


def back_filled(view: PanelView) -> FloatArray:
    return pd.DataFrame(view["close"]).bfill().to_numpy()


def interpolated(view: PanelView) -> FloatArray:
    return pd.DataFrame(view["close"]).interpolate().to_numpy()


def scaled_by_all_rows(view: PanelView) -> FloatArray:
    return (view["close"] - np.nanmean(view["close"])) / np.nanstd(view["close"])


def days_to_next_session(view: PanelView) -> FloatArray:
    gaps = np.append(np.diff(view.sessions) / np.timedelta64(1, "D"), np.nan)
    return np.broadcast_to(gaps[:, None], view.shape)


def survivors_only(view: PanelView) -> FloatArray:
    return np.where(view.member[-1], view["close"], np.nan)


# Adjusted prices hold what came later: the price of a stock that grew and was split is low in its early years.


def level(view: PanelView) -> FloatArray:
    return view.log("close")


def penny_stock(view: PanelView) -> FloatArray:
    return np.where(view["close"] < 5.0, 1.0, 0.0)


def change_in_money(view: PanelView) -> FloatArray:
    return view["close"] - shifted(view["close"], 1)


def money_traded_at_adjusted_prices(view: PanelView) -> FloatArray:
    return rolling_mean(view["close"] * view["volume"], 5)


def adjustment(view: PanelView) -> FloatArray:
    return view["close"] / view["raw_close"]


LEVELS = [level, penny_stock, change_in_money, money_traded_at_adjusted_prices, adjustment]


@pytest.mark.parametrize("around", [lambda feature: feature, rank, market], ids=["itself", "rank", "market"])
@pytest.mark.parametrize("formula", LEVELS, ids=lambda formula: formula.__name__)
def test_levels_of_adjusted_prices_move_when_history_is_restated(formula, around):
    feature = around(Feature(formula.__name__, 5, ("close",), formula))
    with pytest.raises(LookAheadError, match=r"later (dividends|splits|reverse splits) adjust all prices"):
        require_same_when_restated(feature, gappy_market())


def test_levels_of_raw_prices_and_volumes_stay_when_history_is_restated():
    money = Feature("money", 1, ("raw_close", "volume"), lambda view: view["raw_close"] * view["volume"])
    require_same_when_restated(money, gappy_market())


def test_beside_an_adjusted_close_raw_prices_stay_when_history_is_restated():
    panel = gappy_market()
    panel = panel.with_fields({"adj_close": panel["close"]})
    require_same_when_restated(Feature("level", 1, ("close",), level), panel)
    with pytest.raises(LookAheadError):
        require_same_when_restated(Feature("adjusted", 1, ("adj_close",), lambda view: view["adj_close"]), panel)


def test_ranks_of_equal_values_which_rounding_may_reorder_are_no_alarm():
    close = np.outer(1.01 ** np.arange(6), [7.0, 11.0, 13.0])  # all rise by 1 %, but for rounding
    feature = rank(Feature("return", 2, ("close",), lambda view: view["close"] / shifted(view["close"], 1)))
    require_same_when_restated(feature, made_market(symbols=3, sessions=6).with_fields({"close": close}))


# Tables from outside the panel: nothing in it tells when they became known.

OUTSIDE = np.random.default_rng(0).standard_normal((70, 3))
BY_DATE = pd.DataFrame(OUTSIDE, index=pd.DatetimeIndex(made_market(symbols=3, sessions=70).sessions))


def by_date(view: PanelView) -> FloatArray:
    return BY_DATE.reindex(pd.DatetimeIndex(view.sessions)).to_numpy()


def by_date_for_all_symbols(view: PanelView) -> FloatArray:
    return np.broadcast_to(by_date(view)[:, :1], view.shape)


def beside_a_return(view: PanelView) -> FloatArray:
    return view.log("close") - shifted(view.log("close"), 1) + np.nan_to_num(by_date(view))


def by_row(view: PanelView) -> FloatArray:
    return OUTSIDE[: view.shape[0]]


@pytest.mark.parametrize("table", [by_date, by_date_for_all_symbols, beside_a_return, by_row])
def test_a_table_from_outside_cannot_be_decided_and_says_how_to_join_it(table):
    with pytest.raises(UndecidedError, match=r"could not decide.* join it with join_as_of"):
        require_nothing_outside(Feature(table.__name__, 2, ("close",), table), gappy_market())


def test_a_table_from_outside_passes_where_its_author_vouches_for_it():
    require_nothing_outside(Feature("by_date", 1, (), by_date, reads_outside=True), gappy_market())


def test_vouching_passes_through_ranks():
    assert rank(Feature("by_date", 1, (), by_date, reads_outside=True)).reads_outside


@pytest.mark.parametrize("year", [1928, 1960, 2024])
def test_a_calendar_is_nothing_outside(year):
    def turn_of_the_month(view: PanelView) -> FloatArray:
        late = pd.DatetimeIndex(view.sessions).day > 26
        return np.broadcast_to(late[:, None] * 1.0, view.shape)

    days = pd.bdate_range(f"{year}-01-20", periods=70).to_numpy("datetime64[us]")
    panel = Panel(days, closing_times(days), ("A", "B", "C"), gappy_market().fields)
    require_no_look_ahead(Feature("turn", 1, (), turn_of_the_month), panel, sessions=[40, 60])


LEAKS = [tomorrow, centred_mean, back_filled, interpolated, scaled_by_all_rows, days_to_next_session, survivors_only]


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_prefixes_show_the_leak(leak):
    with pytest.raises(LookAheadError, match="looks ahead"):
        require_same_on_prefixes(Feature(leak.__name__, 5, ("close",), leak), gappy_market())


@pytest.mark.parametrize("leak", LEAKS, ids=lambda leak: leak.__name__)
def test_other_futures_show_the_leak(leak):
    feature, panel, rng = Feature(leak.__name__, 5, ("close",), leak), gappy_market(), np.random.default_rng(0)
    caught = 0
    for t in range(len(panel.sessions)):
        try:
            require_blind_to_future(feature, panel, t, rng=rng)
        except LookAheadError:
            caught += 1
    assert caught > 0


def expanding_mean(view: PanelView) -> FloatArray:
    return pd.DataFrame(view["close"]).expanding().mean().to_numpy()


def exponential_mean(view: PanelView) -> FloatArray:
    return pd.DataFrame(view["close"]).ewm(span=3).mean().to_numpy()


def one_bar_too_many(view: PanelView) -> FloatArray:
    return view["close"] - shifted(view["close"], 5)


@pytest.mark.parametrize("forever", [expanding_mean, exponential_mean, one_bar_too_many])
def test_short_declared_look_back_is_caught(forever):
    with pytest.raises(LookAheadError, match="declare more look_back"):
        require_look_back(Feature(forever.__name__, 5, ("close",), forever), gappy_market())


def mean_since_the_first(view: PanelView) -> FloatArray:
    return view["close"] / pd.DataFrame(view["close"]).expanding().mean().to_numpy()


def deviation_since_the_first(view: PanelView) -> FloatArray:
    returns = pd.DataFrame(view.log("close")).diff()
    return ((returns - returns.expanding().mean()) / returns.expanding().std()).to_numpy()


def recursive_mean(view: PanelView) -> FloatArray:
    return view["close"] / pd.DataFrame(view["close"]).ewm(span=20).mean().to_numpy()


@pytest.mark.parametrize("forever", [mean_since_the_first, deviation_since_the_first, recursive_mean])
def test_what_reads_on_from_the_first_bar_passes_where_it_says_so(forever):
    feature = Feature(forever.__name__, 10, ("close",), forever, expanding=True)
    require_no_look_ahead(feature, gappy_market(), sessions=range(0, 70, 9))
    require_no_look_ahead(rank(feature), gappy_market(), sessions=[30])


def test_what_reads_on_from_the_first_bar_is_still_caught_looking_ahead():
    feature = Feature("ahead", 5, ("close",), scaled_by_all_rows, expanding=True)
    with pytest.raises(LookAheadError, match="looks ahead"):
        require_no_look_ahead(feature, gappy_market())


def test_a_recursion_passes_with_the_bars_after_which_it_has_forgotten():
    def recursion(view: PanelView) -> FloatArray:
        return view["close"] / pd.DataFrame(view["close"]).ewm(span=3).mean().to_numpy()

    require_look_back(Feature("recursion", 40, ("close",), recursion), made_market(symbols=2, sessions=60))


def fails_on_short_data(view: PanelView) -> FloatArray:
    return view["close"] / view["close"][50]


def shape_of_another_panel(view: PanelView) -> FloatArray:
    return np.ones((70, 3))


def other_each_time(view: PanelView) -> FloatArray:
    return np.random.default_rng().standard_normal(view.shape)


def nothing(view: PanelView) -> FloatArray:
    return np.full(view.shape, np.nan)


@pytest.mark.parametrize(
    ("formula", "why"),
    [
        (fails_on_short_data, r"raises IndexError \(.*\) where the data ends earlier"),
        (shape_of_another_panel, "raises ValueError"),
        (other_each_time, "other values the second time"),
        (nothing, "no value at all"),
    ],
)
def test_a_check_that_cannot_decide_says_why(formula, why):
    feature = Feature(formula.__name__, 1, ("close",), formula)
    with pytest.raises(UndecidedError, match=f"could not decide, for .*{why}"):
        require_no_look_ahead(feature, gappy_market())


def test_a_formula_that_mixes_symbols_is_not_per_symbol():
    def above_mean(view: PanelView) -> FloatArray:
        return view["sentiment"] - np.nanmean(view["sentiment"], axis=1, keepdims=True)

    feature = Feature("above_mean", 1, ("sentiment",), above_mean, per_symbol=True)
    with pytest.raises(LookAheadError, match="one by one; leave per_symbol out"):
        require_each_symbol_alone(feature, made_market(symbols=3, sessions=5))


def test_differenced_cumulative_sum_passes_within_rounding():
    def mean_of_five(view: PanelView) -> FloatArray:
        total = np.vstack([np.zeros((1, view.shape[1])), view["close"].cumsum(axis=0)])
        return view["close"] / np.vstack([np.full((4, view.shape[1]), np.nan), (total[5:] - total[:-5]) / 5.0])

    require_no_look_ahead(Feature("mean_5", 5, ("close",), mean_of_five), made_market(symbols=2, sessions=40))


def test_rolling_statistics_do_not_depend_on_older_rows_bit_for_bit():
    values = np.random.default_rng(0).standard_normal((300, 2)) * np.geomspace(1e9, 1e-9, 300)[:, None]
    for statistic in (rolling_mean, rolling_std):
        np.testing.assert_array_equal(statistic(values, 20)[-1], statistic(values[-20:], 20)[-1])


def test_error_names_feature_symbol_day_and_both_values():
    days = np.array(["2020-01-02", "2020-01-03"], "datetime64[us]")
    panel = Panel(days, closing_times(days), ("AB",), {"close": np.array([[1.0], [2.0]])})
    message = r"'tomorrow' of AB on 2020-01-02: 2\.0 becomes nan when the data ends there"
    with pytest.raises(LookAheadError, match=message):
        require_same_on_prefixes(Feature("tomorrow", 1, ("close",), tomorrow), panel)
