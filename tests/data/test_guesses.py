"""Guesses say how cells are written; they tell words, numbers and dates apart."""

import pytest

from finnet.data.guesses import are_codes, date_formats, is_number_or_date, number_keys, number_remedy


@pytest.mark.parametrize(
    ("cells", "keys"),
    [
        (["1", "2.5", "-3e4"], {}),
        (["1.234,5", "99,0"], {"decimal": ",", "thousands": "."}),
        (["1'234.50"], {"thousands": "'"}),
        (["$1,250.50", "-$3.00"], {"thousands": ",", "units": {"$": 1}}),
        (["7.1M", "915K", "1.2B"], {"units": {"B": 1000000000, "K": 1000, "M": 1000000}}),
        ([" 36 months", " 60 months"], {"units": {"months": 1}}),
    ],
)
def test_what_to_declare_about_numbers(cells, keys):
    assert number_keys(cells) == keys


@pytest.mark.parametrize("cells", [["rent", "own"], ["A11", "B27", "C3"], ["10xx", "94xx"], [""]])
def test_words_and_codes_are_no_numbers(cells):
    assert not is_number_or_date(cells)


@pytest.mark.parametrize(
    ("cells", "first"),
    [
        (["Dec-2011", "Jan-2012"], "%b-%Y"),
        (["20240102T093000"], "%Y%m%dT%H%M%S"),
        (["13/01/2020"], "%d/%m/%Y"),
        (["1/13/2020"], "%m/%d/%Y"),
        (["1546412400"], "epoch_s"),
    ],
)
def test_formats_of_dates(cells, first):
    assert date_formats(cells)[0] == first


@pytest.mark.parametrize("cells", [["r02", "r11"], ["A11", "B27"], ["10xx"], ["7 qm"]])
def test_letters_that_are_no_known_unit_make_codes(cells):
    assert are_codes(cells)


@pytest.mark.parametrize("cells", [["36 months"], ["12K"], ["$5"], ["5"], ["rent"]])
def test_units_and_words_are_no_codes(cells):
    assert not are_codes(cells)


def test_a_number_that_begins_with_a_nought_has_no_unit():
    assert number_remedy(["r02", "r11"]) == ""
    assert number_remedy(["0.5%", "10%"]) == 'declare {keys}csv.units = { "%" = 1 }'
