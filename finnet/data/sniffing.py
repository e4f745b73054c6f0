"""Sniffing: how a file seems to be written and what its columns seem to hold, for a job file to start from."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.compute as pc

from finnet.data.archives import is_parquet, unpacked
from finnet.data.cells import distinct, is_text
from finnet.data.csv_format import CsvFormat
from finnet.data.guesses import date_formats, is_data, is_number_or_date, number_keys
from finnet.data.quality import Findings
from finnet.data.tables import UNREADABLE, Table, read_table, table_files
from finnet.errors import DataError

__all__ = ["Sniffed", "sniffed", "text_format"]

_DELIMITERS = (",", ";", "\t", "|")
_LINES = 40


@dataclass(frozen=True, eq=False)
class Sniffed:
    """What a file seems to be.

    Parameters
    ----------
    table : Table
    format : CsvFormat
        With which the table was read.
    dates, numbers, texts : tuple of str
        Columns by what they seem to hold.
    """

    table: Table
    format: CsvFormat
    dates: tuple[str, ...]
    numbers: tuple[str, ...]
    texts: tuple[str, ...]


def sniffed(path: str) -> Sniffed:
    """The table of a file, or of the first one of a folder; DataError where no table can be made out."""
    findings = Findings()
    files = table_files(path, findings)
    if not files:
        raise DataError(f"{path}: a folder without CSV or Parquet files; give one with some")
    format = _layout(files[0])
    table = read_table(files[0], format, Findings({"no_final_newline": "ignore"}))
    if table is None:
        # What is wrong is said by the reader itself.
        read_table(files[0], format, findings)
        findings.raise_errors()
    assert table is not None
    kinds = {name: _kind(table, name) for name in table.columns}
    of = {kind: tuple(name for name in kinds if kinds[name] == kind) for kind in ("date", "number", "text")}
    return Sniffed(table, _cells_of(table, format, of), of["date"], of["number"], of["text"])


def text_format(path: str) -> CsvFormat:
    """The delimiter and the encoding that a file seems to have."""
    found = _layout(path)
    return CsvFormat(delimiter=found.delimiter, encoding=found.encoding)


def _layout(path: str) -> CsvFormat:
    try:
        return CsvFormat() if is_parquet(path) else _layout_of_text(path)
    except UNREADABLE:
        return CsvFormat()


def _layout_of_text(path: str) -> CsvFormat:
    # Findings that nobody reads: what is wrong with the file is said when it is read in earnest.
    data = unpacked(path, Findings())
    if data is None:
        return CsvFormat()
    encoding = _encoding(data)
    lines = data.decode(encoding).lstrip("\ufeff").splitlines()
    delimiter = max(_DELIMITERS, key=lambda sign: _evenness(_rows(lines[:_LINES], sign)))
    rows = _rows(lines, delimiter)
    width = _width(rows[:_LINES])
    above = next((number for number, row in enumerate(rows) if len(row) == width), 0)
    # Lines at the end with at most half of the cells are a footer, such as a sum or a source.
    below = 0
    while below < len(rows) - 1 and 2 * len(rows[-1 - below]) <= width:
        below += 1
    format = CsvFormat(delimiter=delimiter, encoding=encoding, skip_rows=above, skip_footer=below)
    header = rows[above]
    if header[0].casefold() == "price" and len(rows) > above + 2:
        return replace(format, header_lines=3 if rows[above + 2][0].casefold() == "date" else 2)
    if sum(map(is_data, header)) >= max(1, len(header) / 2):
        return replace(format, names=tuple(f"column_{place}" for place in range(1, width + 1)))
    return format


def _rows(lines: Sequence[str], delimiter: str) -> list[list[str]]:
    return [next(csv.reader([line], delimiter=delimiter), [""]) for line in lines]


def _width(rows: Sequence[list[str]]) -> int:
    return Counter(len(row) for row in rows).most_common(1)[0][0] if rows else 1


def _evenness(rows: Sequence[list[str]]) -> tuple[bool, int, int]:
    """Whether lines are divided at all, how many of them into the same number of cells, and into how many."""
    width = _width(rows)
    return width > 1, sum(len(row) == width for row in rows), width


def _encoding(data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    try:
        data.decode()
    except UnicodeDecodeError:
        # What is no UTF-8 is most often written by Excel on Windows.
        return "cp1252"
    return "utf-8"


def _kind(table: Table, name: str) -> str:
    cells = table.columns[name]
    if pa.types.is_timestamp(cells.type) or pa.types.is_date(cells.type):
        return "date"
    words = distinct(table, name) if is_text(cells) else [str(word) for word in pc.unique(cells).to_pylist()[:300]]
    is_plain = not is_text(cells) or number_keys(words) == {}
    # Plain numbers such as 20200131 are dates only where the column is called so.
    is_called_date = any(word in name.casefold() for word in ("date", "time", "day", "month", "_d", "period"))
    if words and date_formats(words) and (is_called_date or not is_plain):
        return "date"
    if is_plain:
        return "number"
    return "number" if is_number_or_date(words) else "text"


def _cells_of(table: Table, format: CsvFormat, of: dict[str, tuple[str, ...]]) -> CsvFormat:
    """The format with the signs and units of numbers and the formats of dates."""
    signs: dict[str, object] = {}
    units: dict[str, float] = {}
    for name in of["number"]:
        keys = number_keys(distinct(table, name)) or {} if is_text(table.columns[name]) else {}
        found = keys.pop("units", {})
        units |= found if isinstance(found, dict) else {}
        signs |= keys
    formats = {name: _date_format(table, name) for name in of["date"]}
    formats = {name: form for name, form in formats.items() if form != "iso"}
    if len(set(formats.values())) == 1 and len(formats) == len(of["date"]):
        return replace(format, **signs, units=units, date_format=next(iter(formats.values())))  # type: ignore[arg-type]
    return replace(format, **signs, units=units, date_formats=formats)  # type: ignore[arg-type]


def _date_format(table: Table, name: str) -> str:
    if not is_text(table.columns[name]):
        return "iso"
    found = date_formats(distinct(table, name))
    return found[0] if found and found[0] not in ("%Y-%m-%d", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M") else "iso"
