"""Volatility: spread of returns, how it changes, its measure from daily ranges, and lopsidedness."""

import numpy as np

from finnet.checks import require_at_least
from finnet.errors import ConfigError
from finnet.features.feature import Feature, PanelView
from finnet.features.returns import log_return
from finnet.features.rolling import ratio, rolling_mean, rolling_skewness, rolling_std
from finnet.types import FloatArray

__all__ = ["range_", "skewness", "volatility", "volatility_ratio"]


def volatility(window: int = 20) -> Feature:
    """Sample standard deviation of the last `window` one-bar log returns, per bar.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> volatility(20).look_back, bool(abs(volatility(20).compute(made_market())[-1].mean() - 0.01) < 0.001)
    (21, True)
    """
    require_at_least(window, 2, name="volatility: window")
    return Feature(
        f"volatility_{window}",
        window + 1,
        ("close",),
        lambda view: rolling_std(view.value(log_return()), window),
        per_symbol=True,
    )


def volatility_ratio(fast: int = 5, slow: int = 20) -> Feature:
    """Logarithm of the volatility of the last `fast` bars over that of the last `slow`; above 0 where it rises."""
    require_at_least(fast, 2, name="volatility_ratio: fast")
    if not fast < slow:
        raise ConfigError(f"volatility_ratio: fast={fast} is not below slow={slow}; use for instance fast=5, slow=20")

    def formula(view: PanelView) -> FloatArray:
        share = ratio(view.value(volatility(fast)), view.value(volatility(slow)))
        # Prices that stand still have no volatility, and its logarithm would be minus infinity.
        return np.log(share, out=np.full(view.shape, np.nan), where=share > 0)

    return Feature(f"volatility_ratio_{fast}_{slow}", slow + 1, ("close",), formula, per_symbol=True)


def range_(window: int = 20) -> Feature:
    """Volatility per bar from the daily ranges: sqrt(mean(log(high / low)^2) / (4 log 2)) over `window` bars.

    Source: Parkinson (1980), The extreme value method for estimating the variance of the rate of return.
    """
    require_at_least(window, 1, name="range: window")

    def formula(view: PanelView) -> FloatArray:
        width = view.log("high") - view.log("low")
        spread: FloatArray = np.sqrt(rolling_mean(width * width, window) / (4.0 * np.log(2.0)))
        return spread

    return Feature(f"range_{window}", window, ("high", "low"), formula, per_symbol=True)


def skewness(window: int = 60) -> Feature:
    """Skewness of the last `window` one-bar log returns, below 0 where falls are sharper; see `rolling_skewness`."""
    require_at_least(window, 3, name="skewness: window")
    return Feature(
        f"skewness_{window}",
        window + 1,
        ("close",),
        lambda view: rolling_skewness(view.value(log_return()), window),
        per_symbol=True,
    )
