"""Panel: bars of many symbols as wide arrays, and the only as-of join."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
import pandas as pd

from finnet.checks import nearest, require_columns
from finnet.errors import DataError
from finnet.types import BoolArray, FloatArray, TimeArray

__all__ = ["ADJUSTED_PRICES", "Panel", "closing_times", "join_as_of"]

ADJUSTED_PRICES = ("open", "high", "low", "close", "adj_close")
"""Fields that later splits and dividends restate: their level says what came after, their ratios do not."""


def closing_times(sessions: TimeArray, *, time: str = "16:00", zone: str = "America/New_York") -> TimeArray:
    """UTC moment at which the bar of each session is complete, shape (n_sessions,).

    Examples
    --------
    >>> closing_times(np.array(["2014-01-02", "2014-07-01"], "datetime64[us]")).astype("datetime64[m]")
    array(['2014-01-02T21:00', '2014-07-01T20:00'], dtype='datetime64[m]')
    """
    # In local time first, so that the moment in UTC moves with the summer time of the exchange.
    local = pd.DatetimeIndex(sessions).normalize() + pd.Timedelta(f"{time}:00")
    return local.tz_localize(zone).tz_convert("UTC").tz_localize(None).as_unit("us").to_numpy()


@dataclass(frozen=True, eq=False)
class Panel:
    """Bars of S symbols on T sessions as wide arrays, oldest session first.

    Parameters
    ----------
    sessions : ndarray of datetime64[us], shape (T,)
        Local dates, strictly increasing.
    closes_at : ndarray of datetime64[us], shape (T,)
        UTC moment at which the bar was complete; everything in row t of `fields` was known by then.
    symbols : tuple of str, length S
    fields : mapping of str to ndarray of shape (T, S)
        `close` (adjusted for splits and dividends) at least; often `open`, `high`, `low` (adjusted alike), `volume` in
        shares, `raw_close` (as it was traded, of shares as `volume` counts them), sentiment. NaN where a symbol has no
        bar. Kept as views that cannot be written to.
    member : ndarray of bool, shape (T, S), optional
        Whether the symbol belonged to the universe; wherever it has a close by default.

    Examples
    --------
    >>> sessions = np.array(["2020-01-02", "2020-01-03"], "datetime64[us]")
    >>> panel = Panel(sessions, closing_times(sessions), ("A",), {"close": np.array([[1.0], [2.0]])})
    >>> panel.until(1)["close"]
    array([[1.]])
    """

    sessions: TimeArray
    closes_at: TimeArray
    symbols: tuple[str, ...]
    fields: Mapping[str, FloatArray]
    member: BoolArray | None = None

    def __post_init__(self) -> None:
        shape = (len(self.sessions), len(self.symbols))
        require_columns(self.fields, ["close"], name="panel")
        for name, values in self.fields.items():
            if values.shape != shape:
                raise DataError(f"field {name!r} has shape {values.shape}; sessions and symbols make {shape}")
        # Views share memory with the caller's arrays, who may still write to those; through the panel nobody can.
        views = {name: values.view() for name, values in self.fields.items()}
        for view in views.values():
            view.setflags(write=False)
        object.__setattr__(self, "fields", views)
        for name in ("sessions", "closes_at"):
            if (np.diff(getattr(self, name)) <= np.timedelta64(0, "D")).any():
                raise DataError(f"{name} are not strictly increasing; sort them and keep one of each")
        if self.member is None:
            object.__setattr__(self, "member", np.isfinite(self["close"]))

    def __getitem__(self, field: str) -> FloatArray:
        """One field, shape (T, S); DataError naming the nearest one where there is none."""
        if field not in self.fields:
            raise DataError(f"the data has no {field!r}; {nearest(field, self.fields)}")
        return self.fields[field]

    @property
    def shape(self) -> tuple[int, int]:
        """(T, S): number of sessions and of symbols."""
        return len(self.sessions), len(self.symbols)

    def until(self, stop: int) -> Self:
        """The first `stop` sessions: what was known then."""
        # Slices are views: no array is copied.
        assert self.member is not None
        fields = {name: values[:stop] for name, values in self.fields.items()}
        return replace(
            self,
            sessions=self.sessions[:stop],
            closes_at=self.closes_at[:stop],
            fields=fields,
            member=self.member[:stop],
        )

    def with_fields(self, fields: Mapping[str, FloatArray]) -> Self:
        """The same panel with more fields, or other values of some, shape (T, S) each."""
        return replace(self, fields={**self.fields, **fields})

    @classmethod
    def from_long(cls, table: pd.DataFrame) -> Self:
        """A Panel from one row per (date, symbol) and one float column per field, shape (n_bars, 2 + n_fields).

        A pair that stands twice raises DataError: which of two prices is right is not ours to guess.
        """
        require_columns(table.columns, ["date", "symbol", "close"], name="prices")
        twice = table.duplicated(["date", "symbol"])
        if twice.any():
            row = table[twice].iloc[0]
            raise DataError(
                f"{int(twice.sum())} duplicate rows, first {row['symbol']} on {row['date']}; keep one of each"
            )
        sessions, day = np.unique(table["date"].to_numpy("datetime64[us]"), return_inverse=True)
        symbols, column = np.unique(table["symbol"].to_numpy(object).astype(str), return_inverse=True)
        fields = {}
        for name in table.columns.drop(["date", "symbol"]):
            wide = np.full((len(sessions), len(symbols)), np.nan)
            wide[day, column] = table[name].to_numpy(float)
            fields[str(name)] = wide
        return cls(sessions, closing_times(sessions), tuple(map(str, symbols)), fields)


def join_as_of(panel: Panel, table: pd.DataFrame, columns: Sequence[str], *, max_age_days: float = np.inf) -> Panel:
    """The panel with `columns` as fields of shape (T, S): at each close, the last value published by then.

    Parameters
    ----------
    table : DataFrame
        `available_at` (UTC: when the value could first be read), the value columns and, unless the values speak for all
        symbols, `symbol`. Missing values are skipped, so an older value stays.
    max_age_days : float
        A value published longer ago than this counts as missing.

    Examples
    --------
    >>> sessions = np.array(["2020-01-02", "2020-01-03"], "datetime64[us]")
    >>> panel = Panel(sessions, closing_times(sessions), ("A",), {"close": np.ones((2, 1))})
    >>> table = pd.DataFrame({"available_at": pd.to_datetime(["2020-01-03 08:00"]), "mood": [0.5]})
    >>> join_as_of(panel, table, ["mood"])["mood"]
    array([[nan],
           [0.5]])
    """
    require_columns(table.columns, ["available_at", *columns], name="late data")
    if table["available_at"].isna().any():
        raise DataError("available_at is missing in some rows; say when each value could first be read")
    # Stable, so that of two values of one moment the later row of the table counts.
    ordered = table.sort_values("available_at", kind="stable")
    groups = dict(list(ordered.groupby("symbol"))) if "symbol" in table else dict.fromkeys(panel.symbols, ordered)
    age = pd.Timedelta(days=max_age_days) if np.isfinite(max_age_days) else None
    fields = {name: np.full(panel.shape, np.nan) for name in columns}
    for s, symbol in enumerate(panel.symbols):
        if symbol in groups:
            for name in columns:
                fields[name][:, s] = _last_known(groups[symbol], name, panel.closes_at, age=age)
    return panel.with_fields(fields)


def _last_known(rows: pd.DataFrame, column: str, moments: TimeArray, *, age: pd.Timedelta | None) -> FloatArray:
    # A missing value is nothing that could have been read, so the last one known stays.
    rows = rows[rows[column].notna()]
    published = rows["available_at"].to_numpy("datetime64[us]")
    # "right": what is published at the very moment of the close counts as known by it.
    last = np.searchsorted(published, moments, side="right") - 1
    # Before the first value `last` is -1, which picks the NaN put at the end.
    values = np.append(rows[column].to_numpy(float), np.nan)[last]
    if age is not None and len(published):
        values[(last >= 0) & (moments - published[last] > age.to_timedelta64())] = np.nan
    return values
