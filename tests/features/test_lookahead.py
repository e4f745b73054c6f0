"""Every family passes the look-ahead checks, and the checks catch the leaks that people write by accident."""

from inspect import signature

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finnet.data.panel import Panel, closing_times
from finnet.data.samples import made_market
from finnet.errors import LookAheadError
from finnet.features.feature import Feature, PanelView
from finnet.features.feature_set import CROSS_SECTION, FAMILIES, STANDARD, FeatureSet, feature_named
from finnet.features.lookahead import (
    require_blind_to_future,
    require_look_back,
    require_no_look_ahead,
    require_same_on_prefixes,
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
    require_no_look_ahead(feature, gappy_market(symbols=1, sessions=25, seed=1))


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


def test_differenced_cumulative_sum_passes_within_rounding():
    def mean_of_five(view: PanelView) -> FloatArray:
        total = np.vstack([np.zeros((1, view.shape[1])), view["close"].cumsum(axis=0)])
        return np.vstack([np.full((4, view.shape[1]), np.nan), (total[5:] - total[:-5]) / 5.0])

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
