"""Other panels: a panel in which all that a feature or a label must not see is changed.

Each function leaves the panel that it is given as it is and returns another one of the same symbols.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from finnet.data.panel import ADJUSTED_PRICES, Panel

__all__ = [
    "in_other_years",
    "other_futures",
    "part_of",
    "restated",
    "with_gaps",
    "with_noise_in_last_digits",
    "with_other_values",
]

_SAME_CALENDAR_YEARS = 28  # after which weekdays, months and leap days fall together again, from 1901 to 2099
_GAPS = 0.1


def part_of(panel: Panel, *, sessions: slice = slice(None), symbols: Sequence[int] | None = None) -> Panel:
    """These sessions and columns of a panel, all symbols by default.

    Examples
    --------
    >>> from finnet.data.samples import made_market
    >>> part_of(made_market(symbols=5, sessions=9), sessions=slice(2, 6), symbols=[0, 3]).symbols
    ('MADE000', 'MADE003')
    """
    columns = list(range(panel.shape[1])) if symbols is None else list(symbols)
    return replace(
        panel,
        sessions=panel.sessions[sessions],
        closes_at=panel.closes_at[sessions],
        symbols=tuple(panel.symbols[column] for column in columns),
        fields={name: values[sessions][:, columns] for name, values in panel.fields.items()},
        member=np.asarray(panel.member)[sessions][:, columns],
    )


def other_futures(panel: Panel, t: int, rng: np.random.Generator) -> Iterator[tuple[str, Panel]]:
    """Panels that differ after bar t alone: what later bars hold (noise, missing, another symbol's), and the panel.

    Later sessions move on by a year, and all later memberships are turned over.
    """
    noise = {name: np.exp(rng.standard_normal(panel.shape)) for name in panel.fields}
    missing = {name: np.full(panel.shape, np.nan) for name in panel.fields}
    # Another symbol's bars run backward, so that a single symbol gets another future too.
    swapped = {name: np.roll(values, 1, axis=1)[::-1] for name, values in panel.fields.items()}
    later = np.arange(len(panel.sessions)) > t
    gap = np.where(later, np.timedelta64(365, "D"), np.timedelta64(0, "D"))
    # Clocks and memberships change with what later bars hold, so that a feature that reads them ahead is found too.
    moved = replace(
        panel,
        sessions=panel.sessions + gap,
        closes_at=panel.closes_at + gap,
        member=np.asarray(panel.member) ^ later[:, None],
    )
    for held, future in (("noise", noise), ("missing", missing), ("another symbol's", swapped)):
        fields = {name: np.where(later[:, None], future[name], values) for name, values in panel.fields.items()}
        yield held, replace(moved, fields=fields)


def restated(panel: Panel, rng: np.random.Generator) -> Iterator[tuple[str, Panel]]:
    """Panels whose adjusted prices are those that later dividends, splits or reverse splits would leave, and the cause.

    All open, high, low and close of a symbol are multiplied by one factor of its own. Volume and `raw_close`, which no
    later event changes, stay. A panel that keeps `adj_close` beside `close` has raw prices: `adj_close` alone moves.
    """
    adjusted = ["adj_close"] if "adj_close" in panel.fields else ADJUSTED_PRICES
    for cause, low, high in (("dividends", 0.6, 0.95), ("splits", 1 / 500, 1 / 3), ("reverse splits", 3, 500)):
        # No two alike, and none near 1: what keeps levels in it moves by far more than rounding.
        factors = rng.permutation(np.geomspace(low, high, panel.shape[1] + 1)[: panel.shape[1]])
        yield cause, panel.with_fields({name: panel[name] * factors for name in adjusted if name in panel.fields})


def with_noise_in_last_digits(panel: Panel, rng: np.random.Generator) -> Panel:
    """A panel whose adjusted prices differ by about 1e-9 of themselves, so that no two returns are equal."""
    names = [name for name in ADJUSTED_PRICES if name in panel.fields]
    return panel.with_fields({name: panel[name] * (1 + 1e-9 * rng.standard_normal(panel.shape)) for name in names})


def with_other_values(panel: Panel, rng: np.random.Generator) -> Panel:
    """A panel of the same sessions and symbols in which every field is noise and memberships are drawn anew."""
    fields = {name: np.exp(rng.standard_normal(panel.shape)) for name in panel.fields}
    return replace(panel, fields=fields, member=rng.random(panel.shape) < 0.7)


def in_other_years(panel: Panel) -> Panel:
    """A panel of the same values 28 years earlier (later where it begins before 1930).

    Weekdays, days and months, and so all that a calendar says but the year, are the same.
    """
    is_early = bool((panel.sessions < np.datetime64("1930-01-01")).any())
    # Four years have 1461 days, the leap day included.
    years = np.timedelta64(_SAME_CALENDAR_YEARS * 1461 // 4, "D") * (1 if is_early else -1)
    return replace(panel, sessions=panel.sessions + years, closes_at=panel.closes_at + years)


def with_gaps(panel: Panel, rng: np.random.Generator) -> Panel:
    """A panel in which a tenth of the bars is missing: what fills gaps from later bars gives itself away there."""
    is_missing = rng.random(panel.shape) < _GAPS
    return panel.with_fields({name: np.where(is_missing, np.nan, values) for name, values in panel.fields.items()})
