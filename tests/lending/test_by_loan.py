"""Loan by loan: own cut-offs follow the sign of expected profit, and no one cut-off brings more."""

import numpy as np
import pandas as pd
import pytest

from finnet.lending.by_loan import beside_one_line, own_cutoffs
from finnet.lending.cutoff import best_cutoff, cutoff_table
from finnet.lending.terms import LoanTerms, loan_values
from tests.lending.made import book, forecasts_of

TERMS = LoanTerms(margin_column="rate", term_column="months", cost_per_loan=30.0)


def made(n):
    rng = np.random.default_rng(3)
    names = [f"L{row}" for row in range(n)]
    columns = pd.DataFrame({"rate": rng.uniform(-0.01, 0.09, n), "months": rng.integers(6, 60, n)}, index=names)
    return names, {"columns": columns, "amount": pd.Series(rng.uniform(300, 9000, n), index=names)}


def test_a_loan_lies_below_its_own_cutoff_where_its_expected_profit_is_above_zero():
    names, known = made(400)
    probability = np.append(book(397)[0], [0.0, 0.0, 1.0])
    values = loan_values(TERMS, names, **known)
    expected = (1 - probability) * values["repaid"] + probability * values["defaulted"]
    assert ((probability <= own_cutoffs(TERMS, names, **known)) == (expected > 0)).all()


def test_a_loan_at_its_break_even_is_not_approved():
    (cutoff,) = own_cutoffs(LoanTerms(0.1, 0.4), ["A"])
    assert cutoff < 0.2
    assert cutoff == pytest.approx(0.2)


def test_deciding_loan_by_loan_is_expected_to_bring_more_than_any_cutoff():
    names, known = made(400)
    forecasts = forecasts_of(*book(400), entity=names)
    cutoff = best_cutoff(forecasts, TERMS, **known)
    (line,) = cutoff_table(forecasts, TERMS, **known, cutoffs=[cutoff]).to_dict("records")
    found = beside_one_line(forecasts, TERMS, cutoff, **known)
    assert found["expected_profit"] > line["expected_profit"]
    assert found["n"] == line["n"] - found["approved_at_a_loss"] + found["refused_with_a_gain"]


def test_loans_with_one_break_even_lose_nothing_by_one_line():
    forecasts, terms = forecasts_of(*book(300)), LoanTerms(0.1, 0.4)
    found = beside_one_line(forecasts, terms, best_cutoff(forecasts, terms))
    assert (found["approved_at_a_loss"], found["refused_with_a_gain"]) == (0, 0)


def test_repeats_of_a_loan_count_once():
    rows = pd.DataFrame({"rate": [0.1, 0.01], "months": [12, 12]}, index=["A", "B"])
    known = {"columns": rows, "amount": pd.Series({"A": 1000.0, "B": 1000.0})}
    twice = forecasts_of([0.05] * 4, [0, 0, 0, 0], entity=["A", "B"] * 2, fold=[0, 0, 1, 1])
    found = beside_one_line(twice, TERMS, 0.05, **known)
    assert (found["n"], found["approved_at_a_loss"]) == (1, 1)
