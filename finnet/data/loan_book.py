"""Loan books: applications, whose outcome nobody knows yet, and loans, of which it is known."""

from collections.abc import Collection
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from finnet.checks import nearest
from finnet.errors import DataError
from finnet.types import BoolArray, FloatArray, IntArray, TimeArray

__all__ = ["Applications", "LoanBook", "LossBook", "PendingLoans"]


@dataclass(frozen=True, eq=False)
class Applications:
    """What is known of loans when they are applied for, one row per loan; what became of them is not here.

    Code that forecasts takes Applications. Code that learns takes a `LoanBook`, which has an outcome for every row.

    Parameters
    ----------
    loan_id : ndarray of str, shape (n,)
    features : DataFrame of shape (n, n_features)
        Float and category columns, NaN where missing.
    applied_at, resolves_at : ndarray of datetime64[us], shape (n,), optional
        UTC times of the application and of the day on which the outcome is known; both or neither. Without them, and
        without `order`, rows can be divided only at random.
    horizon_months : int
        Months after which an outcome counts; 0 where the data does not say.
    order : ndarray of shape (n,), optional
        Numbers that rise with the application, where its day is not known; `order_name` says what they are.
    group : ndarray of int, shape (n,), optional
        Loans of one number belong together, such as those of one client.
    weight : ndarray of shape (n,), optional
        For how many loans each row stands, above 0; 1 each by default.
    amount : ndarray of shape (n,), optional
        Lent amount, account currency.
    line : ndarray of int, shape (n,), optional
        Line of the file that each loan was read from, for what is said of it.
    aside : DataFrame of shape (n, n_columns), optional
        Columns that are no features, such as the sex of the applicant, by which loans are divided or valued.

    Raises
    ------
    DataError
        Where lengths differ, only one of both clocks is given, or an id stands twice.

    Examples
    --------
    >>> features = pd.DataFrame({"income": [30_000.0, 52_000.0]})
    >>> len(Applications(np.array(["a", "b"], object), features))
    2
    """

    loan_id: np.ndarray[tuple[int], np.dtype[np.object_]]
    features: pd.DataFrame
    applied_at: TimeArray | None = field(default=None, kw_only=True)
    resolves_at: TimeArray | None = field(default=None, kw_only=True)
    horizon_months: int = field(default=0, kw_only=True)
    order: FloatArray | None = field(default=None, kw_only=True)
    order_name: str = field(default="", kw_only=True)
    group: IntArray | None = field(default=None, kw_only=True)
    weight: FloatArray | None = field(default=None, kw_only=True)
    amount: FloatArray | None = field(default=None, kw_only=True)
    line: IntArray | None = field(default=None, kw_only=True)
    aside: pd.DataFrame | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        if (self.applied_at is None) != (self.resolves_at is None):
            raise DataError("give both applied_at and resolves_at, or neither")
        for name, values in self._by_row().items():
            if len(values) != len(self.loan_id):
                raise DataError(f"{name} has {len(values)} rows but there are {len(self.loan_id)} loans")
        if len(np.unique(self.loan_id)) < len(self.loan_id):
            raise DataError("loan_id holds duplicates; give every loan its own")

    def __len__(self) -> int:
        return len(self.loan_id)

    def _by_row(self) -> dict[str, Any]:
        """Arrays and tables that hold a row for each loan, by name; those of classes derived from this one too."""
        values = {own.name: getattr(self, own.name) for own in fields(self)}
        return {name: value for name, value in values.items() if isinstance(value, np.ndarray | pd.DataFrame)}

    @property
    def columns(self) -> dict[str, "pd.Series[Any]"]:
        """Every column by name, shape (n,), features first, then those set aside; rows are counted from 0."""
        tables = [self.features, *([] if self.aside is None else [self.aside])]
        return {str(name): table[name] for table in tables for name in table}

    def column(self, name: str) -> "pd.Series[Any]":
        """A column, feature or set aside, shape (n,), indexed by loan; DataError naming the nearest one where none is.

        Examples
        --------
        >>> loans = Applications(np.array(["a", "b"], object), pd.DataFrame({"income": [30_000.0, 52_000.0]}))
        >>> loans.column("income").to_dict()
        {'a': 30000.0, 'b': 52000.0}
        """
        columns = self.columns
        if name not in columns:
            raise DataError(f"the loans have no column {name!r}; {nearest(name, columns)}")
        return columns[name].set_axis(pd.Index(self.loan_id))

    def set_aside(self, names: Collection[str]) -> Self:
        """The same loans with these columns no longer features; DataError where one is not there.

        Examples
        --------
        >>> features = pd.DataFrame({"income": [30_000.0, 52_000.0], "age": [31.0, 64.0]})
        >>> loans = Applications(np.array(["a", "b"], object), features).set_aside(["age"])
        >>> list(loans.features), loans.column("age").to_dict()
        (['income'], {'a': 31.0, 'b': 64.0})
        """
        # Rows are counted from 0 in all tables: the ids of `column` would align them by name.
        moved = {name: self.column(name).reset_index(drop=True) for name in names}
        aside = {} if self.aside is None else {str(name): self.aside[name] for name in self.aside}
        features = self.features.drop(columns=[name for name in names if name in self.features])
        kept = pd.DataFrame(aside | moved, index=self.features.index) if aside or moved else None
        return replace(self, features=features, aside=kept)

    def take(self, keep: BoolArray) -> Self:
        """The loans where `keep`, shape (n,), is true; levels of features that none of them has are forgotten.

        Examples
        --------
        >>> features = pd.DataFrame({"home": pd.Categorical(["own", "rent"])})
        >>> kept = Applications(np.array(["a", "b"], object), features).take(np.array([False, True]))
        >>> kept.loan_id.tolist(), kept.features["home"].cat.categories.tolist()
        (['b'], ['rent'])
        """
        kept: dict[str, Any] = {
            name: values[keep].reset_index(drop=True) if isinstance(values, pd.DataFrame) else values[keep]
            for name, values in self._by_row().items()
        }
        # A level that is not there any more would still take a column of its own where categories are encoded.
        for name in kept["features"].select_dtypes("category"):
            kept["features"][name] = kept["features"][name].cat.remove_unused_categories()
        return replace(self, **kept)

    def as_pending(self, *, went_bad: BoolArray) -> "PendingLoans":
        """These applications as loans that wait for their outcome; `went_bad`, shape (n,), where it is bad already."""
        return PendingLoans(**_values(self), went_bad=went_bad)

    def with_outcomes(self, default: IntArray, *, pending: "PendingLoans | None" = None) -> "LoanBook":
        """The LoanBook of these applications; DataError unless `default`, shape (n,), is 0 or 1 for every one.

        Examples
        --------
        >>> loans = Applications(np.array(["a", "b"], object), pd.DataFrame({"income": [30_000.0, 52_000.0]}))
        >>> loans.with_outcomes(np.array([0, 1])).default.mean()
        np.float64(0.5)
        """
        return LoanBook(**_values(self), default=default, pending=pending)

    def with_losses(self, loss: FloatArray, *, pending: "Applications | None" = None) -> "LossBook":
        """The LossBook of these loans, all of which defaulted; DataError unless `loss`, shape (n,), is 0 to 1."""
        return LossBook(**_values(self), loss=loss, pending=pending)


def _values(applications: Applications) -> dict[str, Any]:
    return {own.name: getattr(applications, own.name) for own in fields(Applications)}


@dataclass(frozen=True, eq=False)
class PendingLoans(Applications):
    """Loans that were granted but whose outcome does not count yet: undecided, or too young.

    Parameters
    ----------
    went_bad : ndarray of bool, shape (n,)
        Where a loan is known to have gone bad already. False says nothing: it may still do so.
    """

    went_bad: BoolArray


@dataclass(frozen=True, eq=False)
class LoanBook(Applications):
    """Loans with what became of every one of them: what a model learns from and is judged by.

    Parameters
    ----------
    default : ndarray of 0/1, shape (n,)
        1 where the loan went bad within the horizon; known on the day `resolves_at`, where there are dates.
    pending : PendingLoans, optional
        Loans of the same file whose outcome is not known yet or not due.
    true_probability : ndarray of shape (n,), optional
        Known only for made books: the probability from which `default` was drawn.

    Raises
    ------
    DataError
        As `Applications` does, and where an outcome is unknown or neither 0 nor 1.

    Examples
    --------
    >>> features = pd.DataFrame({"income": [30_000.0, 52_000.0]})
    >>> LoanBook(np.array(["a", "b"], object), features, np.array([0, 1])).default.mean()
    np.float64(0.5)
    """

    default: IntArray
    pending: PendingLoans | None = field(default=None, kw_only=True)
    true_probability: FloatArray | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        unknown = int(pd.isna(self.default).sum())
        if unknown:
            raise DataError(
                f"the outcome of {unknown:,} loans is not known; forecast them as Applications, or give it as 0 or 1"
            )
        if not set(np.unique(self.default)) <= {0, 1}:
            raise DataError(f"default holds {sorted(set(np.unique(self.default)))[:5]}; use 1 for bad and 0 for good")

    def set_aside(self, names: Collection[str]) -> Self:
        """The same loans, pending ones too, with these columns no longer features; DataError where one is not there."""
        book = super().set_aside(names)
        return book if self.pending is None else replace(book, pending=self.pending.set_aside(names))


@dataclass(frozen=True, eq=False)
class LossBook(Applications):
    """Defaulted loans with what each of them cost: what forecasts of loss given default learn from and are judged by.

    `applied_at` is the day from which is forecast, such as that of default, and `resolves_at` that of the loss.

    Parameters
    ----------
    loss : ndarray of shape (n,)
        Realised loss as a share of the exposure, 0 to 1.
    pending : Applications, optional
        Defaulted loans of the same file whose loss is not known yet or not due.
    true_loss : ndarray of shape (n,), optional
        Known only for made books: the mean of what `loss` was drawn from.

    Raises
    ------
    DataError
        As `Applications` does, and where a loss is unknown or not within 0 and 1.

    Examples
    --------
    >>> features = pd.DataFrame({"collateral": [0.0, 1.0]})
    >>> LossBook(np.array(["a", "b"], object), features, np.array([0.9, 0.2])).loss.max()
    np.float64(0.9)
    """

    loss: FloatArray
    pending: Applications | None = field(default=None, kw_only=True)
    true_loss: FloatArray | None = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        outside = int((~((self.loss >= 0.0) & (self.loss <= 1.0))).sum())
        if outside:
            raise DataError(f"{outside:,} losses are unknown or not within 0 and 1; give shares of the exposure")

    def set_aside(self, names: Collection[str]) -> Self:
        """The same loans, pending ones too, with these columns no longer features; DataError where one is not there."""
        book = super().set_aside(names)
        return book if self.pending is None else replace(book, pending=self.pending.set_aside(names))
