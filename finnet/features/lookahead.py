"""Look-ahead: proof that a feature knows nothing of later bars and looks back no further than it says.

The tests run these checks over every feature of finnet; run them over your own before you trust a backtest of it.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from finnet.data.panel import Panel
from finnet.errors import LookAheadError
from finnet.features.feature import Feature
from finnet.types import FloatArray

__all__ = ["require_blind_to_future", "require_look_back", "require_no_look_ahead", "require_same_on_prefixes"]

_TOLERANCE = 1e-10  # relative; cumulative sums may round differently after another start


def require_no_look_ahead(feature: Feature, panel: Panel, *, seed: int = 0) -> None:
    """Raise LookAheadError unless the feature passes all checks of this module on this panel.

    The panel should be small, for the feature is computed about four times per session, and longer than the look-back.
    Gaps in it find fill-ins from later bars.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> tomorrow = Feature("tomorrow", 1, ("close",), lambda view: np.roll(view["close"], -1, axis=0))
    >>> require_no_look_ahead(tomorrow, made_market(symbols=1, sessions=5))
    Traceback (most recent call last):
    finnet.errors.LookAheadError: feature 'tomorrow' of MADE000 on 2015-01-05: ... ends there; it looks ahead
    """
    require_same_on_prefixes(feature, panel)
    require_look_back(feature, panel)
    rng = np.random.default_rng(seed)
    for t in range(len(panel.sessions)):
        require_blind_to_future(feature, panel, t, rng=rng)


def require_same_on_prefixes(feature: Feature, panel: Panel) -> None:
    """Raise LookAheadError unless every row is bit for bit what it was when it was the last."""
    whole = feature.compute(panel)
    for t, row in enumerate(whole):
        last = feature.compute(panel.until(t + 1))[t:]
        _require_same(row[None], last, where=_Place(feature, panel, t), when="the data ends there; it looks ahead")


def require_blind_to_future(feature: Feature, panel: Panel, t: int, *, rng: np.random.Generator) -> None:
    """Raise LookAheadError unless rows up to t stay bit for bit when all later bars are replaced.

    They become noise, missing, and another symbol's; later dates and memberships change with them.
    """
    before = feature.compute(panel)[: t + 1]
    for kind, other in _other_futures(panel, t, rng):
        after = feature.compute(other)[: t + 1]
        _require_same(before, after, where=_Place(feature, panel, 0), when=f"later bars are {kind}; it looks ahead")


def require_look_back(feature: Feature, panel: Panel) -> None:
    """Raise LookAheadError unless the last `look_back` bars alone give the same value, within 1e-10 of it."""
    whole, bars = feature.compute(panel), feature.look_back
    when = f"the data starts {bars} bars earlier; declare more look_back"
    for t in range(bars - 1, len(whole)):
        alone = feature.compute(_bars(panel, t + 1 - bars, t + 1))[-1:]
        _require_same(whole[t : t + 1], alone, where=_Place(feature, panel, t), when=when, tolerance=_TOLERANCE)


class _Place(NamedTuple):
    feature: Feature
    panel: Panel
    first: int  # session of the first row compared


def _require_same(old: FloatArray, new: FloatArray, *, where: _Place, when: str, tolerance: float = 0.0) -> None:
    """Raise LookAheadError unless old and new are equal within a relative tolerance; NaN equals NaN."""
    differ = np.argwhere(~np.isclose(new, old, rtol=tolerance, atol=tolerance * 1e-3, equal_nan=True))
    if len(differ):
        t, s = differ[0]
        day = np.datetime_as_string(where.panel.sessions[where.first + t], unit="D")
        raise LookAheadError(
            f"feature {where.feature.name!r} of {where.panel.symbols[s]} on {day}:"
            f" {old[t, s]} becomes {new[t, s]} when {when}"
        )


def _other_futures(panel: Panel, t: int, rng: np.random.Generator) -> Iterator[tuple[str, Panel]]:
    noise = {name: np.exp(rng.standard_normal(panel.shape)) for name in panel.fields}
    missing = {name: np.full(panel.shape, np.nan) for name in panel.fields}
    swapped = {name: np.roll(values, 1, axis=1)[::-1] for name, values in panel.fields.items()}
    for kind, future in (("noise", noise), ("missing", missing), ("another symbol's", swapped)):
        yield kind, _spliced(panel, t, future)


def _spliced(panel: Panel, t: int, future: dict[str, FloatArray]) -> Panel:
    """The panel up to t, then `future`, a year later and with all memberships turned over."""
    later = np.arange(len(panel.sessions)) > t
    fields = {name: np.where(later[:, None], future[name], values) for name, values in panel.fields.items()}
    gap = np.where(later, np.timedelta64(365, "D"), np.timedelta64(0, "D"))
    member = np.asarray(panel.member) ^ later[:, None]
    return replace(panel, sessions=panel.sessions + gap, closes_at=panel.closes_at + gap, fields=fields, member=member)


def _bars(panel: Panel, start: int, stop: int) -> Panel:
    fields = {name: values[start:stop] for name, values in panel.fields.items()}
    return replace(
        panel,
        sessions=panel.sessions[start:stop],
        closes_at=panel.closes_at[start:stop],
        fields=fields,
        member=np.asarray(panel.member)[start:stop],
    )
