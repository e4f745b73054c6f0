"""Dates and times in cells: local days, moments in UTC, by the declared format."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from finnet.data.cells import is_text, mask, note_cells, note_type, plain
from finnet.data.csv_format import CsvFormat
from finnet.data.guesses import date_remedy
from finnet.data.quality import Findings
from finnet.data.tables import Table
from finnet.errors import ConfigError
from finnet.types import BoolArray, TimeArray

__all__ = ["dates", "days_or_moments", "local_to_utc", "moments", "note_after_today", "published", "to_utc"]

ISO_DATE = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}([ T]00:00(:00(\.0+)?)?)?$"
ISO_MIDNIGHT = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T]00:00(:00(\.0+)?)?(Z|[+-][0-9]{2}:?[0-9]{2})$"
ISO_TIME = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}"
OFFSET = r"[0-9] ?(Z|[+-][0-9]{2}:?[0-9]{2})$"
FIRST, LAST = np.datetime64("1800-01-01", "us"), np.datetime64("2100-12-31", "us")
EPOCHS = {"epoch_s": 1_000_000, "epoch_ms": 1_000}
"""Microseconds of one unit of a count since 1970."""

LOOKED_AT = 300
SUMMER_HOURS = 2.0
"""Hours by which the offsets of one place differ over a year, at most."""

NAT = np.datetime64("NaT", "us")


def dates(table: Table, name: str, findings: Findings, *, zone: str = "UTC") -> TimeArray:
    """A column of local days as datetime64[us], shape (n_rows,); cells that are no date of 1800 to 2100 are noted, NaT.

    Midnight with an offset names the day that it begins, where all cells have one of one place. A count of seconds that
    is midnight in UTC throughout names that day, otherwise the day in `zone`.
    """
    findings.inspection.look(
        {"not_a_date": "cells that are no dates"}, file=table.file, columns=[name], rows=len(table)
    )
    cells, form = table.columns[name], table.format.format_of(name)
    if pa.types.is_date(cells.type) or pa.types.is_timestamp(cells.type):
        days = _stored_days(table, name, findings)
    elif form in EPOCHS:
        days = _epoch_days(_counts(table, name, findings, form=form), zone)
    elif is_text(cells) or (pa.types.is_integer(cells.type) and form != "iso"):
        words = _text_of(cells)
        days = _by_distinct(words, lambda distinct: _parse_days(distinct, form, table.format))
        if form == "iso":
            days = _with_midnights(words, days)
        _note_wrong_dates(table, name, findings, wrong=np.isnat(days))
    else:
        note_type(findings, "not_a_date", table, name=name)
        return np.full(len(table), NAT)
    return _within_range(days, table, name, findings=findings)


def _text_of(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(plain(cells), "")


def _counts(table: Table, name: str, findings: Findings, *, form: str) -> TimeArray:
    """Moments in UTC from counts since 1970; cells that are none are noted and NaT."""
    cells = table.columns[name]
    trimmed = pc.utf8_trim_whitespace(_text_of(cells))
    whole = mask(pc.match_substring_regex(trimmed, r"^[0-9]{1,15}(\.0+)?$"))
    note_cells(findings, "not_a_time", table, name=name, rows=~whole)
    # Wrong cells are read as 0 first, since a cast of text raises on any of them.
    values = pc.cast(pc.if_else(pa.array(whole), trimmed, "0"), pa.float64()).to_numpy() * EPOCHS[form]
    return np.asarray(np.where(whole & (values < 1e16), values.astype("int64").astype("datetime64[us]"), NAT))


def _epoch_days(moments: TimeArray, zone: str) -> TimeArray:
    # All at midnight in UTC: the counts were made from days, whose zone must not move them.
    days = moments.astype("datetime64[D]").astype("datetime64[us]")
    known = ~np.isnat(moments)
    if (days[known] == moments[known]).all():
        return days
    local = pd.DatetimeIndex(moments).tz_localize("UTC").tz_convert(_zone(zone)).tz_localize(None)
    return np.asarray(local.normalize().as_unit("us").to_numpy())


def _with_midnights(words: pa.ChunkedArray, days: TimeArray) -> TimeArray:
    """The days with those of midnights with an offset, if every cell that is a date has one of one place."""
    trimmed = pc.utf8_trim_whitespace(words)
    midnight = mask(pc.match_substring_regex(trimmed, ISO_MIDNIGHT))
    if not midnight.any() or not np.isnat(days).all():
        return days
    found = _by_distinct(pc.if_else(pa.array(midnight), trimmed, ""), _midnights)
    # Summer and winter time of one place are an hour or two apart; offsets further apart are of several places, whose
    # midnights would put bars of one session on different days.
    hours = _by_distinct(pc.if_else(pa.array(midnight), trimmed, ""), _offsets)
    spread = (hours[midnight].max() - hours[midnight].min()) / np.timedelta64(1, "h")
    return found if spread <= SUMMER_HOURS else days


def _midnights(words: pa.Array) -> TimeArray:
    found = [_strptime(word[:10], "%Y-%m-%d") if word else None for word in words.to_pylist()]
    return np.array(found, "datetime64[us]")


def _offsets(words: pa.Array) -> TimeArray:
    """Offsets from UTC, counted from 1970 so that they are times like the others."""
    found = [_iso_time(word) if word else None for word in words.to_pylist()]
    local = _midnights(words)
    utc = np.array(found, "datetime64[us]")
    return np.asarray(np.datetime64(0, "us") + (local - utc))


def _stored_days(table: Table, name: str, findings: Findings) -> TimeArray:
    cells = table.columns[name]
    zone = getattr(cells.type, "tz", None)
    if zone:
        # Stored in UTC with a zone beside: the day is the one in that zone.
        cells = pc.local_timestamp(cells)
    times = pc.cast(cells, pa.timestamp("us"), safe=False).to_numpy()
    note_cells(findings, "not_a_date", table, name=name, rows=np.isnat(times))
    days = times.astype("datetime64[D]").astype("datetime64[us]")
    note_cells(findings, "time_in_date", table, name=name, rows=~np.isnat(times) & (days != times))
    return np.asarray(days)


def _within_range(times: TimeArray, table: Table, name: str, *, findings: Findings) -> TimeArray:
    outside = (times < FIRST) | (times > LAST)
    note_cells(findings, "date_out_of_range", table, name=name, rows=outside)
    return np.asarray(np.where(outside, NAT, times))


def _by_distinct(cells: pa.ChunkedArray, parse: Callable[[pa.Array], TimeArray]) -> TimeArray:
    """`parse` applied to the distinct cells only: dates repeat over symbols."""
    encoded = pc.fill_null(cells, "").combine_chunks().dictionary_encode()
    return np.asarray(parse(encoded.dictionary)[encoded.indices.to_numpy(zero_copy_only=False)])


def _parse_days(words: pa.Array, form: str, format: CsvFormat) -> TimeArray:
    if form != "iso":
        days = [_in_century(_strptime(word, form), form, format) for word in words.to_pylist()]
        return np.array(days, "datetime64[us]")
    trimmed = pc.utf8_trim_whitespace(words)
    iso = mask(pc.match_substring_regex(trimmed, ISO_DATE))
    return np.array(
        [_strptime(word[:10], "%Y-%m-%d") if ok else None for word, ok in zip(trimmed.to_pylist(), iso, strict=True)],
        "datetime64[us]",
    )


def _strptime(word: str, form: str) -> datetime | None:
    """The day, or None where the cell is none or a time after midnight."""
    time = _time(word, form)
    return None if time is None or time.time() != datetime.min.time() else time.replace(tzinfo=None)


def _time(word: str, form: str) -> datetime | None:
    """The time, or None; digits that run together must be complete: 2020112 has two readings."""
    try:
        time = datetime.strptime(word.strip(), form)
    except ValueError:
        return None
    glued = re.search(r"%\w%", form) is not None
    is_whole = not glued or time.strftime(form) == word.strip()
    return time if is_whole and word.isascii() else None


def _in_century(day: datetime | None, form: str, format: CsvFormat) -> datetime | None:
    """The day in the hundred years that two digits are declared to mean."""
    if day is None or not format.first_year or "%y" not in form:
        return day
    try:
        return day.replace(year=format.first_year + (day.year - format.first_year) % 100)
    except ValueError:  # the 29th of February of a year that has none
        return None


def note_after_today(times: TimeArray, table: Table, findings: Findings, *, name: str) -> None:
    """Note days and times, shape (n_rows,), that have not come yet anywhere on earth."""
    # Zones ahead of UTC are in tomorrow already for up to 14 hours.
    tomorrow = np.datetime64(datetime.now(UTC).date() + timedelta(days=1), "us")
    rows: BoolArray = times > tomorrow
    two_digits = "set {keys}csv.first_year, the first year that two digits can mean" * (
        "%y" in table.format.date_format
    )
    note_cells(findings, "date_after_today", table, name=name, rows=rows, remedy=two_digits)


def _note_wrong_dates(table: Table, name: str, findings: Findings, *, wrong: BoolArray) -> None:
    if not wrong.any():
        return
    cells = pc.utf8_trim_whitespace(_text_of(table.columns[name]))
    remedy = date_remedy(pc.unique(cells.filter(pa.array(wrong))).to_pylist()[:LOOKED_AT])
    header = wrong & mask(pc.equal(cells, name))
    zone = wrong & mask(pc.match_substring_regex(cells, f"{ISO_TIME}.*{OFFSET}"))
    time = wrong & ~zone & mask(pc.match_substring_regex(cells, ISO_TIME))
    found = {"repeated_header": header, "zone_in_date": zone, "time_in_date": time}
    found["not_a_date"] = wrong & ~header & ~zone & ~time
    for rule, rows in found.items():
        guessed = remedy if rule == "not_a_date" else ""
        note_cells(findings, rule, table, name=name, rows=rows, remedy=guessed)


def days_or_moments(table: Table, name: str, findings: Findings, *, zone: str) -> TimeArray:
    """A column of days, or of times, as datetime64[us] in UTC, shape (n_rows,); a day begins at midnight in `zone`."""
    cells, form = table.columns[name], table.format.format_of(name)
    if pa.types.is_date(cells.type):
        return published(dates(table, name, findings), time="00:00", zone=zone)
    if form == "iso" and is_text(cells):
        trimmed = pc.utf8_trim_whitespace(_text_of(cells))
        has_time, *midnights = (mask(pc.match_substring_regex(trimmed, f)) for f in (ISO_TIME, ISO_DATE, ISO_MIDNIGHT))
        # A time of day other than midnight in one cell makes all of them times.
        if not (has_time & ~np.logical_or(*midnights)).any():
            return published(dates(table, name, findings), time="00:00", zone=zone)
    return moments(table, name, findings, zone=zone, days_too=True)


def moments(table: Table, name: str, findings: Findings, *, zone: str, days_too: bool = False) -> TimeArray:
    """A column of times as datetime64[us] in UTC, shape (n_rows,); times without an offset are local to `zone`.

    Cells that are no time, and local times that a change of the clocks skips or repeats, are noted and become NaT.

    Parameters
    ----------
    days_too : bool
        Whether a day alone counts as its midnight.
    """
    findings.inspection.look(
        {"not_a_time": "cells that are no times"}, file=table.file, columns=[name], rows=len(table)
    )
    cells, form = table.columns[name], table.format.format_of(name)
    if pa.types.is_timestamp(cells.type):
        stored = pc.cast(cells, pa.timestamp("us", getattr(cells.type, "tz", None)), safe=False).to_numpy()
        note_cells(findings, "not_a_time", table, name=name, rows=np.isnat(stored))
        stored = _within_range(stored, table, name, findings=findings)
        return stored if cells.type.tz else _to_utc(stored, table, name, zone=zone, findings=findings)
    if form in EPOCHS:
        return _within_range(_counts(table, name, findings, form=form), table, name, findings=findings)
    if not is_text(cells) and not (pa.types.is_integer(cells.type) and form != "iso"):
        note_type(findings, "not_a_time", table, name=name)
        return np.full(len(table), NAT)
    return _parse_moments(table, name, findings, zone=zone, days_too=days_too)


def _parse_moments(table: Table, name: str, findings: Findings, *, zone: str, days_too: bool) -> TimeArray:
    cells, form = pc.utf8_trim_whitespace(_text_of(table.columns[name])), table.format.format_of(name)
    if form == "iso":
        has_offset = mask(pc.match_substring_regex(cells, OFFSET)) & mask(pc.match_substring_regex(cells, ISO_TIME))
        times = _by_distinct(cells, lambda words: _parse_iso_times(words, days_too=days_too))
    else:
        has_offset = np.full(len(table), "%z" in form)
        times = _by_distinct(cells, lambda words: _parse_times(words, form, table.format))
    wrong = np.isnat(times)
    if wrong.any():
        remedy = date_remedy(pc.unique(cells.filter(pa.array(wrong))).to_pylist()[:LOOKED_AT])
        note_cells(findings, "not_a_time", table, name=name, rows=wrong, remedy=remedy)
    times = _within_range(times, table, name, findings=findings)
    if has_offset.all():
        return times
    # Some times with an offset and some without: the zone of the others cannot be known.
    if (has_offset & ~np.isnat(times)).any():
        note_cells(findings, "mixed_zones", table, name=name, rows=~has_offset & ~np.isnat(times))
        return times
    return _to_utc(times, table, name, zone=zone, findings=findings)


def _parse_times(words: pa.Array, form: str, format: CsvFormat) -> TimeArray:
    """Times of distinct cells: moved to UTC where they have an offset, as they stand otherwise."""
    found = [_in_century(_time(word, form), form, format) for word in words.to_pylist()]
    return np.array([None if time is None else _without_offset(time) for time in found], "datetime64[us]")


def _without_offset(time: datetime) -> datetime:
    return time if time.tzinfo is None else time.astimezone(UTC).replace(tzinfo=None)


def _parse_iso_times(words: pa.Array, *, days_too: bool) -> TimeArray:
    """Times of distinct cells: moved to UTC where they have an offset, as they stand otherwise."""
    found = [_iso_time(word, days_too=days_too) for word in words.to_pylist()]
    return np.array(found, "datetime64[us]")


def _iso_time(word: str, *, days_too: bool = False) -> datetime | None:
    if days_too and re.match(ISO_DATE, word):
        return _strptime(word[:10], "%Y-%m-%d")
    if not re.match(ISO_TIME, word) or not word.isascii():
        return None
    try:
        time = datetime.fromisoformat(word)
    except ValueError:
        return None
    # Python reads more forms of offsets than OFFSET names, such as +05.
    if (time.tzinfo is not None) != (re.search(OFFSET, word) is not None):
        return None
    return _without_offset(time)


def _to_utc(local: TimeArray, table: Table, name: str, *, zone: str, findings: Findings) -> TimeArray:
    moments = local_to_utc(local, zone)
    note_cells(findings, "no_such_local_time", table, name=name, rows=np.isnat(moments) & ~np.isnat(local))
    return moments


def local_to_utc(local: TimeArray, zone: str) -> TimeArray:
    """UTC times of local ones, shape (n,), NaT where a change of the clocks skips or repeats them.

    ConfigError for a wrong zone.

    Examples
    --------
    >>> local_to_utc(np.array(["2020-07-01T12:00"], "datetime64[us]"), "Europe/Zurich").astype("datetime64[h]")
    array(['2020-07-01T10'], dtype='datetime64[h]')
    """
    return _utc(pd.DatetimeIndex(local).tz_localize(_zone(zone), ambiguous="NaT", nonexistent="NaT"))


def published(days: TimeArray, *, time: str, zone: str) -> TimeArray:
    """UTC times of "HH:MM" local to `zone` on each day, shape (n_days,); ConfigError where `time` is no such time."""
    if not re.fullmatch(r"([01][0-9]|2[0-3]):[0-5][0-9]", time):
        raise ConfigError(f"time={time!r} is no time of day; use 'HH:MM' between '00:00' and '23:59'")
    hours, minutes = map(int, time.split(":"))
    return to_utc(days + np.timedelta64(60 * hours + minutes, "m"), zone=zone)


def to_utc(local: TimeArray, *, zone: str) -> TimeArray:
    """UTC times of local ones, shape (n,).

    Where a change of the clocks repeats or skips a time, the later one counts: nothing is known too early.
    """
    times = pd.DatetimeIndex(local)
    # An hour that comes twice is read as that of winter time, the later of both.
    in_summer = np.zeros(len(times), bool)
    return _utc(times.tz_localize(_zone(zone), ambiguous=in_summer, nonexistent="shift_forward"))


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ConfigError(f"zone={name!r} is not known; use a name such as 'America/New_York' or 'UTC'") from None


def _utc(times: pd.DatetimeIndex) -> TimeArray:
    return times.tz_convert("UTC").tz_localize(None).as_unit("us").to_numpy()
