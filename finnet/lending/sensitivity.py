"""Sensitivity: what the decisions bring where losses, margins or forecasts are not what they were taken for."""

from dataclasses import replace
from itertools import product

import numpy as np
import pandas as pd

from finnet.forecasts import Forecasts
from finnet.lending.by_loan import break_evens
from finnet.lending.cutoff import best_line, cutoff_at_bad_rate, known_loans
from finnet.lending.terms import LoanTerms, loan_values
from finnet.types import FloatArray

__all__ = ["FACTORS", "sensitivity_table"]

FACTORS = (0.5, 0.75, 1.25, 1.5)
"""What each is multiplied by: a half and a quarter lower and higher."""


def sensitivity_table(
    forecasts: Forecasts,
    terms: LoanTerms,
    cutoff: float | FloatArray,
    *,
    amount: "pd.Series[float] | None" = None,
    columns: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """Expected profit where loss given default, margin or the odds of default are others: as decided, and decided anew.

    Each is multiplied by `FACTORS`, that of every loan alike, the other two staying as they are; costs stay too, and no
    loan loses more than its amount. Odds of default are p / (1 - p). As decided, the loans that `cutoff` approves stay
    the approved ones, and only what they bring changes. Decided anew, the rule of the terms is applied again to what
    has changed, the forecasts included. All is expected, nothing realized.

    Parameters
    ----------
    forecasts : Forecasts
        Of one model; only loans whose outcome is known count, a loan of weight 10 as ten and repeats of one as one.
    cutoff : float or ndarray of shape (n_forecasts,)
        What is in use, as `finnet.lending.by_loan.cutoffs_in_use` gives it.
    amount, columns
        As `finnet.lending.terms.loan_values` takes them.

    Returns
    -------
    DataFrame of shape (13, 11)
        The first row has all as stated. varied ("" there; loss_given_default, margin, odds), factor, level (what the
        stated value or the mean forecast becomes, NaN where each loan has its own); cutoff (NaN where terms decide loan
        by loan) and approval_rate as decided anew; forecast bad_rate (NaN where none is approved) and expected profit
        of those, kept_bad_rate and kept_profit of the loans approved as decided; difference and kept_difference of the
        profits to the first row.

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": ["A", "B", "C"], "target": "default", "horizon": 12,
    ...         "kind": "probability", "value": [0.02, 0.08, 0.4], "truth": [0.0, 0.0, 1.0]}
    >>> table = sensitivity_table(Forecasts.from_rows(rows, run_id="demo"), LoanTerms(0.05, 0.45), 0.1)
    >>> table.loc[[0, 4, 5], ["varied", "factor", "kept_profit", "cutoff", "approval_rate", "profit"]].round(3)
                   varied  factor  kept_profit  cutoff  approval_rate  profit
    0                         1.0        0.050   0.100          0.667   0.050
    4  loss_given_default     1.5        0.028   0.069          0.333   0.036
    5              margin     0.5        0.002   0.053          0.333   0.016
    """
    loans = known_loans(forecasts)
    value, count = loans["value"].to_numpy(), loans["count"].to_numpy()
    values = loan_values(terms, loans["entity"], amount=amount, columns=columns)
    lent, lost = 1.0 if amount is None else loans["entity"].map(amount).to_numpy(float), values["lost"].to_numpy()
    cost = -values["defaulted"].to_numpy() - lost
    earned, kept = values["repaid"].to_numpy() + cost, value <= cutoff
    rows = []
    for varied, factor in [("", 1.0), *product(_VARIED, FACTORS)]:
        loss, margin, odds = (factor if name == varied else 1.0 for name in _VARIED)
        risk, other = _moved(value, odds), _scaled(terms, margin=margin, loss=loss)
        repaid, defaulted = margin * earned - cost, -np.minimum(loss * lost, lent) - cost
        expected = count * ((1.0 - risk) * repaid + risk * defaulted)
        line = cutoff
        if varied and terms.by_loan:
            line = break_evens(repaid, defaulted)
        elif varied:
            line = _cutoff_anew(forecasts, other, odds, risk=risk, expected=expected)
        anew = risk <= line
        row = {
            "varied": varied,
            "factor": factor,
            "level": _level(other, varied, float(np.average(risk, weights=count))),
            "cutoff": np.nan if terms.by_loan else line,
            "approval_rate": count[anew].sum() / count.sum(),
        }
        for name, approved in (("kept_", kept), ("", anew)):
            n = count[approved].sum()
            row[f"{name}bad_rate"] = (count * risk)[approved].sum() / n if n else np.nan
            row[f"{name}profit"] = expected[approved].sum()
        rows.append(row)
    made = pd.DataFrame(rows)
    return made.assign(
        kept_difference=made["kept_profit"] - made["kept_profit"].iloc[0],
        difference=made["profit"] - made["profit"].iloc[0],
    )


_VARIED = ("loss_given_default", "margin", "odds")


def _moved(probability: FloatArray, odds: float) -> FloatArray:
    """Probabilities whose odds are `odds` times as high."""
    # As they are where nothing moves: a rounding error could cross the line.
    return probability if odds == 1.0 else odds * probability / (1.0 - probability + odds * probability)


def _scaled(terms: LoanTerms, *, margin: float, loss: float) -> LoanTerms:
    """The terms with other stated values; those in columns are of each loan, and stay."""
    margin = terms.margin if terms.margin_column else margin * terms.margin
    return replace(terms, margin=margin, loss_given_default=min(loss * terms.loss_given_default, 1.0))


def _cutoff_anew(
    forecasts: Forecasts, terms: LoanTerms, odds: float, *, risk: FloatArray, expected: FloatArray
) -> float:
    """The one cut-off that the terms choose for forecasts with these odds, whose loans have the `expected` profits."""
    if terms.target_bad_rate is not None:
        table = forecasts.table
        moved = Forecasts(table.assign(value=_moved(table["value"].to_numpy(), odds)))
        return cutoff_at_bad_rate(moved, terms.target_bad_rate)
    return terms.break_even if terms.has_one_break_even else best_line(risk, expected)


def _level(terms: LoanTerms, varied: str, risk: float) -> float:
    columns = {"loss_given_default": terms.loss_given_default_column, "margin": terms.margin_column}
    if not varied or columns.get(varied):
        return np.nan
    return risk if varied == "odds" else float(getattr(terms, varied))
