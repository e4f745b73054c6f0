"""Malformed price files: each of a corpus is decided by a stated rule, and none of very many is read wrongly.

The oracle of the campaign reads a file with Python's own csv module and knows nothing of finnet.
"""

import csv
import gzip
import io
import re
from collections import Counter
from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from finnet.data.loan_file import LoanFile
from finnet.data.loans import check_loans
from finnet.data.macro import MacroFile, check_macro
from finnet.data.prices import PriceFile, check_prices, read_prices
from finnet.data.sentiment_files import SentimentFile, check_sentiment
from finnet.errors import DataError

HEADER = "date,symbol,open,high,low,close,volume\n"
DAYS = [f"2020-01-{day:02}" for day in (2, 3, 6, 7, 8, 9, 10, 13, 14, 15, 16, 17, 20, 21, 22)]


def row(day, close=10.0, symbol="A", volume="1000"):
    return f"{day},{symbol},{close},{close + 1},{close - 1},{close},{volume}\n"


GOOD = HEADER + "".join(row(day, 10 + i / 8) for i, day in enumerate(DAYS))
LINE_3 = row(DAYS[1], 10.125)


def with_line_3(line):
    return GOOD.replace(LINE_3, line)


CORPUS = {  # what is wrong: (file, severity, rule, line)
    "last row cut off between cells": (GOOD + "2020-01-23,A,9,10", "error", "cut_off_row", 17),
    "last row cut off within a number": (GOOD[:-1], "error", "no_final_newline", 16),
    "header names close twice": (GOOD.replace("open", "close", 1), "error", "duplicate_header", 1),
    "two bars for one date": (GOOD + row(DAYS[2], 99.0), "error", "duplicate_bar", 17),
    "infinite price": (with_line_3(f"{DAYS[1]},A,10,inf,9,10,5\n"), "error", "not_finite", 3),
    "negative price": (with_line_3(row(DAYS[1], -5.0)), "error", "non_positive_price", 3),
    "high below low": (with_line_3(f"{DAYS[1]},A,10,9,11,10,5\n"), "error", "high_below_low", 3),
    "header repeated": (GOOD + HEADER + row("2020-01-23"), "error", "repeated_header", 17),
    "time zones mixed": (GOOD.replace(DAYS[1], f"{DAYS[1]}T00:00:00+09:00"), "error", "zone_in_date", 3),
    "time of day": (GOOD.replace(DAYS[1], f"{DAYS[1]} 16:00:00"), "error", "time_in_date", 3),
    "volume overflowed 32 bits": (with_line_3(row(DAYS[1], volume="-294967296")), "error", "negative_volume", 3),
    "volume beyond 64 bits": (with_line_3(row(DAYS[1], volume="99999999999999999999")), "error", "too_large", 3),
    "row with a cell too many": (with_line_3(LINE_3[:-1] + ",1\n"), "error", "ragged_row", 3),
    "Latin-1 letter": (with_line_3(row(DAYS[1], symbol="É")).encode("latin-1"), "error", "wrong_encoding", 3),
    "UTF-16": (GOOD.encode("utf-16"), "error", "wrong_encoding", 1),
    "decimal comma": (with_line_3(f'{DAYS[1]},A,"10,5",11,9,10,5\n'), "error", "not_a_number", 3),
    "code -999 for missing": (with_line_3(f"{DAYS[1]},A,10,11,9,-999,5\n"), "error", "non_positive_price", 3),
    "semicolons": (GOOD.replace(",", ";"), "error", "missing_column", 1),
    "ticker NA": (GOOD.replace(",A,", ",NA,"), "fine", "", 0),
    "rows out of order": (HEADER + row(DAYS[1]) + row(DAYS[0]), "warning", "unsorted", 3),
    "bars missing": (GOOD.replace(LINE_3, "") + GOOD.replace(",A,", ",B,").replace(HEADER, ""), "warning", "gap", 3),
    "price filled forward": (HEADER + "".join(row(day) for day in DAYS), "warning", "stale_price", 12),
    "split not adjusted": (GOOD + row("2020-01-23", 5.875), "warning", "likely_split", 17),
    "bar without prices": (GOOD + "2020-01-23,A,,,,,0\n", "warning", "empty_bar", 17),
}
MORE = {
    "volume never given": (GOOD.replace(",1000", ","), "warning", "empty_column", 0),
    "empty file": ("", "error", "empty_file", 0),
    "header only": (HEADER, "error", "empty_file", 0),
    "blank first line": ("\n" + GOOD, "error", "text_above_header", 1),
    "quote never closed": (with_line_3(LINE_3.replace("A", '"A')), "error", "stray_quote", 3),
    "quote within a cell": (with_line_3(LINE_3.replace(",10.125,", ',"10".125,')), "error", "stray_quote", 3),
    "a carriage return quoted in the header": (GOOD.replace("date", '"d\rate"', 1), "error", "lone_carriage_return", 1),
    "line ends of another age": (GOOD.replace("\n", "\r") + "\n", "error", "lone_carriage_return", 1),
    "blank line": (GOOD.replace(LINE_3, "\n" + LINE_3), "warning", "blank_line", 3),
    "year of three digits": (GOOD.replace(DAYS[1], "0202-01-03"), "error", "date_out_of_range", 3),
    "day that does not exist": (GOOD.replace(DAYS[1], "2020-02-30"), "error", "not_a_date", 3),
    "day before month": (GOOD.replace(DAYS[1], "03/01/2020"), "error", "not_a_date", 3),
    "thousands separated": (with_line_3(f'{DAYS[1]},A,10,11,9,10,"1,000"\n'), "error", "not_a_number", 3),
    "blank in a ticker": (with_line_3(row(DAYS[1], symbol="A ")), "error", "untidy_text", 3),
    "no ticker": (with_line_3(row(DAYS[1], symbol="")), "error", "blank_text", 3),
    "close missing": (with_line_3(f"{DAYS[1]},A,10,11,9,,5\n"), "error", "missing_close", 3),
    "close outside its range": (with_line_3(f"{DAYS[1]},A,10,11,9,12,5\n"), "warning", "outside_range", 3),
    "volume zero": (with_line_3(row(DAYS[1], volume="0")), "warning", "zero_volume", 3),
    "price of ten digits too many": (with_line_3(f"{DAYS[1]},A,10,1e15,9,10,5\n"), "error", "too_large", 3),
    "stray date": (
        GOOD
        + GOOD.replace(",A,", ",B,").replace(HEADER, "")
        + GOOD.replace(",A,", ",C,").replace(HEADER, "")
        + row("2020-01-04"),
        "warning",
        "sparse_session",
        47,
    ),
}


def test_the_corpus_has_24_files():
    assert len(CORPUS) == 24


@pytest.mark.parametrize("case", CORPUS | MORE)
def test_a_malformed_file_is_decided_by_its_rule(write, case):
    content, severity, rule, line = (CORPUS | MORE)[case]
    table = check_prices(PriceFile(path=write(content)))
    if severity == "fine":
        assert table.empty
    else:
        assert (severity, rule, line) in list(zip(table["severity"], table["rule"], table["line"], strict=True))


@pytest.mark.filterwarnings("ignore:reading changed the data")
@pytest.mark.parametrize("case", CORPUS | MORE)
def test_a_malformed_file_is_refused_exactly_where_a_rule_is_an_error(write, case):
    content, severity, rule, _ = (CORPUS | MORE)[case]
    settings = PriceFile(path=write(content))
    if severity == "error":
        with pytest.raises(DataError, match=rule):
            read_prices(settings)
    else:
        assert np.isfinite(read_prices(settings)["close"]).any()


def test_a_compressed_file_that_is_cut_off_is_refused(write):
    path = write(gzip.compress(GOOD.encode())[:-20], "p.csv.gz")
    with pytest.raises(DataError, match="unreadable_file"):
        read_prices(PriceFile(path=path))


def test_an_accepted_malformation_keeps_every_other_value(write):
    path = write(GOOD[:-1])
    panel = read_prices(PriceFile(path=path, rules={"no_final_newline": "warning"}))
    np.testing.assert_array_equal(panel["close"][:, 0], 10 + np.arange(15) / 8)


CELLS = [
    "",
    "NA",
    "nan",
    "inf",
    "-1",
    "0",
    "1e400",
    "1e-400",
    "0x10",
    "1_0",
    "1,5",
    "٣",
    "7",
    " 8 ",
    "x",
    "'",
    '"',
    '""',
]
CELLS += ["open", "close", "symbol", "A", "NA "]
CELLS += [
    "2020-01-02",
    "2020-01-02T00:00:00Z",
    "2020-1-2",
    "20200102",
    "+5",
    "5.",
    ".5",
    "1e3",
    "-0",
    "A\t",
    "\x00",
    "9" * 30,
]
NOISE = [b",", b"\n", b"\r", b"\r\n", b'"', b"\x00", b"\xff", b"\xef\xbb\xbf", b";", b" ", b"\t", b"\n\n", b"-", b"e"]


@st.composite
def malformed_files(draw):
    """A sound file of one or two symbols, then up to four faults of its cells, lines or bytes."""
    lines = [HEADER[:-1].split(",")]
    for symbol in draw(st.sampled_from([["A"], ["A", "NA"]])):
        for i in range(draw(st.integers(1, 5))):
            low = draw(st.integers(1, 4000)) / 8
            cells = [low + 0.5, low + draw(st.integers(4, 20)) / 8, low, low + 0.25, draw(st.integers(0, 10**6))]
            lines.append([str(date(2020, 1, 2) + timedelta(i)), symbol, *map(str, cells)])
    for _ in range(draw(st.integers(0, 2))):
        _break_lines(draw, lines)
    data = draw(st.sampled_from(["\n", "\r\n"])).join([*map(",".join, lines), ""]).encode()
    for _ in range(draw(st.integers(0, 2))):
        data = _break_bytes(draw, data)
    return data


def _break_lines(draw, lines):
    at = draw(st.integers(0, len(lines) - 1))
    fault = draw(st.sampled_from(["cell", "cell", "cell", "repeat", "move", "header", "blank", "short"]))
    if fault == "cell":
        cell = draw(st.integers(0, max(len(lines[at]) - 1, 0)))
        quoted = [f'"{lines[at][cell]}"' if lines[at] else ""]
        lines[at][cell : cell + 1] = draw(st.sampled_from([quoted, [], ["1", "2"], *([text] for text in CELLS)]))
    else:
        new = {
            "repeat": list(lines[at]),
            "move": list(lines[at]),
            "header": list(lines[0]),
            "blank": [],
            "short": ["1"],
        }
        if fault == "move":
            del lines[at]
        lines.insert(draw(st.integers(0, len(lines))), new[fault])


def _break_bytes(draw, data):
    at = draw(st.integers(0, len(data)))
    fault = draw(st.sampled_from(["insert", "cut", "remove", "flip"]))
    if fault == "insert":
        return data[:at] + draw(st.sampled_from(NOISE)) + data[at:]
    if fault == "cut":
        return data[:at]
    if fault == "remove":
        return data[:at] + data[at + draw(st.integers(1, 9)) :]
    return data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]


NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?", re.ASCII | re.IGNORECASE)


def number(cell):
    cell = cell.strip()
    if cell in ("", "NaN", "nan", "NA", "N/A", "null", "NULL", "None"):
        return np.nan
    assert NUMBER.fullmatch(cell)
    return float(cell)


def literal_bars(data):
    """What stands in the file: {(day, symbol): {field: value}}; AssertionError or ValueError where that is unclear."""
    text = data.decode().removeprefix("\ufeff")
    assert text.endswith("\n")
    header, *rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    assert len(set(header)) == len(header)
    bars = {}
    for cells in rows:
        if any(cells):
            assert len(cells) == len(header)
            found = dict(zip(header, cells, strict=True))
            day, symbol = date.fromisoformat(found.pop("date").strip()[:10]), found.pop("symbol")
            assert symbol == symbol.strip() != ""
            assert (day, symbol) not in bars
            fields = ("open", "high", "low", "close", "volume")
            bars[day, symbol] = {name: number(cell) for name, cell in found.items() if name in fields}
    return bars


def verdict(path, data):
    """ "refused" or "read", and then every value was compared with what stands in the file."""
    path.write_bytes(data)
    harmless = dict.fromkeys(("empty_bar", "zero_price", "blank_line"), "ignore")
    try:
        panel = read_prices(PriceFile(path=str(path), rules=harmless))
    except DataError:
        return "refused"
    bars = {key: bar for key, bar in literal_bars(data).items() if not np.isnan(bar["close"])}
    assert panel.member.sum() == len(bars)
    for (day, symbol), bar in bars.items():
        at = np.searchsorted(panel.sessions, np.datetime64(day)), panel.symbols.index(symbol)
        for name, value in bar.items():
            unknown = value == 0 and name in ("open", "high", "low")
            np.testing.assert_equal(panel[name][at], np.nan if unknown else value)
    return "read"


CAMPAIGN = settings(deadline=timedelta(seconds=20), suppress_health_check=list(HealthCheck), database=None)


def campaign(path, files):
    """Verdicts over so many malformed files."""
    verdicts = Counter()

    @given(data=malformed_files())
    @settings(CAMPAIGN, max_examples=files)
    def judge(data):
        verdicts[verdict(path, data)] += 1

    judge()
    return verdicts


def test_a_malformed_file_is_read_as_it_stands_or_refused(tmp_path):
    verdicts = campaign(tmp_path / "prices.csv", 400)
    assert min(verdicts["read"], verdicts["refused"]) > 40


@pytest.mark.full
def test_none_of_very_many_malformed_files_is_read_wrongly(tmp_path, capsys):
    verdicts = campaign(tmp_path / "prices.csv", 100_000)
    with capsys.disabled():
        print(f"\nmalformed price files: {verdicts['refused']} refused, {verdicts['read']} read, 0 read wrongly")


@given(data=malformed_files())
@settings(CAMPAIGN, max_examples=50)
def test_a_compressed_file_breaks_the_rules_that_the_plain_one_breaks(tmp_path, data):
    path = tmp_path / "malformed.csv.gz"
    path.write_bytes(gzip.compress(data))
    plain = path.with_suffix("")
    plain.write_bytes(data)
    rules = [check_prices(PriceFile(path=str(file)))["rule"].tolist() for file in (path, plain)]
    assert rules[0] == rules[1]


SCORES = "at,who,score\n2014-01-02 10:00Z,A,1\n2014-01-03 10:00Z,NA,-0.5\n"
LOANS = "id,day,income,home,bad\n1,2014-01-02,2500,own,0\n2,2014-01-03,,rent,1\n"
RATES = "period,released,rate\n2014-01-01,2014-02-12,1\n2014-02-01,2014-03-12,1.5\n"
READERS = {
    "sentiment": (
        SCORES,
        check_sentiment,
        SentimentFile,
        {"columns": {"available_at": "at", "symbol": "who", "s": "score"}},
    ),
    "loans": (
        LOANS,
        check_loans,
        LoanFile,
        {"target": "bad", "id": "id", "applied_at": "day", "horizon_months": 12, "categories": ("home",)},
    ),
    "macro": (
        RATES,
        check_macro,
        MacroFile,
        {"columns": {"date": "period", "published": "released", "rate": "rate"}, "time": "08:30"},
    ),
}


@pytest.mark.parametrize("name", READERS)
@given(draws=st.data())
@settings(CAMPAIGN, max_examples=100)
def test_other_malformed_files_crash_nothing(tmp_path, name, draws):
    sound, check, file, columns = READERS[name]
    data = sound.encode()
    for _ in range(draws.draw(st.integers(0, 3))):
        data = _break_bytes(draws.draw, data)
    (tmp_path / "file.csv").write_bytes(data)
    found = check(file(path=str(tmp_path / "file.csv"), **columns))
    assert found.empty or data != sound.encode()
