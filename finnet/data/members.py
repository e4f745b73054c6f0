"""Members: which symbols are wanted, and on which days each belongs to the universe."""

from pathlib import Path

import numpy as np
import pandas as pd

from finnet.data.cells import coded, is_missing
from finnet.data.csv_format import CsvFormat
from finnet.data.limits import read_file
from finnet.data.panel import Panel
from finnet.data.quality import Findings
from finnet.data.tables import read_table
from finnet.data.times import dates
from finnet.errors import DataError
from finnet.types import BoolArray, TimeArray

__all__ = ["is_member", "listed_symbols", "read_members"]

FIRST, LAST = np.datetime64("1800-01-01", "us"), np.datetime64("2200-01-01", "us")


def listed_symbols(prices: str, name: str) -> tuple[str, ...]:
    """The symbols of a text file beside the prices, one on each line; none where no file is named."""
    if not name:
        return ()
    path = _beside(prices, name)
    try:
        lines = read_file(str(path)).decode().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read ({error}); give a text file with a symbol on each line") from error
    found = tuple(line.strip() for line in lines if line.strip())
    if not found:
        raise DataError(f"{path}: names no symbol; give one on each line, or leave symbols_file out")
    return found


def _beside(prices: str, name: str) -> Path:
    folder = Path(prices) if Path(prices).is_dir() else Path(prices).parent
    return folder / name


def read_members(prices: str, name: str, findings: Findings) -> pd.DataFrame | None:
    """Spells of membership, shape (n_spells, 3); None where an error forbids it.

    Columns are symbol, from and to (datetime64[us]), both days included.
    """
    path = str(_beside(prices, name))
    table = read_table(path, CsvFormat(), findings, needed=["symbol", "from", "to"])
    if table is None:
        return None
    codes, symbols = coded(table, "symbol", findings)
    days = {"from": FIRST, "to": LAST}
    spells = {}
    for column, otherwise in days.items():
        known = ~is_missing(table, column)
        found: TimeArray = np.full(len(table), otherwise)
        if known.any():
            found[known] = dates(table.take(known), column, findings)
        spells[column] = found
    return None if findings.has_errors else pd.DataFrame({"symbol": np.array(symbols, object)[codes], **spells})


def is_member(panel: Panel, spells: pd.DataFrame) -> BoolArray:
    """Whether each symbol belonged to the universe at each session, shape (T, S)."""
    member = np.zeros(panel.shape, bool)
    place = {symbol: column for column, symbol in enumerate(panel.symbols)}
    for symbol, first, last in spells[["symbol", "from", "to"]].itertuples(index=False):
        if symbol in place:
            within = (panel.sessions >= np.datetime64(first)) & (panel.sessions <= np.datetime64(last))
            # A symbol may leave the universe and come back: its spells add up.
            member[:, place[symbol]] |= within
    return member
