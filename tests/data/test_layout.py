"""Headers and footers are read as declared; where they are not, one finding says what to declare."""

import numpy as np
import pytest

from finnet.data.csv_format import CsvFormat
from finnet.data.layout import table_of
from finnet.data.prices import PriceFile, check_prices, read_prices
from finnet.errors import ConfigError

BARS = "2020-01-02,A,1,2\n2020-01-03,A,3,4\n2020-01-06,A,5,6\n"
HEADER = "date,symbol,close,volume\n"
YAHOO = "Price,Close,High\nTicker,QQX,QQX\nDate,,\n2020-01-02,1,2\n2020-01-03,3,4\n"
SEVERAL = "Price,Close,Close,Volume,Volume\nTicker,A,B,A,B\nDate,,,,\n2020-01-02,1,2,10,20\n2020-01-03,3,,30,\n"
WIDE = "Date,AAA,BBB,CCC\n2020-01-02,1,2,3\n2020-01-03,4,5,\n"


def found(path, **settings):
    table = check_prices(PriceFile(path=path, **settings))
    return list(zip(table["rule"], table["line"], table["remedy"], strict=True))


def closes(path, csv=None, **settings):
    return read_prices(PriceFile(path=path, csv=CsvFormat(**(csv or {})), **settings))["close"].tolist()


def test_text_above_and_below_is_left_out_as_declared(write):
    path = write(f"Some title\n\n{HEADER}{BARS}\nTotal: 3 rows\n")
    assert closes(path, csv={"skip_rows": 2, "skip_footer": 2}) == [[1], [3], [5]]


def test_lines_are_counted_from_the_top_of_the_file(write):
    path = write(f"Some title\n{HEADER}{BARS.replace(',3,', ',x,')}")
    assert found(path, csv=CsvFormat(skip_rows=1))[0][:2] == ("not_a_number", 4)


@pytest.mark.parametrize("title", ["Some title\n", "Title, with a comma\n", "\n", "one\ntwo\nthree\n"])
def test_text_above_the_header_is_one_finding_with_the_key(write, title):
    ((rule, line, remedy),) = found(write(title + HEADER + BARS))
    lines = title.count("\n")
    assert (rule, line) == ("text_above_header", 1)
    assert remedy == f"is the header on line {lines + 1}? set csv.skip_rows = {lines}"


@pytest.mark.parametrize(
    ("footer", "lines"), [("Total: 3\n", 1), ("\nTotal: 3\n", 2), ("\n\nTotal,3\nSource: me\n\n", 5)]
)
def test_text_below_the_table_is_one_finding_with_the_key(write, footer, lines):
    path = write(HEADER + BARS + footer)
    assert found(path) == [("text_below_table", 5, f"set csv.skip_footer = {lines}")]
    assert closes(path, csv={"skip_footer": lines}) == [[1], [3], [5]]


def test_the_header_of_yfinance_is_named_and_read_as_declared(write):
    path, names = write(YAHOO), {"date": "Date", "close": "Close"}
    assert [row[0] for row in found(path, columns=names, symbol="QQX")] == ["several_header_lines"]
    assert closes(path, csv={"header_lines": 3}, columns=names, symbol="QQX") == [[1], [3]]


def test_several_symbols_of_yfinance_are_read_side_by_side(write):
    names = {"date": "Date", "close": "Close", "volume": "Volume"}
    file = PriceFile(path=write(SEVERAL), csv=CsvFormat(header_lines=3), columns=names, wide=True)
    panel = read_prices(file)
    assert panel.symbols == ("A", "B")
    np.testing.assert_equal(panel["close"], [[1, 2], [3, np.nan]])
    np.testing.assert_equal(panel["volume"], [[10, 20], [30, np.nan]])


def test_one_column_per_symbol_is_named_and_read_as_declared(write):
    path = write(WIDE)
    assert found(path, columns={"date": "Date"}) == [("wide_file", 1, "one column per symbol: set wide = true")]
    np.testing.assert_equal(closes(path, columns={"date": "Date"}, wide=True), [[1, 2, 3], [4, 5, np.nan]])


def test_a_first_line_of_data_is_named_and_read_under_declared_names(write):
    path = write(BARS)
    ((rule, line, remedy),) = found(path)
    assert (rule, line) == ("no_header", 1)
    assert "csv.names, a list of 4 names" in remedy
    assert closes(path, csv={"names": ("date", "symbol", "close", "volume")}) == [[1], [3], [5]]


def test_another_delimiter_is_named(write):
    ((rule, _, remedy),) = found(write((HEADER + BARS).replace(",", ";")))
    assert (rule, remedy) == ("missing_column", "the cells are divided by ';': set csv.delimiter = ';'")


@pytest.mark.parametrize(
    "wrong",
    [
        {"skip_rows": -1},
        {"header_lines": 0},
        {"skip_rows": 2**40},
        {"first_year": 10**30},
        {"date_formats": {"a": "%d%d"}},
        {"decimal": ";"},
        {"decimal": ",", "thousands": ","},
        {"thousands": "00"},
        {"units": {"K": 0}},
        {"units": {"5": 1}},
    ],
)
def test_a_format_that_cannot_be_is_refused(wrong):
    with pytest.raises(ConfigError, match="csv"):
        CsvFormat(**wrong)


@pytest.mark.parametrize(
    ("skipped", "left"),
    [({}, b"a\nb\nc\n"), ({"skip_rows": 1}, b"b\nc\n"), ({"skip_footer": 1}, b"a\nb\n"), ({"skip_rows": 4}, b"")],
)
def test_declared_lines_above_and_below_are_left_out(skipped, left):
    assert table_of(b"a\nb\nc\n", CsvFormat(**skipped)) == left


def test_nothing_is_left_of_a_file_that_is_all_footer():
    assert table_of(b"a\nb\n", CsvFormat(skip_footer=2)) == table_of(b"a\nb\n", CsvFormat(skip_footer=9)) == b""
