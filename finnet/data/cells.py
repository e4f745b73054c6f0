"""Cells become numbers, text, dates and times by declared rules; nothing is inferred."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from finnet.data.quality import EXAMINED, Findings
from finnet.data.tables import CsvFormat, Table
from finnet.errors import ConfigError
from finnet.types import BoolArray, FloatArray, IntArray, TimeArray

__all__ = [
    "categories",
    "coded",
    "dates",
    "is_number",
    "local_to_utc",
    "matches",
    "moments",
    "note_after_today",
    "numbers",
    "published",
    "shown",
    "texts",
]

NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
INFINITY = r"^[+-]?(?i:inf|infinity)$"
ISO_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]00:00(:00(\.0+)?)?)?$"
ISO_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}"
OFFSET = r"[0-9](Z|[+-][0-9]{2}:?[0-9]{2})$"
UNTIDY = r"^\s|\s$|[\x00-\x1f\x7f]"
FIRST, LAST = np.datetime64("1800-01-01", "us"), np.datetime64("2100-12-31", "us")


def numbers(table: Table, name: str, findings: Findings) -> FloatArray:
    """A column as float64, NaN where missing; cells that are no finite number are noted and become NaN.

    Examples
    --------
    >>> from finnet.data.quality import Origin
    >>> table = Table({"open": pa.chunked_array([["1.5", "NA", "1,5"]])}, Origin.of_file("a.csv", np.arange(2, 5)))
    >>> findings = Findings()
    >>> numbers(table, "open", findings)
    array([1.5, nan, nan])
    >>> [(problem.rule, problem.line) for problem in findings.problems]
    [('not_a_number', 4)]
    """
    cells = table.columns[name]
    if _is_text(cells):
        values = _parse_numbers(table, name, findings)
    elif _is_numeric(cells.type):
        values = pc.cast(cells, pa.float64(), safe=False).to_numpy()
    else:
        _note_type(findings, "not_a_number", table, name=name)
        return np.full(len(table), np.nan)
    infinite = np.isinf(values)
    _note(findings, "not_finite", table, name=name, rows=infinite)
    return np.where(infinite, np.nan, values)


def _parse_numbers(table: Table, name: str, findings: Findings) -> FloatArray:
    cells = _plain(table.columns[name])
    if "nan" in (word.lower() for word in table.format.missing):
        try:
            return np.asarray(pc.cast(cells, pa.float64()).to_numpy())
        except pa.ArrowInvalid:
            pass  # some cells are empty or wrong: the slow way tells which
    trimmed = pc.utf8_trim_whitespace(cells)
    is_number = pc.match_substring_regex(trimmed, f"{NUMBER}|{INFINITY}")
    missing = pc.is_in(trimmed, pa.array(table.format.missing, pa.string()))
    wrong = _mask(pc.invert(pc.or_(is_number, missing)))
    _note(findings, "not_a_number", table, name=name, rows=wrong)
    values = pc.cast(pc.if_else(is_number, trimmed, None), pa.float64())
    return np.asarray(values.to_numpy(), float)


def is_number(table: Table, name: str) -> tuple[BoolArray, BoolArray]:
    """Which cells of a column are numbers and which are missing, shape (n_rows,) each."""
    cells = table.columns[name]
    if not _is_text(cells):
        known = _mask(pc.is_valid(cells)) & _is_numeric(cells.type)
        return known, _mask(pc.is_null(cells))
    trimmed = pc.utf8_trim_whitespace(_plain(cells))
    missing = pc.is_in(trimmed, pa.array(table.format.missing, pa.string()))
    return _mask(pc.match_substring_regex(trimmed, NUMBER)), _mask(missing)


def coded(table: Table, name: str, findings: Findings) -> tuple[IntArray, tuple[str, ...]]:
    """Codes of shape (n_rows,) into the distinct texts of a column, which are in alphabetical order.

    Blanks around a text and control characters in it are noted; the empty text is left to the caller.

    Examples
    --------
    >>> from finnet.data.quality import Origin
    >>> table = Table({"ticker": pa.chunked_array([["T", "NA", "T"]])}, Origin.of_file("a.csv", np.arange(2, 5)))
    >>> coded(table, "ticker", Findings())
    (array([1, 0, 1]), ('NA', 'T'))
    """
    cells = table.columns[name]
    if not _is_text(cells):
        _note_type(findings, "not_text", table, name=name)
        return np.zeros(len(table), int), ("",)
    encoded = pc.fill_null(_plain(cells), "").combine_chunks().dictionary_encode()
    words = np.array(encoded.dictionary.to_pylist(), object)
    rank = np.empty(len(words), np.int64)
    rank[np.argsort(words)] = np.arange(len(words))
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    untidy = _mask(pc.match_substring_regex(encoded.dictionary, UNTIDY))
    _note(findings, "untidy_text", table, name=name, rows=untidy[codes])
    return rank[codes], tuple(sorted(words))


def categories(table: Table, name: str) -> pd.Series:
    """A column as categories in alphabetical order, without the blanks around them; empty cells are missing."""
    cells = [word or None for word in pc.utf8_trim_whitespace(_plain(table.columns[name])).to_pylist()]
    return pd.Series(pd.Categorical(cells, categories=sorted({word for word in cells if word})))


def matches(table: Table, name: str, word: str) -> BoolArray:
    """Which cells of a column say `word`, as text or as the same number; shape (n_rows,)."""
    cells = table.columns[name]
    encoded = (_plain(cells) if _is_text(cells) else cells).combine_chunks().dictionary_encode()
    same = np.array([_says(cell, word) for cell in encoded.dictionary.to_pylist()] + [False])
    return np.asarray(same[pc.fill_null(encoded.indices, len(same) - 1).to_numpy(zero_copy_only=False)])


def _says(cell: object, word: str) -> bool:
    text = str(cell).strip()
    is_number = re.fullmatch(NUMBER, word) is not None
    return text == word or (is_number and re.fullmatch(NUMBER, text) is not None and float(text) == float(word))


def texts(table: Table, name: str, findings: Findings) -> list[str]:
    """A column of free text, such as tweets, as it stands."""
    cells = table.columns[name]
    if not _is_text(cells):
        _note_type(findings, "not_text", table, name=name)
        return [""] * len(table)
    return [str(cell) for cell in pc.fill_null(_plain(cells), "").to_pylist()]


def dates(table: Table, name: str, findings: Findings) -> TimeArray:
    """A column of local days as datetime64[us]; cells that are no plain date of 1800 to 2100 are noted and NaT."""
    cells = table.columns[name]
    if _is_text(cells):
        days = _by_distinct(_plain(cells), lambda words: _parse_days(words, table.format))
        _note_wrong_dates(table, name, findings, wrong=np.isnat(days))
    elif pa.types.is_date(cells.type) or pa.types.is_timestamp(cells.type):
        days = _stored_days(table, name, findings)
    else:
        _note_type(findings, "not_a_date", table, name=name)
        return np.full(len(table), np.datetime64("NaT", "us"))
    return _within_range(days, table, name, findings=findings)


def _stored_days(table: Table, name: str, findings: Findings) -> TimeArray:
    cells = table.columns[name]
    zone = getattr(cells.type, "tz", None)
    if zone:
        cells = pc.local_timestamp(cells)
    times = pc.cast(cells, pa.timestamp("us"), safe=False).to_numpy()
    _note(findings, "not_a_date", table, name=name, rows=np.isnat(times))
    days = times.astype("datetime64[D]").astype("datetime64[us]")
    _note(findings, "time_in_date", table, name=name, rows=~np.isnat(times) & (days != times))
    return np.asarray(days)


def _within_range(times: TimeArray, table: Table, name: str, *, findings: Findings) -> TimeArray:
    outside = (times < FIRST) | (times > LAST)
    _note(findings, "date_out_of_range", table, name=name, rows=outside)
    return np.where(outside, np.datetime64("NaT", "us"), times)


def _by_distinct(cells: pa.ChunkedArray, parse: Callable[[pa.Array], TimeArray]) -> TimeArray:
    """`parse` applied to the distinct cells only: dates repeat over symbols."""
    encoded = pc.fill_null(cells, "").combine_chunks().dictionary_encode()
    return np.asarray(parse(encoded.dictionary)[encoded.indices.to_numpy(zero_copy_only=False)])


def _parse_days(words: pa.Array, form: CsvFormat) -> TimeArray:
    if form.date_format != "iso":
        days = [_in_century(_strptime(word, form.date_format), form) for word in words.to_pylist()]
        return np.array(days, "datetime64[us]")
    trimmed = pc.utf8_trim_whitespace(words)
    iso = _mask(pc.match_substring_regex(trimmed, ISO_DATE))
    return np.array(
        [_strptime(word[:10], "%Y-%m-%d") if ok else None for word, ok in zip(trimmed.to_pylist(), iso, strict=True)],
        "datetime64[us]",
    )


def _strptime(word: str, date_format: str) -> datetime | None:
    """The day, or None; digits that run together must be complete: 2020112 has two readings."""
    try:
        day = datetime.strptime(word.strip(), date_format)
    except ValueError:
        return None
    glued = re.search(r"%\w%", date_format) is not None
    is_whole = not glued or day.strftime(date_format) == word.strip()
    return day if is_whole and word.isascii() and day.time() == datetime.min.time() else None


def _in_century(day: datetime | None, form: CsvFormat) -> datetime | None:
    """The day in the hundred years that two digits are declared to mean."""
    if day is None or not form.first_year or "%y" not in form.date_format:
        return day
    try:
        return day.replace(year=form.first_year + (day.year - form.first_year) % 100)
    except ValueError:  # the 29th of February of a year that has none
        return None


def note_after_today(times: TimeArray, table: Table, name: str, findings: Findings) -> None:
    """Note days and times that have not come yet anywhere on earth."""
    tomorrow = np.datetime64(datetime.now(UTC).date() + timedelta(days=1), "us")
    rows: BoolArray = times > tomorrow
    two_digits = "set {keys}csv.first_year, the first year that two digits can mean" * (
        "%y" in table.format.date_format
    )
    _note(findings, "date_after_today", table, name=name, rows=rows, remedy=two_digits)


def _note_wrong_dates(table: Table, name: str, findings: Findings, *, wrong: BoolArray) -> None:
    if not wrong.any():
        return
    cells = pc.utf8_trim_whitespace(_plain(table.columns[name]))
    header = wrong & _mask(pc.equal(cells, name))
    zone = wrong & _mask(pc.match_substring_regex(cells, f"{ISO_TIME}.*{OFFSET}"))
    time = wrong & ~zone & _mask(pc.match_substring_regex(cells, ISO_TIME))
    found = {"repeated_header": header, "zone_in_date": zone, "time_in_date": time}
    found["not_a_date"] = wrong & ~header & ~zone & ~time
    for rule, rows in found.items():
        _note(findings, rule, table, name=name, rows=rows)


def moments(table: Table, name: str, findings: Findings, *, zone: str) -> TimeArray:
    """A column of times as datetime64[us] in UTC; times without an offset are local to `zone`.

    Cells that are no time, and local times that a change of the clocks skips or repeats, are noted and become NaT.
    """
    cells = table.columns[name]
    if pa.types.is_timestamp(cells.type):
        stored = pc.cast(cells, pa.timestamp("us", getattr(cells.type, "tz", None)), safe=False).to_numpy()
        _note(findings, "not_a_time", table, name=name, rows=np.isnat(stored))
        stored = _within_range(stored, table, name, findings=findings)
        return stored if cells.type.tz else _to_utc(stored, table, name, zone=zone, findings=findings)
    if not _is_text(cells):
        _note_type(findings, "not_a_time", table, name=name)
        return np.full(len(table), np.datetime64("NaT", "us"))
    return _parse_moments(table, name, findings, zone=zone)


def _parse_moments(table: Table, name: str, findings: Findings, *, zone: str) -> TimeArray:
    cells = pc.utf8_trim_whitespace(_plain(table.columns[name]))
    with_offset = _mask(pc.match_substring_regex(cells, OFFSET)) & _mask(pc.match_substring_regex(cells, ISO_TIME))
    times = _by_distinct(cells, _parse_iso_times)
    _note(findings, "not_a_time", table, name=name, rows=np.isnat(times))
    times = _within_range(times, table, name, findings=findings)
    if with_offset.all():
        return times
    if (with_offset & ~np.isnat(times)).any():
        _note(findings, "mixed_zones", table, name=name, rows=~with_offset & ~np.isnat(times))
        return times
    return _to_utc(times, table, name, zone=zone, findings=findings)


def _parse_iso_times(words: pa.Array) -> TimeArray:
    """Times of distinct cells: moved to UTC where they have an offset, as they stand otherwise."""
    return np.array([_iso_time(word) for word in words.to_pylist()], "datetime64[us]")


def _iso_time(word: str) -> datetime | None:
    if not re.match(ISO_TIME, word) or not word.isascii():
        return None
    try:
        time = datetime.fromisoformat(word)
    except ValueError:
        return None
    if (time.tzinfo is not None) != (re.search(OFFSET, word) is not None):
        return None
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def _to_utc(local: TimeArray, table: Table, name: str, *, zone: str, findings: Findings) -> TimeArray:
    moments = local_to_utc(local, zone)
    _note(findings, "no_such_local_time", table, name=name, rows=np.isnat(moments) & ~np.isnat(local))
    return moments


def local_to_utc(local: TimeArray, zone: str) -> TimeArray:
    """UTC times of local ones, NaT where a change of the clocks skips or repeats them; ConfigError for a wrong zone.

    Examples
    --------
    >>> local_to_utc(np.array(["2020-07-01T12:00"], "datetime64[us]"), "Europe/Zurich").astype("datetime64[h]")
    array(['2020-07-01T10'], dtype='datetime64[h]')
    """
    return _utc(pd.DatetimeIndex(local).tz_localize(_zone(zone), ambiguous="NaT", nonexistent="NaT"))


def published(days: TimeArray, *, time: str, zone: str) -> TimeArray:
    """UTC times of "HH:MM" local to `zone` on each day; ConfigError where `time` is no such time.

    Where a change of the clocks repeats or skips the time, the later one counts: nothing is known too early.
    """
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", time):
        raise ConfigError(f"time={time!r} is no time of day; use 'HH:MM' between '00:00' and '23:59'")
    hours, minutes = map(int, time.split(":"))
    local = pd.DatetimeIndex(days + np.timedelta64(60 * hours + minutes, "m"))
    in_summer = np.zeros(len(local), bool)
    return _utc(local.tz_localize(_zone(zone), ambiguous=in_summer, nonexistent="shift_forward"))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ConfigError(f"zone={name!r} is not known; use a name such as 'America/New_York' or 'UTC'") from None


def _utc(times: pd.DatetimeIndex) -> TimeArray:
    return times.tz_convert("UTC").tz_localize(None).as_unit("us").to_numpy()


def _note(findings: Findings, rule: str, table: Table, *, name: str, rows: BoolArray, remedy: str = "") -> None:
    """Note the cells of column `name` in these rows, with what stands in them."""
    at = np.flatnonzero(rows)
    table.broken[at] = True
    if len(at):
        findings.add_rows(rule, table.origin.take(at), column=name, values=shown(table, name, at), remedy=remedy)


def shown(table: Table, name: str, rows: IntArray) -> list[str]:
    """The first EXAMINED of these cells, for the quality table."""
    cells = _plain(table.columns[name].take(pa.array(rows[:EXAMINED])))
    return [repr(cell)[:60] for cell in cells.to_pylist()]


def _note_type(findings: Findings, rule: str, table: Table, *, name: str) -> None:
    """Note a whole column whose stored type cannot be read."""
    table.broken[:] = True
    findings.add(rule, table.file, column=name, value=f"stored as {table.columns[name].type}", count=len(table))


def _is_text(cells: pa.ChunkedArray) -> bool:
    kind = cells.type.value_type if pa.types.is_dictionary(cells.type) else cells.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_numeric(kind: pa.DataType) -> bool:
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    return any(test(kind) for test in tests)


def _plain(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    return cells if cells.type == pa.string() else pc.cast(cells, pa.string())


def _mask(cells: pa.ChunkedArray) -> BoolArray:
    """A truth column as an array; null counts as false."""
    return np.asarray(pc.fill_null(cells, False).to_numpy(zero_copy_only=False), bool)
