"""The as-of join shows each close what was published by then, and nothing later."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finnet.data.panel import Panel, closing_times, join_as_of
from finnet.errors import DataError

DAYS = pd.bdate_range("2020-01-06", periods=10).to_numpy("datetime64[us]")


def panel_of(symbols=("A", "B")):
    return Panel(DAYS, closing_times(DAYS), symbols, {"close": np.ones((10, len(symbols)))})


@given(
    hours=st.lists(st.integers(-48, 300), min_size=1, max_size=12),
    symbols=st.lists(st.sampled_from("AB"), min_size=12, max_size=12),
)
def test_join_equals_brute_force(hours, symbols):
    published = DAYS[0] + np.array(hours) * np.timedelta64(1, "h")
    table = pd.DataFrame(
        {"available_at": published, "symbol": symbols[: len(hours)], "mood": np.arange(len(hours), dtype=float)}
    )
    joined = join_as_of(panel_of(), table, ["mood"])["mood"]
    for t, close in enumerate(closing_times(DAYS)):
        for s, symbol in enumerate("AB"):
            seen = table[(table["symbol"] == symbol) & (table["available_at"] <= close)]
            expected = seen.sort_values("available_at", kind="stable")["mood"].iloc[-1] if len(seen) else np.nan
            np.testing.assert_equal(joined[t, s], expected)


def test_a_value_published_a_second_after_the_close_waits_for_the_next():
    close = closing_times(DAYS)[3]
    table = pd.DataFrame({"available_at": [close + np.timedelta64(1, "s")], "mood": [1.0]})
    assert np.isnan(join_as_of(panel_of(), table, ["mood"])["mood"][3]).all()
    assert (join_as_of(panel_of(), table, ["mood"])["mood"][4] == 1.0).all()


def test_what_is_too_old_counts_as_missing():
    table = pd.DataFrame({"available_at": [DAYS[0]], "mood": [1.0]})
    joined = join_as_of(panel_of(), table, ["mood"], max_age_days=2)["mood"][:, 0]
    assert np.isfinite(joined).tolist() == [True, True] + [False] * 8


def test_a_missing_value_does_not_hide_the_older_one():
    table = pd.DataFrame({"available_at": DAYS[:2], "mood": [1.0, np.nan]})
    assert (join_as_of(panel_of(), table, ["mood"])["mood"] == 1.0).all()


def test_data_without_a_publication_time_is_refused():
    table = pd.DataFrame({"available_at": [pd.NaT], "mood": [1.0]})
    with pytest.raises(DataError, match="available_at is missing"):
        join_as_of(panel_of(), table, ["mood"])


def test_two_prices_for_one_bar_are_refused():
    table = pd.DataFrame({"date": [DAYS[0]] * 2, "symbol": ["A", "A"], "close": [1.0, 2.0]})
    with pytest.raises(DataError, match="1 duplicate rows, first A"):
        Panel.from_long(table)


def test_a_symbol_without_a_bar_is_missing_and_no_member_that_day():
    table = pd.DataFrame({"date": DAYS[[0, 1, 1]], "symbol": ["A", "A", "B"], "close": [1.0, 2.0, 3.0]})
    panel = Panel.from_long(table)
    np.testing.assert_array_equal(panel["close"], [[1.0, np.nan], [2.0, 3.0]])
    assert panel.member.tolist() == [[True, False], [True, True]]


def test_a_ticker_called_na_is_a_ticker():
    table = pd.DataFrame({"date": DAYS[:1], "symbol": ["NA"], "close": [1.0]})
    assert Panel.from_long(table).symbols == ("NA",)


def test_fields_cannot_be_changed_in_place():
    with pytest.raises(ValueError, match="read-only"):
        panel_of()["close"][0, 0] = 2.0


def test_an_unknown_field_names_the_nearest():
    with pytest.raises(DataError, match=r"no 'closes'; did you mean 'close'\?"):
        panel_of()["closes"]


def test_sessions_out_of_order_are_refused():
    with pytest.raises(DataError, match="strictly increasing"):
        Panel(DAYS[::-1], closing_times(DAYS)[::-1], ("A",), {"close": np.ones((10, 1))})
