"""Files as they stand: text cells of CSV and CSV.gz, typed cells of Parquet, and where their form is broken."""

import codecs
import csv
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from finnet.checks import nearest, require_date_format
from finnet.data.limits import read_file, read_parquet, require_columns_within, require_rows_within
from finnet.data.quality import ROWS_PER_RULE, Findings, Origin
from finnet.errors import ConfigError
from finnet.types import BoolArray, IntArray

__all__ = ["CsvFormat", "Table", "read_table", "table_files"]

SUFFIXES = (".csv", ".csv.gz", ".parquet")


@dataclass(frozen=True, kw_only=True)
class CsvFormat:
    """How the text of a CSV file is to be read; Parquet files say it themselves.

    Parameters
    ----------
    delimiter : str
        One character between cells.
    encoding : str
        A name known to Python, such as "latin-1".
    date_format : str
        "iso" (2020-01-31), or strptime's letters, such as "%d.%m.%Y" or "%Y%m%d".
    missing : tuple of str
        Cells of number columns that mean "not known", exact but for blanks around them. Text columns know only the
        empty cell: NA is a ticker.
    """

    delimiter: str = ","
    encoding: str = "utf-8"
    date_format: str = "iso"
    missing: tuple[str, ...] = ("", "NaN", "nan", "NA", "N/A", "null", "NULL", "None")

    def __post_init__(self) -> None:
        if len(self.delimiter) != 1 or self.delimiter in '"\r\n' or not self.delimiter.isascii():
            raise ConfigError(
                f"csv.delimiter={self.delimiter!r} cannot divide cells; use one character such as ',' or ';'"
            )
        try:
            "".encode(self.encoding)
        except LookupError:
            raise ConfigError(f"csv.encoding={self.encoding!r} is not known; use for instance 'latin-1'") from None
        if self.date_format != "iso":
            require_date_format(self.date_format, name="csv.date_format")


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of one file under the file's own names, text where the file is CSV.

    Parameters
    ----------
    columns : mapping of str to pyarrow.ChunkedArray
    origin : Origin
        File and line of every row.
    format : CsvFormat
    header : sequence of str
        All columns of the file, also those that were not read.
    broken : ndarray of bool, shape (n_rows,)
        Rows with a cell that could not be read; `finnet.data.cells` marks them, so that no check blames them twice.
    """

    columns: Mapping[str, pa.ChunkedArray]
    origin: Origin
    format: CsvFormat = field(default_factory=CsvFormat)
    header: Sequence[str] = ()
    broken: BoolArray = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "broken", np.zeros(len(self), bool))

    def __len__(self) -> int:
        return len(self.origin.line)

    @property
    def file(self) -> str:
        """Path of the file, as given."""
        return self.origin.files[0]

    def take(self, keep: BoolArray) -> "Table":
        """The rows where `keep` is true."""
        if keep.all():
            return self
        mask = pa.array(keep)
        columns = {name: cells.filter(mask) for name, cells in self.columns.items()}
        return replace(self, columns=columns, origin=self.origin.take(keep))


def table_files(path: str) -> list[str]:
    """The file itself, or the CSV, CSV.gz and Parquet files of a folder in the order of their names."""
    if not Path(path).is_dir():
        return [path]
    return sorted(str(file) for file in Path(path).iterdir() if file.name.endswith(SUFFIXES))


def read_table(
    path: str,
    format: CsvFormat,
    findings: Findings,
    *,
    needed: Collection[str] = (),
    wanted: Collection[str] | None = None,
    unwanted: Collection[str] = (),
) -> Table | None:
    """The columns of a CSV, CSV.gz or Parquet file, by its name; None where its form is broken or a column is missing.

    Parameters
    ----------
    findings : Findings
        Takes every problem: this function raises nothing about the file.
    needed : collection of str
        Columns that the file must have, even where they are not read.
    wanted : collection of str, optional
        Columns to read where they exist; all by default.
    unwanted : collection of str
        Columns not to read.
    """

    def is_read(name: str) -> bool:
        return (wanted is None or name in wanted) and name not in unwanted

    try:
        if path.endswith(".parquet"):
            table = _read_parquet(path, findings, is_read)
        else:
            table = _read_csv(path, format, findings, is_read=is_read)
    except (OSError, EOFError, ValueError, zlib.error, csv.Error, pa.ArrowException) as error:
        findings.add("unreadable_file", path, value=(str(error) or type(error).__name__).splitlines()[0][:200])
        return None
    if table is not None and not len(table):
        findings.add("empty_file", path, value="no rows")
        return None
    return table if table is None or _has_columns(table, needed, findings) else None


def _has_columns(table: Table, names: Iterable[str], findings: Findings) -> bool:
    """Whether the file has all of `names`; each that it lacks is noted with the nearest name that it has."""
    missing = [name for name in dict.fromkeys(names) if name not in table.header]
    for name in missing:
        findings.add("missing_column", table.file, line=1, column=name, value=nearest(name, table.header))
    return not missing


def _read_parquet(path: str, findings: Findings, is_read: Callable[[str], bool]) -> Table | None:
    schema, rows = read_parquet(path, is_read, _is_readable)
    names = schema.names
    if not _header_is_sound(names, path, findings):
        return None
    if rows is None:
        for column in schema:
            if is_read(column.name) and not _is_readable(column.type):
                findings.add("unknown_type", path, column=column.name, value=f"stored as {column.type}")
        return None
    rows.validate(full=True)
    origin = Origin.of_file(path, np.arange(1, rows.num_rows + 1))
    return Table(dict(zip(rows.column_names, rows.columns, strict=True)), origin, header=names)


def _is_readable(kind: pa.DataType) -> bool:
    """Whether cells of this type are plain numbers, truth values, text, dates or times."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    tests = ("integer", "floating", "decimal", "boolean", "string", "large_string", "date", "timestamp")
    return any(getattr(pa.types, f"is_{test}")(kind) for test in tests)


def _read_csv(path: str, format: CsvFormat, findings: Findings, *, is_read: Callable[[str], bool]) -> Table | None:
    data = _utf8(path, format, findings)
    if data is None or not _text_is_sound(data, path, findings, delimiter=format.delimiter):
        return None
    header = next(csv.reader([data[: data.find(b"\n")].decode()], delimiter=format.delimiter, strict=True), [])
    if not _header_is_sound(header, path, findings):
        return None
    columns = [name for name in header if is_read(name)] or header[:1]
    require_rows_within(data.count(b"\n") - 1, len(columns))
    lines = _record_lines(data)[1:]
    rows, ragged = _parse(data, header, columns, delimiter=format.delimiter)
    _note_ragged(lines[ragged], path, findings, data=data)
    cells = dict(zip(rows.column_names, rows.columns, strict=True))
    origin = Origin.of_file(path, np.delete(lines, ragged))
    return _without_blank_lines(Table(cells, origin, format, header), findings)


def _utf8(path: str, format: CsvFormat, findings: Findings) -> bytes | None:
    data = read_file(path)
    try:
        if not (data.isascii() and codecs.lookup(format.encoding).name == "utf-8"):
            data = data.decode(format.encoding).encode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        findings.add("wrong_encoding", path, line=line, value=repr(data[error.start : error.start + 4]))
        return None
    return data.removeprefix(b"\xef\xbb\xbf")


def _text_is_sound(data: bytes, path: str, findings: Findings, *, delimiter: str) -> bool:
    """Whether lines and quotes can be told apart; notes a missing last newline, which does not prevent that."""
    if b"\n" not in data:
        findings.add("empty_file", path, value="not one whole line")
        return False
    broken = {"stray_quote": _stray_quote(data, delimiter), "lone_carriage_return": _lone_return(data)}
    for rule, at in broken.items():
        if at is not None:
            line = data.count(b"\n", 0, at) + 1
            findings.add(rule, path, line=line, value=repr(data[max(at - 20, 0) : at + 20].decode(errors="replace")))
            return False
    if not data.endswith(b"\n"):
        end = repr(data[-20:].decode(errors="replace"))
        findings.add("no_final_newline", path, line=data.count(b"\n") + 1, value=end)
    return True


def _stray_quote(data: bytes, delimiter: str) -> int | None:
    """Position of the first quote that neither opens nor closes a whole cell."""
    if b'"' not in data:
        return None
    padded = np.frombuffer(b"\n" + data + b"\n", np.uint8)
    quotes = _positions(padded, b'"')
    borders = np.frombuffer(b'"\r\n' + delimiter.encode(), np.uint8)
    opening, closing = quotes[0::2], quotes[1::2]
    stray = [opening[~np.isin(padded[opening - 1], borders)], closing[~np.isin(padded[closing + 1], borders)]]
    unclosed = quotes[-1:] if len(quotes) % 2 else quotes[:0]
    found = np.concatenate([*stray, unclosed])
    return int(found.min()) - 1 if len(found) else None


def _lone_return(data: bytes) -> int | None:
    """Position of the first carriage return that no line feed follows, outside quotes or anywhere in the header.

    In the header even a quoted one would be taken for the end of the line by the CSV reader, which skips it as a line.
    """
    if data.count(b"\r") == data.count(b"\r\n"):
        return None
    text = np.frombuffer(data + b"\0", np.uint8)
    returns = _positions(text, b"\r")
    counts = _outside_quotes(text, returns) | (returns < data.find(b"\n"))
    lone = returns[(text[returns + 1] != ord("\n")) & counts]
    return int(lone[0]) if len(lone) else None


def _positions(text: npt.NDArray[np.uint8], byte: bytes) -> IntArray:
    return np.flatnonzero(text == ord(byte))


def _outside_quotes(text: npt.NDArray[np.uint8], positions: IntArray) -> BoolArray:
    return np.asarray(np.searchsorted(_positions(text, b'"'), positions) % 2 == 0)


def _record_lines(data: bytes) -> IntArray:
    """Line on which each record starts; a quoted cell may span several lines."""
    if b'"' not in data:
        return np.arange(1, data.count(b"\n") + (not data.endswith(b"\n")) + 1)
    text = np.frombuffer(data, np.uint8)
    ends = _outside_quotes(text, _positions(text, b"\n"))
    starts = np.append(0, np.flatnonzero(ends) + 1) + 1
    return starts[:-1] if data.endswith(b"\n") else starts


def _header_is_sound(header: Sequence[str], path: str, findings: Findings) -> bool:
    if not any(header):
        findings.add("empty_file", path, line=1, value="no header")
        return False
    require_columns_within(header)
    twice = sorted(name for name, count in Counter(header).items() if count > 1)
    for name in twice:
        places = ", ".join(str(place + 1) for place, other in enumerate(header) if other == name)
        findings.add("duplicate_header", path, line=1, column=name, value=f"cells {places}")
    return not twice


def _parse(data: bytes, header: Sequence[str], columns: Sequence[str], *, delimiter: str) -> tuple[pa.Table, IntArray]:
    """The text of `columns` and the numbers (from 0, below the header) of ragged records, which it lacks."""
    ragged: list[int] = []

    def skip(row: pa.csv.InvalidRow) -> str:
        ragged.append(row.number - 2)
        return "skip"

    rows = pa.csv.read_csv(
        pa.BufferReader(data),
        read_options=pa.csv.ReadOptions(use_threads=False, column_names=list(header), skip_rows=1),
        parse_options=pa.csv.ParseOptions(
            delimiter=delimiter,
            newlines_in_values=b'"' in data,
            ignore_empty_lines=False,
            invalid_row_handler=skip,
        ),
        convert_options=pa.csv.ConvertOptions(
            include_columns=list(columns),
            column_types=dict.fromkeys(columns, pa.string()),
            strings_can_be_null=False,
        ),
    )
    return rows, np.array(ragged, int)


def _note_ragged(lines: IntArray, path: str, findings: Findings, *, data: bytes) -> None:
    cut = len(lines) > 0 and not data.endswith(b"\n") and lines[-1] == data.count(b"\n") + 1
    if cut:
        tail = data[data.rfind(b"\n") + 1 :]
        findings.add("cut_off_row", path, line=int(lines[-1]), value=repr(tail[-40:].decode(errors="replace")))
    whole = lines[:-1] if cut else lines
    listed = whole[:ROWS_PER_RULE]
    text = data.split(b"\n", int(listed[-1])) if len(listed) else []
    values = [repr(text[line - 1][:40].decode(errors="replace")) for line in listed]
    findings.add_rows("ragged_row", Origin.of_file(path, whole), column="", values=values)


def _without_blank_lines(table: Table, findings: Findings) -> Table:
    blank = np.ones(len(table), bool)
    for cells in table.columns.values():
        blank &= pc.equal(cells, "").to_numpy()
        if not blank.any():
            return table
    found = table.origin.take(blank)
    findings.add_rows("blank_line", found, column="", values=["''"] * len(found.line))
    return table.take(~blank)
