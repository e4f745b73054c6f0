"""Cells are read as declared: text by text and value by value, never by a guess."""

import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finnet.data.cells import categories, coded, matches, numbers
from finnet.data.csv_format import CsvFormat
from finnet.data.quality import Findings, Origin
from finnet.data.tables import Table


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


@pytest.mark.parametrize(
    ("cell", "csv", "value"),
    [
        ("2,917.68", {"thousands": ","}, 2917.68),
        ("1.234,50", {"decimal": ",", "thousands": "."}, 1234.5),
        ("1 234 567", {"thousands": " "}, 1234567),
        ("7.10M", {"units": {"M": 1e6}}, 7.1e6),
        ("0.35%", {"units": {"%": 1}}, 0.35),
        ("0.35 %", {"units": {"%": 0.01}}, 0.0035),
        ("-$1,250.50", {"units": {"$": 1}, "thousands": ","}, -1250.5),
        ("$-5K", {"units": {"$": 1, "K": 1000}}, -5000),
        (" 36 months", {"units": {" months": 1}}, 36),
        ("< 1 year", {"units": {"<": 1, "year": 1}}, 1),
        ("10+ years", {"units": {"+ years": 1}}, 10),
    ],
)
def test_a_number_is_read_with_the_declared_signs_and_units(cell, csv, value):
    assert read(numbers, [cell], csv=csv) == (pytest.approx(value), [])


@pytest.mark.parametrize(
    ("cell", "csv"),
    [
        ("12,34", {"thousands": ","}),
        ("1.5", {"decimal": ","}),
        ("5 EUR", {"units": {"$": 1}}),
        ("%", {"units": {"%": 1}}),
        ("1,234.5", {}),
    ],
)
def test_a_number_written_otherwise_than_declared_is_refused(cell, csv):
    assert read(numbers, [cell], csv=csv)[1] == [("not_a_number", 2)]


@pytest.mark.parametrize("cells", [["1", "inf"], pa.array([1.0, math.inf])], ids=["text", "stored"])
def test_a_declared_word_wins_over_the_rule_about_infinity(cells):
    values, problems = read(numbers, cells, csv={"missing": ("", "inf")})
    np.testing.assert_equal(values, [1, np.nan])
    assert not problems


@pytest.mark.parametrize(
    ("cells", "key"),
    [
        (["10.65%", "7.9%"], 'csv.units = { "%" = 1 }'),
        (["2,917.68", "1,000.00"], 'csv.thousands = ","'),
        (["99,12", "98,5"], 'csv.decimal = ","'),
        (["7.10M", "915.2K"], 'csv.units = { "K" = 1000, "M" = 1000000 }'),
        (["$5,247.00", "$12,100.00"], 'csv.units = { "$" = 1 }'),
    ],
)
def test_a_number_written_otherwise_is_told_what_to_declare(cells, key):
    findings = Findings()
    numbers(table_of(cells), "x", findings)
    assert key in findings.problems[0].remedy


def test_words_in_a_column_of_numbers_are_told_what_words_are_for():
    findings = Findings()
    numbers(table_of(["Other", "Mgr"]), "x", findings, remedies={"words": "a category"})
    assert findings.problems[0].remedy == "a category"


def test_a_code_is_one_level_however_it_is_stored():
    assert categories(table_of(["1", "1.0", "01"]), "x").tolist() == ["1", "1", "01"]


def test_levels_that_differ_in_case_and_blanks_may_be_made_one():
    assert categories(table_of(["RENT", " rent", "Own  it"]), "x", fold_case=True).tolist() == [
        "rent",
        "rent",
        "own it",
    ]


def test_declared_words_for_missing_hold_for_categories():
    assert categories(table_of(["n/a", "NA"], missing=("", "n/a")), "x").isna().tolist() == [True, False]


@pytest.mark.parametrize("word", ["true", "True", "1", "1.0"])
def test_a_stored_truth_value_is_matched_as_the_quality_table_shows_it(word):
    assert matches(table_of(pa.array([True, False, None])), "x", word).tolist() == [True, False, False]
