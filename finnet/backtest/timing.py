"""Timing: how many bars late forecasts are traded, as they say themselves, and how many bars make a year."""

import numpy as np
import pandas as pd

from finnet.data.panel import Panel
from finnet.errors import ConfigError, DataError
from finnet.forecasts import Forecasts
from finnet.types import IntArray, TimeArray

__all__ = ["bars_per_year", "delay_of"]

_DAYS_A_YEAR = 365.25
_LONGEST_GAP = 15
"""Steps, or days, that a holiday may last; a longer gap is missing data and no part of the year."""


def delay_of(forecasts: Forecasts, panel: Panel, stated: int | None = None) -> int:
    """Bars between the close that made a forecast and the close that trades it.

    It follows from `tradable_at`, and from `resolves_at` less the horizon, where these are closes of the panel; only
    forecasts that say neither are traded `stated` bars late, one by default.

    Raises
    ------
    DataError
        Where the forecasts contradict themselves or ask for a trade at the close that made them.
    ConfigError
        Where they contradict `stated`.

    Examples
    --------
    >>> from finnet.data.panel import closing_times
    >>> sessions = np.arange("2020-01-06", "2020-01-10", dtype="datetime64[D]").astype("datetime64[us]")
    >>> panel = Panel(sessions, closing_times(sessions), ("A",), {"close": np.ones((4, 1))})
    >>> rows = {"model": "network", "fold": 0, "entity": "A", "issued_at": panel.closes_at[:1], "target": "direction",
    ...         "tradable_at": panel.closes_at[2:3], "horizon": 1, "kind": "probability", "value": [0.9]}
    >>> delay_of(Forecasts.from_rows(rows, run_id="demo"), panel)
    2
    """
    horizon = int(forecasts.table["horizon"].iloc[0])
    issued = _bars(panel, forecasts.table["issued_at"])
    told = {"tradable_at": 0, "resolves_at": horizon}
    delays = {name: _delays(issued, _bars(panel, forecasts.table[name]) - less) for name, less in told.items()}
    known = np.unique(np.concatenate(list(delays.values())))
    if not len(known):
        return 1 if stated is None else stated
    words = " and ".join(f"{_in_words(found)} bars by {name}" for name, found in delays.items() if len(found))
    if len(known) > 1 or known[0] < 1:
        raise DataError(
            f"forecasts of horizon {horizon} are traded {words} after they were issued; give one delay of at least 1"
            " bar: outcomes start at tradable_at and end at resolves_at, a horizon later"
        )
    if stated not in (None, known[0]):
        raise ConfigError(
            f"delay_bars={stated}, but the forecasts are traded {words} after they were issued; leave delay_bars out"
        )
    return int(known[0])


def _bars(panel: Panel, times: "pd.Series[pd.Timestamp]") -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Bar of the panel that closes at each time; NaN where there is no such bar."""
    bar = pd.DatetimeIndex(panel.closes_at).get_indexer(pd.DatetimeIndex(times))
    return np.where(bar < 0, np.nan, bar)


def _delays(issued: np.ndarray, traded: np.ndarray) -> IntArray:
    delays = traded - issued
    return np.unique(delays[np.isfinite(delays)]).astype(np.int64)


def _in_words(delays: IntArray) -> str:
    return f"{delays[0]}" if len(delays) == 1 else f"{delays[0]} to {delays[-1]}"


def bars_per_year(sessions: TimeArray) -> float:
    """Bars in a year of these sessions, shape (T,): about 252 on exchanges, 365 with weekends, 52 weekly, 12 monthly.

    Counted from session to session, in weekdays where no session falls on a weekend, so that a few sessions of one week
    make no longer year; gaps of missing data are left out.

    Examples
    --------
    >>> days = pd.bdate_range("2020-01-06", "2023-01-06").to_numpy("datetime64[us]")
    >>> round(bars_per_year(days)), round(bars_per_year(days[:4]))
    (261, 261)
    >>> round(bars_per_year(pd.date_range("2020-01-31", periods=40, freq="ME").to_numpy("datetime64[us]")))
    12
    """
    if len(sessions) < 2:
        raise DataError(f"{len(sessions)} sessions do not tell how many make a year; give more, or bars_per_year")
    days = sessions.astype("datetime64[D]")
    steps = np.diff(sessions) / np.timedelta64(1, "D")
    # Relative to the usual step, as a month between monthly bars is no gap.
    counted = steps <= _LONGEST_GAP * max(1.0, float(np.median(steps)))
    if np.is_busday(days).all() and (np.diff(days) > np.timedelta64(0, "D")).all():
        length, in_a_year = np.busday_count(days[:-1], days[1:]).astype(float), _DAYS_A_YEAR * 5 / 7
    else:
        length, in_a_year = steps, _DAYS_A_YEAR
    return float(counted.sum() / length[counted].sum() * in_a_year)
