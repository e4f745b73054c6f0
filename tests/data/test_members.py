"""Symbols are given by a file, and the universe of each day by a table of members."""

import pytest

from finnet.data.prices import PriceFile, check_prices, read_prices
from finnet.errors import DataError

DAYS = ("2020-01-02", "2020-01-03", "2020-01-06")
PRICES = "date,symbol,close\n" + "".join(f"{day},{symbol},5\n" for symbol in "ABC" for day in DAYS)
MEMBERS = "symbol,from,to\nA,2020-01-03,\nB,,2020-01-02\nB,2020-01-06,2020-01-06\n"


def test_only_the_listed_symbols_are_read(write):
    write("A\n\nC\n", "wanted.txt")
    assert read_prices(PriceFile(path=write(PRICES), symbols_file="wanted.txt")).symbols == ("A", "C")


@pytest.mark.parametrize("content", [None, "\n"])
def test_a_list_that_is_not_there_or_empty_is_refused(write, content):
    if content is not None:
        write(content, "wanted.txt")
    with pytest.raises(DataError, match=r"wanted[.]txt"):
        read_prices(PriceFile(path=write(PRICES), symbols_file="wanted.txt"))


def test_the_universe_of_each_day_is_that_of_the_table(write):
    write(MEMBERS, "members.csv")
    panel = read_prices(PriceFile(path=write(PRICES), members_file="members.csv"))
    assert panel.member.T.tolist() == [[False, True, True], [True, False, True], [False, False, False]]


def test_a_table_of_members_is_checked_like_any_file(write):
    write(MEMBERS.replace("2020-01-03", "soon"), "members.csv")
    found = check_prices(PriceFile(path=write(PRICES), members_file="members.csv"))
    assert found[["rule", "line"]].values.tolist() == [["not_a_date", 2]]
