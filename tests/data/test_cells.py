"""Cells are read as declared: text by text and value by value, never by a guess."""

import math
from datetime import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finnet.data.cells import categories, coded, dates, local_to_utc, matches, moments, numbers, published
from finnet.data.quality import Findings, Origin
from finnet.data.tables import CsvFormat, Table
from finnet.errors import ConfigError


def table_of(cells, **csv):
    return Table({"x": pa.chunked_array([cells])}, Origin.of_file("f.csv", np.arange(len(cells)) + 2), CsvFormat(**csv))


def read(reader, cells, csv=None, **settings):
    """The values and the (rule, line) of every problem."""
    findings = Findings()
    values = reader(table_of(cells, **(csv or {})), "x", findings, **settings)
    return values, [(problem.rule, problem.line) for problem in findings.problems]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_are_read_to_the_last_bit(values):
    np.testing.assert_array_equal(read(numbers, [repr(value) for value in values])[0], values)


@given(st.text(st.sampled_from("0123456789.eE+-_xinfa ,٣"), max_size=8))
def test_a_cell_is_the_number_that_python_reads_or_an_error(cell):
    (value,), problems = read(numbers, [cell])
    if problems or cell.strip() in CsvFormat().missing:
        assert math.isnan(value)
    else:
        assert value == float(cell)


def test_only_declared_words_mean_missing():
    assert read(numbers, ["", " NA ", "-"])[1] == [("not_a_number", 4)]
    assert read(numbers, ["-", "nan"], csv={"missing": ("-",)})[1] == [("not_a_number", 3)]


@pytest.mark.parametrize("kind", [pa.int8(), pa.float32(), pa.decimal128(25, 2), pa.bool_()])
def test_stored_numbers_of_any_width_are_read(kind):
    values, problems = read(numbers, pa.array([1, None]).cast(kind))
    np.testing.assert_equal(values, [1, np.nan])
    assert not problems


def test_stored_infinity_is_refused():
    assert read(numbers, pa.array([1.0, math.inf]))[1] == [("not_finite", 3)]


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


def test_words_are_coded_in_alphabetical_order():
    codes, words = read(coded, ["b", "NA", "b"])[0]
    assert (codes.tolist(), words) == ([1, 0, 1], ("NA", "b"))


def test_text_with_blanks_around_it_is_refused():
    assert read(coded, ["b", "b ", "b\x00"])[1] == [("untidy_text", 3)]


def test_categories_ignore_blanks_around_a_word_and_know_the_empty_cell():
    words = categories(table_of(["b ", "", "a"]), "x")
    assert words.cat.codes.tolist() == [1, -1, 0]


@pytest.mark.parametrize(("word", "cell", "same"), [("1", "1.0", True), ("1", "one", False), ("bad", " bad", True)])
def test_an_outcome_matches_as_number_or_as_text(word, cell, same):
    assert matches(table_of([cell]), "x", word).tolist() == [same]


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
