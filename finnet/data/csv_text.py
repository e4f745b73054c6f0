"""The text of a CSV file: lines and quotes that can be told apart, records cut into cells, and what prevents it."""

import codecs
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.csv

from finnet.data.quality import EXAMINED, Findings, Origin
from finnet.types import BoolArray, IntArray

__all__ = ["note_ragged", "parse", "record_lines", "text_is_sound"]


def text_is_sound(data: bytes, path: str, findings: Findings, *, delimiter: str, above: int = 0) -> bool:
    """Whether lines and quotes can be told apart; notes a missing last newline, which does not prevent that.

    `above` lines of the file stand before `data`.
    """
    if b"\n" not in data:
        findings.add("empty_file", path, value="not one whole line")
        return False
    broken = {"stray_quote": _stray_quote(data, delimiter), "lone_carriage_return": _lone_return(data)}
    for rule, at in broken.items():
        if at is not None:
            line = above + data.count(b"\n", 0, at) + 1
            findings.add(rule, path, line=line, value=repr(data[max(at - 20, 0) : at + 20].decode(errors="replace")))
            return False
    if not data.endswith(b"\n"):
        end = repr(data[-20:].decode(errors="replace"))
        findings.add("no_final_newline", path, line=above + data.count(b"\n") + 1, value=end)
    return True


def _stray_quote(data: bytes, delimiter: str) -> int | None:
    """Position of the first quote that neither opens nor closes a whole cell."""
    if b'"' not in data:
        return None
    # A line feed on both ends gives the first and the last byte a neighbor; it is why 1 is taken off at the end.
    padded = np.frombuffer(b"\n" + data + b"\n", np.uint8)
    quotes = _positions(padded, b'"')
    borders = np.frombuffer(b'"\r\n' + delimiter.encode(), np.uint8)
    # Quotes open and close in turn. A doubled one inside a cell closes it and opens it again, each beside the other,
    # which is why a quote is among the borders.
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
    # One byte more, so that a return at the very end has a neighbor that is no line feed.
    text = np.frombuffer(data + b"\0", np.uint8)
    returns = _positions(text, b"\r")
    counts = _outside_quotes(text, returns) | (returns < data.find(b"\n"))
    lone = returns[(text[returns + 1] != ord("\n")) & counts]
    return int(lone[0]) if len(lone) else None


def _positions(text: npt.NDArray[np.uint8], byte: bytes) -> IntArray:
    return np.flatnonzero(text == ord(byte))


def _outside_quotes(text: npt.NDArray[np.uint8], positions: IntArray) -> BoolArray:
    """Whether each position stands outside of quoted cells, shape (n_positions,)."""
    # An even number of quotes before it: all that were opened are closed.
    return np.asarray(np.searchsorted(_positions(text, b'"'), positions) % 2 == 0)


def record_lines(data: bytes) -> IntArray:
    """Line on which each record starts, from 1, shape (n_records,); a quoted cell may span several lines."""
    if b'"' not in data:
        return np.arange(1, data.count(b"\n") + (not data.endswith(b"\n")) + 1)
    text = np.frombuffer(data, np.uint8)
    ends = _outside_quotes(text, _positions(text, b"\n"))
    starts = np.append(0, np.flatnonzero(ends) + 1) + 1
    return starts[:-1] if data.endswith(b"\n") else starts


def parse(data: bytes, header: Sequence[str], columns: Sequence[str], *, delimiter: str) -> tuple[pa.Table, IntArray]:
    """The text of `columns` (n_records, n_columns), and the numbers of ragged records, which it lacks, from 0."""
    ragged: list[int] = []

    def skip(row: pa.csv.InvalidRow) -> str:
        ragged.append(row.number - 1)
        return "skip"

    if data.startswith(codecs.BOM_UTF8):
        # Arrow drops a byte-order mark in front of what it reads. Here that is the middle of a file, where a mark is
        # part of a cell, and is found wrong like any other letter.
        data = codecs.BOM_UTF8 + data
    rows = pa.csv.read_csv(
        pa.BufferReader(data),
        # One thread, as with several the numbers of ragged rows are not known.
        read_options=pa.csv.ReadOptions(use_threads=False, column_names=list(header)),
        parse_options=pa.csv.ParseOptions(
            delimiter=delimiter,
            # Slower, so only where a quoted cell may hold a line feed.
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


def note_ragged(lines: IntArray, path: str, findings: Findings, *, data: bytes, first_line: int) -> None:
    """Note records with too few or too many cells, by their lines, shape (n_ragged,), and one cut off by the end."""
    cut = len(lines) > 0 and not data.endswith(b"\n") and lines[-1] == data.count(b"\n") + first_line
    if cut:
        tail = data[data.rfind(b"\n") + 1 :]
        findings.add("cut_off_row", path, line=int(lines[-1]), value=repr(tail[-40:].decode(errors="replace")))
    whole = lines[:-1] if cut else lines
    listed = whole[:EXAMINED]
    text = data.split(b"\n", int(listed[-1]) - first_line + 1) if len(listed) else []
    values = [repr(text[line - first_line][:40].decode(errors="replace")) for line in listed]
    findings.add_rows("ragged_row", Origin.of_file(path, whole), column="", values=values)
