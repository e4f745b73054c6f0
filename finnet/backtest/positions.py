"""Positions: rules that turn forecasts into weights, and the tranches in which they are held."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy.stats import rankdata

from finnet.checks import require_at_least
from finnet.errors import ConfigError
from finnet.types import BoolArray, FloatArray

__all__ = ["LongFlat", "LongShort", "PositionRule", "TopBottom", "equal_weights", "held_weights"]


class PositionRule(Protocol):
    """Anything that turns the forecasts of each session into weights."""

    def weights(self, forecast: FloatArray) -> FloatArray:
        """Weights (fractions of the account) of forecasts of shape (T, S); 0 where the forecast is NaN."""
        ...


def equal_weights(chosen: BoolArray, among: BoolArray) -> FloatArray:
    """1 / (number in `among` that session) where chosen, else 0, shape (T, S) as both arrays.

    Examples
    --------
    >>> equal_weights(np.array([[True, False]]), np.array([[True, True]]))
    array([[0.5, 0. ]])
    """
    return np.asarray(chosen / np.maximum(among.sum(axis=1, keepdims=True), 1))


def _require_zone(threshold: float, dead_zone: float) -> None:
    require_at_least(dead_zone, 0, name="dead_zone")
    if not np.isfinite(threshold):
        raise ConfigError(f"threshold={threshold} is not a number; use 0.5 for probabilities")


@dataclass(frozen=True)
class LongFlat:
    """Hold a symbol while its forecast is above the threshold, else cash; each gets 1/n of the account.

    n counts the symbols forecast that session, so the weights sum to the share of symbols held.

    Parameters
    ----------
    threshold : float
        0.5 for probabilities; 0 for forecasts of the mean return.

    Examples
    --------
    >>> LongFlat().weights(np.array([[0.6, 0.4, np.nan]]))
    array([[0.5, 0. , 0. ]])
    """

    threshold: float = 0.5

    def __post_init__(self) -> None:
        _require_zone(self.threshold, 0.0)

    def weights(self, forecast: FloatArray) -> FloatArray:
        """Weights of shape (T, S), all >= 0 and summing to at most 1."""
        return equal_weights(forecast > self.threshold, np.isfinite(forecast))


@dataclass(frozen=True)
class LongShort:
    """Buy a symbol forecast above the threshold, sell short one below, each with 1/n of the account.

    n counts the symbols forecast that session, so the absolute weights sum to at most 1.

    Parameters
    ----------
    threshold : float
        0.5 for probabilities; 0 for forecasts of the mean return.
    dead_zone : float
        Forecasts no further than this from the threshold mean cash.

    Examples
    --------
    >>> LongShort().weights(np.array([[0.6, 0.4, np.nan]]))
    array([[ 0.5, -0.5,  0. ]])
    """

    threshold: float = 0.5
    dead_zone: float = 0.0

    def __post_init__(self) -> None:
        _require_zone(self.threshold, self.dead_zone)

    def weights(self, forecast: FloatArray) -> FloatArray:
        """Weights of shape (T, S), in [-1, 1]."""
        among = np.isfinite(forecast)
        bought = equal_weights(forecast > self.threshold + self.dead_zone, among)
        return bought - equal_weights(forecast < self.threshold - self.dead_zone, among)


@dataclass(frozen=True)
class TopBottom:
    """Buy the symbols with the highest forecasts, sell short those with the lowest, half the account on each side.

    Equal forecasts share a rank, so a session in which all are equal holds nothing. Where that leaves one side empty,
    the other stays empty too: as much is sold short as bought.

    Parameters
    ----------
    share : float
        Share of the symbols forecast that session on each side, in (0, 0.5]; at least one symbol.

    Examples
    --------
    >>> TopBottom(share=0.25).weights(np.array([[0.1, 0.9, 0.5, 0.4], [0.3, 0.3, 0.3, 0.3]]))
    array([[-0.5,  0.5,  0. ,  0. ],
           [ 0. ,  0. ,  0. ,  0. ]])
    """

    share: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.share <= 0.5:
            raise ConfigError(f"share={self.share} is not in (0, 0.5]; use for instance 0.1")

    def weights(self, forecast: FloatArray) -> FloatArray:
        """Weights of shape (T, S): both sides sum to 0.5 in size, or to 0."""
        n = np.isfinite(forecast).sum(axis=1, keepdims=True)
        rank = rankdata(forecast, axis=1, nan_policy="omit")
        share = np.maximum(self.share, 1.0 / np.maximum(n, 1))
        # The middle of each rank's place in (0, 1), so that top and bottom are cut alike.
        place = (rank - 0.5) / np.maximum(n, 1)
        top, bottom = place > 1.0 - share, place < share
        # A single symbol stands on both sides, and then belongs to neither.
        top, bottom = top & ~bottom, bottom & ~top
        both = top.any(axis=1, keepdims=True) & bottom.any(axis=1, keepdims=True)
        return np.where(both, 0.5 * (equal_weights(top, top) - equal_weights(bottom, bottom)), 0.0)


def held_weights(decided: FloatArray, issued: BoolArray, *, horizon: int, delay_bars: int) -> FloatArray:
    """Weights held after each close: the mean of the decisions that are alive then.

    A decision at t is traded at the close of t + delay_bars and lives `horizon` bars, so it earns the returns of
    t + delay_bars + 1 to t + delay_bars + horizon. With a decision on every bar each is a tranche of 1/horizon.

    Parameters
    ----------
    decided : ndarray of shape (T, S)
        Weights decided at each close.
    issued : ndarray of bool, shape (T,)
        Whether there was a decision.

    Returns
    -------
    ndarray of shape (T, S)

    Examples
    --------
    >>> decided = np.array([[1.0], [0.0], [0.0], [0.0], [0.0]])
    >>> held_weights(decided, np.array([True, True, False, False, False]), horizon=2, delay_bars=1)[:, 0]
    array([0. , 1. , 0.5, 0. , 0. ])
    """
    require_at_least(horizon, 1, name="horizon")
    # A close that makes the forecast cannot also be traded.
    require_at_least(delay_bars, 1, name="delay_bars")
    total, alive = np.zeros_like(decided), np.zeros(len(decided))
    # Over the decisions alive, not the horizon: one that comes every fifth bar and lives five is the whole account.
    for lag in range(delay_bars, min(delay_bars + horizon, len(decided))):
        total[lag:] += decided[:-lag]
        alive[lag:] += issued[:-lag]
    return total / np.maximum(alive, 1)[:, None]
