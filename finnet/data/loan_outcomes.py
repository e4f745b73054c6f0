"""Outcomes of loans: what the cells of a file say became of each, and which loans that makes usable for what."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Self

import numpy as np

from finnet.data.cells import is_missing, matches, shown
from finnet.data.quality import Findings
from finnet.data.tables import Table
from finnet.data.times import published
from finnet.types import BoolArray, FloatArray, TimeArray

__all__ = ["Outcomes", "UsableRows", "last_moment", "outcomes_in", "usable_rows"]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What the target column says, a mask of shape (n_rows,) each.

    Parameters
    ----------
    bad, good, undecided : ndarray of bool
    blank : ndarray of bool
        The cell is empty.

    Examples
    --------
    >>> Outcomes.unknown(2).truth
    array([nan, nan])
    """

    bad: BoolArray
    good: BoolArray
    undecided: BoolArray
    blank: BoolArray

    @classmethod
    def unknown(cls, rows: int) -> Self:
        """The outcomes of so many new applications: none is decided."""
        none = np.zeros(rows, bool)
        return cls(none, none, ~none, none)

    @classmethod
    def all_bad(cls, rows: int) -> Self:
        """The outcomes of so many defaulted loans, whose file needs no column to say so."""
        none = np.zeros(rows, bool)
        return cls(~none, none, none, none)

    @property
    def is_known(self) -> BoolArray:
        """Whether a loan went bad or was paid back, shape (n_rows,)."""
        return self.bad | self.good

    @property
    def truth(self) -> FloatArray:
        """1 where a loan went bad, 0 where it was paid back, else NaN; shape (n_rows,)."""
        return np.where(self.is_known, self.bad.astype(float), np.nan)

    def take(self, rows: BoolArray) -> Self:
        """Those of the rows where a mask, shape (n_rows,), is true."""
        return type(self)(self.bad[rows], self.good[rows], self.undecided[rows], self.blank[rows])

    def note_odd(self, table: Table, target: str, findings: Findings, *, may_be_blank: BoolArray) -> None:
        """Note cells that are none of the words for outcomes; empty ones only where they must say something."""
        sought = {"unknown_outcome": "outcomes that are neither bad, good nor undecided"}
        findings.inspection.look(sought, file=table.file, columns=[target], rows=len(table))
        odd = np.flatnonzero(~(self.is_known | self.undecided | (self.blank & may_be_blank)))
        if not len(odd):
            return
        values = shown(table, target, odd)
        findings.add_rows("unknown_outcome", table.origin.take(odd), column=target, values=values)


def outcomes_in(
    table: Table, target: str, *, bad: Sequence[str], good: Sequence[str], undecided: Sequence[str]
) -> Outcomes:
    """What the cells of `target` say, by the words for each outcome; 1 and 1.0 are the same word."""

    def says(words: Sequence[str]) -> BoolArray:
        cells = [matches(table, target, word) for word in words]
        # A row of false first, since no words at all must still give a mask.
        return np.any([np.zeros(len(table), bool), *cells], axis=0, out=np.zeros(len(table), bool))

    return Outcomes(says(bad), says(good), says(undecided), is_missing(table, target))


@dataclass(frozen=True, eq=False)
class UsableRows:
    """What the rows of a loan file can be used for at a moment, a mask of shape (n_rows,) each.

    Parameters
    ----------
    to_learn : ndarray of bool
        The outcome is known and due: the loan can train, test and judge.
    to_forecast : ndarray of bool
        Applied for, but without an outcome that counts yet: undecided, or too young.
    too_young : ndarray of bool
        Those of `to_forecast` whose months have not passed, whatever their cell says.
    applied_later : ndarray of bool
        Applied for after the moment.
    """

    to_learn: BoolArray
    to_forecast: BoolArray
    too_young: BoolArray
    applied_later: BoolArray


def usable_rows(
    outcomes: Outcomes,
    *,
    applied_at: TimeArray | None,
    resolves_at: TimeArray | None,
    until: np.datetime64,
) -> UsableRows:
    """Which loans can train and test, and which can only be forecast, from what is known `until` a moment.

    This is the one rule for both: reading a book, forecasting new applications and judging old forecasts all ask it.

    Parameters
    ----------
    outcomes : Outcomes of n loans
    applied_at, resolves_at : ndarray of datetime64, shape (n,), or None
        UTC times; None where loans have no dates: then an outcome counts as soon as it is known. A loan whose date is
        missing (NaT) can be used for neither.
    until : datetime64
        UTC.

    Examples
    --------
    >>> days = np.array(["2020-01-01", "2020-06-01"], "datetime64[us]")
    >>> paid = Outcomes(*np.array([[False] * 2, [True] * 2, [False] * 2, [False] * 2]))
    >>> year = np.timedelta64(365, "D")
    >>> usable = usable_rows(paid, applied_at=days, resolves_at=days + year, until=np.datetime64("2021-02-01"))
    >>> usable.to_learn, usable.to_forecast
    (array([ True, False]), array([False,  True]))
    """
    if applied_at is None or resolves_at is None:
        never = np.zeros(len(outcomes.bad), bool)
        return UsableRows(outcomes.is_known, outcomes.undecided, never, never)
    applied_later = applied_at > until
    has_applied = ~applied_later & ~np.isnat(applied_at)
    too_young = has_applied & (resolves_at > until)
    # A young loan that went bad already is not used either: among the young only the bad ones are known.
    to_learn = outcomes.is_known & has_applied & ~too_young
    return UsableRows(to_learn, too_young | (outcomes.undecided & has_applied), too_young, applied_later)


def last_moment(day: date, *, zone: str) -> np.datetime64:
    """The last moment of a day in a zone, UTC, to the microsecond.

    Examples
    --------
    >>> last_moment(date(2020, 1, 31), zone="Europe/Berlin")
    np.datetime64('2020-01-31T22:59:59.999999')
    """
    # From the next midnight back, not by 24 hours: a day on which the clocks change has 23 or 25.
    next_day = np.array([day + timedelta(days=1)], "datetime64[us]")
    return np.datetime64(published(next_day, time="00:00", zone=zone)[0] - np.timedelta64(1, "us"))
