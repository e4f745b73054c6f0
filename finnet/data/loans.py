"""Loan applications from CSV, CSV.gz or Parquet, with their outcome."""

from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd

from finnet.checks import require_at_least
from finnet.data.cells import categories, distinct, is_missing, is_number, matches, numbers, shown
from finnet.data.csv_format import CsvFormat
from finnet.data.guesses import is_number_or_date
from finnet.data.loan_checks import suspect_columns, suspect_protected, suspect_repeats
from finnet.data.loan_outcomes import Outcomes, end_of_day, outcomes_in
from finnet.data.panel import LoanBook
from finnet.data.quality import Findings
from finnet.data.tables import Table, read_table
from finnet.data.times import dates, days_or_moments, to_utc
from finnet.errors import ConfigError
from finnet.types import BoolArray, FloatArray, IntArray, TimeArray

__all__ = ["LoanFile", "check_loans", "inspect_loans", "read_applications", "read_loans", "read_outcomes"]


DAYS_A_YEAR = 365.25


@dataclass(frozen=True, kw_only=True)
class LoanFile:
    """Where loan applications come from and what their columns are.

    Every column is a number unless it is named here; a cell that is no number is an error, not a category.

    Parameters
    ----------
    path : str
        A CSV, CSV.gz or Parquet file, one row per application.
    target : str
        Column of the outcome.
    bad, good : str or tuple of str
        Cells of `target` that mean default and no default; 1 and 1.0 are the same. Any cell that is neither, nor
        undecided, is an error.
    undecided : tuple of str
        Cells of `target` that mean "not known yet", such as "Current": such loans are neither trained nor tested, but
        forecast in the run's pending.csv.
    leave_out : dict of str to tuple of str
        Rows that are no loans of this book, by column and cell, such as ``{"status": ("Cancelled",)}``.
    id : str
        Column that names a loan; the row number (from 1) by default.
    categories : tuple of str
        Columns whose cells are names, numbers included.
    fold_case : bool
        Whether levels that differ only in case or blanks are one.
    ages : tuple of str
        Columns of dates, such as dates of birth, that become years from then to the application, or to `as_of` where
        loans have no dates.
    text_is_category : bool
        Whether a column in which fewer than half of the known cells are numbers is a category as well.
    drop : tuple of str
        Columns that are not read.
    missing_codes : tuple of float
        Numbers that mean "not known" in every number column, such as -999.
    missing_codes_in : dict of str to tuple of float
        More of them by column.
    amount : str
        Column of the lent amount in account currency; it stays a feature.
    applied_at : str
        Column of the day of application, from midnight in `zone`; it is no feature. Needs `horizon_months`.
    horizon_months : int
        Months after which an outcome is known. A loan applied for later than so many months before `as_of` is neither
        trained nor tested, whatever its cell says, but forecast in the run's pending.csv; its cell may be empty.
    as_of : date, optional
        Day of the data, to which outcomes are known; today by default.
    zone : str
        Time zone of the days in `applied_at`.
    order : str
        Column of a number that rises with the application, such as a rank, where the file has no days: splits follow
        it, and loans of one number stay together. It is no feature.
    group : str
        Column that names whose loan it is, such as "client_id": loans of one client are on one side of every split and
        block. A loan without one is by itself. It is no feature.
    aside : tuple of str
        Columns that are read but are no features: for fairness, segments, or what a loan brings.
    weight : str
        Column that says for how many loans a row stands, all above 0, such as 20 for good loans of which one in twenty
        was drawn. It is no feature; fits, scores, intervals and tests count rows by it.
    rules : dict of str to str
        Severities that replace those in `finnet.data.quality.RULES`.
    csv : CsvFormat
    """

    path: str
    target: str
    bad: str | tuple[str, ...] = "1"
    good: str | tuple[str, ...] = "0"
    undecided: tuple[str, ...] = ()
    leave_out: dict[str, tuple[str, ...]] = field(default_factory=dict)
    id: str = ""
    categories: tuple[str, ...] = ()
    fold_case: bool = False
    ages: tuple[str, ...] = ()
    text_is_category: bool = False
    drop: tuple[str, ...] = ()
    missing_codes: tuple[float, ...] = ()
    missing_codes_in: dict[str, tuple[float, ...]] = field(default_factory=dict)
    amount: str = ""
    applied_at: str = ""
    horizon_months: int = 0
    as_of: date | None = None
    zone: str = "UTC"
    order: str = ""
    group: str = ""
    aside: tuple[str, ...] = ()
    weight: str = ""
    rules: dict[str, str] = field(default_factory=dict)
    csv: CsvFormat = field(default_factory=CsvFormat)

    def __post_init__(self) -> None:
        Findings(self.rules)
        require_at_least(self.horizon_months, 0, name="horizon_months")
        if self.applied_at and not self.horizon_months:
            raise ConfigError("applied_at needs horizon_months: when is an outcome known? Use for instance 12")
        both = [name for name in self.aside if name in self.drop]
        if both:
            raise ConfigError(
                f"column {both[0]!r} is in drop and set aside; a dropped column is not read, so choose one"
            )
        if self.applied_at and self.order:
            raise ConfigError("applied_at and order are both given; days give the order already, so leave order out")
        words = [*self.words("bad"), *self.words("good"), *self.undecided]
        twice = [word for word in words if words.count(word) > 1]
        if twice:
            raise ConfigError(
                f"{twice[0]!r} stands twice in bad, good and undecided; name two different cells of {self.target!r}"
            )

    def words(self, outcome: str) -> tuple[str, ...]:
        """The cells that mean "bad" or "good"."""
        words = self.bad if outcome == "bad" else self.good
        return (words,) if isinstance(words, str) else words

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that the settings name, without repeats."""
        names = (
            self.target,
            self.id,
            self.amount,
            self.applied_at,
            self.order,
            self.group,
            self.weight,
            *self.categories,
            *self.ages,
            *self.drop,
            *self.aside,
            *self.missing_codes_in,
            *self.leave_out,
        )
        return tuple(dict.fromkeys(name for name in names if name))


def read_loans(settings: LoanFile) -> LoanBook:
    """The checked loan book of a file.

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
    >>> book.default, book.applications["income"].tolist()
    (array([0, 1]), [2500.0, nan])
    """
    findings = Findings(settings.rules)
    return findings.checked(_book(settings, findings))


def read_applications(settings: LoanFile) -> LoanBook:
    """Applications from a file of the same shape as if their outcome were not known: `default` is 0 throughout.

    The target column may be missing, and is not looked at. Every row comes back: no rule about outcomes leaves it out,
    its amount may be missing and its id may repeat that of another row, which then gets a number behind it ("7 (2)").

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "loans.csv"
    >>> _ = path.write_text("income,amount\\n2500,900\\n")
    >>> read_applications(LoanFile(path=str(path), target="status")).applications["income"].tolist()
    [2500.0]
    """
    findings = Findings(settings.rules)
    # New applications come after all others, and nothing is divided or counted: order, groups and weights say nothing.
    ignored = {settings.target, settings.order, settings.group, settings.weight, *settings.aside} - {""}
    needed = [name for name in settings.named if name not in ignored]
    table = read_table(settings.path, settings.csv, findings, needed=needed, unwanted=(*settings.drop, *ignored))
    if table is None:
        return findings.checked(None)
    loan_id = _named_apart(table, settings.id) if settings.id else _numbered(table)
    return findings.checked(
        _applications_of(
            table,
            replace(settings, amount="", order="", group="", weight="", aside=()),
            findings,
            loan_id=loan_id,
        )
    )


def read_outcomes(settings: LoanFile) -> FloatArray:
    """What a file says became of each loan, in its order: 1 bad, 0 good, NaN where it does not say; shape (n_rows,).

    All are NaN where the file has no column of outcomes. Rows that the settings leave out are NaN too.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "loans.csv"
    >>> _ = path.write_text("income,status\\n2500,paid\\n900,default\\n1200,\\n")
    >>> read_outcomes(LoanFile(path=str(path), target="status", bad="default", good="paid"))
    array([ 0.,  1., nan])
    """
    findings = Findings(settings.rules)
    table = read_table(settings.path, settings.csv, findings, needed=(), unwanted=())
    if table is None or settings.target not in table.columns:
        return np.full(len(findings.checked(table)), np.nan)
    outcomes, out = _outcomes(table, settings), np.zeros(len(table), bool)
    for name, words in settings.leave_out.items():
        out |= np.any([matches(table, name, word) for word in words if name in table.columns] or [out], axis=0)
    kept, may_be_blank = outcomes.take(~out), np.ones(int((~out).sum()), bool)
    kept.note_odd(table.take(~out), settings.target, findings, may_be_blank=may_be_blank)
    return np.asarray(np.where(out, np.nan, findings.checked(outcomes).truth))


def check_loans(settings: LoanFile) -> pd.DataFrame:
    """The quality table of a loan file: every error and warning, odd columns included; empty where all is well."""
    findings = Findings(settings.rules)
    inspect_loans(settings, findings)
    return findings.table()


def inspect_loans(settings: LoanFile, findings: Findings) -> LoanBook | None:
    """The loan book of a file, odd columns noted as well; None where nothing can be read.

    Where findings hold errors, the book lacks the columns and rows that they forbid: it serves only to go on checking.
    """
    book = _book(settings, findings)
    if book is not None:
        suspect_columns(book.applications, findings, file=settings.path, declared=settings.categories)
        suspect_protected(book.applications, findings, file=settings.path)
        suspect_repeats(book, findings, file=settings.path)
    return book


def _book(settings: LoanFile, findings: Findings) -> LoanBook | None:
    table = read_table(settings.path, settings.csv, findings, needed=settings.named, unwanted=settings.drop)
    if table is None:
        return None
    table = _without_left_out(table, settings, findings)
    outcomes = _outcomes(table, settings)
    book = _applications_of(table, settings, findings, loan_id=_loan_id(table, settings, findings))
    come, young = _is_due(book, table, settings, findings)
    outcomes.note_odd(table, settings.target, findings, may_be_blank=young)
    _note_waiting(table, settings, findings, undecided=outcomes.undecided, young=young)
    # A young loan that defaulted already waits as well: among the young only the bad ones are known.
    keep, waits = outcomes.is_known & come & ~young, young | (outcomes.undecided & come)
    if not keep.any():
        findings.add("empty_file", settings.path, value="no loan is left whose outcome is known")
        return None
    book = replace(book, default=outcomes.bad.astype(np.int64))
    return replace(book, pending=book.take(waits) if waits.any() else None).take(keep)


def _applications_of(
    table: Table,
    settings: LoanFile,
    findings: Findings,
    *,
    loan_id: np.ndarray[tuple[int], np.dtype[np.object_]],
) -> LoanBook:
    """The loans of a table as if none had defaulted; columns that cannot be read are left out."""
    applied_at, resolves_at = _clocks(table, settings, findings)
    applications = _applications(table, settings, findings, applied_at=applied_at)
    amount = _amount(applications, table, settings, findings)
    unread = {problem.column for problem in findings.problems if problem.severity == "error"}
    readable = [name for name in applications if name not in unread]
    book = LoanBook(
        loan_id=loan_id,
        applications=applications[readable],
        default=np.zeros(len(table), np.int64),
        applied_at=applied_at,
        resolves_at=resolves_at,
        amount=amount,
        horizon_months=settings.horizon_months,
        order=_order(table, settings, findings),
        order_name=settings.order,
        group=_group(table, settings),
        weight=_weight(table, settings, findings),
    )
    return book.set_aside([name for name in settings.aside if name in readable])


def _without_left_out(table: Table, settings: LoanFile, findings: Findings) -> Table:
    """The table without the rows that the settings leave out, which are counted by column and cell."""
    keep = np.ones(len(table), bool)
    for name, words in settings.leave_out.items():
        for word in words:
            rows = keep & matches(table, name, word)
            if rows.any():
                findings.add("left_out", table.file, column=name, value=repr(word), count=int(rows.sum()))
            keep &= ~rows
    return table.take(keep)


def _outcomes(table: Table, settings: LoanFile) -> Outcomes:
    words = {"bad": settings.words("bad"), "good": settings.words("good"), "undecided": settings.undecided}
    return outcomes_in(table, settings.target, **words)


def _note_waiting(
    table: Table, settings: LoanFile, findings: Findings, *, undecided: BoolArray, young: BoolArray
) -> None:
    """Count the loans that neither train nor test: undecided ones, and others whose months have not passed."""
    if undecided.any():
        words = ", ".join(map(repr, settings.undecided))
        findings.add("undecided", table.file, column=settings.target, value=words, count=int(undecided.sum()))
    if (young & ~undecided).any():
        words = f"applied for less than {settings.horizon_months} months before {_day_of(settings)}"
        count = int((young & ~undecided).sum())
        findings.add("not_due", table.file, column=settings.applied_at, value=words, count=count)


def _day_of(settings: LoanFile) -> date:
    return settings.as_of or datetime.now(UTC).date()


def _is_due(book: LoanBook, table: Table, settings: LoanFile, findings: Findings) -> tuple[BoolArray, BoolArray]:
    """Which loans had been applied for by the day of the data, and which of these are too young for an outcome."""
    if book.applied_at is None or book.resolves_at is None:
        return np.ones(len(book), bool), np.zeros(len(book), bool)
    end = end_of_day(_day_of(settings), settings.zone)
    later: BoolArray = book.applied_at >= end
    values = shown(table, settings.applied_at, np.flatnonzero(later))
    findings.add_rows("applied_later", table.origin.take(later), column=settings.applied_at, values=values)
    come: BoolArray = ~later & ~np.isnat(book.applied_at)
    return come, come & (book.resolves_at >= end)


def _amount(applications: pd.DataFrame, table: Table, settings: LoanFile, findings: Findings) -> FloatArray | None:
    if not settings.amount:
        return None
    amount = applications[settings.amount].to_numpy(float)
    for rule, rows in (("missing_amount", np.isnan(amount) & ~table.broken), ("non_positive_amount", amount <= 0)):
        at = np.flatnonzero(rows)
        values = shown(table, settings.amount, at)
        findings.add_rows(rule, table.origin.take(at), column=settings.amount, values=values)
    return amount


def _order(table: Table, settings: LoanFile, findings: Findings) -> FloatArray | None:
    if not settings.order:
        return None
    remedies = {"dates": "name the column in {keys}applied_at, with {keys}horizon_months"}
    order = numbers(table, settings.order, findings, remedies=remedies)
    missing = np.flatnonzero(is_missing(table, settings.order) & ~table.broken)
    values = shown(table, settings.order, missing)
    findings.add_rows("missing_order", table.origin.take(missing), column=settings.order, values=values)
    return order


def _weight(table: Table, settings: LoanFile, findings: Findings) -> FloatArray | None:
    """For how many loans each row stands; 1 where the cell is broken, which is noted."""
    if not settings.weight:
        return None
    weight = numbers(table, settings.weight, findings, remedies=REMEDIES)
    for rule, rows in (("missing_weight", is_missing(table, settings.weight)), ("non_positive_weight", weight <= 0)):
        at = np.flatnonzero(rows & ~table.broken)
        values = shown(table, settings.weight, at)
        findings.add_rows(rule, table.origin.take(at), column=settings.weight, values=values)
    return np.where(weight > 0, weight, 1.0)


def _group(table: Table, settings: LoanFile) -> IntArray | None:
    """A number for each group; loans that name none have one of their own."""
    if not settings.group:
        return None
    names = pd.Series(table.columns[settings.group].to_pylist(), dtype=object).fillna("").astype(str).str.strip()
    group = np.asarray(pd.factorize(names)[0], np.int64)
    alone = is_missing(table, settings.group)
    group[alone] = len(table) + np.arange(alone.sum())
    return group


def _loan_id(table: Table, settings: LoanFile, findings: Findings) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    if not settings.id:
        return _numbered(table)
    names = pd.Series(table.columns[settings.id].to_pylist(), dtype=object).fillna("").astype(str).str.strip()
    for rule, found in (("blank_text", names == ""), ("duplicate_id", names.duplicated() & (names != ""))):
        rows = np.flatnonzero(found)
        values = shown(table, settings.id, rows)
        findings.add_rows(rule, table.origin.take(rows), column=settings.id, values=values)
    if names.duplicated().any():
        return _numbered(table)
    return names.to_numpy(object)


def _named_apart(table: Table, name: str) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    """The ids as they stand, repeats with a number behind them."""
    ids = pd.Series(table.columns[name].to_pylist(), dtype=object).fillna("").astype(str).str.strip()
    repeat = ids.groupby(ids).cumcount() + 1
    return ids.where(repeat == 1, ids + " (" + repeat.astype(str) + ")").to_numpy(object)


def _numbered(table: Table) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    return np.arange(1, len(table) + 1).astype(str).astype(object)


REMEDIES = {
    "words": "add the column to {keys}categories or to {keys}drop, or set {keys}text_is_category = true",
    "dates": "add the column to {keys}ages, which makes years of its dates, or to {keys}drop",
}
"""What to do about a column that holds no numbers."""


def _applications(
    table: Table, settings: LoanFile, findings: Findings, *, applied_at: TimeArray | None
) -> pd.DataFrame:
    unused = {settings.target, settings.id, settings.applied_at, settings.order, settings.group}
    unused.add(settings.weight)
    features: dict[str, FloatArray | pd.Series] = {}
    for name in (name for name in table.columns if name not in unused):
        if name in settings.ages:
            features[name] = _years(table, name, settings, findings, applied_at=applied_at)
        elif _is_category(table, name, settings):
            features[name] = categories(table, name, fold_case=settings.fold_case)
        else:
            codes = (*settings.missing_codes, *settings.missing_codes_in.get(name, ()))
            values = numbers(table, name, findings, remedies=REMEDIES)
            features[name] = np.where(np.isin(values, codes), np.nan, values)
    return pd.DataFrame(features, index=pd.RangeIndex(len(table)))


def _years(
    table: Table, name: str, settings: LoanFile, findings: Findings, *, applied_at: TimeArray | None
) -> FloatArray:
    """Years from the dates of a column to the application, or to the day of the data; empty cells are missing."""
    known = ~is_missing(table, name)
    since = np.full(len(table), np.datetime64("NaT", "us"))
    rows = table.take(known)
    since[known] = dates(rows, name, findings)
    day = np.datetime64(settings.as_of or datetime.now(UTC).date(), "us")
    until = np.full(len(table), day) if applied_at is None else applied_at
    years: FloatArray = (until - since) / np.timedelta64(1, "D") / DAYS_A_YEAR
    return years


def _is_category(table: Table, name: str, settings: LoanFile) -> bool:
    """Whether a column is a category: declared, or text that is neither numbers nor dates however they are written."""
    if name in settings.categories:
        return True
    if not settings.text_is_category or name == settings.amount:
        return False
    number, missing = is_number(table, name)
    if 2 * number.sum() >= (~missing).sum():
        return False
    return not is_number_or_date(distinct(table, name))


def _clocks(table: Table, settings: LoanFile, findings: Findings) -> tuple[TimeArray | None, TimeArray | None]:
    """When each loan was applied for and when its outcome is known: as many months later, at the same local time."""
    if not settings.applied_at:
        return None, None
    applied = days_or_moments(table, settings.applied_at, findings, zone=settings.zone)
    local = pd.DatetimeIndex(applied).tz_localize("UTC").tz_convert(settings.zone).tz_localize(None)
    days, hours = local.normalize(), local - local.normalize()
    later = days + pd.DateOffset(months=settings.horizon_months) + hours
    return applied, to_utc(later.as_unit("us").to_numpy(), zone=settings.zone)
