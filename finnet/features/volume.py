"""Volume: how unusual it is, how it changes, and how much money changes hands."""

import numpy as np

from finnet.checks import require_at_least
from finnet.features.feature import Feature, PanelView
from finnet.features.rolling import change, rolling_mean, rolling_z
from finnet.types import FloatArray

__all__ = ["dollar_volume", "volume_change", "volume_z"]


def volume_z(window: int = 20) -> Feature:
    """Log volume less its mean over the last `window` bars, in its standard deviations over them.

    Bars without trade (volume 0) count as missing; NaN where volume does not vary.
    """
    require_at_least(window, 2, name="volume_z: window")
    return Feature(
        f"volume_z_{window}", window, ("volume",), lambda view: rolling_z(view.log("volume"), window), per_symbol=True
    )


def volume_change(bars: int = 1) -> Feature:
    """Logarithm of the volume over that of `bars` earlier."""
    require_at_least(bars, 1, name="volume_change: bars")
    return Feature(
        f"volume_change_{bars}", bars + 1, ("volume",), lambda view: change(view.log("volume"), bars), per_symbol=True
    )


def dollar_volume(window: int = 20) -> Feature:
    """Logarithm of the mean money traded per bar (close as traded times volume) over the last `window` bars.

    The close as traded is the field `raw_close`. An adjusted close holds every later split and dividend, so its product
    with the volume would rank a stock low years before it grows and splits.
    """
    require_at_least(window, 1, name="dollar_volume: window")

    def formula(view: PanelView) -> FloatArray:
        traded = rolling_mean(view["raw_close"] * view["volume"], window)
        return np.log(traded, out=np.full(view.shape, np.nan), where=traded > 0)

    return Feature(f"dollar_volume_{window}", window, ("raw_close", "volume"), formula, per_symbol=True)
