"""Scored sentiment and raw texts: rows that say when they could first be read."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from finnet.checks import require_at_least, require_choice
from finnet.data.cells import coded, numbers, texts
from finnet.data.csv_format import CsvFormat
from finnet.data.quality import EXAMINED, Findings
from finnet.data.tables import Table, read_table
from finnet.data.times import dates, moments, note_after_today, published
from finnet.errors import ConfigError
from finnet.types import IntArray

__all__ = ["SentimentFile", "TextFile", "check_sentiment", "inspect_sentiment", "read_sentiment", "read_texts"]

DUPLICATES = ("error", "first", "last")
CLOCK = ("available_at", "date", "symbol")


@dataclass(frozen=True, kw_only=True)
class SentimentFile:
    """Where scores come from and when each could first be read.

    Parameters
    ----------
    path : str
        A CSV, CSV.gz or Parquet file, one row per score.
    columns : dict of str to str
        Our names to the file's. Either ``available_at`` (a column of times) or ``date`` (a column of days, which then
        needs `time`); ``symbol``, unless the scores speak for all symbols; any other name is a number column, such as
        ``{"date": "date", "symbol": "symbol", "sentiment": "vader_mean"}``.
    time : str
        "HH:MM" at which the values of a day were published; daily aggregates are complete only when their day is.
    days_later : int
        Days from `date` to the day of publication, 0 or more.
    max_age_days : float
        Days after its publication for which a value counts; 0 for ever, or until the next one.
    zone : str
        Time zone of `time`, and of times in ``available_at`` that carry no offset.
    duplicates : str
        Of two rows of a symbol at one time: "error", or keep the "first" or "last" of the file.
    rules : dict of str to str
        Severities that replace those in `finnet.data.quality.RULES`.
    csv : CsvFormat
    """

    path: str
    columns: dict[str, str]
    time: str = ""
    days_later: int = 0
    max_age_days: float = 0.0
    zone: str = "UTC"
    duplicates: str = "error"
    rules: dict[str, str] = field(default_factory=dict)
    csv: CsvFormat = field(default_factory=CsvFormat)

    def __post_init__(self) -> None:
        require_choice(self.duplicates, DUPLICATES, name="duplicates")
        require_at_least(self.max_age_days, 0, name="max_age_days")
        Findings(self.rules)
        _require_clock(self)
        if not set(self.columns) - set(CLOCK):
            raise ConfigError("columns names no value; add one, for instance columns = {sentiment = 'score'}")


@dataclass(frozen=True, kw_only=True)
class TextFile:
    """Where raw texts (tweets, headlines) come from and when each could first be read.

    Parameters
    ----------
    path, time, days_later, zone, rules, csv
        As in SentimentFile.
    columns : dict of str to str
        ``text``, ``symbol`` and ``available_at`` or ``date``; any other name is a number column.
    """

    path: str
    columns: dict[str, str]
    time: str = ""
    days_later: int = 0
    zone: str = "UTC"
    rules: dict[str, str] = field(default_factory=dict)
    csv: CsvFormat = field(default_factory=CsvFormat)

    def __post_init__(self) -> None:
        Findings(self.rules)
        _require_clock(self)
        if "text" not in self.columns:
            raise ConfigError("columns names no text; add one, for instance columns = {text = 'headline'}")


def _require_clock(settings: SentimentFile | TextFile) -> None:
    if settings.days_later < 0:
        raise ConfigError(
            f"days_later={settings.days_later} would use values before they were published; use 0, or 1 where the"
            " values of a day come out on the next"
        )
    if ("available_at" in settings.columns) == ("date" in settings.columns):
        raise ConfigError("columns must name either available_at (times) or date (days); name exactly one of them")
    if "date" in settings.columns and not settings.time:
        raise ConfigError("columns.date needs the time of publication; add for instance time = '23:00'")
    published(np.array([], "datetime64[us]"), time=settings.time or "00:00", zone=settings.zone)


def read_sentiment(settings: SentimentFile) -> pd.DataFrame:
    """Checked scores in the order of their publication, for `finnet.data.panel.join_as_of`.

    Returns
    -------
    DataFrame of shape (n_scores, n_columns)
        `available_at` (datetime64[us], UTC), `symbol` where the file has it, and one float column per value.

    Raises
    ------
    BadFileError
        A DataError naming every broken rule with file, line, column, value and remedy.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "scores.csv"
    >>> _ = path.write_text("day,ticker,score\\n2014-01-02,AAPL,0.5\\n")
    >>> names = {"date": "day", "symbol": "ticker", "sentiment": "score"}
    >>> read_sentiment(SentimentFile(path=str(path), columns=names, time="23:00"))
             available_at symbol  sentiment
    0 2014-01-02 23:00:00   AAPL        0.5
    """
    findings = Findings(settings.rules)
    return findings.checked(_scores(settings, findings))


def check_sentiment(settings: SentimentFile | TextFile) -> pd.DataFrame:
    """The quality table of a file of scores or texts, shape (n_problems, 8); empty where all is well."""
    findings = Findings(settings.rules)
    _ = inspect_sentiment(settings, findings) if isinstance(settings, SentimentFile) else _texts(settings, findings)
    return findings.table()


def inspect_sentiment(settings: SentimentFile, findings: Findings) -> pd.DataFrame | None:
    """The scores of a file as `read_sentiment` gives them; None where an error forbids reading."""
    rows = _scores(settings, findings)
    return None if findings.has_errors else rows


def read_texts(settings: TextFile) -> pd.DataFrame:
    """Checked texts in the order of their publication; equal texts at one time may stand more than once.

    Returns
    -------
    DataFrame of shape (n_texts, n_columns)
        `available_at` (datetime64[us], UTC), `symbol` where the file has it, `text`, and the number columns.

    Raises
    ------
    BadFileError
        A DataError naming every broken rule with file, line, column, value and remedy.
    """
    findings = Findings(settings.rules)
    return findings.checked(_texts(settings, findings))


def _scores(settings: SentimentFile, findings: Findings) -> pd.DataFrame | None:
    table = _table(settings, findings)
    if table is None:
        return None
    rows = _timed(table, settings, findings)
    for ours, theirs in settings.columns.items():
        if ours not in CLOCK:
            rows[ours] = numbers(table, theirs, findings)
    key = [name for name in ("symbol", "available_at") if name in rows]
    if settings.duplicates == "error":
        # Rows with an unreadable cell have a finding already, and their missing times would all look alike.
        twice = np.flatnonzero(rows.duplicated(key).to_numpy() & ~table.broken)
        values = [" ".join(map(str, rows.loc[row, key])) for row in twice[:EXAMINED]]
        column = settings.columns.get("symbol", "")
        findings.add_rows("duplicate_value", table.origin.take(twice), column=column, values=values)
    else:
        rows = rows.drop_duplicates(key, keep="first" if settings.duplicates == "first" else "last")
    return rows.sort_values("available_at", kind="stable", ignore_index=True)


def _texts(settings: TextFile, findings: Findings) -> pd.DataFrame | None:
    table = _table(settings, findings)
    if table is None:
        return None
    rows = _timed(table, settings, findings)
    for ours, theirs in settings.columns.items():
        if ours == "text":
            rows[ours] = texts(table, theirs, findings)
        elif ours not in CLOCK:
            rows[ours] = numbers(table, theirs, findings)
    return rows.sort_values("available_at", kind="stable", ignore_index=True)


def _table(settings: SentimentFile | TextFile, findings: Findings) -> Table | None:
    named = settings.columns.values()
    return read_table(settings.path, settings.csv, findings, needed=named, wanted=named)


def _timed(table: Table, settings: SentimentFile | TextFile, findings: Findings) -> pd.DataFrame:
    """`available_at` and, where the file has it, `symbol`, in the order of the file."""
    own = "available_at" if "available_at" in settings.columns else "date"
    read = moments if own == "available_at" else dates
    times = read(table, settings.columns[own], findings, zone=settings.zone)
    note_after_today(times, table, findings, name=settings.columns[own])
    if own == "date":
        # Days are moved before the time of day is set, so that a change of the clocks in between does not matter.
        times = published(times + np.timedelta64(settings.days_later, "D"), time=settings.time, zone=settings.zone)
    rows = pd.DataFrame({"available_at": times})
    if "symbol" in settings.columns:
        name = settings.columns["symbol"]
        codes, symbols = coded(table, name, findings)
        blank: IntArray = np.flatnonzero(np.array([not symbol for symbol in symbols])[codes])
        findings.add_rows("blank_text", table.origin.take(blank), column=name, values=["''"] * len(blank))
        rows["symbol"] = np.array(symbols, object)[codes]
    return rows
