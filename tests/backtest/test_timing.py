"""The delay follows from the forecasts, and a year from the sessions."""

import numpy as np
import pandas as pd
import pytest

from finnet.backtest.engine import run_backtest
from finnet.backtest.timing import bars_per_year, delay_of
from finnet.errors import ConfigError, DataError
from finnet.forecasts import Forecasts
from finnet.labels import Direction, build_dataset

NAN = np.nan


@pytest.fixture
def panel(make_panel):
    return make_panel(np.arange(10.0, 30.0))


@pytest.fixture
def told(panel, make_forecasts):
    """`told(tradable=, resolves=, horizon=)`: forecasts of the first six bars that say these bars later."""

    def make(*, tradable=None, resolves=None, horizon=2):
        table = make_forecasts(panel, [0.9] * 6 + [NAN] * 14, horizon=horizon).table
        bars = np.arange(6)
        for name, later in (("tradable_at", tradable), ("resolves_at", resolves)):
            if later is not None:
                table[name] = panel.closes_at[bars + later]
        return Forecasts(table)

    return make


@pytest.mark.parametrize(
    ("says", "stated", "delay"),
    [
        ({"tradable": 3}, None, 3),
        ({"tradable": 3}, 3, 3),
        ({"resolves": 5}, None, 3),
        ({"tradable": 3, "resolves": 5}, None, 3),
        ({}, None, 1),
        ({}, 2, 2),
    ],
)
def test_the_delay_is_what_the_forecasts_say_or_else_what_is_stated(panel, told, says, stated, delay):
    assert delay_of(told(**says), panel, stated) == delay


def test_a_forecast_is_traded_when_its_outcome_starts(panel, told):
    backtest = run_backtest(told(tradable=3, resolves=5), panel)
    assert backtest.delay_bars == 3
    assert backtest.table.index[0] == panel.sessions[3]


@pytest.mark.parametrize("says", [{"tradable": 3}, {"resolves": 5}])
def test_a_stated_delay_that_contradicts_the_forecasts_is_refused_with_both_numbers(panel, told, says):
    with pytest.raises(ConfigError, match=r"delay_bars=1, but the forecasts are traded 3 bars"):
        run_backtest(told(**says), panel, delay_bars=1)


@pytest.mark.parametrize(
    ("says", "words"),
    [
        ({"tradable": 2, "resolves": 5}, "2 bars by tradable_at and 3 bars by resolves_at"),
        ({"resolves": 2}, "0 bars by resolves_at"),
        ({"tradable": np.array([1, 1, 1, 2, 2, 2])}, "1 to 2 bars by tradable_at"),
    ],
    ids=["two clocks", "the same close", "two delays"],
)
def test_forecasts_that_contradict_themselves_are_refused(panel, told, says, words):
    with pytest.raises(DataError, match=words):
        delay_of(told(**says), panel)


def test_times_that_are_no_closes_of_the_panel_say_nothing(panel, told):
    table = told(resolves=5).table
    assert delay_of(Forecasts(table.assign(resolves_at=table["resolves_at"] + pd.Timedelta("1h"))), panel) == 1


def test_a_forecast_that_resolves_after_the_panel_says_nothing(panel, told):
    table = told(tradable=3).table.assign(resolves_at=panel.closes_at[-1] + np.timedelta64(9, "D"))
    assert delay_of(Forecasts(table), panel) == 3


def test_labels_and_backtest_agree_by_themselves(make_panel):
    panel = make_panel(100 + np.arange(30.0) % 7)
    data = build_dataset(panel, ["return_1"], Direction(delay_bars=3, horizon_bars=4))
    rows = {"model": "m", "fold": 0, "entity": data.entity, "issued_at": data.clock("known_at"), "horizon": 4}
    rows |= {"resolves_at": data.clock("resolves_at"), "target": "direction", "kind": "probability", "value": 0.9}
    assert run_backtest(Forecasts.from_rows(rows, run_id="t"), panel).delay_bars == 3


def days(start, end, frequency):
    return pd.date_range(start, end, freq=frequency).to_numpy("datetime64[us]")


WITH_HOLIDAYS = np.delete(days("2010-01-01", "2019-12-31", "B"), np.arange(0, 2600, 29))
CALENDARS = {
    "exchange": (WITH_HOLIDAYS, 252, 1),
    "exchange, one week": (WITH_HOLIDAYS[1:6], 260.9, 0.1),
    "exchange, two years missing": (np.delete(WITH_HOLIDAYS, np.s_[500:1000]), 252, 1),
    "every day": (days("2015-01-01", "2018-06-01", "D"), 365.25, 0.1),
    "every day, one week": (days("2015-01-01", "2015-01-09", "D"), 365.25, 0.1),
    "weekly": (days("2015-01-01", "2018-06-01", "W-FRI"), 52.2, 0.1),
    "month ends": (days("2000-01-01", "2016-06-01", "ME"), 12, 0.05),
    "first of the month": (days("2000-01-01", "2016-06-01", "MS"), 12, 0.05),
    "first business day": (days("2000-01-01", "2016-06-01", "BMS"), 12, 0.05),
    "quarters": (days("2000-01-01", "2016-06-01", "QE"), 4, 0.05),
}


@pytest.mark.parametrize(("sessions", "expected", "tolerance"), CALENDARS.values(), ids=CALENDARS)
def test_a_year_has_the_bars_that_its_sessions_say(sessions, expected, tolerance):
    assert bars_per_year(sessions) == pytest.approx(expected, abs=tolerance)
