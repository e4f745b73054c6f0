"""Outcomes of loans: what the cells of a file say became of each, and which of them can be known yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from finnet.data.cells import is_missing, matches, shown
from finnet.data.quality import Findings
from finnet.data.tables import Table
from finnet.data.times import published
from finnet.types import BoolArray, FloatArray

__all__ = ["Outcomes", "end_of_day", "outcomes_in"]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What the target column says, a mask of shape (n_rows,) each.

    Parameters
    ----------
    bad, good, undecided : ndarray of bool
    blank : ndarray of bool
        The cell is empty.
    """

    bad: BoolArray
    good: BoolArray
    undecided: BoolArray
    blank: BoolArray

    @property
    def is_known(self) -> BoolArray:
        """Whether a loan went bad or was paid back."""
        return self.bad | self.good

    @property
    def truth(self) -> FloatArray:
        """1 where a loan went bad, 0 where it was paid back, else NaN; shape (n_rows,)."""
        return np.where(self.is_known, self.bad.astype(float), np.nan)

    def take(self, rows: BoolArray) -> "Outcomes":
        """Those of some rows."""
        return Outcomes(self.bad[rows], self.good[rows], self.undecided[rows], self.blank[rows])

    def note_odd(self, table: Table, target: str, findings: Findings, *, may_be_blank: BoolArray) -> None:
        """Note cells that are none of the words for outcomes; empty ones only where they must say something."""
        odd = np.flatnonzero(~(self.is_known | self.undecided | (self.blank & may_be_blank)))
        values = shown(table, target, odd)
        findings.add_rows("unknown_outcome", table.origin.take(odd), column=target, values=values)


def outcomes_in(
    table: Table, target: str, *, bad: Sequence[str], good: Sequence[str], undecided: Sequence[str]
) -> Outcomes:
    """What the cells of `target` say, by the words for each outcome."""

    def says(words: Sequence[str]) -> BoolArray:
        cells = [matches(table, target, word) for word in words]
        return np.any([np.zeros(len(table), bool), *cells], axis=0, out=np.zeros(len(table), bool))

    return Outcomes(says(bad), says(good), says(undecided), is_missing(table, target))


def end_of_day(day: date, zone: str) -> np.datetime64:
    """The moment at which a day ends in a zone, UTC."""
    next_day = np.array([day + timedelta(days=1)], "datetime64[us]")
    return np.datetime64(published(next_day, time="00:00", zone=zone)[0])
