"""Returns: over several bars, over night, within the session, and where in its range a bar closed."""

from finnet.checks import require_at_least
from finnet.features.feature import Feature, PanelView
from finnet.features.rolling import change, ratio, shifted
from finnet.types import FloatArray

__all__ = ["close_location", "intraday", "log_return", "overnight"]


def log_return(bars: int = 1) -> Feature:
    """Logarithm of the close over the close `bars` earlier; NaN where either is missing.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> log_return(5).name, log_return(5).look_back, log_return(5).compute(made_market(symbols=2, sessions=9)).shape
    ('return_5', 6, (9, 2))
    """
    require_at_least(bars, 1, name="return: bars")
    return Feature(
        f"return_{bars}", bars + 1, ("close",), lambda view: change(view.log("close"), bars), per_symbol=True
    )


def overnight() -> Feature:
    """Log return from the last close to the open."""

    def formula(view: PanelView) -> FloatArray:
        return view.log("open") - shifted(view.log("close"), 1)

    return Feature("overnight", 2, ("open", "close"), formula, per_symbol=True)


def intraday() -> Feature:
    """Log return from the open to the close."""
    return Feature("intraday", 1, ("open", "close"), lambda view: view.log("close") - view.log("open"), per_symbol=True)


def close_location() -> Feature:
    """Where between low and high the bar closed: 0 at the low, 1 at the high, 0.5 where they are equal."""

    def formula(view: PanelView) -> FloatArray:
        return ratio(view["close"] - view["low"], view["high"] - view["low"], otherwise=0.5)

    return Feature("close_location", 1, ("close", "high", "low"), formula, per_symbol=True)
