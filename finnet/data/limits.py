"""Limits of what is read, so that no file fills the memory or keeps finnet waiting for ever."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, fields
from io import BufferedIOBase
from typing import IO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from finnet.checks import require_at_least
from finnet.errors import DataError
from finnet.files import open_regular

__all__ = ["Limits", "bounded", "limited", "read_file", "read_parquet", "require_columns_within", "require_rows_within"]


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How large each data file may be; raise a limit where a file is meant to be larger.

    Parameters
    ----------
    bytes : int
        Bytes of a file, unpacked.
    rows : int
        Rows of a file.
    columns : int
        Columns of a file.
    cells : int
        Rows times columns that are read.
    """

    bytes: int = 1_073_741_824
    rows: int = 20_000_000
    columns: int = 5_000
    cells: int = 100_000_000

    def __post_init__(self) -> None:
        for limit in fields(self):
            require_at_least(getattr(self, limit.name), 1, name=f"limits.{limit.name}")


_CURRENT = ContextVar("limits", default=Limits())  # noqa: B039 (Limits are frozen)


@contextmanager
def limited(limits: Limits) -> Iterator[None]:
    """Let these limits hold for all files that are read meanwhile.

    Examples
    --------
    >>> with limited(Limits(columns=2)):
    ...     require_columns_within(["date", "symbol", "close"])
    Traceback (most recent call last):
    finnet.errors.DataError: 3 columns, more than limits.columns = 2; raise that key, or give less
    """
    before = _CURRENT.set(limits)
    try:
        yield
    finally:
        _CURRENT.reset(before)


def read_file(path: str) -> bytes:
    """The bytes of a file as they stand; OSError for what is no regular file, DataError for more than the limit."""
    with open_regular(path) as file:
        return bounded(file)


def bounded(stream: IO[bytes] | BufferedIOBase) -> bytes:
    """All bytes of a stream; DataError where there are more than the limit, without reading more than that."""
    limit, parts, size = _CURRENT.get().bytes, [], 0
    # A megabyte at a time: a small archive may unpack to more than the memory holds.
    while part := stream.read(1 << 20):
        parts.append(part)
        size += len(part)
        if size > limit:
            raise _too_much(f"more than {limit:,}", "bytes")
    return b"".join(parts)


def require_columns_within(header: Sequence[str]) -> None:
    """Raise DataError where a file has more columns than the limit."""
    _require(len(header), "columns")


def require_rows_within(rows: int, columns: int) -> None:
    """Raise DataError where a file has more rows, or more cells that are read, than the limits."""
    _require(rows, "rows")
    _require(rows * columns, "cells")


def read_parquet(
    path: str, is_read: Callable[[str], bool], is_readable: Callable[[pa.DataType], bool]
) -> tuple[pa.Schema, int, pa.Table | None]:
    """Schema and rows of a Parquet file, and the columns of it that are read; None where one's type cannot be.

    Text is unpacked only after it is known how long it gets: a few repeated words may stand for gigabytes.
    """
    with open_regular(path) as source, pq.ParquetFile(source) as file:
        schema = file.schema_arrow
        require_columns_within(schema.names)
        wanted = [column for column in schema if is_read(column.name)]
        # The number of rows stands in the file's footer: nothing of the table has been read yet.
        require_rows_within(file.metadata.num_rows, len(wanted))
        if not all(is_readable(column.type) for column in wanted):
            return schema, file.metadata.num_rows, None
    # Read as dictionaries, texts stay as small as they are stored, until their whole length is known.
    texts = [
        column.name for column in wanted if pa.types.is_string(column.type) or pa.types.is_large_string(column.type)
    ]
    with (
        open_regular(path) as source,
        pq.ParquetFile(source, page_checksum_verification=True, read_dictionary=texts) as file,
    ):
        rows = file.read(columns=[column.name for column in wanted])
    _require(sum(map(_length, rows.columns)), "bytes")
    plain = pa.schema([column.with_metadata(None) for column in wanted])
    return schema, rows.num_rows, rows.cast(plain)


def _length(cells: pa.ChunkedArray) -> int:
    """Bytes of all texts of a column that is stored as a dictionary of them; 0 of another column."""
    chunks = [chunk for chunk in cells.chunks if pa.types.is_dictionary(chunk.type)]
    return sum(pc.sum(pc.take(pc.binary_length(chunk.dictionary), chunk.indices)).as_py() or 0 for chunk in chunks)


def _require(number: int, name: str) -> None:
    if number > getattr(_CURRENT.get(), name):
        raise _too_much(f"{number:,}", name)


def _too_much(number: str, name: str) -> DataError:
    limit = getattr(_CURRENT.get(), name)
    return DataError(f"{number} {name}, more than limits.{name} = {limit}; raise that key, or give less")
