"""Dataset: features and labels whose every row says when it was known and when its label resolves."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd

from finnet.checks import require_columns
from finnet.errors import DataError, LookAheadError
from finnet.types import BoolArray, FloatArray, IntArray, TimeArray
from finnet.weights import checked_weight

__all__ = ["CLOCKS", "Dataset"]

CLOCKS = ("known_at", "decided_at", "tradable_at", "resolves_at")


@dataclass(frozen=True, eq=False)
class Dataset:
    """Rows to learn from, in the order in which they became known.

    Parameters
    ----------
    X : DataFrame of shape (n_rows, n_features)
        Float or category columns; NaN is a missing value.
    y : ndarray of shape (n_rows,)
        Labels: 0/1 for direction and default, floats for forward returns. NaN where the outcome is neither, such as a
        return inside the dead zone: such a row is forecast like any other, but trains and scores nothing, for nobody
        knew beforehand that it would be one.
    entity : ndarray of str, shape (n_rows,)
        Symbol or loan.
    target : str
        What `y` says, for instance "direction".
    horizon : int
        How far ahead `y` looks, in bars (market) or months (credit); 0 where the data does not say.
    clocks : DataFrame of shape (n_rows, 4), optional
        UTC times `known_at <= decided_at < tradable_at < resolves_at` of every row; None for rows without dates.
    in_order_of : str
        What gives the order of rows that have no dates, such as a column of ranks: then clocks are whole numbers that
        say nothing but what came before what.
    group : ndarray of int, shape (n_rows,), optional
        Rows of one number belong together, as one client's loans do: splits and blocks keep them on one side. By
        default each row is by itself.
    weight : ndarray of float > 0, shape (n_rows,), optional
        For how many cases each row stands, such as 10 where one in ten was drawn; 1 each by default. Weights count in
        fits, scores, intervals and tests, as known constants. None again where each is 1.

    Raises
    ------
    DataError
        Where lengths differ, no row has a label, a row without clocks lacks one, a weight is not above 0, or rows are
        not in the order of `known_at`.
    LookAheadError
        Where a clock of a row runs backwards.

    Examples
    --------
    >>> times = pd.DatetimeIndex(["2020-01-01", "2020-01-01", "2020-01-02", "2020-01-03"]).as_unit("us")
    >>> clocks = pd.DataFrame([times], columns=CLOCKS)
    >>> data = Dataset(pd.DataFrame({"return_1": [0.1]}), np.array([1]), np.array(["A"]), "direction", 1, clocks)
    >>> len(data), data.is_dated
    (1, True)
    """

    X: pd.DataFrame
    y: IntArray | FloatArray
    entity: np.ndarray[tuple[int], np.dtype[np.object_]]
    target: str
    horizon: int
    clocks: pd.DataFrame | None = None
    in_order_of: str = ""
    group: IntArray | None = None
    weight: FloatArray | None = None

    def __post_init__(self) -> None:
        lengths = {len(part) for part in (self.X, self.y, self.entity, self.clocks, self.group) if part is not None}
        if len(lengths) > 1:
            raise DataError(f"X, y, entity, clocks and group have {sorted(lengths)} rows; give one of each per row")
        # The way around a frozen dataclass: weights of 1 become None before anybody sees them.
        object.__setattr__(self, "weight", checked_weight(self.weight, len(self)))
        if not (self.has_label.any() if self.is_ordered else self.has_label.all()):
            raise DataError("y lacks labels; give rows with dates at least one label, and rows without dates all")
        if self.clocks is not None:
            _require_clocks_in_order(self.clocks, self.entity)

    def __len__(self) -> int:
        return len(self.y)

    @property
    def is_dated(self) -> bool:
        """Whether rows have dates."""
        return self.is_ordered and not self.in_order_of

    @property
    def is_ordered(self) -> bool:
        """Whether rows have clocks, dates or not, so that they can be divided in time."""
        return self.clocks is not None

    @property
    def has_label(self) -> BoolArray:
        """Whether each row has a label, shape (n_rows,)."""
        return ~np.isnan(self.y)

    def labels(self, rows: IntArray) -> IntArray | FloatArray:
        """Labels of rows that have one, as whole numbers where they are 0 and 1, shape (len(rows),)."""
        y = self.y[rows]
        return y.astype(np.int8) if np.isin(y, (0, 1)).all() else y

    def clock(self, name: str) -> TimeArray:
        """UTC times of one clock, or numbers of an order, shape (n_rows,); DataError where rows have neither."""
        if self.clocks is None:
            raise DataError(f"rows have no dates, so no {name}; use a split that needs none, such as RepeatedKFold")
        return self.clocks[name].to_numpy()

    def resolved_by(self, moment: np.datetime64) -> BoolArray:
        """Whether the label of each row was known at `moment`, shape (n_rows,)."""
        return self.clock("resolves_at") <= moment

    def beside(self, rows: BoolArray) -> BoolArray:
        """Which rows belong together with one of `rows`, a mask of shape (n_rows,), these among them."""
        return rows if self.group is None else np.isin(self.group, self.group[rows])

    def take(self, rows: IntArray) -> Self:
        """The Dataset of these row numbers, shape (k,), in the order given (which must keep time order)."""
        clocks = None if self.clocks is None else self.clocks.iloc[rows].reset_index(drop=True)
        X = self.X.iloc[rows].reset_index(drop=True)
        y, entity = self.y[rows], self.entity[rows]
        group = None if self.group is None else self.group[rows]
        weight = None if self.weight is None else self.weight[rows]
        return replace(self, X=X, y=y, entity=entity, clocks=clocks, group=group, weight=weight)


def _require_clocks_in_order(clocks: pd.DataFrame, entity: np.ndarray) -> None:
    require_columns(clocks.columns, CLOCKS, name="clocks")
    known, decided, tradable, resolves = (clocks[name].to_numpy() for name in CLOCKS)
    # Negated, since a missing time compares as false with everything.
    wrong = np.flatnonzero(~((known <= decided) & (decided < tradable) & (tradable < resolves)))
    if len(wrong):
        times = ", ".join(f"{name}={clocks[name].iloc[wrong[0]]}" for name in CLOCKS)
        raise LookAheadError(
            f"row {wrong[0]} ({entity[wrong[0]]}): {times}; need known_at <= decided_at < tradable_at < resolves_at"
        )
    if (known[1:] < known[:-1]).any():
        raise DataError("rows are not in the order of known_at; sort them by it first")
