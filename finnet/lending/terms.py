"""Terms of lending: what a loan brings where it is repaid and costs where it defaults."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from finnet.checks import require_columns, require_number, require_positive, require_share
from finnet.errors import ConfigError, DataError
from finnet.types import BoolArray, FloatArray

__all__ = ["LoanTerms", "loan_values"]


@dataclass(frozen=True)
class LoanTerms:
    """What a loan brings or costs, as fractions of the amount lent, over its whole life and not discounted.

    Parameters
    ----------
    margin : float
        Earned on a loan that is repaid: interest less funding and running cost.
    loss_given_default : float
        Lost on a loan that defaults, in (0, 1].
    target_bad_rate : float, optional
        Draws the line at the highest cut-off whose forecast share of defaults among the approved is at most this; by
        default it is drawn where the expected profit is largest.
    margin_column : str
        Column of the loan file that holds each loan's margin, or its interest with `funding_cost` to be taken off.
    loss_given_default_column : str
        Column of each loan's loss given default.
    term_column : str
        Column of each loan's months; margins are then those of a year, earned on the whole amount until the end.
    cost_column : str
        Column of what each approved loan costs, in account currency. Needs amounts.
    cost_per_loan : float
        What each approved loan costs besides, in account currency. Needs amounts.
    funding_cost : float
        Taken off every margin of `margin_column`.
    in_percent : bool
        Whether `margin_column` and `loss_given_default_column` hold percentages, 4.5 for 0.045.
    by_loan : bool
        Draws no line, but approves each loan whose own expected profit is above 0. Not together with `target_bad_rate`.

    Examples
    --------
    >>> round(LoanTerms(margin=0.05, loss_given_default=0.45).break_even, 4)
    0.1
    """

    margin: float = 0.05
    loss_given_default: float = 0.45
    target_bad_rate: float | None = None
    margin_column: str = ""
    loss_given_default_column: str = ""
    term_column: str = ""
    cost_column: str = ""
    cost_per_loan: float = 0.0
    funding_cost: float = 0.0
    in_percent: bool = False
    by_loan: bool = False

    def __post_init__(self) -> None:
        if not self.margin > 0:
            raise ConfigError(f"margin={self.margin} never pays for a default; use a number above 0")
        if not 0 < self.loss_given_default <= 1:
            raise ConfigError(f"loss_given_default={self.loss_given_default} is not in (0, 1]; use for instance 0.45")
        if self.margin_column and self.margin != LoanTerms.margin:
            raise ConfigError("margin and margin_column are both given, and each says what a loan earns; leave one out")
        if self.target_bad_rate is not None:
            require_share(self.target_bad_rate, name="target_bad_rate", zero=False)
        if self.target_bad_rate is not None and self.by_loan:
            raise ConfigError(
                "target_bad_rate draws one line for all loans, and by_loan decides each by its own expected profit;"
                " leave one out"
            )
        require_number(self.cost_per_loan, name="cost_per_loan")
        require_number(self.funding_cost, name="funding_cost")
        if self.funding_cost and not self.margin_column:
            raise ConfigError("funding_cost is taken off margin_column; name that column, or lower margin instead")
        if self.in_percent and not (self.margin_column or self.loss_given_default_column):
            raise ConfigError("in_percent is about margin_column and loss_given_default_column; name one of them")

    @property
    def columns_by_key(self) -> dict[str, str]:
        """The column of the loan file that each key names; keys that name none are left out.

        Examples
        --------
        >>> LoanTerms(margin_column="rate", cost_column="fee").columns_by_key
        {'margin_column': 'rate', 'cost_column': 'fee'}
        """
        keys = ("margin_column", "loss_given_default_column", "term_column", "cost_column")
        return {key: getattr(self, key) for key in keys if getattr(self, key)}

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns of the loan file that the terms name, without repeats."""
        return tuple(dict.fromkeys(self.columns_by_key.values()))

    @property
    def has_one_break_even(self) -> bool:
        """Whether all loans have one break-even: no column and no cost makes them differ.

        Examples
        --------
        >>> LoanTerms(0.08).has_one_break_even, LoanTerms(0.08, cost_per_loan=20.0).has_one_break_even
        (True, False)
        """
        return not self.columns and not self.cost_per_loan

    @property
    def break_even(self) -> float:
        """Probability of default at which a loan brings nothing: margin / (margin + loss_given_default).

        It is that of every loan where `has_one_break_even` says so.
        """
        return self.margin / (self.margin + self.loss_given_default)


def loan_values(
    terms: LoanTerms,
    loans: Iterable[str],
    *,
    amount: "pd.Series[float] | None" = None,
    columns: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """What each loan brings if it is repaid and if it defaults, and what a default loses.

    repaid = amount x margin - cost; defaulted = -(amount x loss given default + cost); lost = amount x loss given
    default. With `term_column`, margin is that of a year times months / 12.

    Parameters
    ----------
    loans : iterable of str
        Loans to value, which may repeat.
    amount : Series, optional
        Lent amount, all > 0, indexed by loan; 1 each by default, so values are in loans of one unit.
    columns : DataFrame, optional
        The columns that the terms name, indexed by loan.

    Returns
    -------
    DataFrame of shape (n_loans, 3)
        A row for each of `loans`: repaid, defaulted, lost; in the unit of `amount`.

    Raises
    ------
    ConfigError
        Where terms state costs in account currency and there are no amounts.
    DataError
        Where a loan has no amount above zero, a column that the terms name is not there, or a loan's value in it is
        missing or impossible.

    Examples
    --------
    >>> rates = pd.DataFrame({"rate": [12.0, 20.0]}, index=["A", "B"])
    >>> terms = LoanTerms(margin_column="rate", funding_cost=0.02, in_percent=True, loss_given_default=0.5)
    >>> loan_values(terms, ["A", "B"], amount=pd.Series({"A": 100.0, "B": 200.0}), columns=rates)
       repaid  defaulted   lost
    0    10.0      -50.0   50.0
    1    36.0     -100.0  100.0
    """
    loans = list(loans)
    lent, unit = _amounts(loans, amount), 0.01 if terms.in_percent else 1.0
    if amount is None and (terms.cost_column or terms.cost_per_loan):
        raise ConfigError("costs of a loan are in account currency, but amounts are not known; name the amount column")
    table = pd.DataFrame() if columns is None else columns
    margin: FloatArray = np.full(len(loans), terms.margin)
    if terms.margin_column:
        margin = _column(table, terms.margin_column, loans) * unit
        # Wide enough for any margin as a fraction; percentages soon lie beyond, and are told as that.
        _require_fraction(margin, loans, terms.margin_column, least=-1.0, most=2.0)
        margin = margin - terms.funding_cost
    if terms.term_column:
        months = _column(table, terms.term_column, loans)
        # No loan lasts longer than fifty years.
        _require_fraction(months, loans, terms.term_column, least=0.0, most=600.0)
        margin = margin * months / 12.0
    loss: FloatArray = np.full(len(loans), terms.loss_given_default)
    if terms.loss_given_default_column:
        loss = _column(table, terms.loss_given_default_column, loans) * unit
        _require_fraction(loss, loans, terms.loss_given_default_column, least=0.0, most=1.0)
    cost: FloatArray = np.full(len(loans), terms.cost_per_loan)
    if terms.cost_column:
        cost = cost + _column(table, terms.cost_column, loans)
    return pd.DataFrame({"repaid": lent * margin - cost, "defaulted": -lent * loss - cost, "lost": lent * loss})


def _amounts(loans: Sequence[str], amount: "pd.Series[float] | None") -> FloatArray:
    if amount is None:
        return np.ones(len(loans))
    lent = amount.reindex(pd.Index(loans)).to_numpy(float)
    if np.isnan(lent).any():
        raise DataError(f"amount lacks loan {_first(loans, np.isnan(lent))!r}; give one amount per loan")
    require_positive(lent, name="amount")
    return lent


def _column(columns: pd.DataFrame, name: str, loans: Sequence[str]) -> FloatArray:
    require_columns(columns.columns, [name], name="loan data")
    if not pd.api.types.is_numeric_dtype(columns[name].dtype):
        raise DataError(f"lending needs numbers, but column {name!r} is a category; name another column")
    values: FloatArray = columns[name].reindex(pd.Index(loans)).to_numpy(float)
    missing = np.isnan(values)
    if missing.any():
        n = int(missing.sum())
        empty = f"{n:,} loan{'s' * (n > 1)}, first {_first(loans, missing)!r}"
        raise DataError(
            f"column {name!r} is empty for {empty}; fill it, or state one value for all loans instead of the column"
        )
    return values


def _require_fraction(values: FloatArray, loans: Sequence[str], name: str, *, least: float, most: float) -> None:
    wrong = (values < least) | (values > most)
    if wrong.any():
        raise DataError(
            f"column {name!r} gives {values[wrong][0]:g} for loan {_first(loans, wrong)!r}, which is not between"
            f" {least:g} and {most:g}; where it holds percentages set in_percent = true, else name another column"
        )


def _first(loans: Sequence[str], rows: BoolArray) -> str:
    return str(loans[int(rows.argmax())])
