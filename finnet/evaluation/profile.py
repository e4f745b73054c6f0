"""Profiles: what a table of training rows looks like, column by column, kept so that new rows can be compared."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd

from finnet.evaluation.clusters import shares_design_effect
from finnet.evaluation.population import correlation_time
from finnet.evaluation.seen_rows import Overlap, SeenRows
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = ["ColumnProfile", "Profile"]

_BINS = 10
_FREQUENT = 0.05
"""A number that so large a share of the rows holds has a bin of its own, as has a repeated smallest or largest one."""

_FEWEST_REPEATS = 5


@dataclass(frozen=True)
class ColumnProfile:
    """What training saw of one column.

    Parameters
    ----------
    missing : float
        Share of the rows.
    shares : tuple of float
        Of the known rows, of each frequent value, then in each bin between the edges; or of each level.
    edges : tuple of float
        Of a number column: lower edges of all bins but the first.
    low, high, mean : float
        Of a number column.
    levels : tuple of str
        Of a category column.
    values : tuple of float
        Frequent numbers, such as codes, each with a bin of its own.
    single : int
        Levels that one row alone had.
    forecast : tuple of float
        Mean forecast of the rows in each bin; empty where it is not known.
    lasts : float
        How many units say as much as one that is independent, since values last from one to the next, or rows of one
        client are alike.
    """

    missing: float
    shares: tuple[float, ...]
    edges: tuple[float, ...] = ()
    low: float = 0.0
    high: float = 0.0
    mean: float = 0.0
    levels: tuple[str, ...] = ()
    values: tuple[float, ...] = ()
    single: int = 0
    forecast: tuple[float, ...] = ()
    lasts: float = 1.0

    def bin_of(self, known: "pd.Series[Any]") -> IntArray:
        """Number of the bin of every known cell, shape (n_known,); -1 for a level that training never saw."""
        if self.levels:
            return np.asarray(pd.Index(self.levels).get_indexer(pd.Index(known.astype(str))))
        cells = known.to_numpy(float)
        bins = len(self.values) + np.searchsorted(np.asarray(self.edges), cells, side="right")
        for number, value in enumerate(self.values):
            bins[cells == value] = number
        return bins

    def is_new(self, known: "pd.Series[Any]") -> BoolArray:
        """Which known cells hold a level that training never saw, or lie outside its range, shape (n_known,)."""
        if self.levels:
            return np.asarray(self.bin_of(known) < 0)
        cells = known.to_numpy(float)
        return np.asarray((cells < self.low) | (cells > self.high))

    def name_of(self, number: int) -> str:
        """What a bin holds, in words."""
        if self.levels:
            return self.levels[number]
        if number < len(self.values):
            return _written(self.values[number])
        ends = ["", *map(_written, self.edges), ""]
        low, high = ends[number - len(self.values)], ends[number - len(self.values) + 1]
        if low and high:
            return f"{low} to {high}"
        return f"below {high}" if high else f"{low} or more" if low else "other values"


@dataclass(frozen=True)
class Profile:
    """What training saw.

    Parameters
    ----------
    rows : int
    columns : mapping of str to ColumnProfile
    units : int
        How many of the rows are independent, such as market sessions; 0 where all are.
    forecasts : Profile, optional
        Of the out-of-sample forecasts of the model deployed.
    seen : SeenRows, optional
        Hashes of the rows; None where they were not kept, as in runs of older versions.

    Examples
    --------
    >>> table = pd.DataFrame({"income": [1.0, 2.0, None, 4.0], "home": pd.Categorical(["own", "rent", "own", "own"])})
    >>> profile = Profile.of(table)
    >>> profile.columns["income"].missing, profile.columns["home"].shares
    (0.25, (0.75, 0.25))
    >>> Profile.from_json(profile.to_json()) == profile
    True
    """

    rows: int
    columns: Mapping[str, ColumnProfile]
    units: int = 0
    forecasts: "Profile | None" = None
    seen: SeenRows | None = None

    @classmethod
    def of(cls, X: pd.DataFrame, *, sessions: IntArray | None = None, clients: IntArray | None = None) -> Self:
        """The profile of a table of numbers and categories.

        Parameters
        ----------
        sessions : ndarray of int, shape (n_rows,), optional
            Number of the session of each row, 0 to n_sessions - 1 in time order: then these are the units.
        clients : ndarray of int, shape (n_rows,), optional
            Number of the client of each row, from 0: its rows are alike, column by column, and count as fewer.
        """
        columns = {str(name): _profile(X[name]) for name in X}
        if clients is not None:
            columns = {
                name: replace(column, lasts=_alike(column, X[name], clients)) for name, column in columns.items()
            }
        if sessions is None:
            return cls(len(X), columns)
        lasting = {name: replace(column, lasts=_lasts(X[name], sessions)) for name, column in columns.items()}
        return cls(len(X), lasting, units=int(sessions.max()) + 1)

    @property
    def categories(self) -> tuple[str, ...]:
        """Names of the category columns."""
        return tuple(name for name, column in self.columns.items() if column.levels)

    @property
    def by_client(self) -> bool:
        """Whether rows of one client are alike in some column, and count as fewer."""
        return not self.units and any(column.lasts > 1.0 for column in self.columns.values())

    def with_forecasts(
        self,
        X: pd.DataFrame,
        forecasts: pd.DataFrame,
        *,
        sessions: IntArray | None = None,
        clients: IntArray | None = None,
    ) -> Self:
        """The same, knowing out-of-sample forecasts of some rows.

        Parameters
        ----------
        X : DataFrame of shape (n_rows, n_features)
        forecasts : DataFrame of shape (n_rows, n_levels)
            One column, or of quantiles one per level; bins remember the mean of the one in the middle.
        sessions, clients : ndarray of int, shape (n_rows,), optional
            As in `of`.
        """
        middle = forecasts.iloc[:, forecasts.shape[1] // 2].to_numpy(float)
        columns = {name: _with_forecast(column, X[name], middle) for name, column in self.columns.items()}
        return replace(self, columns=columns, forecasts=Profile.of(forecasts, sessions=sessions, clients=clients))

    def with_rows(self, X: pd.DataFrame) -> Self:
        """The same, able to know again the rows of X (n_rows, n_features), which are those of the profile."""
        return replace(self, seen=SeenRows.of(X[list(self.columns)]))

    def overlap(self, X: pd.DataFrame) -> Overlap | None:
        """Which rows of X, shape (n_rows, n_columns), trained the model; None where hashes were not kept."""
        return None if self.seen is None else self.seen.overlap(X[list(self.columns)])

    def to_json(self) -> dict[str, Any]:
        """The profile as plain lists and numbers."""
        plain = {"rows": self.rows, "units": self.units}
        columns = {name: asdict(column) for name, column in self.columns.items()}
        beside = {} if self.forecasts is None else {"forecasts": self.forecasts.to_json()}
        hashes = {} if self.seen is None else {"seen": self.seen.to_json()}
        return {**plain, "columns": columns, **beside, **hashes}

    @classmethod
    def from_json(cls, saved: Mapping[str, Any]) -> Self:
        """The profile that `to_json` gave."""
        columns = {}
        for name, column in saved["columns"].items():
            # JSON has no tuples, and a profile equals another only where both have them.
            parts: dict[str, Any] = {
                key: tuple(part) if isinstance(part, list) else part for key, part in column.items()
            }
            columns[name] = ColumnProfile(**parts)
        forecasts = saved.get("forecasts")
        beside = None if forecasts is None else Profile.from_json(forecasts)
        seen = None if saved.get("seen") is None else SeenRows(**saved["seen"])
        return cls(saved["rows"], columns, units=saved.get("units", 0), forecasts=beside, seen=seen)


def _written(value: float) -> str:
    return f"{value:,.0f}" if 1000 <= abs(value) < 1e15 else f"{value:.4g}"


def _profile(column: "pd.Series[Any]") -> ColumnProfile:
    missing = float(column.isna().mean())
    if isinstance(column.dtype, pd.CategoricalDtype):
        counts = column.value_counts(sort=False)
        shares = counts / max(int(counts.sum()), 1)
        levels = tuple(map(str, counts.index))
        return ColumnProfile(missing, tuple(map(float, shares)), levels=levels, single=int((counts == 1).sum()))
    cells = column.dropna().to_numpy(float)
    if not len(cells):
        return ColumnProfile(missing, (1.0,))
    values = _frequent(cells)
    # Quantiles of the rest: a frequent value among them would draw several edges onto itself.
    rest = cells[~np.isin(cells, values)]
    edges = np.unique(np.quantile(rest, np.linspace(0, 1, _BINS + 1)[1:-1])) if len(rest) else np.empty(0)
    made = ColumnProfile(
        missing,
        (),
        tuple(map(float, edges)),
        float(cells.min()),
        float(cells.max()),
        float(cells.mean()),
        values=tuple(map(float, values)),
    )
    # Counted by the profile itself, so that shares before and of new rows come from one rule.
    rows = np.bincount(made.bin_of(column.dropna()), minlength=len(values) + len(edges) + 1)
    return replace(made, shares=tuple(map(float, rows / len(cells))))


def _frequent(cells: FloatArray) -> FloatArray:
    """Numbers that deserve a bin each: frequent ones, and codes, which often are the smallest or largest of all."""
    values, counts = np.unique(cells, return_counts=True)
    is_end = (values == values[0]) | (values == values[-1])
    return np.asarray(values[(counts >= _FREQUENT * len(cells)) & (counts > 1) | is_end & (counts >= _FEWEST_REPEATS)])


def _lasts(column: "pd.Series[Any]", sessions: IntArray) -> float:
    if not pd.api.types.is_numeric_dtype(column.dtype):
        return 1.0
    # Sessions are the independent units, so how long values last is that of their means.
    means = column.groupby(sessions).mean().dropna().to_numpy(float)
    return correlation_time(means) if len(means) else 1.0


def _alike(made: ColumnProfile, column: "pd.Series[Any]", clients: IntArray) -> float:
    """By how much shares of bins, and of missing cells, vary more since rows of one client are alike."""
    known = column.notna().to_numpy()
    cell = np.full(len(column), len(made.shares))
    cell[known] = made.bin_of(column[known])
    return shares_design_effect(cell, clients)


def _with_forecast(before: ColumnProfile, column: "pd.Series[Any]", forecast: FloatArray) -> ColumnProfile:
    known = column.notna().to_numpy()
    bins = before.bin_of(column[known])
    known_forecast, seen = forecast[known], bins >= 0
    rows = np.bincount(bins[seen], minlength=len(before.shares))
    sums = np.bincount(bins[seen], known_forecast[seen], minlength=len(before.shares))
    # Of a bin without a forecast nothing is known; it counts as the average row.
    usual = float(forecast.mean())
    return replace(before, forecast=tuple(np.where(rows > 0, sums / np.maximum(rows, 1), usual).tolist()))
