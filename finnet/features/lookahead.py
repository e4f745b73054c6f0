"""Look-ahead: proof that a feature knows nothing of later bars and looks back no further than it says.

Each check computes the feature on two panels that differ only in what it must not see, and compares. `build_dataset`
runs all of them on a slice of its panel for every feature that is not finnet's own; the tests run them over finnet's.
What they cannot see: a leak that stands in a field of the panel itself, and a table from outside that is read by month
and day or by symbol alone.
"""

import warnings
from collections.abc import Sequence

import numpy as np

from finnet.data.panel import Panel
from finnet.errors import LookAheadError, UndecidedError
from finnet.features.feature import Feature, PanelView
from finnet.features.other_panels import (
    in_other_years,
    other_futures,
    part_of,
    restated,
    with_noise_in_last_digits,
    with_other_values,
)
from finnet.types import BoolArray, FloatArray

__all__ = [
    "require_blind_to_future",
    "require_each_symbol_alone",
    "require_look_back",
    "require_no_look_ahead",
    "require_nothing_outside",
    "require_same_on_prefixes",
    "require_same_when_restated",
]

_TOLERANCE = 1e-10  # relative; cumulative sums may round differently after another start
_RESTATED = 1e-6  # relative; the logarithm of a price rounds differently after it is multiplied, its level moves by 5 %


def require_no_look_ahead(
    feature: Feature, panel: Panel, *, seed: int = 0, sessions: Sequence[int] = (), tolerance: float = 0.0
) -> None:
    """Raise LookAheadError unless the feature passes all checks of this module on this panel.

    Parameters
    ----------
    feature : Feature
    panel : Panel
        Small, for the feature is computed about five times per session that is checked, and longer than the look-back.
        Gaps in it find fill-ins from later bars.
    seed : int
        Of the noise.
    sessions : sequence of int
        Row numbers of the sessions at which the feature is cut off, all of them by default.
    tolerance : float
        Relative difference that is no look-ahead, 0 by default: matrix products round differently in other shapes.

    Raises
    ------
    LookAheadError
        Naming symbol, day and both values where one moves that must not.
    UndecidedError
        Where a check cannot decide, because the formula fails, gives other values each time or no value at all, or
        reads what is not in the panel.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> tomorrow = Feature("tomorrow", 1, ("close",), lambda view: np.roll(view["close"], -1, axis=0))
    >>> require_no_look_ahead(tomorrow, made_market(symbols=1, sessions=5))
    Traceback (most recent call last):
    finnet.errors.LookAheadError: feature 'tomorrow' of MADE000 on 2015-01-05: ... ends there; it looks ahead
    """
    _require_repeatable(feature, panel)
    require_same_on_prefixes(feature, panel, sessions=sessions, tolerance=tolerance)
    require_look_back(feature, panel, sessions=sessions)
    for t in sessions or range(len(panel.sessions)):
        require_blind_to_future(feature, panel, t, rng=np.random.default_rng([seed, t]), tolerance=tolerance)
    require_same_when_restated(feature, panel, seed=seed)
    require_nothing_outside(feature, panel, seed=seed)
    require_each_symbol_alone(feature, panel)


def require_same_on_prefixes(
    feature: Feature, panel: Panel, *, sessions: Sequence[int] = (), tolerance: float = 0.0
) -> None:
    """Raise LookAheadError unless every row is bit for bit what it was when it was the last.

    Rows before the look-back is full, which nobody uses, are not compared.
    """
    check = _Check(feature, panel)
    for t in sessions or range(feature.look_back - 1, len(panel.sessions)):
        last = check.values(panel.until(t + 1), when="where the data ends earlier")[t:]
        when = "the data ends there; it looks ahead"
        check.require_same(last, of=slice(t, t + 1), when=when, tolerance=tolerance)


def require_blind_to_future(
    feature: Feature, panel: Panel, t: int, *, rng: np.random.Generator, tolerance: float = 0.0
) -> None:
    """Raise LookAheadError unless rows up to t stay bit for bit when all later bars are replaced.

    They become noise, missing, and another symbol's; later dates and memberships change with them.
    """
    check = _Check(feature, panel)
    for kind, other in other_futures(panel, t, rng):
        after = check.values(other, when=f"where later bars are {kind}")[: t + 1]
        when = f"later bars are {kind}; it looks ahead"
        check.require_same(after, of=slice(0, t + 1), when=when, tolerance=tolerance)


def require_look_back(feature: Feature, panel: Panel, *, sessions: Sequence[int] = ()) -> None:
    """Raise LookAheadError unless the last `look_back` bars alone give the same value, within 1e-10 of it.

    A feature that is `expanding` passes: it reads on from the first bar, as it says.
    """
    if feature.expanding:
        return
    check, bars = _Check(feature, panel), feature.look_back
    when = (
        f"the data starts {bars} bars earlier; declare more look_back, or expanding=True where it reads on from the"
        " first bar, and read nothing outside the panel"
    )
    for t in sessions or range(bars - 1, len(panel.sessions)):
        part = part_of(panel, sessions=slice(max(t + 1 - bars, 0), t + 1))
        alone = check.values(part, when="where the data starts later")[-1:]
        check.require_same(alone, of=slice(t, t + 1), when=when, tolerance=_TOLERANCE)


def require_same_when_restated(feature: Feature, panel: Panel, *, seed: int = 0) -> None:
    """Raise LookAheadError unless the feature stays when later splits or dividends adjust all prices, within 1e-6.

    Ratios of one symbol's adjusted prices stay, their levels move: the price of a stock is low in adjusted histories
    because it was split later. Both histories have prices with some noise in their last digits, so that rounding does
    not decide ranks of equal values.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> cheap = Feature("cheap", 1, ("close",), lambda view: np.where(view["close"] < 5, 1.0, 0.0))
    >>> require_same_when_restated(cheap, made_market(symbols=2, sessions=5))
    Traceback (most recent call last):
    finnet.errors.LookAheadError: feature 'cheap' of MADE000 on 2015-01-05: 0.0 becomes 1.0 when ...
    """
    rng = np.random.default_rng(seed)
    # Equal values would be ranked by a rounding, which differs between the two histories.
    blurred = with_noise_in_last_digits(panel, rng)
    check = _Check(feature, blurred)
    for cause, other in restated(blurred, rng):
        after = check.values(other, when=f"where prices are adjusted for later {cause}")
        rule = (
            f"later {cause} adjust all prices before them; use ratios of one symbol's prices, or raw_close, not the"
            " level of adjusted prices"
        )
        check.require_same(after, of=slice(None), when=rule, tolerance=_RESTATED)


def require_nothing_outside(feature: Feature, panel: Panel, *, seed: int = 0) -> None:
    """Raise UndecidedError where the feature reads what is not in the panel, unless it is declared `reads_outside`.

    A table from outside is found where values stay although every field becomes noise, unless they are the same for
    all symbols as a calendar's are, and where they change although the same bars lie 28 years apart, when weekdays,
    days and months are the same.
    """
    if feature.reads_outside:
        return
    check = _Check(feature, panel)
    remedy = (
        "what it reads beside the panel may hold the future: join it with join_as_of as it was published, or declare"
        " reads_outside=True if all of it was known at each close"
    )
    years = "28 years apart"
    if not check.same(check.values(in_other_years(panel), when=f"where the same bars lie {years}")).all():
        raise check.undecided(f"values change when the same bars lie {years}, so it reads something by date; {remedy}")
    other = check.values(with_other_values(panel, np.random.default_rng(seed)), when="where fields are noise")
    # A value that all symbols share may come from the calendar, which noise in fields leaves as it is.
    by_calendar = check.whole == check.whole[:, :1]
    if check.same(other).all() and not (by_calendar | np.isnan(check.whole)).all():
        raise check.undecided(f"values stay when every field of the panel becomes noise; {remedy}")


def require_each_symbol_alone(feature: Feature, panel: Panel) -> None:
    """Raise LookAheadError unless a feature that is `per_symbol` gives the same values symbol by symbol."""
    if feature.per_symbol:
        check = _Check(feature, panel)
        alone = check.values(panel, when="symbol by symbol", symbols_at_a_time=1)
        rule = "symbols are computed one by one; leave per_symbol out, or treat each symbol by itself"
        check.require_same(alone, of=slice(None), when=rule, tolerance=_TOLERANCE)


def _require_repeatable(feature: Feature, panel: Panel) -> None:
    check = _Check(feature, panel)
    if not check.same(check.values(panel, when="the second time")).all():
        raise check.undecided("the same panel gives other values the second time; seed what is random in the formula")
    if not np.isfinite(check.whole).any():
        raise check.undecided(f"{len(panel.sessions)} sessions give no value at all; does it need more look_back?")


class _Check:
    """A feature, its values on a panel as it is, and whether others are the same."""

    def __init__(self, feature: Feature, panel: Panel) -> None:
        self.feature, self.panel = feature, panel
        self.whole = self.values(panel, when="on the whole panel")
        sizes = np.abs(self.whole[np.isfinite(self.whole)])
        self._size = float(np.median(sizes)) if len(sizes) else 0.0

    def values(self, panel: Panel, *, when: str, symbols_at_a_time: int | None = None) -> FloatArray:
        """Values on a panel, shape (T, S); UndecidedError where the formula fails or gives another shape."""
        view = PanelView(panel, symbols_at_a_time=symbols_at_a_time)
        view.require_fields(self.feature)
        try:
            # What the formula says of noise or of missing bars is of no use to anybody.
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                values = np.asarray(view.value(self.feature), np.float64)
                # A copy, as a formula may write into the array that it handed out.
                return np.array(np.broadcast_to(values, panel.shape))
        # The formula is the user's and may raise anything.
        except Exception as error:
            raise self.undecided(
                f"the formula raises {type(error).__name__} ({error}) {when}; give NaN where there is no value, and"
                " compute from the view alone, in its shape"
            ) from error

    def same(self, new: FloatArray, tolerance: float = 0.0, of: slice = slice(None)) -> BoolArray:
        """Which values equal those on the panel as it is, within a tolerance relative to them; NaN equals NaN."""
        return np.isclose(new, self.whole[of], rtol=tolerance, atol=tolerance * self._size, equal_nan=True)

    def require_same(self, new: FloatArray, *, of: slice, when: str, tolerance: float) -> None:
        """Raise LookAheadError naming the first value of rows `of` that is not the same."""
        differ = np.argwhere(~self.same(new, tolerance, of))
        if len(differ):
            t, s = differ[0]
            row = t + (of.start or 0)
            day = np.datetime_as_string(self.panel.sessions[row], unit="D")
            raise LookAheadError(
                f"feature {self.feature.name!r} of {self.panel.symbols[s]} on {day}:"
                f" {self.whole[row, s]} becomes {new[t, s]} when {when}"
            )

    def undecided(self, why: str) -> UndecidedError:
        """The error that says why the check could not decide."""
        return UndecidedError(f"feature {self.feature.name!r}: the look-ahead check could not decide, for {why}")
