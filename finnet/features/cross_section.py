"""Cross-section: a symbol among the members of its universe, and against the equal-weight market they make."""

import numpy as np

from finnet.checks import require_at_least
from finnet.features.feature import Feature, PanelView
from finnet.features.returns import log_return
from finnet.features.rolling import rolling_beta
from finnet.types import FloatArray, IntArray

__all__ = ["beta", "market", "rank", "residual"]

_ROWS = 64  # ranked at a time: they stay in a core's own cache


def rank(feature: Feature) -> Feature:
    """Rank of a feature among the members in the session: -0.5 the lowest, 0.5 the highest, ties their mean rank.

    NaN where the feature is missing or the symbol is no member; 0 for a member that is alone.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> ranked = rank(log_return(5))
    >>> ranked.name, sorted(ranked.compute(made_market(symbols=3, sessions=9))[-1].tolist())
    ('rank_return_5', [-0.5, 0.0, 0.5])
    """
    return Feature(
        f"rank_{feature.name}",
        feature.look_back,
        feature.fields,
        lambda view: _ranks(_members(view, feature)),
        of=feature,
    )


def market(feature: Feature) -> Feature:
    """Mean of a feature over the members that have it, for every symbol: with `log_return`, the equal-weight market."""

    def formula(view: PanelView) -> FloatArray:
        values = _members(view, feature)
        valid = np.isfinite(values)
        count = valid.sum(axis=1)
        total = np.where(valid, values, 0.0).sum(axis=1)
        mean = np.where(count > 0, total / np.maximum(count, 1), np.nan)
        return np.broadcast_to(mean[:, None], view.shape)

    return Feature(f"market_{feature.name}", feature.look_back, feature.fields, formula, of=feature)


def beta(window: int = 60) -> Feature:
    """Slope of the one-bar log return on the market's over the last `window` bars (see `rolling_beta`)."""
    require_at_least(window, 2, name="beta: window")

    def formula(view: PanelView) -> FloatArray:
        return rolling_beta(view.value(log_return()), view.value(market(log_return())), window)

    return Feature(f"beta_{window}", window + 1, ("close",), formula, per_symbol=True)


def residual(bars: int = 1, window: int = 60) -> Feature:
    """Log return over `bars` less beta (over `window` bars) times the market's over the same bars."""
    require_at_least(bars, 1, name="residual: bars")
    require_at_least(window, 2, name="residual: window")

    def formula(view: PanelView) -> FloatArray:
        return view.value(log_return(bars)) - view.value(beta(window)) * view.value(market(log_return(bars)))

    return Feature(f"residual_{bars}_{window}", max(bars, window) + 1, ("close",), formula, per_symbol=True)


def _members(view: PanelView, feature: Feature) -> FloatArray:
    values = view.value(feature)
    # Members of that day alone: ranks among symbols that join later would know who survives and grows.
    return np.where(view.member & np.isfinite(values), values, np.nan)


def _ranks(values: FloatArray) -> FloatArray:
    """Ranks within each row scaled to -0.5 .. 0.5, shape (T, S); NaN stays NaN."""
    out, columns = np.empty(values.shape), values.shape[1]
    for start in range(0, len(values), _ROWS):
        block = values[start : start + _ROWS]
        # Positions in the block as one row, by which one take sorts all of its rows; NaN comes last.
        order = np.argsort(block, axis=1) + columns * np.arange(len(block))[:, None]
        count = columns - np.isnan(block).sum(axis=1, keepdims=True)
        middle = np.where(count > 1, 0.5, 0.0)
        scaled = _places(block.take(order)) / np.maximum(count - 1.0, 1.0) - middle
        np.copyto(scaled, np.nan, where=np.arange(columns) >= count)
        # A view of rows that lie one after the other, so that ranks go straight to where their values came from.
        out[start : start + _ROWS].reshape(-1)[order] = scaled
    return out


def _places(ordered: FloatArray) -> FloatArray:
    """Places 0, 1, 2, ... along sorted rows, equal values sharing the mean of theirs, shape (T, S)."""
    # Most rows have no equal values, and their places are known without a look at them.
    place = np.tile(np.arange(ordered.shape[1], dtype=np.float64), (len(ordered), 1))
    tied = np.flatnonzero((ordered[:, 1:] == ordered[:, :-1]).any(axis=1))
    if len(tied):
        rows = ordered[tied]
        # A run ends where it starts when the row is read from behind.
        ends = rows.shape[1] - 1 - _run_starts(rows[:, ::-1])[:, ::-1]
        place[tied] = (_run_starts(rows) + ends) / 2.0
    return place


def _run_starts(ordered: FloatArray) -> IntArray:
    """Column at which each run of equal values begins."""
    begins = np.ones(ordered.shape, bool)
    begins[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    starts: IntArray = np.maximum.accumulate(np.where(begins, np.arange(ordered.shape[1]), 0), axis=1)
    return starts
