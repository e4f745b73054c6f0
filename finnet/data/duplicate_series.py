"""Duplicate series: two symbols of a panel with the same history, on the same days or a day apart."""

import warnings

import numpy as np

from finnet.data.panel import Panel
from finnet.errors import FinnetWarning, LookAheadError
from finnet.types import BoolArray, FloatArray

__all__ = ["require_distinct_series"]

_ALIKE = 0.9999  # correlation of daily returns; two share classes of one company, or two funds of one index, stay below
_COMMON = 30  # sessions on which both must have moved
_SAMPLED = 1000  # sessions compared at most: the time grows with symbols squared


def require_distinct_series(panel: Panel) -> None:
    """Raise LookAheadError where one symbol moves as another did the session before, and warn of equal ones.

    Of such a pair one gives away the other's tomorrow: an exchange that closes later under the same date, a series
    whose dates are shifted, or one company under two names. Two symbols are compared by the correlation of their
    one-session returns on up to 1,000 sessions.

    Warns
    -----
    FinnetWarning
        Where two symbols have the same returns on the same days: one history would count twice.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> panel = made_market(symbols=2, sessions=60)
    >>> close = panel["close"].copy()
    >>> close[1:, 1] = close[:-1, 0]
    >>> require_distinct_series(panel.with_fields({"close": close}))
    Traceback (most recent call last):
    finnet.errors.LookAheadError: MADE001 moves as MADE000 did one session before, so that MADE000 gives away the next
    session of MADE001; mend the dates of one, or leave one out, for instance with exclude
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        close = np.where(panel["close"] > 0, panel["close"], np.nan)
        returns = np.diff(np.log(close), axis=0)
    step = max((len(returns) - 1) // _SAMPLED, 1)
    today, tomorrow = returns[:-1][::step], returns[1:][::step]
    if len(today) < _COMMON or panel.shape[1] < 2:
        return
    leads = np.argwhere(_alike(today, tomorrow))
    if len(leads):
        first, second = (panel.symbols[s] for s in leads[0])
        raise LookAheadError(
            f"{second} moves as {first} did one session before, so that {first} gives away the next session of"
            f" {second}{_others(len(leads))}; mend the dates of one, or leave one out, for instance with exclude"
        )
    equal = np.argwhere(np.triu(_alike(today, today), 1))
    if len(equal):
        first, second = (panel.symbols[s] for s in equal[0])
        warnings.warn(
            f"{first} and {second} have the same returns{_others(len(equal))}: one history counts twice; leave one out,"
            " for instance with exclude",
            FinnetWarning,
            stacklevel=3,
        )


def _others(count: int) -> str:
    return f" (and {count - 1} more pairs)" if count > 1 else ""


def _alike(a: FloatArray, b: FloatArray) -> BoolArray:
    """Whether each column of `a` correlates with each of `b` almost perfectly where both have moved, shape (S, S)."""
    (x, has_x), (y, has_y) = _standardized(a), _standardized(b)
    # All pairs at once by products of matrices: sums over the sessions on which both have moved, from which means,
    # spreads and the covariance of each pair follow.
    count = has_x.T @ has_y
    sum_x, sum_y = x.T @ has_y, has_x.T @ y
    common = np.maximum(count, 1.0)
    product = x.T @ y - sum_x * sum_y / common
    square_x, square_y = (x * x).T @ has_y - sum_x**2 / common, has_x.T @ (y * y) - sum_y**2 / common
    moves = (count >= _COMMON) & (square_x > 0) & (square_y > 0)
    # Correlation above the limit, multiplied out so that nothing is divided by zero.
    return np.asarray(moves & (product > _ALIKE * np.sqrt(np.abs(square_x * square_y))))


def _standardized(values: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Columns of mean 0 and spread 1, 0 where missing, unmoved or without spread; and where they hold a value."""
    moved = np.isfinite(values) & (values != 0)
    count = np.maximum(moved.sum(axis=0), 1)
    kept = np.where(moved, values, 0.0)
    centred = np.where(moved, kept - kept.sum(axis=0) / count, 0.0)
    spread = np.sqrt((centred**2).sum(axis=0) / count)
    scaled = np.divide(centred, spread, out=np.zeros_like(centred), where=spread > 1e-9)
    # Half the time of float64, and precise enough beside 1 - _ALIKE.
    return np.asarray(scaled, np.float32), np.asarray(moved & (spread > 1e-9), np.float32)
