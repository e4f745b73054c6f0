"""Losses of defaulted loans from a loan file: what share of the exposure each cost, once it was worked out."""

from dataclasses import dataclass

import numpy as np

from finnet.data.cells import note_cells, numbers
from finnet.data.loan_book import LossBook
from finnet.data.loan_file import LoanFile
from finnet.data.loans import known_outcomes, loan_rows, nothing_left, suspect_loans
from finnet.data.quality import Findings
from finnet.data.tables import Table, read_table
from finnet.errors import ConfigError
from finnet.types import BoolArray, FloatArray

__all__ = ["LossFile", "inspect_losses", "read_losses"]


@dataclass(frozen=True, kw_only=True)
class LossFile(LoanFile):
    """Where defaulted loans come from, what each cost, and what the columns are.

    Rows that did not default are left out. What is not said here is as in `LoanFile`.

    Parameters
    ----------
    target : str
        Column of the outcome; by default every row of the file defaulted.
    undecided : tuple of str
        Cells of `target` that mean "not known yet", such as "Current": such loans did not default so far, and are left
        out.
    applied_at : str
        Column of the day from which is forecast, such as that of default; it is no feature. Needs `horizon_months`.
    horizon_months : int
        Months from then after which a loss is known. A younger loan is neither trained nor tested, whatever its cell
        says, but forecast in the run's pending.csv.
    loss : str
        Column of the realised loss as a share of the exposure, from 0 to 1; an empty cell is not known yet, and its
        loan is forecast in the run's pending.csv. It is no feature.
    """

    target: str = ""
    loss: str

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.loss:
            raise ConfigError('loss="" names no column; give that of the realised loss as a share of the exposure')
        if self.loss == self.target:
            raise ConfigError(f"{self.loss!r} is target and loss; name the column that says who defaulted as target")

    @property
    def outcome_keys(self) -> tuple[str, ...]:
        """The keys of outcome and loss."""
        return ("target", "loss")


def inspect_losses(settings: LossFile, findings: Findings) -> LossBook | None:
    """The defaulted loans of a file whose loss is known, odd columns noted; None where nothing can be read.

    Loans whose loss is not known, or whose months have not passed, are its `pending`.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "loans.csv"
    >>> _ = path.write_text("secured,status,loss\\n1,default,0.1\\n0,paid,\\n0,default,0.8\\n0,default,\\n")
    >>> book = inspect_losses(
    ...     LossFile(path=str(path), target="status", bad="default", good="paid", loss="loss"), Findings())
    >>> book.loss, len(book.pending)
    (array([0.1, 0.8]), 1)
    """
    rows = loan_rows(settings, findings)
    if rows is None:
        return None
    file, usable = settings.path, rows.usable
    # Losses are read of rows that count: those of paid loans, or of loans applied for after today, may hold anything.
    defaulted = rows.outcomes.bad & (usable.to_learn | usable.to_forecast)
    loss = _losses(rows.table, settings, findings, rows=defaulted)
    is_known = defaulted & usable.to_learn & ~np.isnan(loss)
    waits = defaulted & ~is_known
    others = int((~rows.outcomes.bad).sum())
    if others:
        findings.add("not_defaulted", file, column=settings.target, value="did not default", count=others)
    if waits.any():
        words = "no loss yet, or too young for one" if settings.applied_at else "no loss yet"
        findings.add("unresolved_loss", file, column=settings.loss, value=words, count=int(waits.sum()))
    if not is_known.any():
        words = "no defaulted loan is left whose loss is known"
        findings.add("empty_file", file, value=words, remedy=nothing_left(settings))
        return None
    pending = rows.loans.take(waits) if waits.any() else None
    book = rows.loans.take(is_known).with_losses(loss[is_known], pending=pending)
    suspect_loans(book, settings, findings)
    return book


def read_losses(settings: LossFile, *, until: np.datetime64) -> FloatArray:
    """The loss of each loan of a file, in its order, NaN where it is not known or none defaulted; shape (n_rows,).

    All are NaN where the file lacks the column of losses or of outcomes.

    Parameters
    ----------
    until : datetime64
        UTC: losses of loans with days count where their months had passed by then.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "loans.csv"
    >>> _ = path.write_text("secured,loss\\n1,0.1\\n0,\\n")
    >>> read_losses(LossFile(path=str(path), loss="loss"), until=np.datetime64("2020-01-01"))
    array([0.1, nan])
    """
    findings = Findings(settings.rules)
    needed = [settings.applied_at] if settings.applied_at else []
    table = read_table(settings.path, settings.csv, findings, needed=needed)
    if table is None or not set(settings.outcome_columns) <= set(table.columns):
        return np.full(len(findings.checked(table)), np.nan)
    outcomes = known_outcomes(table, settings, findings, until=until)
    return findings.checked(_losses(table, settings, findings, rows=outcomes.bad))


def _losses(table: Table, settings: LossFile, findings: Findings, *, rows: BoolArray) -> FloatArray:
    """The loss of these rows, shape (n_rows,); NaN in all others, whose cells may hold anything."""
    own = table.take(rows)
    losses = numbers(own, settings.loss, findings)
    is_outside = (losses < 0.0) | (losses > 1.0)
    note_cells(findings, "loss_out_of_range", own, name=settings.loss, rows=is_outside)
    out = np.full(len(table), np.nan)
    out[rows] = np.where(is_outside, np.nan, losses)
    return out
