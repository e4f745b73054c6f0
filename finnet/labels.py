"""Labels say what came true after a decision could be traded, and build the Dataset to learn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pandas as pd

from finnet.checks import require_at_least
from finnet.data.panel import LoanBook, Panel
from finnet.dataset import CLOCKS, Dataset
from finnet.errors import ConfigError, DataError
from finnet.features.feature_set import FeatureSet
from finnet.types import BoolArray, FloatArray

__all__ = [
    "AboveMedian",
    "Direction",
    "ForwardReturn",
    "MarketLabel",
    "build_dataset",
    "default_dataset",
    "forward_return",
]


def forward_return(panel: Panel, *, horizon_bars: int, delay_bars: int = 1) -> FloatArray:
    """Return from the close `delay_bars` after t to the close `horizon_bars` later, shape (T, S); NaN where unknown.

    Examples
    --------
    >>> from finnet.data.panel import closing_times
    >>> sessions = np.arange("2020-01-06", "2020-01-10", dtype="datetime64[D]").astype("datetime64[us]")
    >>> panel = Panel(sessions, closing_times(sessions), ("A",), {"close": np.array([[1.0], [2.0], [3.0], [6.0]])})
    >>> forward_return(panel, horizon_bars=1)[:, 0]
    array([0.5, 1. , nan, nan])
    """
    close, out = panel["close"], np.full(panel.shape, np.nan)
    known = len(close) - delay_bars - horizon_bars
    if known > 0:
        out[:known] = close[delay_bars + horizon_bars :] / close[delay_bars : delay_bars + known] - 1.0
    return out


class MarketLabel(Protocol):
    """A label of a Panel: its name, how far it looks ahead and its values."""

    @property
    def target(self) -> str:
        """Name in forecasts."""
        ...

    @property
    def horizon_bars(self) -> int:
        """Bars held."""
        ...

    @property
    def delay_bars(self) -> int:
        """Bars between the features and the trade."""
        ...

    def values(self, panel: Panel) -> FloatArray:
        """Labels, shape (T, S); NaN where there is none."""
        ...

    def is_resolved(self, panel: Panel) -> BoolArray:
        """Whether the outcome is known, shape (T, S), even where it gives no label."""
        ...


@dataclass(frozen=True)
class _Ahead:
    """What all market labels share.

    Parameters
    ----------
    horizon_bars : int
        Bars held.
    delay_bars : int
        Bars between the close that makes the features and the close that is traded, at least 1.
    """

    horizon_bars: int = 1
    delay_bars: int = 1

    def __post_init__(self) -> None:
        require_at_least(self.horizon_bars, 1, name="horizon_bars")
        # The close that made the features cannot also be traded.
        require_at_least(self.delay_bars, 1, name="delay_bars")

    def is_resolved(self, panel: Panel) -> BoolArray:
        """Whether the forward return is known, shape (T, S)."""
        return np.isfinite(self._returns(panel))

    def _returns(self, panel: Panel) -> FloatArray:
        return forward_return(panel, horizon_bars=self.horizon_bars, delay_bars=self.delay_bars)


@dataclass(frozen=True)
class Direction(_Ahead):
    """1 where the forward return is above zero and at least `up`, 0 where it is at most `down`; between, no label.

    Rows without label are forecast all the same: leaving them out would tell the trader that a large move is coming.

    Parameters
    ----------
    horizon_bars, delay_bars : int
        Bars held, and bars between the close that makes the features and the close that is traded (at least 1).
    up, down : float
        Edges of the dead zone as returns, for instance 0.0055 and -0.005.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> Direction(up=0.005, down=-0.005).values(made_market(symbols=1, sessions=8))[:, 0]
    array([ 0., nan,  0., nan,  0.,  0., nan, nan])
    """

    up: float = 0.0
    down: float = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.down <= 0 <= self.up:
            raise ConfigError(f"down={self.down}, up={self.up}: the dead zone must hold zero; use down <= 0 <= up")

    @property
    def target(self) -> str:
        """Name in forecasts."""
        return "direction"

    def values(self, panel: Panel) -> FloatArray:
        """Labels, shape (T, S): 1, 0 or NaN."""
        returns = self._returns(panel)
        up = (returns > 0) & (returns >= self.up)
        return np.where(up, 1.0, np.where(returns <= self.down, 0.0, np.nan))


@dataclass(frozen=True)
class AboveMedian(_Ahead):
    """1 where the forward return is above that of the session's median member, else 0."""

    @property
    def target(self) -> str:
        """Name in forecasts."""
        return "above_median"

    def values(self, panel: Panel) -> FloatArray:
        """Labels, shape (T, S): 1, 0 or NaN; a session needs at least two members with a return."""
        returns = np.where(np.asarray(panel.member), self._returns(panel), np.nan)
        enough = np.isfinite(returns).sum(axis=1) >= 2
        median = np.full((len(returns), 1), np.nan)
        median[enough, 0] = np.nanmedian(returns[enough], axis=1)
        return np.where(np.isfinite(returns) & np.isfinite(median), (returns > median).astype(float), np.nan)


@dataclass(frozen=True)
class ForwardReturn(_Ahead):
    """The forward return itself, as a fraction."""

    @property
    def target(self) -> str:
        """Name in forecasts."""
        return "forward_return"

    def values(self, panel: Panel) -> FloatArray:
        """Labels, shape (T, S): fractions or NaN."""
        return self._returns(panel)


def build_dataset(
    panel: Panel, features: FeatureSet | Sequence[str], label: MarketLabel, *, min_history_bars: int = 0
) -> Dataset:
    """Rows of a Panel whose outcome is known, in time order, then by symbol.

    A row stands for (t, symbol) where the symbol is a member with a close, its forward return is known, and it has at
    least `min_history_bars` closes up to t and at least the look-back of the features in sessions before. Features that
    are missing stay NaN, as do labels where the return gives none.

    Raises
    ------
    DataError
        Where no row is left.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> data = build_dataset(made_market(symbols=2, sessions=30), ["return_1", "sentiment"], Direction(horizon_bars=5))
    >>> data.X.shape, data.target
    ((46, 2), 'direction')
    """
    feature_set = features if isinstance(features, FeatureSet) else FeatureSet.of(features)
    values = label.values(panel)
    history = np.isfinite(panel["close"]).cumsum(axis=0)
    ready = (np.arange(len(values)) >= feature_set.look_back - 1)[:, None] & (history >= min_history_bars)
    usable = ready & label.is_resolved(panel) & np.asarray(panel.member) & np.isfinite(panel["close"])
    t, s = np.nonzero(usable)
    if not len(t):
        raise DataError(
            f"{panel.shape[0]} sessions leave no row: features look back {feature_set.look_back} bars and the label"
            f" looks ahead {label.delay_bars + label.horizon_bars}; give more history"
        )
    X = pd.DataFrame(feature_set.compute(panel)[t, s], columns=feature_set.names)
    clocks = _clocks(panel, t, label)
    return Dataset(X, values[t, s], np.array(panel.symbols, object)[s], label.target, label.horizon_bars, clocks)


def _clocks(panel: Panel, t: np.ndarray, label: MarketLabel) -> pd.DataFrame:
    closes, traded = panel.closes_at, t + label.delay_bars
    times = (closes[t], closes[t], closes[traded], closes[traded + label.horizon_bars])
    return pd.DataFrame(dict(zip(CLOCKS, times, strict=True)))


def default_dataset(book: LoanBook) -> Dataset:
    """Rows of a LoanBook; with dates, in the order of application, decided on at once and paid out a day later.

    Examples
    --------
    >>> from finnet.data.samples import made_loan_book
    >>> default_dataset(made_loan_book(loans=100)).target
    'default'
    """
    if book.applied_at is None or book.resolves_at is None:
        return Dataset(book.applications, book.default, book.loan_id, "default", book.horizon_months)
    order = np.argsort(book.applied_at, kind="stable")
    applied = book.applied_at[order]
    times = (applied, applied, applied + np.timedelta64(1, "D"), book.resolves_at[order])
    clocks = pd.DataFrame(dict(zip(CLOCKS, times, strict=True)))
    X = book.applications.iloc[order].reset_index(drop=True)
    return Dataset(X, book.default[order], book.loan_id[order], "default", book.horizon_months, clocks)
