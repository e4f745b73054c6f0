"""Outcomes of loans: what a file says became of each, and which of them can be known yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Protocol

import numpy as np

from finnet.data.cells import is_missing, matches, shown
from finnet.data.quality import Findings
from finnet.data.tables import Table
from finnet.data.times import published
from finnet.types import BoolArray, TimeArray

__all__ = ["Due", "Outcomes", "due_of", "outcomes_of"]


class _Words(Protocol):
    """What a `LoanFile` says of outcomes."""

    @property
    def target(self) -> str: ...

    @property
    def undecided(self) -> tuple[str, ...]: ...

    def words(self, outcome: str) -> tuple[str, ...]: ...


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
    def is_odd(self) -> BoolArray:
        """Whether the cell says nothing that the settings name."""
        return ~(self.bad | self.good | self.undecided)


def outcomes_of(table: Table, settings: _Words) -> Outcomes:
    """What the target column says of each loan."""

    def says(words: Sequence[str]) -> BoolArray:
        cells = [matches(table, settings.target, word) for word in words]
        return np.any([np.zeros(len(table), bool), *cells], axis=0, out=np.zeros(len(table), bool))

    return Outcomes(
        says(settings.words("bad")),
        says(settings.words("good")),
        says(settings.undecided),
        is_missing(table, settings.target),
    )


def note_outcomes(
    outcomes: Outcomes, table: Table, settings: _Words, findings: Findings, *, is_young: BoolArray
) -> None:
    """Note cells that say nothing known, and how many are undecided; a young loan may have no outcome yet."""
    odd = np.flatnonzero(outcomes.is_odd & ~(outcomes.blank & is_young))
    values = shown(table, settings.target, odd)
    findings.add_rows("unknown_outcome", table.origin.take(odd), column=settings.target, values=values)
    if outcomes.undecided.any():
        words = ", ".join(map(repr, settings.undecided))
        findings.add(
            "undecided", table.file, column=settings.target, value=words, count=int(outcomes.undecided.sum())
        )
