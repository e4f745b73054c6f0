"""Dates and times are read in the declared format only, and to the moment."""

from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finnet.data.csv_format import CsvFormat
from finnet.data.quality import Findings, Origin
from finnet.data.tables import Table
from finnet.data.times import dates, days_or_moments, local_to_utc, moments, published
from finnet.errors import ConfigError


def table_of(cells, **csv):
    return Table({"x": pa.chunked_array([cells])}, Origin.of_file("f.csv", np.arange(len(cells)) + 2), CsvFormat(**csv))


def read(reader, cells, csv=None, **settings):
    """The values and the (rule, line) of every problem."""
    findings = Findings()
    values = reader(table_of(cells, **(csv or {})), "x", findings, **settings)
    return values, [(problem.rule, problem.line) for problem in findings.problems]


@pytest.mark.parametrize(
    ("cell", "date_format", "day"),
    [
        ("2020-01-31", "iso", "2020-01-31"),
        (" 2020-01-31 ", "iso", "2020-01-31"),
        ("2020-01-31 00:00:00", "iso", "2020-01-31"),
        ("2020-1-31", "iso", "NaT"),
        ("20200131", "iso", "NaT"),
        ("20200131", "%Y%m%d", "2020-01-31"),
        ("2020131", "%Y%m%d", "NaT"),
        ("31.1.2020", "%d.%m.%Y", "2020-01-31"),
        ("31/02/2020", "%d/%m/%Y", "NaT"),
        ("31.01.2020 16:00", "%d.%m.%Y %H:%M", "NaT"),
    ],
)
def test_a_date_is_read_in_the_declared_format_only(cell, date_format, day):
    (value,), problems = read(dates, [cell], csv={"date_format": date_format})
    np.testing.assert_equal(value, np.datetime64(day, "us"))
    assert bool(problems) == (day == "NaT")


@pytest.mark.parametrize(
    ("cell", "rule"),
    [
        ("x", "repeated_header"),
        ("2020-01-02T00:00:00Z", "zone_in_date"),
        ("2020-01-02 09:30", "time_in_date"),
        ("1700-01-01", "date_out_of_range"),
        ("", "not_a_date"),
    ],
)
def test_a_wrong_date_is_named_by_what_is_wrong_with_it(cell, rule):
    assert read(dates, ["2020-01-01", cell])[1] == [(rule, 3)]


def test_a_number_is_no_date():
    assert read(dates, pa.array([20200131]))[1] == [("not_a_date", 0)]


def test_times_stored_with_a_zone_are_utc_already():
    stored = pa.array([0], pa.timestamp("ns", "America/New_York"))
    assert read(moments, stored, zone="Asia/Tokyo")[0].tolist() == [np.datetime64(0, "us").item()]


@given(st.datetimes(datetime(1900, 1, 1), datetime(2100, 1, 1)))
def test_iso_times_are_read_to_the_microsecond(time):
    (value,), problems = read(moments, [time.isoformat(" ", "microseconds") + "+02:00"], zone="UTC")
    assert value == np.datetime64(time, "us") - np.timedelta64(2, "h")
    assert not problems


def test_local_times_that_a_change_of_clocks_skips_are_not_guessed():
    local = np.array(["2014-03-09T02:30", "2014-03-09T03:30"], "datetime64[us]")
    assert np.isnat(local_to_utc(local, "America/New_York")).tolist() == [True, False]


def test_a_publication_is_never_placed_too_early():
    days = np.array(["2014-03-09", "2014-11-02"], "datetime64[us]")
    times = published(days, time="02:30", zone="America/New_York").astype("datetime64[m]").astype(str)
    assert times.tolist() == ["2014-03-09T07:00", "2014-11-02T07:30"]


@pytest.mark.parametrize(("time", "zone"), [("24:00", "UTC"), ("9:30", "UTC"), ("09:30", "Mars"), ("09:30", "")])
def test_a_clock_that_does_not_exist_is_refused(time, zone):
    with pytest.raises(ConfigError):
        published(np.array(["2014-01-02"], "datetime64[us]"), time=time, zone=zone)


@pytest.mark.parametrize(
    ("cell", "form", "day"),
    [
        ("1546412400", "epoch_s", "2019-01-02"),
        ("1546387200000", "epoch_ms", "2019-01-02"),
        ("1546387200000.0", "epoch_ms", "2019-01-02"),
        ("soon", "epoch_s", "NaT"),
    ],
)
def test_counts_since_1970_are_days(cell, form, day):
    (value,), problems = read(dates, [cell], csv={"date_format": form}, zone="America/New_York")
    np.testing.assert_equal(value, np.datetime64(day, "us"))
    assert bool(problems) == (day == "NaT")


def test_counts_within_a_day_name_the_day_in_the_zone():
    evening = str(int(np.datetime64("2019-01-03T01:30", "s").astype(int)))
    assert read(dates, [evening], csv={"date_format": "epoch_s"}, zone="America/New_York")[0] == np.datetime64(
        "2019-01-02"
    )


def test_stored_whole_numbers_are_dates_where_a_format_is_declared():
    assert read(dates, pa.array([20200131]), csv={"date_format": "%Y%m%d"})[0] == np.datetime64("2020-01-31")


def test_midnights_of_one_place_name_their_days():
    cells = ["2019-01-02 00:00:00-05:00", "2019-07-02 00:00:00-04:00"]
    days, problems = read(dates, cells)
    assert days.astype("datetime64[D]").astype(str).tolist() == ["2019-01-02", "2019-07-02"]
    assert not problems


def test_midnights_of_two_places_are_refused():
    assert read(dates, ["2019-01-02 00:00:00-05:00", "2019-01-03 00:00:00+09:00"])[1] == [("zone_in_date", 2)]


@pytest.mark.parametrize(
    ("cell", "form", "moment"),
    [
        ("01/02/2024 09:30", "%m/%d/%Y %H:%M", "2024-01-02T14:30"),
        ("Tue Jan 02 09:30:00 +0000 2024", "%a %b %d %H:%M:%S %z %Y", "2024-01-02T09:30"),
        ("20240102T093000", "%Y%m%dT%H%M%S", "2024-01-02T14:30"),
        ("1704187800", "epoch_s", "2024-01-02T09:30"),
    ],
)
def test_a_declared_format_holds_for_times_too(cell, form, moment):
    (value,), problems = read(moments, [cell], csv={"date_format": form}, zone="America/New_York")
    assert (value, problems) == (np.datetime64(moment, "us"), [])


def test_a_format_may_be_declared_for_one_column():
    assert read(dates, ["31.01.2020"], csv={"date_formats": {"x": "%d.%m.%Y"}})[0] == np.datetime64("2020-01-31")


def test_days_and_times_of_day_are_moments_in_their_zone():
    cells = ["2020-01-31", "2020-01-31 19:09"]
    found = read(days_or_moments, cells, zone="America/New_York")[0].astype("datetime64[m]").astype(str).tolist()
    assert found == ["2020-01-31T05:00", "2020-02-01T00:09"]


def test_a_wrong_date_is_told_the_format_that_fits():
    findings = Findings(section="data.prices")
    dates(table_of(["31.01.2020"]), "x", findings)
    assert findings.problems[0].remedy == 'declare data.prices.csv.date_format = "%d.%m.%Y"'


def test_a_date_that_may_be_read_in_two_ways_is_told_both():
    findings = Findings()
    dates(table_of(["03/04/2020"]), "x", findings)
    assert '"%m/%d/%Y" or, with the day first, csv.date_format = "%d/%m/%Y"' in findings.problems[0].remedy
