"""Accounting: weights wanted and returns become weights held, turnover and the value of an account."""

from dataclasses import dataclass

import numpy as np

from finnet.backtest.costs import traded_share, trading_cost
from finnet.types import BoolArray, FloatArray

__all__ = ["Account", "equity", "keep_account"]


@dataclass(frozen=True, eq=False)
class Account:
    """What happened on each bar, arrays of shape (T,) but for `held`.

    Parameters
    ----------
    held : ndarray of shape (T, S)
        Weights after each close.
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

    held: FloatArray
    gross: FloatArray
    turnover: FloatArray
    net: FloatArray
    exposure: FloatArray


def keep_account(
    wanted: FloatArray, returns: FloatArray, *, cost_bps: float, can_trade: BoolArray | None = None
) -> Account:
    """The account of one who wants to hold `wanted` after each close, starting from cash.

    Prices move the weights between two closes; at each close the account is brought back to the weights wanted, as far
    as symbols can be traded, and what that trades is paid for. A position that cannot be traded waits, and the others
    give way to it: together they take no more than the account, or than the weights wanted where those take more.

    Parameters
    ----------
    wanted : ndarray of shape (T, S)
        Weights (fractions of the account, negative for short) after each close.
    returns : ndarray of shape (T, S)
        Return of each bar, from the close before, without NaN.
    cost_bps : float
        Of the value traded, in basis points.
    can_trade : ndarray of bool, shape (T, S), optional
        Whether a symbol can be traded at each close; always by default.

    Examples
    --------
    >>> account = keep_account(np.array([[1.0], [1.0]]), np.array([[0.0], [0.1]]), cost_bps=10)
    >>> account.gross, account.turnover
    (array([0. , 0.1]), array([1., 0.]))

    A symbol that cannot be sold leaves half the account to the other:

    >>> wanted, can_trade = np.array([[0.5, 0.5], [0.0, 1.0]]), np.array([[True, True], [False, True]])
    >>> keep_account(wanted, np.zeros((2, 2)), cost_bps=0, can_trade=can_trade).held[1]
    array([0.5, 0.5])
    """
    tradable = np.ones(wanted.shape, bool) if can_trade is None else can_trade
    all_trade, held = np.asarray(tradable.all(axis=1)), np.zeros_like(wanted, float)
    gross, turnover, exposure = np.zeros(len(wanted)), np.zeros(len(wanted)), np.zeros(len(wanted))
    before: FloatArray = np.zeros(wanted.shape[1])
    for t in range(len(wanted)):
        # The bar is earned on the weights of the close before, and only then is there trade at its own close.
        gained = before * returns[t]
        exposure[t], gross[t] = np.abs(before).sum(), max(gained.sum(), -1.0)
        if gross[t] <= -1.0:
            break
        # Prices have moved the weights: each is now the value of its symbol over that of the account.
        moved = (before + gained) / (1.0 + gross[t])
        held[t] = wanted[t] if all_trade[t] else _within_reach(wanted[t], moved, tradable[t])
        before, turnover[t] = held[t], traded_share(moved, held[t])
    net = (1.0 + gross) * (1.0 - trading_cost(turnover, cost_bps)) - 1.0
    return Account(held, gross, turnover, net, exposure)


def _within_reach(wanted: FloatArray, moved: FloatArray, can_trade: BoolArray) -> FloatArray:
    """The weights wanted of what can be traded, less where what cannot be takes their room."""
    waiting, asked = np.where(can_trade, 0.0, moved), np.where(can_trade, wanted, 0.0)
    # A rule may ask for more than the account, on both sides together, and may then have as much as it asked for.
    room = max(1.0, np.abs(wanted).sum()) - np.abs(waiting).sum()
    return np.asarray(waiting + asked * min(1.0, max(room, 0.0) / max(np.abs(asked).sum(), 1e-12)))


def equity(returns: FloatArray, *, start: float = 1.0) -> FloatArray:
    """Value of the account after each bar, shape (T,): `start` times the running product of 1 + return.

    Parameters
    ----------
    returns : ndarray of shape (T,)
        After cost or before, oldest first.

    Examples
    --------
    >>> equity(np.array([0.0, 0.1, -0.5]), start=100.0)
    array([100., 110.,  55.])
    """
    return start * np.cumprod(1.0 + returns)
