"""Momentum: how far a price has come for its volatility, and where it stands in its recent range."""

import numpy as np

from finnet.checks import require_at_least
from finnet.errors import ConfigError
from finnet.features.feature import Feature, PanelView
from finnet.features.returns import log_return
from finnet.features.rolling import change, ratio, rolling_max, rolling_min, rolling_sum, shifted
from finnet.features.volatility import volatility
from finnet.types import FloatArray

__all__ = ["drawdown", "momentum", "position_in_range", "rsi"]


def momentum(window: int = 60, skip: int = 0) -> Feature:
    """Log return from `window` bars ago to `skip` bars ago, in standard deviations of a return over as many bars.

    With `skip`, the reversal of the last days is left out, as in Jegadeesh and Titman (1993), Returns to buying winners
    and selling losers. The standard deviation is `volatility(window) * sqrt(window - skip)`.

    Examples
    --------
    >>> momentum(252, skip=21).name, momentum(60).look_back
    ('momentum_252_21', 61)
    """
    require_at_least(window, 2, name="momentum: window")
    if not 0 <= skip < window:
        raise ConfigError(f"momentum: skip={skip} is not within window={window}; use 0 to {window - 1}")

    def formula(view: PanelView) -> FloatArray:
        # The return over window - skip bars as it was `skip` bars ago: nothing later is read.
        moved = shifted(view.value(log_return(window - skip)), skip)
        return ratio(moved, view.value(volatility(window)) * np.sqrt(window - skip))

    name = f"momentum_{window}_{skip}" if skip else f"momentum_{window}"
    return Feature(name, window + 1, ("close",), formula, per_symbol=True)


def position_in_range(window: int = 60) -> Feature:
    """Place of the close between the lowest (0) and highest (1) of the last `window` closes; 0.5 if all are equal."""
    require_at_least(window, 2, name="position_in_range: window")

    def formula(view: PanelView) -> FloatArray:
        close = view["close"]
        low = rolling_min(close, window)
        return ratio(close - low, rolling_max(close, window) - low, otherwise=0.5)

    return Feature(f"position_in_range_{window}", window, ("close",), formula, per_symbol=True)


def drawdown(window: int = 252) -> Feature:
    """Logarithm of the close over the highest of the last `window` closes: 0 at a new high, else below."""
    require_at_least(window, 2, name="drawdown: window")

    def formula(view: PanelView) -> FloatArray:
        return view.log("close") - rolling_max(view.log("close"), window)

    return Feature(f"drawdown_{window}", window, ("close",), formula, per_symbol=True)


def rsi(window: int = 14) -> Feature:
    """Relative strength index: 100 times the rises of the last `window` bars over rises plus falls; 50 if none moved.

    Plain sums, as Cutler proposed, because the smoothing of Wilder (1978), New concepts in technical trading systems,
    never forgets and so has no look-back.
    """
    require_at_least(window, 1, name="rsi: window")

    def formula(view: PanelView) -> FloatArray:
        move = change(view["close"], 1)
        rise, moved = rolling_sum(np.maximum(move, 0.0), window), rolling_sum(np.abs(move), window)
        return 100.0 * ratio(rise, moved, otherwise=0.5)

    return Feature(f"rsi_{window}", window + 1, ("close",), formula, per_symbol=True)
