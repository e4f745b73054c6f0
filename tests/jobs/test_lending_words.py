"""What a page says of decisions on loans is said where it is so, with the figures worked by hand."""

import numpy as np
import pandas as pd
import pytest

from finnet.jobs.tasks.lending_words import (
    TermsOfBook,
    approved_at_a_loss,
    beside_in_words,
    losses_in_words,
    terms_in_words,
    waiting_in_words,
)
from finnet.lending.terms import LoanTerms
from tests.lending.made import book, forecasts_of

NAMES = ["L0", "L1", "L2"]
AMOUNT = pd.Series([1000.0, 2000.0, 4000.0], NAMES)
RATES = pd.DataFrame({"rate": [0.02, 0.1, 0.4]}, NAMES)
BY_RATE = {"margin_column": "rate", "loss_given_default": 0.5}


def test_the_note_on_one_line_counts_what_it_decides_wrongly_and_what_that_costs():
    forecasts = forecasts_of([0.03, 0.04, 0.5], [0, 0, 0])
    rates = RATES.assign(rate=[0.01, 0.1, 0.6])
    # 1000 (0.97 x 0.01 - 0.03 x 0.5) = -5.3; 2000 (0.96 x 0.1 - 0.04 x 0.5) = 152; 4000 (0.5 x 0.6 - 0.5 x 0.5) = 200.
    terms = LoanTerms(**BY_RATE, target_bad_rate=0.04)
    (words,) = beside_in_words(forecasts, TermsOfBook(terms=terms, amount=AMOUNT, columns=rates))
    assert "1 of the approved loans have an expected profit of 0 or less, and 1 of the refused ones" in words
    assert "would have approved 2 loans; expected profit 352 instead of 147" in words
    assert "realized profit 2,600 instead of 210" in words
    assert "whatever the target of the bad rate" in words
    # Of three loans drawn again all are L0 (-10 each) or all L2 (2,400 each) in one of 27 draws, more than 2.5 %.
    assert "(95 % interval of the gain: −30 to 7,200)" in words


def test_loans_approved_at_a_loss_are_counted_at_one_cutoff_alone():
    forecasts = forecasts_of([0.03, 0.04, 0.5], [0, 0, 0])
    terms = TermsOfBook(terms=LoanTerms(**BY_RATE), amount=AMOUNT, columns=RATES.assign(rate=[0.01, 0.1, 0.6]))
    assert approved_at_a_loss(forecasts, terms, 0.04) == 1
    assert approved_at_a_loss(forecasts, terms, np.array([0.1, 0.1, 0.1])) == 0
    alike = TermsOfBook(terms=LoanTerms(0.07, 0.43), amount=AMOUNT)
    assert approved_at_a_loss(forecasts, alike, 0.5) == 0


def test_loans_that_share_a_break_even_have_no_note_whatever_their_amounts():
    probability, default = book(300)
    amount = pd.Series(np.random.default_rng(0).uniform(100, 9000, 300), [f"L{row}" for row in range(300)])
    forecasts = forecasts_of(probability, default)
    assert beside_in_words(forecasts, TermsOfBook(terms=LoanTerms(0.07, 0.43), amount=amount)) == []
    assert beside_in_words(forecasts, TermsOfBook(terms=LoanTerms(0.07, 0.43, cost_per_loan=5.0), amount=amount))


def test_losses_are_those_of_the_loans_approved_each_by_its_own_cutoff():
    forecasts = forecasts_of([0.1, 0.2, 0.3], [1, 0, 1])
    terms = TermsOfBook(terms=LoanTerms(**BY_RATE), unit="in the unit of lent", amount=AMOUNT, columns=RATES)
    (words,) = losses_in_words(forecasts, terms, np.array([0.2, 0.1, 0.4]))
    # 0.1 x 500 + 0.3 x 2000, and both defaulted.
    assert words.endswith(": 650; lost in fact, by the same loss given default: 2,500, in the unit of lent.")


def test_loans_that_wait_are_held_against_their_own_cutoffs_and_those_that_lack_terms_are_counted():
    pending = forecasts_of([0.1, 0.2, 0.3], [np.nan] * 3)
    assert "20.0 % on average, 2 above the cut-off." in waiting_in_words(pending, 0.15)
    words = waiting_in_words(pending, np.array([0.2, 0.1, np.nan]))
    assert "1 above their own cut-off, 1 without what the terms need to decide." in words


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "The cut-off is the one with the largest expected profit"),
        ({"target_bad_rate": 0.05}, "at most 5.0 % of the approved"),
        ({"by_loan": True}, "run from 10.0 % to 30.0 %, with a median of 20.0 %"),
    ],
)
def test_the_terms_say_what_decides(settings, words):
    cutoff = np.array([0.1, 0.2, 0.3]) if "by_loan" in settings else 0.2
    assert words in terms_in_words(TermsOfBook(terms=LoanTerms(**settings)), cutoff)


def test_costs_have_a_unit():
    terms = TermsOfBook(terms=LoanTerms(cost_per_loan=20.0), unit="in the unit of lent")
    assert "costs 20, in the unit of lent." in terms_in_words(terms, 0.1)


def test_loans_that_bring_nothing_have_no_break_even():
    book = TermsOfBook(terms=LoanTerms(**BY_RATE, by_loan=True), columns=RATES)
    words = terms_in_words(book, np.array([-0.1, 0.2, 0.4, -1e-9]))
    assert "run from 20.0 % to 40.0 %, with a median of 30.0 %. 50.0 % of the loans have none: even if repaid" in words
    assert "No loan has a break-even: even if repaid" in terms_in_words(book, np.array([-0.1, -0.2, -np.inf]))
