"""Rules that data must keep, and the quality table that says where a file breaks them."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Self, TypeVar

import numpy as np
import pandas as pd

from finnet.checks import require_choice
from finnet.errors import ConfigError, DataError, FinnetWarning
from finnet.types import BoolArray, IntArray

__all__ = ["ROWS_PER_RULE", "RULES", "BadFileError", "Findings", "Origin", "Problem", "Rule"]

_Rows = TypeVar("_Rows")

ROWS_PER_RULE = 100
"""Rows that one rule lists for one column; the rest are counted in one last line."""

SHOWN = 5
"""Errors that the message of a BadFileError shows; its table has them all."""


@dataclass(frozen=True)
class Rule:
    """How bad it is to break a rule, and what to do then.

    Parameters
    ----------
    severity : str
        "error": nothing is read. "warning": the file is read and the quality table says so.
    remedy : str
        What the owner of the file can do.
    negotiable : bool
        Whether a reader's `rules` may make an error a "warning" or "ignore" it; every warning may be changed.
    changes : bool
        Whether reading on drops rows or empties cells, so that the reader warns as well.
    """

    severity: str
    remedy: str
    negotiable: bool = False
    changes: bool = False


def _error(remedy: str) -> Rule:
    return Rule("error", remedy)


def _policy(remedy: str) -> Rule:
    return Rule("error", remedy, negotiable=True)


def _repair(remedy: str) -> Rule:
    return Rule("warning", remedy, negotiable=True, changes=True)


def _warning(remedy: str) -> Rule:
    return Rule("warning", remedy, negotiable=True)


RULES: Mapping[str, Rule] = {
    # the file
    "unreadable_file": _error("check the path, the rights and that the file is a whole CSV, CSV.gz or Parquet file"),
    "empty_file": _error("give a header line and at least one row"),
    "wrong_encoding": _error("save the file as UTF-8, or name its encoding with csv.encoding"),
    "missing_column": _error("map the column with columns = {ours = 'theirs'}, or check csv.delimiter"),
    "duplicate_header": _error("give every column its own name"),
    "repeated_header": _error("remove header lines below the first one; were two files put together?"),
    "ragged_row": _error("give every row as many cells as the header has"),
    "cut_off_row": _error("fetch the file again: its last line ends too early"),
    "no_final_newline": _policy("fetch the file again: it may be cut off; if it is whole, end it with a newline"),
    "stray_quote": _error("quote whole cells and double the quotes inside them"),
    "lone_carriage_return": _error("end lines with LF or CR LF"),
    "blank_line": _repair("remove blank lines; they were skipped"),
    "empty_column": _warning("drop the column, or find out why it has no values"),
    # cells
    "not_a_number": _error("write plain numbers such as -1234.5; name other words for missing with csv.missing"),
    "not_finite": _error("replace infinity by a number, or leave the cell empty"),
    "too_large": _error("check the column: the number is beyond what it can mean or hold"),
    "not_a_date": _error("write dates as 2020-01-31, or declare csv.date_format"),
    "zone_in_date": _error("write plain local dates without a time zone; mixed zones move bars by a day"),
    "time_in_date": _error("write plain local dates without a time of day: finnet reads daily bars"),
    "date_out_of_range": _error("check the year: dates must lie in 1800 to 2100"),
    "not_a_time": _error("write times as 2020-01-31 16:00:00, with or without an offset such as -05:00 or Z"),
    "mixed_zones": _error("give every time an offset, or none of them and declare the zone"),
    "no_such_local_time": _error("the clocks changed then: write this time in UTC or with its offset"),
    "blank_text": _error("fill the cell, or leave such rows out with exclude = ['']"),
    "untidy_text": _error("remove blanks around the text, and control characters from it"),
    "unknown_type": _error("store the column as plain numbers, text, dates or times"),
    "not_text": _error("store the column as text: numbers lose leading zeros"),
    # bars
    "duplicate_bar": _policy("keep one bar per symbol and date, or say which with duplicates"),
    "non_positive_price": _policy("repair the price; where an asset may trade below zero, allow it in rules"),
    "negative_volume": _error("repair the volume; did an integer overflow?"),
    "missing_close": _policy("fill the close, or remove the bar"),
    "missing_adj_close": _error("fill the adjusted close, or read raw prices with adjust = false"),
    "high_below_low": _policy("repair the bar; are the columns mapped rightly?"),
    "empty_bar": _repair("remove bars without prices; they were dropped"),
    "zero_price": _repair("leave unknown prices empty; zeros beside a positive close were read as missing"),
    "missing_price": _warning("fill open, high and low, or do not use them"),
    "outside_range": _warning("check the bar: open or close lies outside low to high"),
    "zero_volume": _warning("check whether the symbol traded: a forecast may not be tradable there"),
    "unsorted": _warning("sort the file by date; the rows were sorted on reading"),
    "gap": _warning("check whether bars are missing: other symbols have sessions in between"),
    "sparse_session": _warning("check the date: most symbols that were listed then have no bar on it"),
    "stale_price": _warning("check whether the price was filled forward"),
    "likely_split": _warning("check the adjustment: the price jumped by the ratio of a split"),
    "outlier": _warning("check the price: it moved by more than half in one bar"),
    # late data, loans
    "duplicate_value": _policy("keep one value per symbol and time, or say which with duplicates"),
    "late_revision": _repair("nothing to do: a revision of a period older than the newest known one was skipped"),
    "published_early": _error("check the publication date: it lies before the period that it describes"),
    "unknown_outcome": _error("make the target hold only the two declared values"),
    "duplicate_id": _error("give every loan its own id"),
    "duplicate_loan": _warning("check whether the same application was stored twice"),
    "likely_code": _warning("declare the code as missing if it is not a measured number"),
    "constant_column": _warning("drop the column: it says nothing"),
}
"""Every rule by name. A reader's `rules` may change the severity of those that are negotiable."""

SEVERITIES = ("error", "warning", "ignore")


@dataclass(frozen=True)
class Problem:
    """One place where a file breaks a rule.

    Parameters
    ----------
    rule, severity, file : str
    line : int
        Counted from 1, the header included; in Parquet the row, counted from 1. 0 where no one line is meant.
    column, value : str
        The file's name of the column, and what stands there.
    count : int
        Rows that this problem stands for.
    remedy : str
    """

    rule: str
    severity: str
    file: str
    line: int
    column: str
    value: str
    count: int
    remedy: str

    def __str__(self) -> str:
        place = [self.file] + [f"line {self.line}"] * (self.line > 0) + [f"column {self.column}"] * bool(self.column)
        return f"{', '.join(place)}: {self.value} ({self.rule}); {self.remedy}"


class BadFileError(DataError):
    """Files break rules that are errors; `problems` holds every one of them, warnings included."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        errors = [problem for problem in problems if problem.severity == "error"]
        total = sum(problem.count for problem in errors)
        shown = sum(problem.count for problem in errors[:SHOWN])
        rest = [f"... and {total - shown} more"] * (total > shown)
        count = f"{total} errors" if total > 1 else "1 error"
        super().__init__("\n  ".join([f"{count} in the data:", *map(str, errors[:SHOWN]), *rest]))


@dataclass(frozen=True, eq=False)
class Origin:
    """File and line from which each row of a table came.

    Parameters
    ----------
    files : tuple of str
    file : ndarray of int, shape (n_rows,)
        Positions in `files`.
    line : ndarray of int, shape (n_rows,)
        Counted from 1.
    """

    files: tuple[str, ...]
    file: IntArray
    line: IntArray

    @classmethod
    def of_file(cls, path: str, line: IntArray) -> Self:
        """Origin of rows that all came from one file."""
        return cls((path,), np.zeros(len(line), np.int32), line)

    @classmethod
    def joined(cls, parts: Sequence["Origin"]) -> Self:
        """Origin of the rows of several tables put below each other."""
        files = tuple(file for part in parts for file in part.files)
        starts = np.cumsum([0] + [len(part.files) for part in parts[:-1]])
        file = np.concatenate([part.file + start for part, start in zip(parts, starts, strict=True)])
        return cls(files, file, np.concatenate([part.line for part in parts]))

    def take(self, rows: IntArray | BoolArray) -> Self:
        """Origin of these rows, by number or as a mask."""
        return type(self)(self.files, self.file[rows], self.line[rows])


class Findings:
    """Problems of the files of one read, in the order in which they were found.

    Parameters
    ----------
    rules : mapping of str to str
        Severity ("error", "warning" or "ignore") that replaces the one in RULES; ConfigError where a rule is unknown or
        where an error is not negotiable.

    Examples
    --------
    >>> findings = Findings({"no_final_newline": "warning"})
    >>> findings.add("no_final_newline", "prices.csv")
    >>> findings.table()[["rule", "severity", "file"]].values.tolist()
    [['no_final_newline', 'warning', 'prices.csv']]
    """

    def __init__(self, rules: Mapping[str, str] | None = None) -> None:
        self._rules = dict(rules or {})
        self.problems: list[Problem] = []
        for rule, severity in self._rules.items():
            _require_negotiable(rule, severity)

    def severity(self, rule: str) -> str:
        """ "error", "warning" or "ignore", as stated for this read."""
        return self._rules.get(rule, RULES[rule].severity)

    def add(self, rule: str, file: str, *, line: int = 0, column: str = "", value: str = "", count: int = 1) -> None:
        """Note one problem, unless its rule is ignored."""
        severity = self.severity(rule)
        if severity != "ignore":
            self.problems.append(Problem(rule, severity, file, line, column, value, count, RULES[rule].remedy))

    def add_rows(self, rule: str, origin: Origin, *, column: str, values: Sequence[str]) -> None:
        """Note one problem per row of `origin`: the first ROWS_PER_RULE one by one, the rest as a count.

        `values` may end with the last row that is listed.
        """
        for row in range(min(len(origin.line), ROWS_PER_RULE)):
            file = origin.files[origin.file[row]]
            self.add(rule, file, line=int(origin.line[row]), column=column, value=values[row])
        rest = len(origin.line) - ROWS_PER_RULE
        if rest > 0:
            self.add(rule, origin.files[origin.file[-1]], column=column, value=f"{rest} more rows", count=rest)

    @property
    def has_errors(self) -> bool:
        """Whether anything found so far forbids reading."""
        return any(problem.severity == "error" for problem in self.problems)

    def raise_errors(self) -> None:
        """Raise BadFileError with all problems, if one of them is an error."""
        if self.has_errors:
            raise BadFileError(self.problems)

    def _warn_changes(self) -> None:
        """Say once, as FinnetWarning, which rules dropped rows or emptied cells on reading."""
        changed = [problem for problem in self.problems if RULES[problem.rule].changes]
        if changed:
            rules = ", ".join(dict.fromkeys(problem.rule for problem in changed))
            text = f"reading changed the data ({rules}); first: {changed[0]}; `check-data` lists them all"
            warnings.warn(text, FinnetWarning, stacklevel=4)

    def checked(self, rows: _Rows | None) -> _Rows:
        """What was read, once none of it breaks a rule; to be called by the function that users call."""
        self.raise_errors()
        assert rows is not None
        self._warn_changes()
        return rows

    def table(self) -> pd.DataFrame:
        """The quality table: columns rule, severity, file, line, column, value, count, remedy; errors first."""
        columns = [field.name for field in fields(Problem)]
        rows = pd.DataFrame([asdict(problem) for problem in self.problems], columns=columns)
        return rows.sort_values("severity", kind="stable", ignore_index=True)


def _require_negotiable(rule: str, severity: str) -> None:
    require_choice(rule, list(RULES), name="rules")
    require_choice(severity, SEVERITIES, name=f"rules.{rule}")
    if severity != "error" and not RULES[rule].negotiable:
        raise ConfigError(f"rules.{rule}={severity!r} is not allowed: no value could be trusted; {RULES[rule].remedy}")
