"""Costs of trading: how much is traded, and what that takes from the account."""

import numpy as np

from finnet.checks import require_at_least
from finnet.types import FloatArray

__all__ = ["traded_share", "trading_cost"]


def traded_share(before: FloatArray, after: FloatArray) -> FloatArray:
    """Value bought and sold, as a share of the account: sum of |after - before| over symbols.

    A full purchase or a full sale is 1, a switch from one symbol to another is 2.

    Parameters
    ----------
    before, after : ndarray of shape (T, S)
        Weights (fractions of the account) just before and just after trading.

    Examples
    --------
    >>> traded_share(np.array([[0.0, 0.0], [1.0, 0.0]]), np.array([[1.0, 0.0], [0.0, 1.0]]))
    array([1., 2.])
    """
    return np.asarray(np.abs(after - before).sum(axis=-1))


def trading_cost(turnover: FloatArray, cost_bps: float) -> FloatArray:
    """Share of the account that trading takes, of the shape of `turnover`: turnover times cost_bps / 10,000.

    `cost_bps` covers commission, half the spread and impact, in basis points of the value traded; lending fees of short
    positions and interest on cash are not charged.

    Examples
    --------
    >>> trading_cost(np.array([1.0, 2.0]), 10.0)
    array([0.001, 0.002])
    """
    require_at_least(cost_bps, 0, name="cost_bps")
    return turnover * (cost_bps / 10_000.0)
