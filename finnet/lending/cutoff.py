"""Cut-off: approve the loans whose forecast of default is low enough, and what that brings."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from finnet.checks import require_share
from finnet.errors import DataError
from finnet.forecasts import Forecasts
from finnet.lending.terms import LoanTerms, loan_values
from finnet.types import BoolArray, FloatArray

__all__ = [
    "best_cutoff",
    "best_line",
    "chosen_cutoff",
    "cutoff_at_bad_rate",
    "cutoff_at_share",
    "cutoff_table",
    "known_loans",
    "outcome_of",
]


def cutoff_table(
    forecasts: Forecasts,
    terms: LoanTerms | None = None,
    *,
    amount: "pd.Series[float] | None" = None,
    columns: pd.DataFrame | None = None,
    cutoffs: Sequence[float] | FloatArray | None = None,
) -> pd.DataFrame:
    """What approving every loan with a probability of default up to each cut-off does, and brings where terms say so.

    expected_profit = sum over approved loans of (1 - p) repaid + p defaulted, with p the forecast and the values of
    `finnet.lending.terms.loan_values`; realized_profit is the same with the outcome for p. Repeats of a loan (repeated
    k-fold) count together as one; a loan of weight 10 counts as ten.

    Parameters
    ----------
    forecasts : Forecasts
        Of one model; only loans whose outcome is known count.
    terms : LoanTerms, optional
        What loans bring and cost; without them there are no profits.
    amount : Series, optional
        Lent amount by loan (the entity), all > 0; 1 each by default, so profits are in loans of one unit.
    columns : DataFrame, optional
        The columns that the terms name, by loan.
    cutoffs : sequence of float, optional
        Probabilities; by default those that approve 0, 5, ... 100 % of the loans, the break-even where loans share one,
        and the cut-off that `chosen_cutoff` gives.

    Returns
    -------
    DataFrame
        One row per cut-off, ascending: cutoff, n (approved), approval_rate (of loans), bad_rate (defaults among the
        approved loans, NaN without any), forecast_bad_rate (mean forecast among them); with terms expected_profit and
        realized_profit (in the unit of `amount`).

    Raises
    ------
    DataError
        Where there are several models, no outcome is known, or a loan lacks what the terms need.

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": ["A", "B", "C"], "target": "default", "horizon": 12,
    ...         "kind": "probability", "value": [0.02, 0.05, 0.4], "truth": [0.0, 0.0, 1.0]}
    >>> table = cutoff_table(Forecasts.from_rows(rows, run_id="demo"), LoanTerms(0.05, 0.45), cutoffs=[0.03, 0.1, 1])
    >>> table[["cutoff", "n", "bad_rate", "expected_profit", "realized_profit"]].round(3)
       cutoff  n  bad_rate  expected_profit  realized_profit
    0    0.03  1     0.000            0.040             0.05
    1    0.10  2     0.000            0.065             0.10
    2    1.00  3     0.333           -0.085            -0.35
    """
    loans = known_loans(forecasts)
    probability = loans["value"].to_numpy()
    sums = _sums(loans, terms, amount=amount, columns=columns)
    if cutoffs is None:
        cutoffs = _default_cutoffs(forecasts, terms, amount=amount, columns=columns)
    levels = np.unique(np.asarray(cutoffs, float))
    # Loans are sorted once; what a cut-off approves is then a running total, read where its forecasts end.
    order = np.argsort(probability)
    running = np.vstack([np.zeros(sums.shape[1]), np.cumsum(sums[order], axis=0)])
    approved = running[np.searchsorted(probability[order], levels, side="right")]
    return pd.DataFrame({"cutoff": levels, **_outcome(approved, loans["count"].sum())})


def outcome_of(
    forecasts: Forecasts,
    terms: LoanTerms,
    approved: BoolArray,
    *,
    amount: "pd.Series[float] | None" = None,
    columns: pd.DataFrame | None = None,
) -> dict[str, float]:
    """What approving the loans where `approved` is true does and brings, by the names of `cutoff_table`.

    Parameters
    ----------
    approved : ndarray of bool, shape (n_forecasts,)
        One for each row of `known_loans`.

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": ["A", "B", "C"], "target": "default", "horizon": 12,
    ...         "kind": "probability", "value": [0.02, 0.05, 0.4], "truth": [0.0, 0.0, 1.0]}
    >>> forecasts, approved = Forecasts.from_rows(rows, run_id="demo"), np.array([True, False, True])
    >>> brought = outcome_of(forecasts, LoanTerms(0.05, 0.45), approved)
    >>> [round(float(brought[name]), 2) for name in ("n", "bad_rate", "expected_profit", "realized_profit")]
    [2.0, 0.5, -0.11, -0.4]
    """
    loans = known_loans(forecasts)
    sums = _sums(loans, terms, amount=amount, columns=columns)[approved].sum(axis=0)
    return {name: value[0] for name, value in _outcome(sums[None, :], loans["count"].sum()).items()}


def chosen_cutoff(
    forecasts: Forecasts,
    terms: LoanTerms,
    *,
    amount: "pd.Series[float] | None" = None,
    columns: pd.DataFrame | None = None,
) -> float:
    """The cut-off that the terms ask for: at their target of the bad rate, or of the largest expected profit.

    Terms that decide loan by loan use none; for them it is the best of what they are compared with.

    Parameters
    ----------
    forecasts : Forecasts
        Of one model.
    amount, columns
        As `cutoff_table` takes them.

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": ["A", "B", "C"], "target": "default", "horizon": 12,
    ...         "kind": "probability", "value": [0.02, 0.06, 0.4], "truth": [0.0, 0.0, 1.0]}
    >>> chosen_cutoff(Forecasts.from_rows(rows, run_id="demo"), LoanTerms(target_bad_rate=0.05))
    0.06
    """
    if terms.target_bad_rate is not None:
        return cutoff_at_bad_rate(forecasts, terms.target_bad_rate)
    return best_cutoff(forecasts, terms, amount=amount, columns=columns)


def best_cutoff(
    forecasts: Forecasts,
    terms: LoanTerms,
    *,
    amount: "pd.Series[float] | None" = None,
    columns: pd.DataFrame | None = None,
) -> float:
    """The cut-off with the largest expected profit of all there can be.

    The forecasts choose it, never the outcomes, so its realized profit is out of sample. Where loans share one
    break-even, it is that. Elsewhere it is the forecast up to which the running total of expected profits is largest,
    the lowest of equals; loans of equal forecast are approved together. Where nobody is best approved, it lies below
    all forecasts: at 0.0, or just below the lowest where that is 0.

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": ["A", "B", "C"], "target": "default", "horizon": 12,
    ...         "kind": "probability", "value": [0.02, 0.06, 0.4], "truth": [0.0, 0.0, 1.0]}
    >>> rates = pd.DataFrame({"rate": [0.01, 0.3, 0.05]}, index=["A", "B", "C"])
    >>> best_cutoff(Forecasts.from_rows(rows, run_id="demo"), LoanTerms(margin_column="rate"), columns=rates)
    0.06
    """
    if terms.has_one_break_even:
        return terms.break_even
    loans = known_loans(forecasts)
    return best_line(loans["value"].to_numpy(), _sums(loans, terms, amount=amount, columns=columns)[:, -2])


def best_line(probability: FloatArray, expected: FloatArray) -> float:
    """The forecast up to which the running total of expected profits is largest, as `best_cutoff` chooses it.

    Parameters
    ----------
    probability, expected : ndarray of shape (n,)
        Forecast and expected profit of each loan.

    Examples
    --------
    >>> best_line(np.array([0.1, 0.2, 0.3]), np.array([2.0, -1.0, -1.0]))
    0.1
    """
    # One step per forecast: no cut-off can part loans that share one.
    steps = pd.Series(expected).groupby(probability).sum()
    totals = np.concatenate([[0.0], steps.cumsum()])
    # A rounding error of many sums must not make one of equals the largest.
    first = int(np.flatnonzero(totals >= totals.max() - 1e-12 * np.abs(expected).sum())[0])
    nobody = min(0.0, float(np.nextafter(steps.index[0], -1.0)))
    return float(steps.index[first - 1]) if first else nobody


def cutoff_at_bad_rate(forecasts: Forecasts, target: float) -> float:
    """The highest cut-off whose mean forecast among the approved loans is at most `target`; 0.0 where none is.

    The forecasts choose it, never the outcomes. It is one of the forecasts: loans of equal forecast are approved
    together. A loan of weight 10 counts as ten.

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": ["A", "B", "C"], "target": "default", "horizon": 12,
    ...         "kind": "probability", "value": [0.02, 0.06, 0.4], "truth": [0.0, 0.0, 1.0]}
    >>> cutoff_at_bad_rate(Forecasts.from_rows(rows, run_id="demo"), 0.05)
    0.06
    """
    require_share(target, name="target_bad_rate", zero=False)
    loans = known_loans(forecasts).sort_values("value", kind="stable")
    probability, n = loans["value"].to_numpy(), loans["count"].to_numpy()
    mean = np.cumsum(n * probability) / np.cumsum(n)
    # Means rise with the forecasts, but a rounding error of many sums must not push equals over the target.
    last = np.flatnonzero((np.diff(probability, append=np.inf) > 0) & (mean <= target * (1 + 1e-12)))
    return float(probability[last[-1]]) if len(last) else 0.0


def cutoff_at_share(forecasts: Forecasts, share: float) -> float:
    """The lowest forecast up to which at least this share of the loans is approved; one of weight 10 counts as ten.

    Examples
    --------
    >>> rows = {"model": "network", "fold": 0, "entity": ["A", "B", "C"], "target": "default", "horizon": 12,
    ...         "kind": "probability", "value": [0.02, 0.06, 0.4], "truth": [0.0, 0.0, 1.0]}
    >>> cutoff_at_share(Forecasts.from_rows(rows, run_id="demo"), 0.5)
    0.06
    """
    require_share(share, name="approved_share", zero=False)
    loans = known_loans(forecasts).sort_values("value", kind="stable")
    approved = loans["count"].cumsum().to_numpy()
    # A rounding error of many sums must not ask for one loan more.
    return float(loans["value"].iloc[np.searchsorted(approved, share * approved[-1] * (1 - 1e-12))])


def known_loans(forecasts: Forecasts) -> pd.DataFrame:
    """Forecasts of one model whose outcome is known, one row per forecast.

    Columns are entity, issued_at, value, truth, share and count. By `share` repeats of a loan count together as one; by
    `count` a loan of weight 10 then counts as ten.

    Raises
    ------
    DataError
        Where there are several models or no outcome is known.

    Examples
    --------
    >>> rows = {"model": "network", "fold": [0, 1, 0], "entity": ["A", "A", "B"], "target": "default", "horizon": 12,
    ...         "kind": "probability", "value": [0.02, 0.04, 0.4], "truth": [0.0, 0.0, 1.0]}
    >>> known_loans(Forecasts.from_rows(rows, run_id="demo"))["share"].tolist()
    [0.5, 0.5, 1.0]
    """
    if len(forecasts.models) > 1:
        raise DataError(f"forecasts of {forecasts.models}; choose one model with forecasts.of(name)")
    table = forecasts.table
    loans = table[table["truth"].notna() & (table["kind"] == "probability")]
    if loans.empty:
        raise DataError("no loan has a probability and a known outcome; give forecasts with truth")
    share = 1.0 / loans.groupby("entity")["entity"].transform("size").to_numpy(float)
    count = share * (loans["weight"].to_numpy() if "weight" in loans else 1.0)
    return loans[["entity", "issued_at", "value", "truth"]].assign(share=share, count=count).reset_index(drop=True)


def _sums(
    loans: pd.DataFrame, terms: LoanTerms | None, *, amount: "pd.Series[float] | None", columns: pd.DataFrame | None
) -> FloatArray:
    """What each row of `known_loans` adds: loans, defaults, forecast defaults; with terms expected and realized profit.

    Shape (n_forecasts, 3 or 5).
    """
    probability, default, share = (loans[name].to_numpy(float) for name in ("value", "truth", "count"))
    sums = [share, share * default, share * probability]
    if terms is not None:
        values = loan_values(terms, loans["entity"], amount=amount, columns=columns)
        repaid, defaulted = values["repaid"].to_numpy(), values["defaulted"].to_numpy()
        sums += [share * ((1 - d) * repaid + d * defaulted) for d in (probability, default)]
    return np.column_stack(sums)


def _outcome(approved: FloatArray, loans: float) -> dict[str, Any]:
    """Columns of the cut-off table from sums over approved loans, shape (n_decisions, 3 or 5); `loans` is how many."""
    n, bad, forecast, *profits = approved.T
    some = np.where(n > 0, n, np.nan)
    return {
        "n": np.rint(n).astype(int),
        "approval_rate": n / loans,
        "bad_rate": bad / some,
        "forecast_bad_rate": forecast / some,
        # Without terms there are no profits, and the two columns are left out.
        **dict(zip(("expected_profit", "realized_profit"), profits, strict=False)),
    }


def _default_cutoffs(
    forecasts: Forecasts,
    terms: LoanTerms | None,
    *,
    amount: "pd.Series[float] | None",
    columns: pd.DataFrame | None,
) -> FloatArray:
    loans = known_loans(forecasts)
    probability, count = loans["value"].to_numpy(), loans["count"].to_numpy()
    # Each is a forecast itself: between two of them a cut-off approves what the lower one does.
    shares = np.linspace(0.05, 1.0, 20)
    rates = np.quantile(probability, shares, weights=count, method="inverted_cdf")
    own = []
    if terms is not None:
        own += [terms.break_even] if terms.has_one_break_even else []
        own += [chosen_cutoff(forecasts, terms, amount=amount, columns=columns)]
    return np.concatenate([[0.0], rates, own])
