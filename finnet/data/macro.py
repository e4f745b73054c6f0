"""Macro series (yields, inflation, employment) with the time at which each value was published."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from finnet.checks import require_at_least
from finnet.data.cells import numbers
from finnet.data.csv_format import CsvFormat
from finnet.data.quality import EXAMINED, Findings, Origin
from finnet.data.tables import read_table
from finnet.data.times import dates, moments, published
from finnet.errors import ConfigError
from finnet.types import BoolArray

__all__ = ["MacroFile", "check_macro", "inspect_macro", "read_macro"]

CLOCK = ("date", "published", "available_at")


@dataclass(frozen=True, kw_only=True)
class MacroFile:
    """Where macro series come from and when each value could first be read.

    Parameters
    ----------
    path : str
        A CSV, CSV.gz or Parquet file, one row per period or, where values were revised, per period and publication.
    columns : dict of str to str
        Our names to the file's: ``date`` (a day of the period that the values describe); ``available_at`` (times of
        publication) or ``published`` (days of it), or none of both, and then a lag; any other name is a number column.
    lag_months, lag_days : int
        From `date` to the day of publication where no column says it. A monthly mean dated the first of its month is
        known only in the following one: ``lag_months=1``.
    max_age_days : float
        Days after its publication for which a value counts; 0 for ever, or until the next one.
    time : str
        "HH:MM" of publication, unless ``available_at`` says it.
    zone : str
        Time zone of `time`, and of times in ``available_at`` that carry no offset.
    rules : dict of str to str
        Severities that replace those in `finnet.data.quality.RULES`.
    csv : CsvFormat
    """

    path: str
    columns: dict[str, str]
    lag_months: int = 0
    lag_days: int = 0
    max_age_days: float = 0.0
    time: str = ""
    zone: str = "UTC"
    rules: dict[str, str] = field(default_factory=dict)
    csv: CsvFormat = field(default_factory=CsvFormat)

    def __post_init__(self) -> None:
        Findings(self.rules)
        require_at_least(self.max_age_days, 0, name="max_age_days")
        for name in ("lag_months", "lag_days"):
            if getattr(self, name) < 0:
                raise ConfigError(
                    f"{name}={getattr(self, name)} would use values before they were published; use 0 or more"
                )
        has_lag = self.lag_months > 0 or self.lag_days > 0
        if [has_lag, "published" in self.columns, "available_at" in self.columns].count(True) != 1:
            raise ConfigError(
                "say when values were published: columns.available_at, columns.published, or a lag above 0"
            )
        if "date" not in self.columns or not set(self.columns) - set(CLOCK):
            raise ConfigError(
                "columns must name date and at least one value, such as {date = 'DATE', spread = 'BAA10Y'}"
            )
        if "available_at" not in self.columns and not self.time:
            raise ConfigError("a day of publication needs its time; add for instance time = '08:30'")
        published(np.array([], "datetime64[us]"), time=self.time or "00:00", zone=self.zone)


def read_macro(settings: MacroFile) -> pd.DataFrame:
    """Checked series in the order of their publication, for `finnet.data.panel.join_as_of`.

    A revision of a period that is older than the newest one known by then is skipped: joined as of its time it would
    replace the newer value.

    Returns
    -------
    DataFrame of shape (n_values, 2 + n_series)
        `available_at` (datetime64[us], UTC), `date` and one float column per value.

    Raises
    ------
    BadFileError
        A DataError naming every broken rule with file, line, column, value and remedy.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "yields.csv"
    >>> _ = path.write_text("DATE,BAA\\n2008-11-01,9.21\\n2008-12-01,8.43\\n")
    >>> names = {"date": "DATE", "baa": "BAA"}
    >>> read_macro(MacroFile(path=str(path), columns=names, lag_months=1, time="08:00"))
             available_at       date   baa
    0 2008-12-01 08:00:00 2008-11-01  9.21
    1 2009-01-01 08:00:00 2008-12-01  8.43
    """
    findings = Findings(settings.rules)
    return findings.checked(_series(settings, findings))


def check_macro(settings: MacroFile) -> pd.DataFrame:
    """The quality table of a file of macro series, shape (n_problems, 8); empty where all is well."""
    findings = Findings(settings.rules)
    inspect_macro(settings, findings)
    return findings.table()


def inspect_macro(settings: MacroFile, findings: Findings) -> pd.DataFrame | None:
    """The series of a file as `read_macro` gives them; None where an error forbids reading."""
    rows = _series(settings, findings)
    return None if findings.has_errors else rows


def _series(settings: MacroFile, findings: Findings) -> pd.DataFrame | None:
    named = settings.columns.values()
    table = read_table(settings.path, settings.csv, findings, needed=named, wanted=named)
    if table is None:
        return None
    columns = settings.columns
    periods = dates(table, columns["date"], findings)
    if "available_at" in columns:
        available_at = moments(table, columns["available_at"], findings, zone=settings.zone)
    elif "published" in columns:
        days = dates(table, columns["published"], findings)
        available_at = published(days, time=settings.time, zone=settings.zone)
    else:
        # Calendar months: a lag of one from January 31 ends on the last day of February.
        later = pd.DatetimeIndex(periods) + pd.DateOffset(months=settings.lag_months, days=settings.lag_days)
        available_at = published(later.to_numpy("datetime64[us]"), time=settings.time, zone=settings.zone)
    rows = pd.DataFrame({"available_at": available_at, "date": periods})
    for ours, theirs in settings.columns.items():
        if ours not in CLOCK:
            rows[ours] = numbers(table, theirs, findings)
    # A value published before the period that it describes has begun: the columns are exchanged, or the lag is wrong.
    early = (rows["available_at"] < rows["date"]).to_numpy()
    _note(findings, "published_early", rows, origin=table.origin, found=early)
    sound = np.flatnonzero(~table.broken)
    return _newest_known(rows.iloc[sound], table.origin.take(sound), findings)


def _newest_known(rows: pd.DataFrame, origin: Origin, findings: Findings) -> pd.DataFrame:
    """Rows in the order of publication, without those that describe an older period than one already known."""
    order = np.lexsort((rows["date"], rows["available_at"]))
    rows, origin = rows.iloc[order], origin.take(order)
    twice = rows.duplicated(["available_at", "date"]).to_numpy()
    _note(findings, "duplicate_value", rows, origin=origin, found=twice)
    # In the order of publication, a period before the newest one so far is a late revision.
    late = (rows["date"] < rows["date"].cummax()).to_numpy()
    _note(findings, "late_revision", rows, origin=origin, found=late)
    return rows[~late].reset_index(drop=True)


def _note(findings: Findings, rule: str, rows: pd.DataFrame, *, origin: Origin, found: BoolArray) -> None:
    at = np.flatnonzero(found)
    shown = rows.iloc[at[:EXAMINED]]
    values = [f"{day} published {time}" for day, time in zip(shown["date"], shown["available_at"], strict=True)]
    findings.add_rows(rule, origin.take(at), column="date", values=values)
