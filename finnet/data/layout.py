"""Layout: which lines of a CSV file are its header, which its table, and what is wrong where that is not clear."""

import csv
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from finnet.data.csv_format import CsvFormat
from finnet.data.guesses import is_data
from finnet.data.quality import Findings

__all__ = ["Layout", "diagnosed", "has_yahoo_header", "laid_out", "note_footer", "table_of"]

LOOKED_AT = 40
FOOTER = 20
"""Lines at both ends of a file among which a header or a footer is looked for."""


@dataclass(frozen=True)
class Layout:
    """A CSV file in its parts.

    Parameters
    ----------
    header : list of str
        One name for each column.
    levels : list of tuple of str
        For each column its names on the lines of the header that tell columns apart, from above.
    body : bytes
        The lines of the table.
    first_line : int
        Number of the body's first line in the file.
    """

    header: list[str]
    levels: list[tuple[str, ...]]
    body: bytes
    first_line: int


def laid_out(data: bytes, format: CsvFormat) -> Layout:
    """The parts of a file whose lines end with LF or CR LF.

    Examples
    --------
    >>> data = b"Price,Close,High\\nTicker,QQX,QQX\\nDate,,\\n2020-01-02,1,2\\n"
    >>> layout = laid_out(data, CsvFormat(header_lines=3))
    >>> layout.header, layout.body, layout.first_line
    (['Date', 'Close', 'High'], b'2020-01-02,1,2\\n', 4)
    """
    named = 0 if format.names else format.header_lines
    lines = table_of(data, format).split(b"\n", named)
    rows = [_safe_cells(line, format.delimiter) for line in lines[:named]]
    levels = _levels([list(format.names)] if format.names else rows)
    header = [" ".join(filter(None, names)) for names in levels]
    body = lines[named] if len(lines) > named else b""
    return Layout(header, levels, body, format.skip_rows + named + 1)


def table_of(data: bytes, format: CsvFormat) -> bytes:
    """The lines of a file without those declared to stand above its header or below its table."""
    if format.skip_rows:
        parts = data.split(b"\n", format.skip_rows)
        data = parts[-1] if len(parts) > format.skip_rows else b""
    if format.skip_footer:
        parts = data.removesuffix(b"\n").rsplit(b"\n", format.skip_footer)
        data = parts[0] + b"\n" if len(parts) > format.skip_footer else b""
    return data


def _levels(rows: Sequence[list[str]]) -> list[tuple[str, ...]]:
    """The names of each column, from above, of the lines of a header that tell columns apart."""
    if len(rows) <= 1:
        return [(name,) for row in rows for name in row]
    width = max(map(len, rows))
    rows = [row + [""] * (width - len(row)) for row in rows]
    # The first column is that of the days, whose cell may hold the name of a level: yfinance writes "Ticker" there.
    telling = [_filled(row) for row in rows if len(set(row[1:])) > 1] or [rows[0]]
    first = next((row[0] for row in reversed(rows) if row[0]), "")
    return [(first,), *zip(*(row[1:] for row in telling), strict=True)]


def _filled(row: list[str]) -> list[str]:
    """A level of names in which an empty cell repeats the name on its left, as merged cells are written."""
    filled = row[:1]
    for name in row[1:]:
        filled.append(name or filled[-1] if len(filled) > 1 else name)
    return filled


def diagnosed(
    data: bytes, path: str, findings: Findings, *, format: CsvFormat, needed: Collection[str], may_be_wide: bool = False
) -> bool:
    """Note why the header lacks `needed` columns, where one cause explains it; whether it does.

    Parameters
    ----------
    may_be_wide : bool
        Whether a table with one column per symbol would be of use.
    """
    rows = [_safe_cells(line, format.delimiter) for line in data.split(b"\n", LOOKED_AT + 1)[:LOOKED_AT]]
    table = rows[format.skip_rows :]
    if _is_lower(rows, path, findings, format=format, needed=needed):
        widths = [len(row) for row in rows]
        width = max(set(widths), key=widths.count) if widths else 0
        note_footer(data, path, findings, width=width, delimiter=format.delimiter)
        return True
    header = table[0] if table else []
    other = next((sign for sign in (";", "\t", "|") if len(header) == 1 and sign in header[0]), "")
    if other:
        remedy = f"the cells are divided by {other!r}: set {{keys}}csv.delimiter = {other!r}"
        findings.add("missing_column", path, line=1, column=header[0][:60], value="one cell", remedy=remedy)
        return True
    if len(header) > 1 and sum(map(is_data, header)) >= max(1, sum(map(bool, header)) / 2):
        words = f"{', '.join(header[:3])}{', ...' * (len(header) > 3)}"
        remedy = f"the first line holds data, not names: set {{keys}}csv.names, a list of {len(header)} names"
        findings.add("no_header", path, line=format.skip_rows + 1, value=words, remedy=remedy)
        return True
    return may_be_wide and _is_wide(table, path, findings)


def has_yahoo_header(data: bytes, path: str, findings: Findings, *, format: CsvFormat) -> bool:
    """Whether the lines below the declared header go on naming columns as yfinance does, which is then noted."""
    if format.names or format.header_lines > 1:
        return False
    lines = data.split(b"\n", format.skip_rows + 3)[format.skip_rows : format.skip_rows + 3]
    rows = [_safe_cells(line, format.delimiter) for line in lines]
    if len(rows) < 3 or {rows[0][0].casefold(), rows[1][0].casefold()} != {"price", "ticker"}:
        return False
    shown = ", ".join(row[0] for row in rows if not any(map(is_data, row)))
    lines_of_header = 3 if not any(rows[2][1:]) else 2
    words = f"a header of {lines_of_header} lines as yfinance writes it ({shown})"
    symbols = len({name for row in rows[:2] if row[0].casefold() == "ticker" for name in row[1:]})
    remedy = f"set {{keys}}csv.header_lines = {lines_of_header}{' and {keys}wide = true' * (symbols > 1)}"
    findings.add("several_header_lines", path, line=1, value=words, remedy=f"{remedy}, and map date = 'Date'")
    return True


def _safe_cells(line: bytes, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([line.decode().rstrip("\r")], delimiter=delimiter, strict=True), []) or [""]
    except csv.Error:
        return [""]


def _is_lower(
    rows: Sequence[list[str]], path: str, findings: Findings, *, format: CsvFormat, needed: Collection[str]
) -> bool:
    """Whether the names stand on a later line than declared."""
    wanted = set(needed)
    most = max((len(wanted & set(row)) for row in rows), default=0)
    at = next((number for number, row in enumerate(rows) if most and len(wanted & set(row)) == most), 0)
    if at <= format.skip_rows:
        return False
    above = len(rows[format.skip_rows])
    words = f"line {format.skip_rows + 1} has {above} cell{'s' * (above != 1)}, line {at + 1} has {len(rows[at])}"
    remedy = f"is the header on line {at + 1}? set {{keys}}csv.skip_rows = {at}"
    findings.add("text_above_header", path, line=format.skip_rows + 1, value=words, remedy=remedy)
    return True


def _is_wide(table: Sequence[list[str]], path: str, findings: Findings) -> bool:
    """Whether every column but the first holds numbers under names that are none of a bar's."""
    if len(table) < 3 or len(table[0]) < 3:
        return False
    header, cells = table[0], [row for row in table[1:] if len(row) == len(table[0])]
    bar = {"open", "high", "low", "close", "adj close", "adj_close", "volume", "symbol", "ticker"}
    filled = [cell for row in cells for cell in row[1:] if cell.strip()]
    if bar & {name.casefold() for name in header} or not filled or not all(map(is_data, filled)):
        return False
    shown = ", ".join(header[1:4])
    findings.add("wide_file", path, line=1, value=f"columns {shown}{', ...' * (len(header) > 4)} hold numbers")
    return True


def note_footer(data: bytes, path: str, findings: Findings, *, width: int, delimiter: str) -> bool:
    """Note lines below the table, which have far fewer cells than it; whether there are any."""
    lines = data.rstrip(b"\n").split(b"\n")
    last = [_safe_cells(line, delimiter) for line in lines[-FOOTER:]]
    below = 0
    while below < len(last) and 2 * len(last[-1 - below]) <= width and not is_data(last[-1 - below][0]):
        below += 1
    # A table of one or two columns is as narrow as a footer, and a file of footers alone has no table.
    if not below or below == len(last) or width < 3 or not any(row[0] for row in last[-below:]):
        return False
    # Blank lines at the very end must be skipped with the footer, so they are counted with it.
    trailing = data.count(b"\n", len(data.rstrip(b"\n"))) - data.endswith(b"\n")
    first = len(lines) - below + 1
    words = repr(lines[first - 1][:40].decode(errors="replace") or lines[-1][:40].decode(errors="replace"))
    remedy = f"set {{keys}}csv.skip_footer = {below + max(trailing, 0)}"
    findings.add("text_below_table", path, line=first, value=words, remedy=remedy)
    return True
