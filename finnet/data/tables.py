"""Files as they stand: text cells of CSV, typed cells of Parquet, and where their form is broken."""

import codecs
import csv
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet

from finnet.checks import nearest
from finnet.data.archives import is_parquet, suffix_of, unpacked
from finnet.data.csv_format import CsvFormat
from finnet.data.csv_text import note_ragged, parse, record_lines, text_is_sound
from finnet.data.inspection import SourceFile, digest_of
from finnet.data.layout import Layout, diagnosed, has_yahoo_header, laid_out, note_footer, table_of
from finnet.data.limits import read_parquet, require_columns_within, require_rows_within
from finnet.data.quality import Findings, Origin
from finnet.types import BoolArray

__all__ = ["UNREADABLE", "Table", "read_table", "table_files"]

UNREADABLE = (OSError, EOFError, ValueError, zlib.error, csv.Error, pa.ArrowException)
"""What readers raise where a file is not what it should be, limits of `finnet.data.limits` included."""


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
    levels : mapping of str to tuple of str
        Names of each column on the several lines of the header, where it has more than one.
    broken : ndarray of bool, shape (n_rows,)
        Rows with a cell that could not be read; `finnet.data.cells` marks them, so that no check blames them twice.
    """

    columns: Mapping[str, pa.ChunkedArray]
    origin: Origin
    format: CsvFormat = field(default_factory=CsvFormat)
    header: Sequence[str] = ()
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    broken: BoolArray = field(init=False)

    def __post_init__(self) -> None:
        # Made anew for every Table, also by `take`: marks belong to the rows of one Table.
        object.__setattr__(self, "broken", np.zeros(len(self), bool))

    def __len__(self) -> int:
        return len(self.origin.line)

    @property
    def file(self) -> str:
        """Path of the file, as given."""
        return self.origin.files[0]

    def take(self, keep: BoolArray) -> "Table":
        """The rows where `keep`, shape (n_rows,), is true."""
        if keep.all():
            return self
        mask = pa.array(keep)
        columns = {name: cells.filter(mask) for name, cells in self.columns.items()}
        return replace(self, columns=columns, origin=self.origin.take(keep))


def table_files(path: str, findings: Findings) -> list[str]:
    """The file itself, or the CSV, zip and Parquet files of a folder in the order of their names; others are noted."""
    if not Path(path).is_dir():
        return [path]
    files = sorted(str(file) for file in Path(path).iterdir() if file.is_file() and not file.name.startswith("."))
    skipped = [file for file in files if not suffix_of(file)]
    if skipped:
        names = ", ".join(Path(file).name for file in skipped[:3])
        findings.add("skipped_file", path, value=f"{names}{', ...' * (len(skipped) > 3)}", count=len(skipped))
    return [file for file in files if suffix_of(file)]


def read_table(
    path: str,
    format: CsvFormat,
    findings: Findings,
    *,
    needed: Collection[str] | Mapping[str, str] = (),
    wanted: Collection[str] | None = None,
    unwanted: Collection[str] = (),
    may_be_wide: bool = False,
    lacks: Callable[[str, Collection[str]], str] = nearest,
) -> Table | None:
    """The columns of a CSV, CSV.gz or Parquet file, by its name; None where its form is broken or a column is missing.

    Parameters
    ----------
    findings : Findings
        Takes every problem: this function raises nothing about the file.
    needed : collection of str, or mapping of str to str
        Columns that the file must have, even where they are not read. A mapping says what to do where one is missing.
    wanted : collection of str, optional
        Columns to read where they exist; all by default.
    unwanted : collection of str
        Columns not to read.
    may_be_wide : bool
        Whether a table with one column per symbol would be of use, and may be named as such.
    lacks : callable
        What is said of a column that is missing beside the columns of the file; by default which one may be meant.
    """

    def is_read(name: str) -> bool:
        return (wanted is None or name in wanted) and name not in unwanted

    try:
        # Before it is read, so that the hash is that of what is read.
        digest, size = digest_of(path)
        if is_parquet(path):
            table = _read_parquet(path, format, findings, is_read=is_read)
        else:
            table = _read_csv(path, format, findings, needed=needed, is_read=is_read, may_be_wide=may_be_wide)
    except UNREADABLE as error:
        findings.add("unreadable_file", path, value=(str(error) or type(error).__name__).splitlines()[0][:200])
        return None
    if table is None:
        return None
    findings.inspection.files.append(SourceFile(path, digest, size, len(table)))
    sought = {"unreadable_file": "a file cut off, of another encoding or form, or with two columns of one name"}
    findings.inspection.look(sought, file=path, columns=None, rows=len(table))
    if not len(table):
        findings.add("empty_file", path, value="no rows")
        return None
    missing = [name for name in dict.fromkeys(needed) if name not in table.header]
    for name in missing:
        remedy = needed[name] if isinstance(needed, Mapping) else ""
        findings.add("missing_column", table.file, line=1, column=name, value=lacks(name, table.header), remedy=remedy)
    return None if missing else table


def _read_parquet(path: str, format: CsvFormat, findings: Findings, *, is_read: Callable[[str], bool]) -> Table | None:
    schema, count, rows = read_parquet(path, is_read, _is_readable)
    if not _header_is_sound(schema.names, path, findings):
        return None
    if rows is None:
        for column in schema:
            if is_read(column.name) and not _is_readable(column.type):
                findings.add("unknown_type", path, column=column.name, value=f"stored as {column.type}", count=count)
        return None
    # Arrow trusts what a file says of itself; a broken one would crash where its cells are used.
    rows.validate(full=True)
    origin = Origin.of_file(path, np.arange(1, rows.num_rows + 1))
    return Table(dict(zip(rows.column_names, rows.columns, strict=True)), origin, format, schema.names)


def _is_readable(kind: pa.DataType) -> bool:
    """Whether cells of this type are plain numbers, truth values, text, dates or times."""
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    tests = ("integer", "floating", "decimal", "boolean", "string", "large_string", "date", "timestamp")
    return any(getattr(pa.types, f"is_{test}")(kind) for test in tests)


def _read_csv(
    path: str,
    format: CsvFormat,
    findings: Findings,
    *,
    needed: Collection[str],
    is_read: Callable[[str], bool],
    may_be_wide: bool,
) -> Table | None:
    data = _utf8(path, format, findings)
    if data is None:
        return None
    if has_yahoo_header(data, path, findings, format=format):
        return None
    layout = laid_out(data, format)
    require_columns_within(layout.header)
    lacks = not set(needed) <= set(layout.header)
    if lacks and diagnosed(data, path, findings, format=format, needed=needed, may_be_wide=may_be_wide):
        return None
    # Before duplicate names are looked for, since a stray quote may have joined some.
    text = table_of(data, format)
    if not text_is_sound(text, path, findings, delimiter=format.delimiter, above=format.skip_rows):
        return None
    if not _header_is_sound(layout.header, path, findings):
        return None
    if not layout.body:
        findings.add("empty_file", path, value="no rows")
        return None
    # At least one column is read, since the number of rows is known only from one.
    columns = [name for name in layout.header if is_read(name)] or layout.header[:1]
    require_rows_within(layout.body.count(b"\n") + (not layout.body.endswith(b"\n")), len(columns))
    rows, ragged = parse(layout.body, layout.header, columns, delimiter=format.delimiter)
    width = len(layout.header)
    if (
        len(ragged)
        and not format.skip_footer
        and note_footer(data, path, findings, width=width, delimiter=format.delimiter)
    ):
        return None
    sought = {"ragged_row": "rows with fewer or more cells than the header"}
    findings.inspection.look(sought, file=path, columns=None, rows=rows.num_rows + len(ragged))
    lines = record_lines(layout.body) + layout.first_line - 1
    note_ragged(lines[ragged], path, findings, data=layout.body, first_line=layout.first_line)
    cells = dict(zip(rows.column_names, rows.columns, strict=True))
    levels = dict(zip(layout.header, layout.levels, strict=True))
    origin = Origin.of_file(path, np.delete(lines, ragged))
    blank = _blank_rows(rows, layout, delimiter=format.delimiter)
    found = origin.take(blank)
    findings.add_rows("blank_line", found, column="", values=["''"] * len(found.line))
    return Table(cells, origin, format, layout.header, levels).take(~blank)


def _utf8(path: str, format: CsvFormat, findings: Findings) -> bytes | None:
    data = unpacked(path, findings)
    if data is None:
        return None
    try:
        # Pure ASCII needs no second copy of what may be a gigabyte.
        if not (data.isascii() and codecs.lookup(format.encoding).name == "utf-8"):
            data = data.decode(format.encoding).encode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        likely = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "cp1252"
        remedy = f"save the file as UTF-8, or name its encoding, perhaps {{keys}}csv.encoding = '{likely}'"
        value = repr(data[error.start : error.start + 4])
        findings.add("wrong_encoding", path, line=line, value=value, remedy=remedy)
        return None
    # The byte-order mark of UTF-8, which Excel writes, would be a part of the first name.
    return data.removeprefix(b"\xef\xbb\xbf")


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


def _blank_rows(rows: pa.Table, layout: Layout, *, delimiter: str) -> BoolArray:
    """Which rows of a file have nothing in any cell, shape (n_rows,), in columns that were not read neither."""
    blank, read = _are_blank(rows), set(rows.column_names)
    unread = [name for name in layout.header if name not in read]
    if blank.any() and unread:
        # A file must have the same rows whatever is read of it: outcomes, clients and loans are read one by one.
        blank &= _are_blank(parse(layout.body, layout.header, unread, delimiter=delimiter)[0])
    return blank


def _are_blank(rows: pa.Table) -> BoolArray:
    blank = np.ones(rows.num_rows, bool)
    for cells in rows.columns:
        blank &= pc.equal(cells, "").to_numpy()
        if not blank.any():
            break
    return blank
