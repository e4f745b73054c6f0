"""Loan applications from CSV, CSV.gz or Parquet, with their outcome."""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from finnet.checks import require_at_least
from finnet.data.cells import categories, dates, is_number, matches, numbers, published, shown
from finnet.data.panel import LoanBook
from finnet.data.quality import Findings
from finnet.data.tables import CsvFormat, Table, read_table
from finnet.errors import ConfigError
from finnet.types import FloatArray, IntArray, TimeArray

__all__ = ["LoanFile", "check_loans", "read_applications", "read_loans"]


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
    bad, good : str
        Cells of `target` that mean default and no default; 1 and 1.0 are the same. Any other cell is an error.
    id : str
        Column that names a loan; the row number (from 1) by default.
    categories : tuple of str
        Columns whose cells are names, numbers included.
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
        Months after which an outcome is known.
    zone : str
        Time zone of the days in `applied_at`.
    rules : dict of str to str
        Severities that replace those in `finnet.data.quality.RULES`.
    csv : CsvFormat
    """

    path: str
    target: str
    bad: str = "1"
    good: str = "0"
    id: str = ""
    categories: tuple[str, ...] = ()
    text_is_category: bool = False
    drop: tuple[str, ...] = ()
    missing_codes: tuple[float, ...] = ()
    missing_codes_in: dict[str, tuple[float, ...]] = field(default_factory=dict)
    amount: str = ""
    applied_at: str = ""
    horizon_months: int = 0
    zone: str = "UTC"
    rules: dict[str, str] = field(default_factory=dict)
    csv: CsvFormat = field(default_factory=CsvFormat)

    def __post_init__(self) -> None:
        Findings(self.rules)
        require_at_least(self.horizon_months, 0, name="horizon_months")
        if self.applied_at and not self.horizon_months:
            raise ConfigError("applied_at needs horizon_months: when is an outcome known? Use for instance 12")
        if self.bad == self.good:
            raise ConfigError(f"bad and good are both {self.bad!r}; name two different cells of {self.target!r}")

    @property
    def named(self) -> tuple[str, ...]:
        """Every column that the settings name, without repeats."""
        names = (
            self.target,
            self.id,
            self.amount,
            self.applied_at,
            *self.categories,
            *self.drop,
            *self.missing_codes_in,
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
    """New applications from a file of the same shape; their outcome is not known yet, so `default` is 0 throughout.

    The target column may be missing, and is not looked at.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "loans.csv"
    >>> _ = path.write_text("income,amount\\n2500,900\\n")
    >>> read_applications(LoanFile(path=str(path), target="status")).applications["income"].tolist()
    [2500.0]
    """
    findings = Findings(settings.rules)
    return findings.checked(_book(settings, findings, has_outcome=False))


def check_loans(settings: LoanFile) -> pd.DataFrame:
    """The quality table of a loan file: every error and warning, odd columns included; empty where all is well."""
    findings = Findings(settings.rules)
    book = _book(settings, findings)
    if book is not None and not findings.has_errors:
        _suspect_columns(book.applications, settings, findings)
        _suspect_repeats(book, settings, findings)
    return findings.table()


def _book(settings: LoanFile, findings: Findings, *, has_outcome: bool = True) -> LoanBook | None:
    needed = [name for name in settings.named if has_outcome or name != settings.target]
    table = read_table(settings.path, settings.csv, findings, needed=needed, unwanted=settings.drop)
    if table is None:
        return None
    default = _default(table, settings, findings) if has_outcome else np.zeros(len(table), np.int64)
    loan_id = _loan_id(table, settings, findings)
    applications = _applications(table, settings, findings)
    applied_at, resolves_at = _clocks(table, settings, findings)
    if findings.has_errors:
        return None
    return LoanBook(
        loan_id=loan_id,
        applications=applications,
        default=default,
        applied_at=applied_at,
        resolves_at=resolves_at,
        amount=applications[settings.amount].to_numpy(float) if settings.amount else None,
        horizon_months=settings.horizon_months,
    )


def _default(table: Table, settings: LoanFile, findings: Findings) -> IntArray:
    bad, good = matches(table, settings.target, settings.bad), matches(table, settings.target, settings.good)
    unknown = np.flatnonzero(~(bad | good))
    values = shown(table, settings.target, unknown)
    findings.add_rows("unknown_outcome", table.origin.take(unknown), column=settings.target, values=values)
    return bad.astype(np.int64)


def _loan_id(table: Table, settings: LoanFile, findings: Findings) -> np.ndarray[tuple[int], np.dtype[np.object_]]:
    if not settings.id:
        return np.arange(1, len(table) + 1).astype(str).astype(object)
    names = pd.Series(table.columns[settings.id].to_pylist(), dtype=object).fillna("").astype(str).str.strip()
    for rule, found in (("blank_text", names == ""), ("duplicate_id", names.duplicated() & (names != ""))):
        rows = np.flatnonzero(found)
        values = shown(table, settings.id, rows)
        findings.add_rows(rule, table.origin.take(rows), column=settings.id, values=values)
    return names.to_numpy(object)


def _applications(table: Table, settings: LoanFile, findings: Findings) -> pd.DataFrame:
    unused = {settings.target, settings.id, settings.applied_at}
    features: dict[str, FloatArray | pd.Series] = {}
    for name in (name for name in table.columns if name not in unused):
        if _is_category(table, name, settings):
            features[name] = categories(table, name)
        else:
            codes = (*settings.missing_codes, *settings.missing_codes_in.get(name, ()))
            values = numbers(table, name, findings)
            features[name] = np.where(np.isin(values, codes), np.nan, values)
    return pd.DataFrame(features)


def _is_category(table: Table, name: str, settings: LoanFile) -> bool:
    if name in settings.categories:
        return True
    if not settings.text_is_category or name == settings.amount:
        return False
    number, missing = is_number(table, name)
    return bool(2 * number.sum() < (~missing).sum())


def _clocks(table: Table, settings: LoanFile, findings: Findings) -> tuple[TimeArray | None, TimeArray | None]:
    if not settings.applied_at:
        return None, None
    days = dates(table, settings.applied_at, findings)
    known = pd.DatetimeIndex(days) + pd.DateOffset(months=settings.horizon_months)
    later = known.to_numpy("datetime64[us]")
    return (
        published(days, time="00:00", zone=settings.zone),
        published(later, time="00:00", zone=settings.zone),
    )


CODES = (-9999999.0, -999999.0, -99999.0, -9999.0, -999.0, -99.0, -9.0, -8.0, -7.0, 96.0, 98.0, 99.0, 999.0, 9999.0)
"""Numbers by which lenders' systems often say "not known", most of them too far out to be measured."""

FAR = 3.0
"""How many times the largest other value a positive code must be to look like one."""


def _suspect_columns(applications: pd.DataFrame, settings: LoanFile, findings: Findings) -> None:
    for name in applications.columns:
        values = applications[name]
        if values.isna().all():
            findings.add("empty_column", settings.path, column=str(name))
        elif len(values.unique()) == 1:
            findings.add("constant_column", settings.path, column=str(name), value=str(values.iloc[0]))
        elif isinstance(values.dtype, np.dtype):
            for code in _likely_codes(values.dropna().to_numpy(float)):
                count = int((values == code).sum())
                findings.add("likely_code", settings.path, column=str(name), value=f"{code:g}", count=count)


def _likely_codes(values: FloatArray) -> list[float]:
    """Negative codes in a column that is otherwise not negative, and positive ones far above all else."""
    others = values[~np.isin(values, CODES)]
    if not len(others):
        return []
    found = [code for code in CODES if (values == code).sum() > 1]
    high = FAR * max(others.max(), 1.0)
    return [code for code in found if (code < 0 <= others.min()) or code > high]


def _suspect_repeats(book: LoanBook, settings: LoanFile, findings: Findings) -> None:
    rows = int(book.applications.assign(_default=book.default).duplicated().sum())
    if rows:
        findings.add("duplicate_loan", settings.path, value=f"{rows} rows repeat an earlier one", count=rows)
