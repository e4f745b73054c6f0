"""Look-ahead of labels: proof that a label knows nothing beyond its horizon, and says something of what comes.

`build_dataset` runs these checks on a slice of its panel for every label that is not finnet's own.
"""

import warnings
from typing import Protocol

import numpy as np

from finnet.checks import require_at_least
from finnet.data.panel import Panel
from finnet.errors import LookAheadError, UndecidedError
from finnet.features.other_panels import other_futures, part_of
from finnet.types import BoolArray, FloatArray

__all__ = ["require_label_within_horizon"]

_SYMBOLS, _SESSIONS, _CUTS = 6, 40, 6
# A label that is computed by running sums rounds otherwise on a shorter panel, which is no look-ahead.
_TOLERANCE = 1e-9


class _Label(Protocol):
    @property
    def horizon_bars(self) -> int: ...

    @property
    def delay_bars(self) -> int: ...

    def values(self, panel: Panel) -> FloatArray: ...


def require_label_within_horizon(label: _Label, panel: Panel, *, seed: int = 0) -> None:
    """Raise LookAheadError unless a label at t follows from bars up to t + delay_bars + horizon_bars, and not from t.

    The label is computed about thirty times on the last sessions of the 6 symbols with most closes. When all bars after
    its horizon become noise, missing or another symbol's, or are not there, no label may move and none may come or go;
    when all bars after t do, some label must move, for otherwise it says what was known already.

    Parameters
    ----------
    label : MarketLabel
    panel : Panel
    seed : int
        Of the noise.

    Raises
    ------
    LookAheadError
        Where a label looks further than it says, is known at t, or starts before it could be traded.
    UndecidedError
        Where the label fails on a slice, gives other values each time or none at all.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> from finnet.labels import ForwardReturn
    >>> class Short(ForwardReturn):
    ...     horizon_bars = 1
    ...     def values(self, panel):
    ...         return ForwardReturn(horizon_bars=5).values(panel)
    >>> require_label_within_horizon(Short(), made_market(symbols=2, sessions=30))
    Traceback (most recent call last):
    finnet.errors.LookAheadError: label 'Short' of MADE000 on 2015-01-06: 0.0521245 becomes nan when the data ends
    2 bars later; declare a longer horizon_bars, or let it look no further
    """
    name = type(label).__name__
    require_at_least(label.delay_bars, 1, name=f"label {name!r}: delay_bars")
    require_at_least(label.horizon_bars, 1, name=f"label {name!r}: horizon_bars")
    ahead = label.delay_bars + label.horizon_bars
    part, rng = _slice(panel, ahead), np.random.default_rng(seed)
    check, last = _Check(label, part), len(part.sessions) - 1
    # Rows whose whole horizon lies on the slice, with at least one bar behind it to be replaced.
    first = np.arange(max(last - ahead, 1))
    for t in np.sort(rng.choice(first, min(_CUTS, len(first)), replace=False)).tolist():
        end = min(t + ahead, last)
        check.require_same(part.until(end + 1), t, when=f"the data ends {ahead} bars later")
        for kind, other in other_futures(part, end, rng):
            check.require_same(other, t, when=f"bars more than {ahead} ahead are {kind}")
    cut = int(first[-1])
    if not any(check.moves(other, cut) for _, other in other_futures(part, cut, rng)):
        raise LookAheadError(
            f"label {name!r}: no value moves when all later bars are replaced, so it says what was known already; let"
            " it start at the close delay_bars after t"
        )


class _Check:
    """A label and its values on a panel; NaN where it gives none."""

    def __init__(self, label: _Label, panel: Panel) -> None:
        self._label, self._panel, self._name = label, panel, type(label).__name__
        self._whole, again = self._values(panel, when="on a slice"), self._values(panel, when="on a slice")
        if not _same(self._whole, again).all():
            raise self._undecided("the same panel gives other values the second time; seed what is random in it")
        if not np.isfinite(self._whole).any():
            raise self._undecided(f"{len(panel.sessions)} sessions give no label at all; give more history")

    def require_same(self, other: Panel, t: int, *, when: str) -> None:
        """Raise LookAheadError where the labels of row t differ on another panel."""
        new = self._values(other, when=f"where {when}")
        differ = np.flatnonzero(~_same(self._whole[t], new[t]))
        if len(differ):
            s = differ[0]
            day = np.datetime_as_string(self._panel.sessions[t], unit="D")
            raise LookAheadError(
                f"label {self._name!r} of {self._panel.symbols[s]} on {day}: {self._whole[t, s]:g} becomes"
                f" {new[t, s]:g} when {when}; declare a longer horizon_bars, or let it look no further"
            )

    def moves(self, other: Panel, t: int) -> bool:
        """Whether any label of rows up to t is another on another panel."""
        new = self._values(other, when="where all later bars are replaced")
        return not _same(self._whole[: t + 1], new[: t + 1]).all()

    def _values(self, panel: Panel, *, when: str) -> FloatArray:
        """Labels of a panel, shape (T, S)."""
        try:
            # What the label says of noise or of missing bars is of no use to anybody.
            with warnings.catch_warnings(), np.errstate(all="ignore"):
                warnings.simplefilter("ignore")
                return np.array(np.broadcast_to(np.asarray(self._label.values(panel), np.float64), panel.shape))
        except Exception as error:
            raise self._undecided(
                f"it raises {type(error).__name__} ({error}) {when}; give NaN where there is no label, and compute from"
                " the panel alone, in its shape"
            ) from error

    def _undecided(self, why: str) -> UndecidedError:
        return UndecidedError(f"label {self._name!r}: the look-ahead check could not decide, for {why}")


def _same(old: FloatArray, new: FloatArray) -> BoolArray:
    return np.isclose(new, old, rtol=_TOLERANCE, atol=_TOLERANCE * 1e-3, equal_nan=True)


def _slice(panel: Panel, ahead: int) -> Panel:
    # Where a label has least reason to be NaN, the check sees most; stable, so that it is the same each time.
    symbols = np.sort(np.argsort(-np.isfinite(panel["close"]).sum(axis=0), kind="stable")[:_SYMBOLS])
    traded = np.flatnonzero(np.isfinite(panel["close"][:, symbols]).any(axis=1))
    stop = int(traded[-1]) + 1 if len(traded) else len(panel.sessions)
    return part_of(panel, sessions=slice(max(stop - _SESSIONS - 2 * ahead, 0), stop), symbols=symbols.tolist())
