"""Loans from CSV, CSV.gz or Parquet: books with their outcomes, and applications without."""

import warnings
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import numpy as np
import pandas as pd

from finnet.data.cells import matches, shown
from finnet.data.loan_book import Applications, LoanBook, LossBook
from finnet.data.loan_checks import suspect_ages, suspect_columns, suspect_protected, suspect_repeats
from finnet.data.loan_clocks import loan_clocks, loan_order
from finnet.data.loan_columns import LoanIds, distinct_loan_ids, loan_amounts, loan_groups, loan_ids, loan_weights
from finnet.data.loan_features import loan_features
from finnet.data.loan_file import LoanFile
from finnet.data.loan_outcomes import Outcomes, UsableRows, last_moment, outcomes_in, usable_rows
from finnet.data.quality import Findings
from finnet.data.tables import Table, read_table
from finnet.errors import FinnetWarning
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = [
    "LoanRows",
    "check_loans",
    "inspect_loans",
    "known_outcomes",
    "loan_rows",
    "nothing_left",
    "read_applications",
    "read_clients",
    "read_loans",
    "read_outcomes",
    "suspect_loans",
]


def read_loans(settings: LoanFile) -> LoanBook:
    """The checked loan book of a file: loans whose outcome is known, and as `pending` those that wait for theirs.

    Raises
    ------
    BadFileError
        A DataError naming every broken rule with file, line, column, value and remedy.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "loans.csv"
    >>> _ = path.write_text("income,housing,status\\n2500,rent,paid\\n-999,own,default\\n")
    >>> book = read_loans(LoanFile(path=str(path), target="status", bad="default", good="paid",
    ...                            categories=("housing",), missing_codes=(-999,)))
    >>> book.default, book.features["income"].tolist()
    (array([0, 1]), [2500.0, nan])
    """
    findings = Findings(settings.rules)
    return findings.checked(_book(settings, findings))


def read_applications(
    settings: LoanFile, *, aside: Collection[str] = (), features: Collection[str] | None = None
) -> Applications:
    """Applications from a file of the same shape, in its order; what became of them is not looked at.

    The target column may be missing. Every row comes back: no rule about outcomes leaves it out, its amount may be
    missing and its id may repeat that of another row, which then gets a number behind it ("7 (2)").

    Parameters
    ----------
    aside : collection of str
        Those columns of `settings.aside` that are read, and set aside; the others are not looked at.
    features : collection of str, optional
        Columns that a model was trained with; others of no use are not looked at. By default all are features.

    Raises
    ------
    BadFileError
        As `read_loans` does.

    Warns
    -----
    FinnetWarning
        Naming the columns that are not looked at and that no setting names.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "loans.csv"
    >>> _ = path.write_text("income,amount\\n2500,900\\n")
    >>> read_applications(LoanFile(path=str(path), target="status")).features["income"].tolist()
    [2500.0]
    """
    findings = Findings(settings.rules)
    # New applications come after all others, and nothing is divided or counted: order, groups and weights say nothing.
    unread = {settings.order, settings.group, settings.weight, *settings.outcome_columns, *settings.aside}
    ignored = unread - {"", *aside}
    unused = {*ignored, *settings.drop, *settings.leave_out} - {*aside}
    # The settings are those that the model was trained by, so it is the file that lacks a column, not they that err.
    needed = {name: "add the column to the file" for name in settings.named if name not in unused}
    read = None if features is None else {*features, *aside, settings.id, settings.applied_at}
    unwanted = (*settings.drop, *ignored)
    table = read_table(
        settings.path, settings.csv, findings, needed=needed, wanted=read, unwanted=unwanted, lacks=_lacks
    )
    if table is None:
        return findings.checked(None)
    if read is not None:
        _warn_of_columns([name for name in table.header if name not in read and name not in settings.named], table.file)
    plain = replace(settings, amount="", order="", group="", weight="", aside=tuple(aside))
    return findings.checked(
        _applications(table, plain, findings, loan_id=distinct_loan_ids(table, settings)),
    )


def read_outcomes(settings: LoanFile, *, until: np.datetime64) -> FloatArray:
    """What a file says became of each loan, in its order: 1 bad, 0 good, NaN where it is not known; shape (n_rows,).

    All are NaN where the file has no column of outcomes. Rows that the settings leave out are NaN too.

    Parameters
    ----------
    until : datetime64
        UTC: outcomes of loans with dates count where their months had passed by then.

    Raises
    ------
    BadFileError
        As `read_loans` does.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "loans.csv"
    >>> _ = path.write_text("income,status\\n2500,paid\\n900,default\\n1200,\\n")
    >>> settings = LoanFile(path=str(path), target="status", bad="default", good="paid")
    >>> read_outcomes(settings, until=np.datetime64("2020-01-01"))
    array([ 0.,  1., nan])
    """
    findings = Findings(settings.rules)
    needed = [settings.applied_at] if settings.applied_at else []
    table = read_table(settings.path, settings.csv, findings, needed=needed)
    if table is None or settings.target not in table.columns:
        return np.full(len(findings.checked(table)), np.nan)
    outcomes = known_outcomes(table, settings, findings, until=until)
    return findings.checked(outcomes).truth


def read_clients(settings: LoanFile) -> IntArray | None:
    """A number for the client of each loan of a file, in its order, shape (n_rows,); None where the file says none.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "loans.csv"
    >>> _ = path.write_text("income,client\\n2500,K7\\n900,K2\\n1200,K7\\n")
    >>> read_clients(LoanFile(path=str(path), target="status", group="client"))
    array([0, 1, 0])
    """
    if not settings.group:
        return None
    findings = Findings(settings.rules)
    table = read_table(settings.path, settings.csv, findings, wanted=[settings.group])
    findings.raise_errors()
    return None if table is None or settings.group not in table.columns else loan_groups(table, settings)


def known_outcomes(table: Table, settings: LoanFile, findings: Findings, *, until: np.datetime64) -> Outcomes:
    """What a table says of the loans whose months had passed by then; of all others, and those left out, nothing."""
    outcomes, kept = _outcomes(table, settings), ~_left_out(table, settings, findings)
    may_be_blank = np.ones(int(kept.sum()), bool)
    outcomes.take(kept).note_odd(table.take(kept), settings.target, findings, may_be_blank=may_be_blank)
    applied_at, resolves_at = loan_clocks(table, settings, findings)
    usable = usable_rows(outcomes, applied_at=applied_at, resolves_at=resolves_at, until=until)
    counts = kept & usable.to_learn
    return replace(outcomes, bad=outcomes.bad & counts, good=outcomes.good & counts)


def check_loans(settings: LoanFile) -> pd.DataFrame:
    """The quality table of a loan file, shape (n_problems, 8), odd columns included; empty where all is well.

    Examples
    --------
    >>> check_loans(LoanFile(path="nowhere.csv", target="bad"))["rule"].tolist()
    ['unreadable_file']
    """
    findings = Findings(settings.rules)
    inspect_loans(settings, findings)
    return findings.table()


def inspect_loans(settings: LoanFile, findings: Findings) -> LoanBook | None:
    """The loan book of a file, odd columns noted as well; None where nothing can be read.

    Where findings hold errors, the book lacks the columns and rows that they forbid: it serves only to go on checking.
    """
    book = _book(settings, findings)
    if book is not None:
        suspect_loans(book, settings, findings)
        _note_one_outcome(book, settings, findings)
    return book


def _note_one_outcome(book: LoanBook, settings: LoanFile, findings: Findings) -> None:
    """Note a book whose loans have all defaulted, or of which none has."""
    sought = {"one_outcome": "loans that all have one outcome"}
    findings.inspection.look(sought, file=settings.path, columns=[settings.target], rows=len(book))
    # Loans whose cells are wrong are not in the book, and would be missed.
    if np.ptp(book.default) == 0 and not findings.has_errors:
        lacking, words = ("no default", "good") if book.default[0] else ("default", "bad")
        cells = " or ".join(map(repr, settings.words(words)))
        value = f"of {len(book):,} loans whose outcome counts, none has {cells}, which means {lacking}"
        findings.add("one_outcome", settings.path, column=settings.target, value=value)


def suspect_loans(book: LoanBook | LossBook, settings: LoanFile, findings: Findings) -> None:
    """Note odd columns of the loans of a file, and rows that repeat another with its outcome."""
    suspect_columns(book.features, findings, file=settings.path, declared=settings.categories)
    # Those set aside too: groups of applicants are made by their age.
    suspect_ages(book.columns, findings, file=settings.path)
    suspect_protected(book.features, findings, file=settings.path)
    suspect_repeats(book, findings, file=settings.path)


@dataclass(frozen=True, eq=False)
class LoanRows:
    """The rows of a loan file before any is chosen to learn from; those that the settings leave out are not among them.

    Parameters
    ----------
    table : Table
    loans : Applications
    outcomes : Outcomes
    usable : UsableRows
    """

    table: Table
    loans: Applications
    outcomes: Outcomes
    usable: UsableRows


def loan_rows(settings: LoanFile, findings: Findings) -> LoanRows | None:
    """The rows of a file, all that is wrong with them noted; None where nothing can be read."""
    table = read_table(settings.path, settings.csv, findings, needed=_needed(settings), unwanted=settings.drop)
    if table is None:
        return None
    table = table.take(~_left_out(table, settings, findings))
    outcomes = _outcomes(table, settings)
    loans = _applications(table, settings, findings, loan_id=loan_ids(table, settings, findings))
    until = last_moment(settings.day, zone=settings.zone)
    usable = usable_rows(outcomes, applied_at=loans.applied_at, resolves_at=loans.resolves_at, until=until)
    later = np.flatnonzero(usable.applied_later)
    if settings.applied_at:
        # Without a day of its own the data are those of the day of the run, which a page does not name: made again on
        # another day, it is the same.
        day = settings.as_of or "the day of the run"
        months = f"{settings.horizon_months} months before {day}"
        sought = {
            "applied_later": f"applications after {day}",
            "not_due": f"outcomes not due: applications less than {months}",
        }
        findings.inspection.look(sought, file=table.file, columns=[settings.applied_at], rows=len(table))
    if len(later):
        values = shown(table, settings.applied_at, later)
        findings.add_rows("applied_later", table.origin.take(later), column=settings.applied_at, values=values)
    outcomes.note_odd(table, settings.target, findings, may_be_blank=usable.too_young)
    return LoanRows(table, loans, outcomes, usable)


def _book(settings: LoanFile, findings: Findings) -> LoanBook | None:
    rows = loan_rows(settings, findings)
    if rows is None:
        return None
    loans, outcomes, usable = rows.loans, rows.outcomes, rows.usable
    _note_waiting(rows, settings, findings)
    if not usable.to_learn.any():
        findings.add(
            "empty_file", settings.path, value="no loan is left whose outcome is known", remedy=nothing_left(settings)
        )
        return None
    waits, pending = usable.to_forecast, None
    if waits.any():
        pending = loans.take(waits).as_pending(went_bad=outcomes.bad[waits])
    default = outcomes.bad[usable.to_learn].astype(np.int64)
    return loans.take(usable.to_learn).with_outcomes(default, pending=pending)


def nothing_left(settings: LoanFile) -> str:
    """What to do about a file that has rows, none of which counts."""
    keys = ("as_of", "horizon_months", "undecided", "leave_out")
    asked = [f"{{keys}}{key}" for key in keys if getattr(settings, key)]
    dates = [f"the dates in column {settings.applied_at!r}"] if settings.applied_at else []
    outcomes = [f"{{keys}}{key}" for key in settings.outcome_keys]
    return f"check {', '.join([*dates, *asked, *outcomes])}: as they stand, no row counts"


def _needed(settings: LoanFile) -> dict[str, str]:
    """Columns that the file must have, and what to do where it lacks them."""
    also = {"aside": " or the groups of [fairness]"}
    return {
        name: f"mend {{keys}}{key}{also.get(key, '')}, which names the column, or check {{keys}}csv.delimiter"
        for name, key in settings.named.items()
    }


def _lacks(column: str, header: Collection[str]) -> str:
    """What is said of a column that new applications lack, with the one that may be misspelled for it."""
    # Nearer than by default, since a column that is absent has no likeness, and "home" is not "income" misspelled.
    close = get_close_matches(column, list(header), n=1, cutoff=0.8)
    return f"the file lacks it{f', but has {close[0]!r}' if close else ''}"


def _warn_of_columns(names: Sequence[str], file: str) -> None:
    """FinnetWarning that names columns of new applications with which no model was trained, where there are some."""
    if names:
        several = f"columns {', '.join(map(repr, names))} are" if len(names) > 1 else f"column {names[0]!r} is"
        text = f"{file}: {several} ignored, for the model was trained without"
        warnings.warn(text, FinnetWarning, stacklevel=3)


def _applications(table: Table, settings: LoanFile, findings: Findings, *, loan_id: LoanIds) -> Applications:
    """The loans of a table as they were applied for; columns that cannot be read are left out."""
    applied_at, resolves_at = loan_clocks(table, settings, findings)
    features = loan_features(table, settings, findings, applied_at=applied_at)
    amount = loan_amounts(table, settings, findings, features=features)
    group = loan_groups(table, settings)
    if settings.group and group is None:
        remedy = "fill it, or leave {keys}group out; as it is, each loan counts by itself"
        findings.add("empty_column", table.file, column=settings.group, value="no loan names any", remedy=remedy)
    # A column with an error is no feature of the book that serves to go on checking.
    unread = {problem.column for problem in findings.problems if problem.severity == "error"}
    readable = [name for name in features if name not in unread]
    loans = Applications(
        loan_id,
        features[readable],
        applied_at=applied_at,
        resolves_at=resolves_at,
        horizon_months=settings.horizon_months,
        order=loan_order(table, settings, findings),
        order_name=settings.order,
        group=group,
        weight=loan_weights(table, settings, findings),
        amount=amount,
        line=table.origin.line,
    )
    return loans.set_aside([name for name in settings.aside if name in readable])


def _outcomes(table: Table, settings: LoanFile) -> Outcomes:
    if not settings.target:
        return Outcomes.all_bad(len(table))
    bad, good = settings.words("bad"), settings.words("good")
    return outcomes_in(table, settings.target, bad=bad, good=good, undecided=settings.undecided)


def _left_out(table: Table, settings: LoanFile, findings: Findings) -> BoolArray:
    """Which rows the settings leave out, shape (n_rows,); they are counted by column and cell."""
    out = np.zeros(len(table), bool)
    cells = [(name, word) for name, words in settings.leave_out.items() for word in words if name in table.columns]
    for name, word in cells:
        # A row that two cells leave out is counted with the first.
        rows = ~out & matches(table, name, word)
        if rows.any():
            findings.add("left_out", table.file, column=name, value=repr(word), count=int(rows.sum()))
        out |= rows
    return out


def _note_waiting(rows: LoanRows, settings: LoanFile, findings: Findings) -> None:
    """Note the loans that neither train nor test but are forecast: undecided ones, and others that are too young."""
    table, outcomes, usable = rows.table, rows.outcomes, rows.usable
    if outcomes.undecided.any():
        words = ", ".join(map(repr, settings.undecided))
        count = int(outcomes.undecided.sum())
        findings.add("undecided", table.file, column=settings.target, value=words, count=count)
    young = usable.too_young & ~outcomes.undecided
    if young.any():
        words = f"applied for less than {settings.horizon_months} months before {settings.day}"
        findings.add("not_due", table.file, column=settings.applied_at, value=words, count=int(young.sum()))
