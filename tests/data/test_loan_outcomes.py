"""One rule says which loans can be used for what."""

from datetime import date

import numpy as np
import pytest

from finnet.data.loan_outcomes import Outcomes, last_moment, usable_rows

YEAR = np.timedelta64(365, "D")
NOW = np.datetime64("2021-01-01T12:00", "us")
CASES = {
    "paid, due": ("good", "2019-06-01", "learn"),
    "bad, due": ("bad", "2019-06-01", "learn"),
    "undecided, due": ("undecided", "2019-06-01", "forecast"),
    "unknown word": ("", "2019-06-01", "neither"),
    "paid, too young": ("good", "2020-06-01", "forecast"),
    "bad, too young": ("bad", "2020-06-01", "forecast"),
    "applied for later": ("good", "2021-06-01", "neither"),
    "no date": ("good", "NaT", "neither"),
}


def outcomes(*words):
    said = np.array(words)
    return Outcomes(said == "bad", said == "good", said == "undecided", said == "")


@pytest.mark.parametrize(("word", "day", "use"), CASES.values(), ids=CASES)
def test_a_loan_is_used_by_its_outcome_and_its_day(word, day, use):
    applied = np.array([day], "datetime64[us]")
    usable = usable_rows(outcomes(word), applied_at=applied, resolves_at=applied + YEAR, until=NOW)
    assert usable.to_learn.tolist() == [use == "learn"]
    assert usable.to_forecast.tolist() == [use == "forecast"]


def test_a_loan_that_resolves_at_the_very_moment_is_due():
    applied = np.array([NOW - YEAR, NOW - YEAR + np.timedelta64(1, "us")])
    usable = usable_rows(outcomes("good", "good"), applied_at=applied, resolves_at=applied + YEAR, until=NOW)
    assert usable.to_learn.tolist() == [True, False]


def test_without_dates_whatever_is_known_can_be_learned_from():
    usable = usable_rows(outcomes("good", "undecided"), applied_at=None, resolves_at=None, until=NOW)
    assert (usable.to_learn.tolist(), usable.to_forecast.tolist()) == ([True, False], [False, True])


def test_new_applications_can_be_forecast_but_not_learned_from():
    applied = np.array(["2019-01-01", "2021-06-01"], "datetime64[us]")
    usable = usable_rows(Outcomes.unknown(2), applied_at=applied, resolves_at=applied + YEAR, until=NOW)
    assert not usable.to_learn.any()
    assert usable.applied_later.tolist() == [False, True]


def test_a_day_ends_just_before_the_next_midnight_of_its_zone():
    assert last_moment(date(2020, 7, 1), zone="America/New_York") == np.datetime64("2020-07-02T03:59:59.999999")
