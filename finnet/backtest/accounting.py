"""Accounting: weights and prices become returns, turnover and the value of an account."""

from dataclasses import dataclass

import numpy as np

from finnet.backtest.costs import traded_share, trading_cost
from finnet.types import FloatArray

__all__ = ["Account", "bar_returns", "equity", "keep_account"]

# Sessions worked on at once, so that their arrays stay in the processor's cache.
_BLOCK = 64


def bar_returns(close: FloatArray) -> FloatArray:
    """Return from each close to the next, shape (T, S): row t is the return of bar t, row 0 is 0.

    A symbol without a close returns 0, and the whole move once it has one again.

    Examples
    --------
    >>> bar_returns(np.array([[100.0], [np.nan], [110.0]]))[:, 0].round(4)
    array([0. , 0. , 0.1])
    """
    filled = _forward_filled(close)
    out = np.zeros_like(filled)
    np.divide(filled[1:], filled[:-1], out=out[1:])
    out[1:] -= 1.0
    return out if np.isfinite(out).all() else np.where(np.isfinite(out), out, 0.0)


def _forward_filled(close: FloatArray) -> FloatArray:
    priced = np.isfinite(close)
    if priced.all():
        return close
    last = np.maximum.accumulate(np.where(priced, np.arange(len(close))[:, None], 0), axis=0)
    return np.take_along_axis(close, last, axis=0)


@dataclass(frozen=True, eq=False)
class Account:
    """What happened on each bar, arrays of shape (T,).

    Parameters
    ----------
    gross : ndarray
        Return of the bar before cost, on the weights held since the close before. An account that loses all, which
        short positions can bring about, ends there: -1, then 0 without positions or trades.
    turnover : ndarray
        Share of the account traded at the close of the bar.
    net : ndarray
        Return after the cost of that trade: (1 + gross)(1 - cost) - 1.
    exposure : ndarray
        Sum of absolute weights held over the bar.
    """

    gross: FloatArray
    turnover: FloatArray
    net: FloatArray
    exposure: FloatArray


def keep_account(held: FloatArray, returns: FloatArray, *, cost_bps: float) -> Account:
    """The account of one who holds `held` after each close, starting from cash.

    Prices move the weights between two closes; at each close the account is brought back to the weights wanted, and
    what that trades is paid for.

    Parameters
    ----------
    held : ndarray of shape (T, S)
        Weights (fractions of the account, negative for short) after each close.
    returns : ndarray of shape (T, S)
        Return of each bar, from the close before, without NaN.
    cost_bps : float
        Of the value traded, in basis points.

    Examples
    --------
    >>> account = keep_account(np.array([[1.0], [1.0]]), np.array([[0.0], [0.1]]), cost_bps=10)
    >>> account.gross, account.turnover
    (array([0. , 0.1]), array([1., 0.]))
    """
    gross, turnover, exposure = np.zeros(len(held)), np.zeros(len(held)), np.zeros(len(held))
    turnover[0] = np.abs(held[0]).sum()
    for start in range(1, len(held), _BLOCK):
        bars = slice(start, start + _BLOCK)
        before = held[start - 1 : start + _BLOCK - 1][: len(held[bars])]
        moved = before * returns[bars]
        gross[bars] = np.maximum(moved.sum(axis=1), -1.0)
        moved += before
        moved /= np.where(gross[bars] > -1.0, 1.0 + gross[bars], 1.0)[:, None]
        turnover[bars] = traded_share(moved, held[bars])
        exposure[bars] = np.abs(before).sum(axis=1)
    ruined = np.maximum.accumulate(gross <= -1.0)
    turnover[ruined] = 0.0
    gross[1:][ruined[:-1]] = exposure[1:][ruined[:-1]] = 0.0
    net = (1.0 + gross) * (1.0 - trading_cost(turnover, cost_bps)) - 1.0
    return Account(gross, turnover, net, exposure)


def equity(returns: FloatArray, *, start: float = 1.0) -> FloatArray:
    """Value of the account after each bar, shape (T,): `start` times the running product of 1 + return.

    Examples
    --------
    >>> equity(np.array([0.0, 0.1, -0.5]), start=100.0)
    array([100., 110.,  55.])
    """
    return start * np.cumprod(1.0 + returns)
