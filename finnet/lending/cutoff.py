"""Cut-off: approve the loans whose forecast of default is low enough, and what that brings."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finnet.checks import require_positive
from finnet.errors import ConfigError, DataError
from finnet.forecasts import Forecasts
from finnet.types import FloatArray

__all__ = ["LoanTerms", "best_cutoff", "cutoff_table"]


@dataclass(frozen=True)
class LoanTerms:
    """What a loan brings or costs, as fractions of the amount lent, over its whole life and not discounted.

    Parameters
    ----------
    margin : float
        Earned on a loan that is repaid: interest less funding and running cost.
    loss_given_default : float
        Lost on a loan that defaults, in (0, 1].

    Examples
    --------
    >>> round(LoanTerms(margin=0.05, loss_given_default=0.45).break_even, 4)
    0.1
    """

    margin: float = 0.05
    loss_given_default: float = 0.45

    def __post_init__(self) -> None:
        if not self.margin > 0:
            raise ConfigError(f"margin={self.margin} never pays for a default; use a number above 0")
        if not 0 < self.loss_given_default <= 1:
            raise ConfigError(f"loss_given_default={self.loss_given_default} is not in (0, 1]; use for instance 0.45")

    @property
    def break_even(self) -> float:
        """Probability of default at which a loan brings nothing: margin / (margin + loss_given_default)."""
        return self.margin / (self.margin + self.loss_given_default)

    def profit(self, default: FloatArray) -> FloatArray:
        """Profit per unit lent, shape (n,): (1 - d) margin - d loss_given_default, of outcomes or probabilities d."""
        return (1.0 - default) * self.margin - default * self.loss_given_default


def cutoff_table(
    forecasts: Forecasts,
    terms: LoanTerms | None = None,
    *,
    amount: "pd.Series[float] | None" = None,
    cutoffs: Sequence[float] | FloatArray | None = None,
) -> pd.DataFrame:
    """What approving every loan with a probability of default up to each cut-off brings.

    expected_profit = sum over approved loans of amount ((1 - p) margin - p loss_given_default), with p the forecast;
    realized_profit is the same with the outcome for p. Repeats of a loan (repeated k-fold) count together as one; a
    loan of weight 10 counts as ten.

    Parameters
    ----------
    forecasts : Forecasts
        Of one model; only loans whose outcome is known count.
    terms : LoanTerms, optional
        Margin and loss given default; `LoanTerms()` by default.
    amount : Series, optional
        Lent amount by loan (the entity), all > 0; 1 each by default, so profits are in loans of one unit.
    cutoffs : sequence of float, optional
        Probabilities; by default those that approve 0, 5, ... 100 % of the loans, and the break-even.

    Returns
    -------
    DataFrame
        One row per cut-off, ascending: cutoff, n (approved), approval_rate (of loans), bad_rate (defaults among the
        approved loans, NaN without any), expected_profit, realized_profit (in the unit of `amount`).

    Raises
    ------
    DataError
        Where there are several models, no outcome is known, or a loan has no amount above zero.

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
    terms = terms or LoanTerms()
    loans = _known_loans(forecasts)
    lent = _amounts(loans["entity"], amount)
    probability, default = loans["value"].to_numpy(), loans["truth"].to_numpy()
    # One loan forecast in several repeats must not count several times.
    counts = loans["weight"].to_numpy() if "weight" in loans else 1.0
    share = counts / loans.groupby("entity")["entity"].transform("size").to_numpy(float)
    levels = np.unique(_default_cutoffs(probability, terms) if cutoffs is None else np.asarray(cutoffs, float))
    columns = [share, share * default, share * lent * terms.profit(probability), share * lent * terms.profit(default)]
    n, bad, expected, realized = _sums_up_to(levels, probability, np.column_stack(columns)).T
    return pd.DataFrame(
        {
            "cutoff": levels,
            "n": np.rint(n).astype(int),
            "approval_rate": n / share.sum(),
            "bad_rate": bad / np.where(n > 0, n, np.nan),
            "expected_profit": expected,
            "realized_profit": realized,
        }
    )


def best_cutoff(table: pd.DataFrame) -> float:
    """The cut-off with the largest expected profit, the lowest of equals.

    The forecasts choose it, never the outcomes, so its realized profit is out of sample.

    Examples
    --------
    >>> best_cutoff(pd.DataFrame({"cutoff": [0.03, 0.1, 1.0], "expected_profit": [0.04, 0.065, -0.085]}))
    0.1
    """
    return float(table["cutoff"].to_numpy()[table["expected_profit"].to_numpy().argmax()])


def _known_loans(forecasts: Forecasts) -> pd.DataFrame:
    if len(forecasts.models) > 1:
        raise DataError(f"forecasts of {forecasts.models}; choose one model with forecasts.of(name)")
    table = forecasts.table
    loans = table[table["truth"].notna() & (table["kind"] == "probability")]
    if loans.empty:
        raise DataError("no loan has a probability and a known outcome; give forecasts with truth")
    return loans


def _amounts(entity: "pd.Series[str]", amount: "pd.Series[float] | None") -> FloatArray:
    if amount is None:
        return np.ones(len(entity))
    lent = entity.map(amount).to_numpy(float)
    if np.isnan(lent).any():
        raise DataError(f"amount lacks loan {entity[np.isnan(lent)].iloc[0]!r}; give one amount per loan")
    require_positive(lent, name="amount")
    return lent


def _default_cutoffs(probability: FloatArray, terms: LoanTerms) -> FloatArray:
    rates = np.quantile(probability, np.linspace(0.05, 1.0, 20), method="inverted_cdf")
    return np.concatenate([[0.0], rates, [terms.break_even]])


def _sums_up_to(levels: FloatArray, probability: FloatArray, columns: FloatArray) -> FloatArray:
    """Sums of the columns over rows with a probability up to each level, shape (n_levels, n_columns)."""
    order = np.argsort(probability)
    running = np.vstack([np.zeros(columns.shape[1]), np.cumsum(columns[order], axis=0)])
    return running[np.searchsorted(probability[order], levels, side="right")]
