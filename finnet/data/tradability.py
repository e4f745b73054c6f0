"""Tradability: when a symbol can be traded and what one unit is worth: one rule for labels and backtest."""

from dataclasses import dataclass
from math import isfinite

import numpy as np

from finnet.checks import require_at_least, require_whole
from finnet.data.panel import Panel
from finnet.errors import ConfigError
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = ["Delisting", "can_trade", "last_close_bars"]


def can_trade(panel: Panel) -> BoolArray:
    """Whether an order can be filled at each close, shape (T, S): there is a close and, where reported, volume.

    Volume of 0 is no trade. Missing volume is no trade either, once volume has been reported: before a symbol's first
    reported volume nobody recorded it, as of indices in early decades. A symbol whose volume is never above 0 has none
    reported at all.

    Examples
    --------
    >>> from finnet.data.panel import closing_times
    >>> sessions = np.arange("2020-01-06", "2020-01-10", dtype="datetime64[D]").astype("datetime64[us]")
    >>> fields = {"close": np.ones((4, 1)), "volume": np.array([[np.nan], [500.0], [0.0], [np.nan]])}
    >>> can_trade(Panel(sessions, closing_times(sessions), ("A",), fields))[:, 0]
    array([ True,  True, False, False])
    """
    priced = np.isfinite(panel["close"])
    if "volume" not in panel.fields:
        return priced
    volume = panel["volume"]
    # From a symbol's first known volume on; `any` looks ahead, but only for symbols that never report a volume.
    reported = np.maximum.accumulate(np.isfinite(volume), axis=0) & (volume > 0).any(axis=0)
    return np.asarray(priced & (~reported | (volume > 0)))


def last_close_bars(close: FloatArray) -> IntArray:
    """Bar of the last close at or before each bar, shape (T, S); -1 where there was none yet.

    Examples
    --------
    >>> last_close_bars(np.array([[np.nan], [10.0], [np.nan]]))[:, 0]
    array([-1,  1,  1])
    """
    bar = np.arange(len(close))[:, None]
    return np.asarray(np.maximum.accumulate(np.where(np.isfinite(close), bar, -1), axis=0))


@dataclass(frozen=True)
class Delisting:
    """What becomes of a holding whose symbol has no close any more.

    Parameters
    ----------
    delisting_return : float
        Return from the last close at which such a holding is closed, -1 or more: 0 closes it at that close, -0.3 at
        30 % less.
    stale_bars : int
        Bars without a close that are taken for a pause: until then a symbol is worth its last close.
    """

    delisting_return: float = 0.0
    stale_bars: int = 5

    def __post_init__(self) -> None:
        require_at_least(self.delisting_return, -1, name="delisting_return")
        if not isfinite(self.delisting_return):
            raise ConfigError(f"delisting_return={self.delisting_return} is not a number; use for instance -0.3")
        require_whole(self.stale_bars, 0, name="stale_bars")

    def known_worth(self, close: FloatArray) -> FloatArray:
        """What one unit was worth as far as was known at each bar, shape (T, S); NaN before the first close.

        It is the last close, and the last close times 1 + delisting_return after more than `stale_bars` bars without
        one. No row depends on a later one.

        Examples
        --------
        >>> close = np.array([[10.0], [np.nan], [np.nan], [12.0]])
        >>> Delisting(delisting_return=-0.3, stale_bars=1).known_worth(close)[:, 0]
        array([10., 10.,  7., 12.])
        """
        last = last_close_bars(close)
        # Before the first close `last` is -1: row 0 is taken, which has no close there either.
        worth = np.take_along_axis(close, np.maximum(last, 0), axis=0)
        gone = np.arange(len(close))[:, None] - last > self.stale_bars
        return np.where(gone & (last >= 0), worth * (1.0 + self.delisting_return), worth)

    def closes_out(self, close: FloatArray) -> BoolArray:
        """Whether a holding is closed at a bar because its symbol never trades again, shape (T, S): once at most.

        That is the first bar after `stale_bars` without a close. Whether a symbol will ever trade again is known to its
        holders at the time, and to a panel only from its later bars: this books what they got, and decides nothing.

        Examples
        --------
        >>> close = np.array([[10.0, 10.0], [np.nan, np.nan], [np.nan, np.nan], [np.nan, 12.0]])
        >>> Delisting(stale_bars=1).closes_out(close).astype(int).tolist()
        [[0, 0], [0, 0], [1, 0], [0, 0]]
        """
        last = last_close_bars(close)
        after = np.arange(len(close))[:, None] - last
        return np.asarray((after == self.stale_bars + 1) & (last == last[-1]) & (last >= 0))

    def bar_returns(self, close: FloatArray) -> FloatArray:
        """Return of one unit from each close to the next, shape (T, S): row t is the return of bar t, row 0 is 0.

        A symbol without a close returns 0, the whole move once it has one again, and `delisting_return` where it is
        closed out.

        Examples
        --------
        >>> close = np.array([[100.0, 10.0], [np.nan, np.nan], [110.0, np.nan]])
        >>> Delisting(delisting_return=-0.3, stale_bars=1).bar_returns(close).round(4).tolist()
        [[0.0, 0.0], [0.0, 0.0], [0.1, -0.3]]
        """
        filled = np.take_along_axis(close, np.maximum(last_close_bars(close), 0), axis=0)
        returns = np.zeros_like(filled)
        np.divide(filled[1:], filled[:-1], out=returns[1:])
        returns[1:] -= 1.0
        # NaN before the first close, whose symbol cannot be held yet.
        returns[~np.isfinite(returns)] = 0.0
        returns[self.closes_out(close)] = self.delisting_return
        return returns
