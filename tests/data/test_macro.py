"""A macro value is known when it was published, never on the date that it describes."""

import numpy as np
import pandas as pd
import pytest

from finnet.data.macro import MacroFile, check_macro, read_macro
from finnet.data.panel import Panel, closing_times, join_as_of
from finnet.errors import ConfigError, DataError, FinnetWarning

NAMES = {"date": "period", "rate": "rate"}
PUBLISHED = {**NAMES, "published": "released"}


def read(path, columns=PUBLISHED, **settings):
    return read_macro(MacroFile(path=path, columns=columns, **{"time": "08:30", **settings}))


def test_a_monthly_value_is_known_in_the_month_after(write):
    rows = read(write("period,rate\n2020-01-01,1\n2020-02-01,2\n"), NAMES, lag_months=1)
    assert rows["available_at"].astype(str).tolist() == ["2020-02-01 08:30:00", "2020-03-01 08:30:00"]


def test_a_lag_in_days_is_added_to_one_in_months(write):
    rows = read(write("period,rate\n2020-01-31,1\n"), NAMES, lag_months=1, lag_days=10, zone="America/New_York")
    assert rows["available_at"].astype(str).tolist() == ["2020-03-10 12:30:00"]


def test_a_publication_day_has_its_own_column(write):
    rows = read(write("period,released,rate\n2020-01-01,2020-02-12,1\n"))
    assert rows["available_at"].astype(str).tolist() == ["2020-02-12 08:30:00"]


def test_a_revision_of_the_newest_period_replaces_it_and_one_of_an_older_is_skipped(write):
    path = write(
        "period,released,rate\n2020-01-01,2020-02-12,1\n2020-01-01,2020-02-20,1.5\n"
        "2020-02-01,2020-03-12,2\n2020-01-01,2020-03-20,1.7\n"
    )
    with pytest.warns(FinnetWarning, match=r"late_revision(.|\n)*line 5"):
        rows = read(path)
    assert rows["rate"].tolist() == [1, 1.5, 2]


def test_no_close_sees_a_value_before_its_publication(write):
    rows = read(write("period,released,rate\n2020-01-01,2020-02-12,1\n2020-02-01,2020-02-14,2\n"), time="23:00")
    days = pd.bdate_range("2020-02-10", periods=6).to_numpy("datetime64[us]")
    panel = Panel(days, closing_times(days), ("A",), {"close": np.ones((6, 1))})
    assert join_as_of(panel, rows, ["rate"])["rate"][:, 0].tolist()[3:] == [1, 1, 2]
    assert np.isnan(join_as_of(panel, rows, ["rate"])["rate"][:3]).all()


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ("2020-01-01,2019-12-31,1", "published_early"),
        ("2020-01-01,soon,1", "not_a_date"),
        ("2020-01-01,2020-02-12,.", "not_a_number"),
        ("2020-01-02,2020-02-13,2\n2020-01-02,2020-02-13,3", "duplicate_value"),
    ],
)
def test_a_row_out_of_order_is_refused(write, row, rule):
    path = write(f"period,released,rate\n{row}\n")
    assert check_macro(MacroFile(path=path, columns=PUBLISHED, time="08:30"))["rule"].tolist() == [rule]
    with pytest.raises(DataError, match=rule):
        read(path)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"columns": NAMES}, "say when values were published"),
        ({"columns": PUBLISHED, "lag_days": 1}, "say when values were published"),
        ({"columns": PUBLISHED, "time": ""}, "needs its time"),
        ({"columns": {"published": "released", "rate": "rate"}}, "must name date"),
    ],
)
def test_settings_without_a_clear_publication_are_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        MacroFile(path="m.csv", **{"time": "08:30", **changes})
