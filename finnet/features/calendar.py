"""Calendar: what the date of the session says, the same for all symbols."""

import numpy as np
import pandas as pd

from finnet.features.feature import Feature, PanelView
from finnet.types import FloatArray

__all__ = ["day_of_month", "days_since_last", "month", "weekday"]


def weekday() -> Feature:
    """Day of the week, Monday 0 to Sunday 6.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> weekday().compute(made_market(symbols=1, sessions=6))[:, 0]
    array([0., 1., 2., 3., 4., 0.])
    """
    return Feature("weekday", 1, (), lambda view: _broadcast(view, _dates(view).day_of_week), per_symbol=True)


def month() -> Feature:
    """Month, January 1 to December 12."""
    return Feature("month", 1, (), lambda view: _broadcast(view, _dates(view).month), per_symbol=True)


def day_of_month() -> Feature:
    """Day of the month, 1 to 31."""
    return Feature("day_of_month", 1, (), lambda view: _broadcast(view, _dates(view).day), per_symbol=True)


def days_since_last() -> Feature:
    """Calendar days since the session before: 1 from day to day, 3 over a weekend; NaN in the first session."""

    def formula(view: PanelView) -> FloatArray:
        gaps = np.diff(view.sessions) / np.timedelta64(1, "D")
        return _broadcast(view, np.concatenate([[np.nan], gaps])[: len(view.sessions)])

    return Feature("days_since_last", 2, (), formula, per_symbol=True)


def _dates(view: PanelView) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(view.sessions)


def _broadcast(view: PanelView, values: "FloatArray | pd.Index[int]") -> FloatArray:
    """One value per session, shape (T,), for every symbol, shape (T, S)."""
    # All columns are one in memory, so that the array cannot be written to.
    return np.broadcast_to(np.asarray(values, np.float64)[:, None], view.shape)
