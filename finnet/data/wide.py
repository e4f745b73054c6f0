"""Wide tables: one column per symbol, or per symbol and field, put into long form."""

from collections.abc import Mapping

import numpy as np

from finnet.data.bars import Bars
from finnet.data.cells import numbers
from finnet.data.quality import Findings, Origin
from finnet.data.tables import Table
from finnet.data.times import dates, note_after_today
from finnet.types import FloatArray

__all__ = ["wide_bars"]


def wide_bars(table: Table, findings: Findings, *, names: Mapping[str, str], zone: str) -> Bars:
    """Bars of a table with one column per symbol, or per symbol and field; cells without a close are no bars."""
    days = dates(table, names["date"], findings, zone=zone)
    note_after_today(days, table, findings, name=names["date"])
    # Which of two lines of the header names fields, not symbols: 0 or 1. yfinance writes either first.
    known = {name.casefold() for name in names.values()} | {"open", "high", "low", "close", "adj close", "volume"}
    upper = [levels[0].casefold() for levels in table.levels.values() if len(levels) == 2]
    place = 0 if known & set(upper) else 1
    cells: dict[str, dict[str, FloatArray]] = {}
    for column in (column for column in table.columns if column != names["date"]):
        levels = table.levels.get(column, (column,))
        symbol, field = (levels[1 - place], levels[place]) if len(levels) == 2 else (column, "close")
        ours = next((ours for ours, theirs in names.items() if theirs == field), field.casefold().replace(" ", "_"))
        cells.setdefault(symbol, {})[ours] = numbers(table, column, findings)
    symbols = tuple(sorted(cells))
    fields = dict.fromkeys(name for symbol in symbols for name in cells[symbol])
    empty = np.full(len(table), np.nan)
    values = {name: np.concatenate([cells[symbol].get(name, empty) for symbol in symbols]) for name in fields}
    origin = Origin.joined([table.origin] * len(symbols))
    code = np.repeat(np.arange(len(symbols)), len(table))
    bars = Bars(np.tile(days, len(symbols)), code, symbols, values, origin, np.tile(table.broken, len(symbols)))
    # Symbols that were not listed yet have empty cells in a wide table, not missing bars.
    has_close = ~np.isnan(values.get("close", np.tile(empty, len(symbols))))
    return bars.take(has_close | bars.broken)
