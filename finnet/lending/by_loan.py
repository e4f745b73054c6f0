"""Loan by loan: each loan has a break-even of its own where margins, losses, terms or costs differ."""

from collections.abc import Iterable
from typing import TypedDict

import numpy as np
import pandas as pd

from finnet.checks import require_columns
from finnet.forecasts import Forecasts
from finnet.lending.cutoff import chosen_cutoff, known_loans, outcome_of
from finnet.lending.terms import LoanTerms, loan_values
from finnet.types import FloatArray

__all__ = [
    "BesideOneLine",
    "beside_one_line",
    "break_evens",
    "cutoffs_in_use",
    "own_cutoffs",
    "own_cutoffs_of_new",
]


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
    return break_evens(values["repaid"].to_numpy(), values["defaulted"].to_numpy())


def break_evens(repaid: FloatArray, defaulted: FloatArray) -> FloatArray:
    """As `own_cutoffs`, of loans that bring `repaid` if they are repaid and `defaulted` if not, shape (n_loans,) each.

    (1 - p) repaid + p defaulted is above 0 for p below repaid / (repaid - defaulted); the cut-off is the number before
    that.

    Examples
    --------
    >>> break_evens(np.array([0.1, -0.1]), np.array([-0.4, -0.4])).round(3)
    array([ 0.2  , -0.333])
    """
    # A loan that brings no less in default is worth its margin whatever its risk.
    always = np.where(repaid > 0, np.inf, -np.inf)
    falls = repaid - defaulted
    break_even: FloatArray = np.divide(repaid, falls, out=always, where=falls > 0)
    return np.nextafter(break_even, -np.inf)


def cutoffs_in_use(
    forecasts: Forecasts,
    terms: LoanTerms,
    *,
    amount: "pd.Series[float] | None" = None,
    columns: pd.DataFrame | None = None,
) -> float | FloatArray:
    """The highest forecast that the terms approve: one for all loans or, where they say `by_loan`, of each forecast.

    Parameters
    ----------
    forecasts : Forecasts
        Of one model.
    amount, columns
        As `loan_values` takes them.

    Returns
    -------
    float or ndarray of shape (n_forecasts,)
        With a number for each row of `known_loans`.

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": ["A", "B"], "target": "default", "horizon": 12,
    ...         "kind": "probability", "value": [0.02, 0.06], "truth": [0.0, 0.0]}
    >>> forecasts, rates = Forecasts.from_rows(rows, run_id="demo"), pd.DataFrame({"rate": [0.05, 0.15]}, ["A", "B"])
    >>> cutoffs_in_use(forecasts, LoanTerms(margin_column="rate", by_loan=True), columns=rates).round(3)
    array([0.1 , 0.25])
    """
    if terms.by_loan:
        return own_cutoffs(terms, known_loans(forecasts)["entity"], amount=amount, columns=columns)
    return chosen_cutoff(forecasts, terms, amount=amount, columns=columns)


def own_cutoffs_of_new(terms: LoanTerms, loans: pd.DataFrame, *, amount: str = "") -> FloatArray:
    """As `own_cutoffs` for loans in a table, any of which may lack what the terms need: NaN for those that do.

    Parameters
    ----------
    loans : DataFrame of shape (n_loans, n_columns)
        Indexed by loan; with the columns that the terms name, and that of the amount.
    amount : str
        Column of the lent amount; "" where amounts are not known.

    Raises
    ------
    DataError
        Where a column is not there, or holds a value that is impossible.

    Examples
    --------
    >>> loans = pd.DataFrame({"rate": [0.05, np.nan]}, index=["A", "B"])
    >>> own_cutoffs_of_new(LoanTerms(margin_column="rate", by_loan=True), loans).round(3)
    array([0.1, nan])
    """
    needed = [*terms.columns, *([amount] if amount else [])]
    require_columns(loans.columns, needed, name="loan data, which is decided on loan by loan,")
    is_known = loans[needed].notna().all(axis=1).to_numpy()
    if amount:
        # An amount of nothing is no loan, and nobody can say what it would bring.
        is_known = is_known & (loans[amount] > 0).to_numpy()
    cutoffs = np.full(len(loans), np.nan)
    known = loans[is_known]
    lent = known[amount].astype(float) if amount else None
    cutoffs[is_known] = own_cutoffs(terms, known.index, amount=lent, columns=known)
    return cutoffs


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
