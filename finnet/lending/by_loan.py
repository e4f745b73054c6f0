"""Loan by loan: each loan has a break-even of its own where margins, losses, terms or costs differ."""

from collections.abc import Iterable
from typing import TypedDict

import numpy as np
import pandas as pd

from finnet.forecasts import Forecasts
from finnet.lending.cutoff import known_loans, outcome_of
from finnet.lending.terms import LoanTerms, loan_values
from finnet.types import FloatArray

__all__ = ["BesideOneLine", "beside_one_line", "own_cutoffs"]


class BesideOneLine(TypedDict):
    """What one cut-off misses, and what deciding loan by loan brings; profits are in the unit of the amounts."""

    approved_at_a_loss: float
    refused_with_a_gain: float
    n: float
    expected_profit: float
    realized_profit: float


def own_cutoffs(
    terms: LoanTerms,
    loans: Iterable[str],
    *,
    amount: "pd.Series[float] | None" = None,
    columns: pd.DataFrame | None = None,
) -> FloatArray:
    """The highest probability of default at which each loan's own expected profit is above 0; below 0 where none is.

    (1 - p) repaid + p defaulted is above 0 for p below repaid / (repaid - defaulted), with the values of
    `finnet.lending.terms.loan_values`; the cut-off is the number before that.

    Parameters
    ----------
    loans : iterable of str
        Which may repeat.
    amount, columns
        As `loan_values` takes them.

    Returns
    -------
    ndarray of shape (n_loans,)

    Examples
    --------
    >>> rates = pd.DataFrame({"rate": [0.05, 0.45, -0.01]}, index=["A", "B", "C"])
    >>> own_cutoffs(LoanTerms(margin_column="rate", loss_given_default=0.45), ["A", "B", "C"], columns=rates).round(3)
    array([ 0.1  ,  0.5  , -0.023])
    """
    values = loan_values(terms, loans, amount=amount, columns=columns)
    repaid, defaulted = values["repaid"].to_numpy(), values["defaulted"].to_numpy()
    # A loan that brings no less in default is worth its margin whatever its risk.
    always = np.where(repaid > 0, np.inf, -np.inf)
    falls = repaid - defaulted
    break_even = np.divide(repaid, falls, out=always, where=falls > 0)
    return np.nextafter(break_even, -np.inf)


def beside_one_line(
    forecasts: Forecasts,
    terms: LoanTerms,
    cutoff: float,
    *,
    amount: "pd.Series[float] | None" = None,
    columns: pd.DataFrame | None = None,
) -> BesideOneLine:
    """Loans that one cut-off decides against their own expected profit, and what deciding each by its own brings.

    Forecasts decide, outcomes do not, so the realized profit is out of sample. A loan of weight 10 counts as ten,
    repeats of one as one.

    Parameters
    ----------
    forecasts : Forecasts
        Of one model; only loans whose outcome is known count.
    cutoff : float
        Loans whose forecast lies at or below it are approved.

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": ["A", "B", "C"], "target": "default", "horizon": 12,
    ...         "kind": "probability", "value": [0.02, 0.06, 0.2], "truth": [0.0, 0.0, 1.0]}
    >>> rates = pd.DataFrame({"rate": [0.1, 0.01, 0.3]}, index=["A", "B", "C"])
    >>> forecasts, terms = Forecasts.from_rows(rows, run_id="demo"), LoanTerms(margin_column="rate")
    >>> found = beside_one_line(forecasts, terms, 0.06, columns=rates)
    >>> [round(float(found[name]), 3) for name in found]
    [1.0, 1.0, 2.0, 0.239, -0.35]
    """
    loans = known_loans(forecasts)
    value, count = loans["value"].to_numpy(), loans["count"].to_numpy()
    by_line, by_loan = value <= cutoff, value <= own_cutoffs(terms, loans["entity"], amount=amount, columns=columns)
    outcome = outcome_of(forecasts, terms, by_loan, amount=amount, columns=columns)
    return {
        "approved_at_a_loss": float(count[by_line & ~by_loan].sum()),
        "refused_with_a_gain": float(count[~by_line & by_loan].sum()),
        "n": float(outcome["n"]),
        "expected_profit": float(outcome["expected_profit"]),
        "realized_profit": float(outcome["realized_profit"]),
    }
