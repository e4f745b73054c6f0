"""Spot check: all look-ahead checks of one feature on a slice of a panel, cheap enough to run before every use."""

import numpy as np

from finnet.data.panel import Panel
from finnet.errors import UndecidedError
from finnet.features.feature import Feature, PanelView
from finnet.features.lookahead import require_blind_to_future, require_no_look_ahead, require_same_on_prefixes
from finnet.features.other_panels import part_of, with_gaps

__all__ = ["require_sound"]

_SYMBOLS, _SESSIONS, _CUTS = 4, 40, 6
_TOLERANCE = 1e-9  # relative; a matrix product of another shape rounds differently, and no leak is so small


def require_sound(feature: Feature, panel: Panel, *, seed: int = 0) -> None:
    """Raise LookAheadError unless a feature passes all checks of `finnet.features.lookahead` on a slice of a panel.

    The slice holds the 4 symbols with most values and, beyond the look-back, the 40 sessions in which they have most
    values; the feature is cut off at 6 of them and computed about fifty times. Bars are then taken out at random, for
    gaps find fill-ins from later bars; a formula that cannot bear gaps is not tried on them.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> ahead = Feature("ahead", 1, ("close",), lambda view: view["close"] / np.roll(view["close"], -1, axis=0))
    >>> require_sound(ahead, made_market(symbols=3, sessions=90))
    Traceback (most recent call last):
    finnet.errors.LookAheadError: feature 'ahead' of MADE000 on ...; it looks ahead
    """
    PanelView(panel).require_fields(feature)
    part, rng = _fullest_slice(feature, panel), np.random.default_rng(seed)
    end = len(part.sessions) - 1
    # Sessions whose look-back is full; the last one is left out, as nothing comes after it.
    warm = np.arange(max(min(feature.look_back, end) - 1, 0), end)
    cuts = np.sort(rng.choice(warm, min(_CUTS, len(warm)), replace=False)).tolist()
    require_no_look_ahead(feature, part, seed=seed, sessions=cuts, tolerance=_TOLERANCE)
    gappy = with_gaps(part, rng)
    try:
        require_same_on_prefixes(feature, gappy, sessions=cuts, tolerance=_TOLERANCE)
        for t in cuts:
            require_blind_to_future(feature, gappy, t, rng=rng, tolerance=_TOLERANCE)
    except UndecidedError:
        return


def _fullest_slice(feature: Feature, panel: Panel) -> Panel:
    """The symbols with most values, and the sessions in which they have most, with a look-back before them."""
    is_known = np.isfinite(panel["close"])
    for name in feature.fields:
        is_known = is_known & np.isfinite(panel[name])
    symbols = np.sort(np.argsort(-is_known.sum(axis=0), kind="stable")[:_SYMBOLS])
    length = feature.look_back + _SESSIONS
    # Values before each session, so that a difference counts those of any stretch.
    before = np.concatenate([[0], is_known[:, symbols].sum(axis=1).cumsum()])
    stops = np.arange(min(length, len(before) - 1), len(before))
    known = before[stops] - before[np.maximum(stops - _SESSIONS, 0)]
    stop = int(stops[len(stops) - 1 - known[::-1].argmax()])  # the latest of the fullest
    return part_of(panel, sessions=slice(max(stop - length, 0), stop), symbols=symbols.tolist())
