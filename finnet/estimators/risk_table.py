"""The table of loans at the door of the default-risk classifier: checked, and shown to networks as numbers."""

import warnings
from collections.abc import Mapping
from typing import Self

import numpy as np
import pandas as pd

from finnet.checks import require_columns
from finnet.codes import code_column, likely_codes, with_codes_apart
from finnet.errors import ConfigError, DataError, FinnetWarning
from finnet.estimators.risk_designs import Shown
from finnet.features.columns import as_level, as_number, require_distinct, with_kinds
from finnet.features.encoding import TableEncoder, as_table
from finnet.features.histories import Summary
from finnet.features.ratios import Ratio
from finnet.types import FloatArray, IntArray

__all__ = ["RiskTable"]

_LARGEST = float(np.finfo(np.float32).max)


class RiskTable:
    """Learns kinds of columns, distributions and levels from training rows, and shows other rows alike.

    Attributes
    ----------
    codes_ : dict of str to list of float
        Values of columns of numbers that look like codes, such as -9 in a column of months: shown as categories.
    encoder_ : TableEncoder
        Numbers as normal quantiles, gaps marked, categories one-hot.
    made : sequence of Ratio and Summary
        Numbers made of others, shown beside them.

    Examples
    --------
    >>> table = pd.DataFrame({"income": [1.0, 2.0, None, 4.0], "home": ["own", "rent", "rent", None]})
    >>> shown = RiskTable().fit(table).show(table)
    >>> shown.plain.shape, shown.numbers.shape
    ((4, 5), (4, 1))
    """

    codes_: dict[str, list[float]]
    encoder_: TableEncoder
    n_features_in_: int

    def __init__(self, made: tuple[Ratio | Summary, ...] = ()) -> None:
        self.made = made

    def fit(self, X: pd.DataFrame | FloatArray) -> Self:
        """Learn from X (n_rows, n_columns); a FinnetWarning names columns that are missing in every row."""
        columns = self._columns(X, reset=True)
        self.feature_names_in_ = np.asarray(columns.columns, object)
        require_distinct(columns)
        table = with_kinds(columns)
        _warn_of_gaps(table)
        self.codes_ = _found_codes(table)
        prepared = self._prepared(table)
        self.encoder_ = TableEncoder("quantile").fit(prepared)
        _require_size(prepared[list(np.asarray(self.encoder_.numbers_, object)[self.encoder_.varies_])])
        return self

    def show(self, X: pd.DataFrame | FloatArray) -> Shown:
        """Rows as designs see them; DataError names a column that is missing or of another type than in `fit`."""
        table = self._prepared(self._as_fitted(X))
        numbers = table[self.encoder_.numbers_].to_numpy(np.float64)
        return Shown(self.encoder_.transform(table), numbers[:, self.encoder_.varies_])

    def numbers(self, X: pd.DataFrame | FloatArray) -> pd.DataFrame:
        """Columns of numbers alone, as floats, codes missing, without those made of others."""
        table = with_codes_apart(self._as_fitted(X), self.codes_)
        return table[[name for name in self.encoder_.numbers_ if name in self.feature_names_in_]]

    def parents(self) -> dict[str, tuple[str, ...]]:
        """Of each column that the encoder sees and X does not hold: those that it is made of."""
        parents = {code_column(name): (name,) for name in self.codes_}
        return parents | {own.name: own.parents for own in self.made}

    def signs(self, monotone: Mapping[str, str]) -> IntArray:
        """1 for each number of `Shown` that raises the risk ("up"), -1 for one that lowers it ("down"), else 0.

        ConfigError names a column that is none of numbers.
        """
        numbers = [name for name in self.encoder_.numbers_ if name in self.feature_names_in_]
        for name in monotone:
            if name not in numbers:
                known = ", ".join(map(str, numbers)) or "none, for there are no numbers"
                raise ConfigError(f"monotone names {name!r}, which is no column of numbers; use {known}")
        shown = np.asarray(self.encoder_.numbers_, object)[self.encoder_.varies_]
        return np.array([{"up": 1, "down": -1}.get(monotone.get(name, ""), 0) for name in shown], np.int64)

    def groups(self, X: pd.DataFrame | FloatArray) -> IntArray:
        """A number for each row, the same for equal rows, counted from 0; shape (n_rows,)."""
        table = self._as_fitted(X)
        codes, _ = pd.factorize(pd.util.hash_pandas_object(table, index=False).to_numpy())
        return np.asarray(codes, np.int64)

    def _columns(self, X: pd.DataFrame | FloatArray, *, reset: bool) -> pd.DataFrame:
        if isinstance(X, pd.DataFrame):
            # Before anything looks columns up by name.
            require_distinct(X)
        return as_table(X, self, reset=reset)

    def _as_fitted(self, X: pd.DataFrame | FloatArray) -> pd.DataFrame:
        columns = self._columns(X, reset=False)
        require_distinct(columns)
        require_columns(columns.columns, list(self.feature_names_in_), name="X")
        levels = dict(zip(self.encoder_.categories_, self._levels(), strict=True))
        return pd.DataFrame(
            {
                name: as_level(columns[name], levels[name]) if name in levels else as_number(columns[name])
                for name in self.feature_names_in_
            },
            index=columns.index,
        )

    def _levels(self) -> list[np.ndarray]:
        return list(self.encoder_.levels_.categories_) if self.encoder_.categories_ else []

    def _prepared(self, table: pd.DataFrame) -> pd.DataFrame:
        """Codes apart, then numbers made of what was measured."""
        table = with_codes_apart(table, self.codes_)
        made = {own.name: own.of(table) for own in self.made}
        return pd.concat([table, pd.DataFrame(made, index=table.index)], axis=1) if made else table


def _found_codes(table: pd.DataFrame) -> dict[str, list[float]]:
    """Likely codes of each column of numbers that has some, unless a column of that name says so already."""
    numbers = [str(name) for name in table if pd.api.types.is_numeric_dtype(table[name].dtype)]
    found = {name: likely_codes(table[name].dropna().to_numpy(np.float64)) for name in numbers}
    return {name: codes for name, codes in found.items() if codes and code_column(name) not in table}


def _require_size(numbers: pd.DataFrame) -> None:
    """DataError that names a number which trees, that cut bins in float32, cannot hold."""
    for name, column in numbers.items():
        is_beyond = (column.abs() > _LARGEST).to_numpy()
        if is_beyond.any():
            row = int(is_beyond.argmax())
            raise DataError(
                f"column {name!r} holds {column.iloc[row]:g} in row {row}, which is beyond {_LARGEST:.2g}; make it"
                " missing, or divide the column"
            )


def _warn_of_gaps(table: pd.DataFrame) -> None:
    empty = [str(name) for name in table if table[name].isna().all()]
    if empty:
        warnings.warn(
            f"column {empty[0]!r} is missing in every row and is left out{_and_others(empty)}; drop it, or look why",
            FinnetWarning,
            stacklevel=5,
        )


def _and_others(names: list[str]) -> str:
    return f", like {len(names) - 1} others" if len(names) > 1 else ""
