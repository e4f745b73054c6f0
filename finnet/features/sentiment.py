"""Sentiment: a score joined as of the close, its change, its recent mean and how unusual it is.

Any field of a Panel will do: scores of texts, a credit spread, an implied volatility; but the level of an adjusted
price, which holds all later splits and dividends, is refused. In names the field follows the
family, "sentiment_change_vix_5"; it is left out where it is called "sentiment", "sentiment_change_5".
"""

from finnet.checks import require_at_least
from finnet.data.panel import ADJUSTED_PRICES
from finnet.errors import ConfigError
from finnet.features.feature import Feature
from finnet.features.rolling import change, rolling_mean, rolling_z

__all__ = ["sentiment", "sentiment_change", "sentiment_mean", "sentiment_z"]


def sentiment(field: str = "sentiment") -> Feature:
    """The score itself, in its own unit.

    Examples
    --------
    >>> sentiment().name, sentiment("vix").name
    ('sentiment', 'sentiment_vix')
    """
    _require_no_price(field, family="sentiment")
    return Feature(_name("sentiment", field), 1, (field,), lambda view: view[field], per_symbol=True)


def sentiment_change(field: str = "sentiment", bars: int = 5) -> Feature:
    """The score less that of `bars` earlier."""
    require_at_least(bars, 1, name="sentiment_change: bars")
    _require_no_price(field, family="sentiment_change")
    return Feature(
        _name("sentiment_change", field, bars),
        bars + 1,
        (field,),
        lambda view: change(view[field], bars),
        per_symbol=True,
    )


def sentiment_mean(field: str = "sentiment", window: int = 5) -> Feature:
    """Mean of the scores of the last `window` bars; one score is enough, for many days have no news."""
    require_at_least(window, 1, name="sentiment_mean: window")
    _require_no_price(field, family="sentiment_mean")
    return Feature(
        _name("sentiment_mean", field, window),
        window,
        (field,),
        lambda view: rolling_mean(view[field], window, min_share=0.0),
        per_symbol=True,
    )


def sentiment_z(field: str = "sentiment", window: int = 60) -> Feature:
    """The score less its mean over the last `window` bars, in its standard deviations over them."""
    # Adjusted prices are allowed: a later split multiplies value, mean and deviation alike, and drops out.
    require_at_least(window, 2, name="sentiment_z: window")
    return Feature(
        _name("sentiment_z", field, window),
        window,
        (field,),
        lambda view: rolling_z(view[field], window),
        per_symbol=True,
    )


def _require_no_price(field: str, *, family: str) -> None:
    if field in ADJUSTED_PRICES:
        raise ConfigError(
            f"{family}: field={field!r} is an adjusted price, whose level holds all later splits and dividends; use a"
            f" ratio such as return_5, drawdown_60, position_in_range_60 or sentiment_z_{field}_60"
        )


def _name(family: str, field: str, *bars: int) -> str:
    words = [family, *([] if field == "sentiment" else [field]), *map(str, bars)]
    return "_".join(words)
