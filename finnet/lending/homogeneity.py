"""Homogeneity: whether loans of one grade are alike in risk, and whether neighboring grades differ in it."""

from itertools import pairwise

import numpy as np
import pandas as pd

from finnet.evaluation.significance import holm
from finnet.lending.rates import FEWEST_TESTED, equal_rates
from finnet.types import BoolArray, IntArray

__all__ = ["half_table", "neighbor_table"]

_LEVEL = 0.05


def half_table(loans: pd.DataFrame, unit: IntArray) -> pd.DataFrame:
    """Default rates of the lower and the upper half of the forecasts of each grade, and whether they differ.

    Halves part at the median forecast, which belongs to the lower one. Loans of one risk default alike in both,
    whatever the level of the forecasts; `finnet.lending.rates.equal_rates` tests that, where both have 30 loans.

    Parameters
    ----------
    loans : DataFrame
        As `finnet.lending.grades.graded_loans` gives it.
    unit : ndarray of int, shape (n_forecasts,)
        Rows of one number share their luck, as `finnet.lending.resampling.loan_units` numbers them.

    Returns
    -------
    DataFrame
        One row per grade with loans: grade, and of both halves n, forecast and observed (with _low and _high, the
        halves); p_value, p_holm (adjusted over grades) and finding, in words, at 5 %; NaN where it is not tested, as
        where no forecast is above the median.

    Examples
    --------
    >>> loans = pd.DataFrame({"grade": 1, "forecast": np.repeat([0.01, 0.03], 100), "default": 0.0, "weight": 1.0})
    >>> loans.loc[100:120, "default"] = 1.0
    >>> half_table(loans, np.arange(200))[["n_low", "n_high", "observed_high", "finding"]]
       n_low  n_high  observed_high                  finding
    0    100     100           0.21  upper half is riskier
    """
    rows = []
    for grade, own in loans.assign(unit=unit).groupby("grade", sort=True):
        middle = np.quantile(own["forecast"], 0.5, weights=own["weight"], method="inverted_cdf")
        rows.append({"grade": grade, **_compared(own, own["forecast"].to_numpy() > middle)})
    return _found(pd.DataFrame(rows), ("upper half is riskier", "lower half is riskier"))


def neighbor_table(loans: pd.DataFrame, unit: IntArray) -> pd.DataFrame:
    """Default rates of each two neighboring grades that have loans, and whether they differ.

    Parameters
    ----------
    loans, unit
        As `half_table` takes them.

    Returns
    -------
    DataFrame
        One row per pair: grade (the lower) and next_grade; the other columns are those of `half_table`, with _low and
        _high for the two grades.

    Examples
    --------
    >>> loans = pd.DataFrame({"grade": np.repeat([1, 3], 100), "forecast": 0.1, "default": 0.0, "weight": 1.0})
    >>> loans.loc[100:120, "default"] = 1.0
    >>> neighbor_table(loans, np.arange(200))[["grade", "next_grade", "observed_low", "observed_high", "finding"]]
       grade  next_grade  observed_low  observed_high                 finding
    0      1           3           0.0           0.21  next grade is riskier
    """
    loans, rows = loans.assign(unit=unit), []
    for lower, upper in pairwise(sorted(loans["grade"].unique())):
        own = loans[loans["grade"].isin([lower, upper])]
        rows.append({"grade": lower, "next_grade": upper, **_compared(own, (own["grade"] == upper).to_numpy())})
    return _found(pd.DataFrame(rows), ("next grade is riskier", "next grade is safer"))


def _compared(own: pd.DataFrame, is_high: BoolArray) -> dict[str, float]:
    """Loans, forecast and default rate below and above, and the p-value of one rate; NaN where a side has too few."""
    default, weight = own["default"].to_numpy(float), own["weight"].to_numpy(float)
    found: dict[str, float] = {}
    for side, rows in (("low", ~is_high), ("high", is_high)):
        n = float(weight[rows].sum())
        found[f"n_{side}"] = n
        for name, values in (("forecast", own["forecast"].to_numpy(float)), ("observed", default)):
            found[f"{name}_{side}"] = float((weight * values)[rows].sum() / n) if n else float("nan")
    is_tested = min(found["n_low"], found["n_high"]) >= FEWEST_TESTED
    p = equal_rates(default, is_high, own["unit"].to_numpy(), weight=weight) if is_tested else float("nan")
    return {**found, "p_value": p}


def _found(table: pd.DataFrame, words: tuple[str, str]) -> pd.DataFrame:
    """The table with adjusted p-values and findings; `words` say which side is the riskier one, the higher first."""
    if table.empty:
        return table
    known = table["p_value"].notna().to_numpy()
    adjusted = np.full(len(table), np.nan)
    if known.any():
        adjusted[known] = holm(table.loc[known, "p_value"].to_numpy())
    riskier = np.where(table["observed_high"] > table["observed_low"], *words)
    is_alike = (table["n_high"] == 0) & (table["n_low"] >= FEWEST_TESTED)
    untested = np.where(is_alike, "no forecast above the median", "too few loans")
    finding = np.where(adjusted <= _LEVEL, riskier, np.where(known, "no difference detected", untested))
    counts = {name: np.rint(table[name]).astype(int) for name in ("n_low", "n_high")}
    return table.assign(**counts, p_holm=adjusted, finding=finding)
