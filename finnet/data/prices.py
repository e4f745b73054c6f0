"""Daily prices from CSV, CSV.gz or Parquet: one long table, or a folder with one file per symbol."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd

from finnet.checks import require_choice
from finnet.data.archives import SUFFIXES, suffix_of
from finnet.data.bars import Bars, check_bars, check_order, suspect_bars
from finnet.data.cells import coded, numbers
from finnet.data.csv_format import CsvFormat
from finnet.data.members import is_member, listed_symbols, read_members
from finnet.data.panel import Panel
from finnet.data.quality import Findings, Origin
from finnet.data.tables import Table, read_table, table_files
from finnet.data.times import dates, note_after_today, published
from finnet.data.wide import wide_bars
from finnet.types import BoolArray, FloatArray

__all__ = ["PriceFile", "check_prices", "inspect_prices", "read_prices"]

STANDARD = ("date", "symbol", "open", "high", "low", "close", "adj_close", "volume")
DUPLICATES = ("error", "first", "last", "identical")


@dataclass(frozen=True, kw_only=True)
class PriceFile:
    """Where prices come from and how they are read.

    Parameters
    ----------
    path : str
        A CSV, CSV.gz or Parquet file in long form (one row per symbol and date), or a folder of such files with one
        symbol each, named after it ("AAPL.csv").
    columns : dict of str to str
        Our names to the file's, for instance ``{"date": "Day", "close": "PX_LAST"}``. The standard names (date, symbol,
        open, high, low, close, adj_close, volume) need no entry where the file uses them; only date, close and, unless
        `symbol` or a folder names it, symbol are needed. Any other name becomes a number field of the panel.
        `raw_close`, the close as it was traded, is kept from files that have both close and adj_close; of others it can
        be named here, as the same column as close where that is not adjusted.
    symbol : str
        The one symbol of a file without a symbol column.
    wide : bool
        Whether every column but the date stands for a symbol and holds its closes. With two lines of header the other
        one names the fields, as yfinance writes several symbols.
    weekdays_only : bool
        Whether Saturdays and Sundays are left out.
    adjust : bool
        Whether open, high, low and close are multiplied by adj_close / close where the file has adj_close. The ratio of
        open to close within a day, at which an order fills, stays as it was traded; volume stays in shares as given.
    duplicates : str
        Of two bars of a symbol on one date: "error", keep the "first" or the "last", or "identical" (drop repeats that
        agree in every field, anything else is an error).
    symbols, exclude : tuple of str
        Only these symbols (all by default); not those. ``exclude=("",)`` leaves out rows without a symbol.
    symbols_file : str
        A text file beside the prices with more of `symbols`, one on each line.
    members_file : str
        A table beside the prices with the columns symbol, from and to (days, both included; empty where there is none):
        on other days a symbol is no member of the universe, so it is neither learned from nor forecast.
    start, end : date, optional
        First and last day to read, both included.
    close_time, zone : str
        When the bar of a day is complete: local "HH:MM" and time zone.
    rules : dict of str to str
        Severity ("error", "warning", "ignore") that replaces the one in `finnet.data.quality.RULES`, such as
        ``{"non_positive_price": "ignore"}`` for an asset that may trade below zero.
    csv : CsvFormat
        Delimiter, encoding, date format and words for missing numbers of CSV files.
    """

    path: str
    columns: dict[str, str] = field(default_factory=dict)
    symbol: str = ""
    wide: bool = False
    weekdays_only: bool = False
    adjust: bool = True
    duplicates: str = "error"
    symbols: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    symbols_file: str = ""
    members_file: str = ""
    start: date | None = None
    end: date | None = None
    close_time: str = "16:00"
    zone: str = "America/New_York"
    rules: dict[str, str] = field(default_factory=dict)
    csv: CsvFormat = field(default_factory=CsvFormat)

    def __post_init__(self) -> None:
        require_choice(self.duplicates, DUPLICATES, name="duplicates")
        Findings(self.rules)
        published(np.array([], "datetime64[us]"), time=self.close_time, zone=self.zone)


def read_prices(settings: PriceFile) -> Panel:
    """The checked, adjusted prices of a file or folder.

    Raises
    ------
    BadFileError
        A DataError naming every broken rule with file, line, column, value and remedy.

    Warns
    -----
    FinnetWarning
        Where a row was dropped or a cell emptied. `check_prices` lists all warnings.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp()) / "prices.csv"
    >>> _ = path.write_text("Day,Ticker,close\\n2020-01-02,NA,10\\n2020-01-03,NA,10.5\\n")
    >>> panel = read_prices(PriceFile(path=str(path), columns={"date": "Day", "symbol": "Ticker"}))
    >>> panel.symbols, panel["close"].ravel()
    (('NA',), array([10. , 10.5]))
    """
    findings = Findings(settings.rules)
    bars = findings.checked(_read_bars(settings, findings))
    return findings.checked(_with_members(_panel(bars, settings), settings, findings))


def check_prices(settings: PriceFile) -> pd.DataFrame:
    """The quality table of a file or folder: every error and warning, odd prices included; empty where all is well.

    Returns
    -------
    DataFrame of shape (n_problems, 8)
        Columns rule, severity, file, line, column, value, count, remedy; errors first.
    """
    findings = Findings(settings.rules)
    inspect_prices(settings, findings)
    return findings.table()


def inspect_prices(settings: PriceFile, findings: Findings) -> Panel | None:
    """The prices of a file or folder, odd ones noted as well; None where an error forbids reading."""
    bars = _read_bars(settings, findings)
    if bars is None or findings.has_errors:
        return None
    suspect_bars(bars, findings)
    return _with_members(_panel(bars, settings), settings, findings)


def _with_members(panel: Panel, settings: PriceFile, findings: Findings) -> Panel:
    """The panel whose universe on each day is that of the file of members, if there is one."""
    if not settings.members_file:
        return panel
    spells = read_members(settings.path, settings.members_file, findings)
    has_close = np.isfinite(panel["close"])
    return panel if spells is None else replace(panel, member=has_close & is_member(panel, spells))


def _read_bars(settings: PriceFile, findings: Findings) -> Bars | None:
    """The bars of all files in order, adjusted where settings and file say so; None where one cannot be read."""
    files = table_files(settings.path, findings)
    if not files:
        findings.add("unreadable_file", settings.path, value=f"a folder without {', '.join(SUFFIXES)} files")
    parts = [_read_file(file, settings, findings) for file in files]
    found = [part for part in parts if part is not None]
    # A folder is read whole or not at all: a market without one of its symbols is another market.
    if len(found) < len(parts) or not found:
        return None
    bars = check_order(_joined(found), findings, duplicates=settings.duplicates)
    # The close as it was traded is known where the file has an adjusted close in another column.
    names = {"close": "close", "adj_close": "adj_close"} | settings.columns
    has_both = "adj_close" in bars.fields and names["close"] != names["adj_close"]
    if has_both and "raw_close" not in bars.fields:
        bars = bars.with_fields({"raw_close": bars.fields["close"]})
    if not settings.adjust or "adj_close" not in bars.fields:
        return bars
    close, adj_close = bars.fields["close"], bars.fields["adj_close"]
    bars.note(findings, "missing_adj_close", np.isnan(adj_close) & ~np.isnan(close), column="adj_close")
    # Open, high and low move by the factor of the close, so that what an order gains within a day stays as it was.
    factor = np.divide(adj_close, close, out=np.full(len(close), np.nan), where=close != 0)
    fields = {name: bars.fields[name] * factor for name in ("open", "high", "low") if name in bars.fields}
    kept = {name: values for name, values in bars.fields.items() if name != "adj_close"}
    return replace(bars, fields={**kept, **fields, "close": adj_close})


def _read_file(path: str, settings: PriceFile, findings: Findings) -> Bars | None:
    names = {**{name: name for name in STANDARD}, **settings.columns}
    table = _table(path, settings, findings, names=names)
    if table is None:
        return None
    if settings.wide:
        bars = wide_bars(table, findings, names=names, zone=settings.zone)
    else:
        bars = _bars(table, settings, findings, names=names)
    # Chosen before they are checked: rows that nobody asked for break no rule.
    bars = _wanted_rows(bars, settings)
    blank = np.isin(bars.code, [code for code, symbol in enumerate(bars.symbols) if not symbol])
    bars.note(findings, "blank_text", blank, column=names["symbol"])
    if not len(bars):
        findings.add("empty_file", path, value="no row is left after symbols, exclude, start and end")
        return None
    bars = check_bars(bars, findings)
    return bars.take(~np.isnat(bars.date)) if np.isnat(bars.date).any() else bars


def _table(path: str, settings: PriceFile, findings: Findings, *, names: Mapping[str, str]) -> Table | None:
    if settings.wide:
        return read_table(path, settings.csv, findings, needed=[names["date"]])
    needed = ["date", "close", *([] if _one_symbol(path, settings) else ["symbol"]), *settings.columns]
    return read_table(
        path,
        settings.csv,
        findings,
        needed=[names[name] for name in needed],
        wanted=set(names.values()),
        may_be_wide=True,
    )


def _one_symbol(path: str, settings: PriceFile) -> str:
    """The symbol that speaks for a whole file, or "" where a column names them."""
    if settings.symbol or "symbol" in settings.columns or not Path(settings.path).is_dir():
        return settings.symbol
    return Path(path).name.removesuffix(suffix_of(path))


def _bars(table: Table, settings: PriceFile, findings: Findings, *, names: Mapping[str, str]) -> Bars:
    days = dates(table, names["date"], findings, zone=settings.zone)
    note_after_today(days, table, findings, name=names["date"])
    one_symbol = _one_symbol(table.file, settings)
    code, symbols = (
        (np.zeros(len(table), int), (one_symbol,)) if one_symbol else coded(table, names["symbol"], findings)
    )
    fields = {
        ours: numbers(table, theirs, findings)
        for ours, theirs in names.items()
        if ours not in ("date", "symbol") and theirs in table.columns
    }
    return Bars(days, code, symbols, fields, table.origin, table.broken)


def _wanted_rows(bars: Bars, settings: PriceFile) -> Bars:
    only = {*settings.symbols, *listed_symbols(settings.path, settings.symbols_file)}
    chosen = [(not only or symbol in only) and symbol not in settings.exclude for symbol in bars.symbols]
    keep: BoolArray = np.array(chosen, bool)[bars.code]
    if settings.weekdays_only:
        keep = keep & np.is_busday(bars.date.astype("datetime64[D]"))
    if settings.start is not None:
        keep = keep & (bars.date >= np.datetime64(settings.start))
    if settings.end is not None:
        keep = keep & (bars.date <= np.datetime64(settings.end))
    return bars if keep.all() else bars.take(keep)


def _joined(parts: list[Bars]) -> Bars:
    """One table below the other; a field that a file lacks is NaN there."""
    if len(parts) == 1:
        return parts[0]
    symbols = tuple(sorted({symbol for part in parts for symbol in part.symbols}))
    place = {symbol: code for code, symbol in enumerate(symbols)}
    code = np.concatenate([np.array([place[symbol] for symbol in part.symbols])[part.code] for part in parts])
    names = dict.fromkeys(name for part in parts for name in part.fields)
    fields = {
        name: np.concatenate([part.fields.get(name, np.full(len(part), np.nan)) for part in parts]) for name in names
    }
    origin = Origin.joined([part.origin for part in parts])
    date, broken = (np.concatenate([getattr(part, name) for part in parts]) for name in ("date", "broken"))
    return Bars(date, code, symbols, fields, origin, broken)


def _panel(bars: Bars, settings: PriceFile) -> Panel:
    sessions, day = np.unique(bars.date, return_inverse=True)
    # Only symbols with a bar left get a column.
    used, column = np.unique(bars.code, return_inverse=True)
    symbols = tuple(bars.symbols[code] for code in used)

    def wide(values: FloatArray) -> FloatArray:
        cells = np.full((len(sessions), len(symbols)), np.nan)
        cells[day, column] = values
        return cells

    fields = {name: wide(values) for name, values in bars.fields.items()}
    return Panel(sessions, published(sessions, time=settings.close_time, zone=settings.zone), symbols, fields)
