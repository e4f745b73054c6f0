"""FeatureSet: several features computed in one go, and the names under which job files know them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import signature
from typing import Self

import numpy as np

from finnet.checks import nearest
from finnet.data.panel import Panel
from finnet.errors import ConfigError
from finnet.features.calendar import day_of_month, days_since_last, month, weekday
from finnet.features.cross_section import beta, market, rank, residual
from finnet.features.feature import Feature, PanelView
from finnet.features.momentum import drawdown, momentum, position_in_range, rsi
from finnet.features.returns import close_location, intraday, log_return, overnight
from finnet.features.sentiment import sentiment, sentiment_change, sentiment_mean, sentiment_z
from finnet.features.spot_check import require_sound
from finnet.features.volatility import range_, skewness, volatility, volatility_ratio
from finnet.features.volume import dollar_volume, volume_change, volume_z
from finnet.plugins import called, is_plugin, load_plugin
from finnet.types import FloatArray

__all__ = ["CROSS_SECTION", "FAMILIES", "STANDARD", "FeatureSet", "feature_meaning", "feature_named", "is_finnets"]

FAMILIES: dict[str, Callable[..., Feature]] = {
    "return": log_return,
    "overnight": overnight,
    "intraday": intraday,
    "close_location": close_location,
    "volatility": volatility,
    "volatility_ratio": volatility_ratio,
    "range": range_,
    "skewness": skewness,
    "momentum": momentum,
    "position_in_range": position_in_range,
    "drawdown": drawdown,
    "rsi": rsi,
    "volume_z": volume_z,
    "volume_change": volume_change,
    "dollar_volume": dollar_volume,
    "sentiment": sentiment,
    "sentiment_change": sentiment_change,
    "sentiment_mean": sentiment_mean,
    "sentiment_z": sentiment_z,
    "weekday": weekday,
    "month": month,
    "day_of_month": day_of_month,
    "days_since_last": days_since_last,
    "beta": beta,
    "residual": residual,
    "rank": rank,
    "market": market,
}

# For one or a few symbols with close and volume.
STANDARD = (
    "return_1",
    "return_5",
    "return_20",
    "return_60",
    "volatility_5",
    "volatility_20",
    "volatility_60",
    "volatility_ratio_5_20",
    "skewness_60",
    "momentum_60",
    "position_in_range_60",
    "drawdown_60",
    "rsi_14",
    "volume_z_20",
    "volume_change_1",
    "volume_change_5",
    "weekday",
    "month",
)

# For panels of many symbols with close and volume, where what counts is who is above whom.
CROSS_SECTION = (
    "rank_return_1",
    "rank_return_5",
    "rank_return_20",
    "rank_residual_5_60",
    "rank_momentum_252_21",
    "rank_momentum_60",
    "rank_volatility_20",
    "rank_volatility_60",
    "rank_volatility_ratio_5_20",
    "rank_skewness_60",
    "rank_beta_60",
    "rank_position_in_range_60",
    "rank_rsi_14",
    "rank_volume_z_20",
    "rank_volume_change_5",
    "rank_dollar_volume_20",
    "market_return_5",
    "market_return_20",
    "market_volatility_20",
)


@dataclass(frozen=True)
class FeatureSet:
    """Features that are computed together, in this order.

    Parameters
    ----------
    features : tuple of Feature
        At least one; two of the same name raise ConfigError.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> features = FeatureSet.of(["return_1", "volatility_20", "rank_return_5"])
    >>> features.look_back, features.compute(made_market(symbols=3, sessions=30)).shape
    (21, (30, 3, 3))
    """

    features: tuple[Feature, ...]

    def __post_init__(self) -> None:
        if not self.features:
            raise ConfigError("a feature set needs at least one feature; use for instance STANDARD")
        twice = [name for name in self.names if self.names.count(name) > 1]
        if twice:
            raise ConfigError(f"feature {twice[0]!r} stands twice; name it once")

    @classmethod
    def of(cls, names: Sequence[str]) -> Self:
        """The features of these names, for instance those of STANDARD."""
        return cls(tuple(feature_named(name) for name in names))

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(feature.name for feature in self.features)

    @property
    def look_back(self) -> int:
        """Bars that the longest feature needs, the current one included."""
        return max(feature.look_back for feature in self.features)

    def require_no_look_ahead(self, panel: Panel) -> None:
        """Raise LookAheadError unless every feature that is not finnet's own passes `require_sound` on this panel."""
        for feature in self.features:
            if not is_finnets(feature):
                require_sound(feature, panel)

    def compute(self, panel: Panel) -> FloatArray:
        """Values in float32, shape (T, S, F), NaN where missing; DataError where the panel lacks a field."""
        view = PanelView(panel)
        # Feature by feature in memory, as each is written at once; what is returned is a view with features last.
        planes = np.empty((len(self.features), *panel.shape), np.float32)
        for plane, feature in zip(planes, self.features, strict=True):
            view.write(feature, out=plane)
        return np.moveaxis(planes, 0, -1)


def feature_named(text: str) -> Feature:
    """The feature of a name: a family, then its field if it reads one, then its bars; what is left out has a default.

    `feature_named(feature.name)` is that feature again. "rank_" and "market_" stand before the name of any other.
    `package.module:name` is a user's own Feature, or a function that makes one. Anything else raises ConfigError with
    the nearest known name.

    Examples
    --------
    >>> feature_named("volatility_ratio_5_20")
    Feature(name='volatility_ratio_5_20', look_back=21, fields=('close',))
    >>> feature_named("rank_sentiment_change_vix_5").fields
    ('vix',)
    >>> feature_named("volatilty_20")
    Traceback (most recent call last):
    finnet.errors.ConfigError: feature 'volatilty_20' is not known; did you mean 'volatility_20'?
    """
    if is_plugin(text):
        found = load_plugin(text)
        own = called(text, found) if callable(found) and not isinstance(found, Feature) else found
        if not isinstance(own, Feature):
            raise ConfigError(f"{text!r} is no Feature and makes none; see finnet.features.feature.Feature")
        return own
    family, words = _family_of(text)
    if family in _OF_ANOTHER:
        return FAMILIES[family](feature_named("_".join(words)))
    return FAMILIES[family](**_arguments(text, FAMILIES[family], words))


def is_finnets(feature: Feature) -> bool:
    """Whether a feature is as `feature_named` makes it, so that finnet's tests have checked that it never looks ahead.

    Examples
    --------
    >>> from finnet.features.cross_section import rank
    >>> own = Feature("return_1", 2, ("close",), lambda view: view["close"])
    >>> is_finnets(rank(feature_named("return_1"))), is_finnets(own), is_finnets(rank(own))
    (True, False, False)
    """
    if feature.of is not None and not is_finnets(feature.of):
        return False
    try:
        own = feature_named(feature.name)
    except ConfigError:
        return False
    # Formulas are made anew each time, but the code of those that one family makes is one object.
    return own == feature and getattr(feature.formula, "__code__", None) is getattr(own.formula, "__code__", own)


def feature_meaning(name: str) -> str:
    """What a feature says, in the words of its family.

    Examples
    --------
    >>> feature_meaning("rank_volume_change_5")
    'Rank among the members of the session: logarithm of the volume over that of 5 bars earlier.'
    """
    if not any(f"{name}_".startswith(f"{family}_") for family in FAMILIES):
        return "Of the user's own code."
    family, words = _family_of(name)
    if family in _OF_ANOTHER:
        inner = feature_meaning("_".join(words))
        return f"{_OF_ANOTHER[family]}: {inner[0].lower()}{inner[1:]}"
    given = signature(FAMILIES[family]).bind(**_arguments(name, FAMILIES[family], words))
    given.apply_defaults()
    sentence = (FAMILIES[family].__doc__ or "").split("\n")[0]
    for argument, value in given.arguments.items():
        unit = (" bar" if value == 1 else " bars") if argument == "bars" else ""
        sentence = sentence.replace(f"`{argument}`", f"{value}{unit}")
    return re.sub(r"(; | \()see `\w+`\)?", "", sentence)


_OF_ANOTHER = {"rank": "Rank among the members of the session", "market": "Mean over the members of the session"}


def _family_of(text: str) -> tuple[str, list[str]]:
    """The longest family that a name starts with, and the words after it."""
    fitting = [family for family in FAMILIES if f"{text}_".startswith(f"{family}_")]
    if not fitting:
        raise _unknown(text)
    # "volatility_ratio_5_20" starts with "volatility" too.
    family = max(fitting, key=len)
    return family, [word for word in text.removeprefix(family).removeprefix("_").split("_") if word]


def _arguments(text: str, factory: Callable[..., Feature], words: list[str]) -> dict[str, str | int]:
    """Arguments of a factory from the words after the family: numbers from the right, the rest is the field."""
    kinds = {name: parameter.annotation for name, parameter in signature(factory).parameters.items()}
    numbers: list[int] = []
    while words and words[-1].isdecimal() and len(numbers) < list(kinds.values()).count(int):
        # From the right, as a field may end with a number of its own.
        numbers.insert(0, int(words.pop()))
    if words and str not in kinds.values():
        raise _unknown(text)
    arguments: dict[str, str | int] = {"field": "_".join(words)} if words else {}
    names = [name for name, kind in kinds.items() if kind is int]
    return arguments | dict(zip(names, numbers, strict=False))


def _unknown(text: str) -> ConfigError:
    plain = [factory().name for family, factory in FAMILIES.items() if family not in ("rank", "market")]
    return ConfigError(f"feature {text!r} is not known; {nearest(text, {*plain, *STANDARD, *CROSS_SECTION})}")
