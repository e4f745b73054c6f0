"""The quality table: where files break rules, once per rule and column, with counts, places and examples."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Self, TypeVar

import numpy as np
import pandas as pd

from finnet.data.inspection import Inspection
from finnet.data.rules import RULES, require_negotiable
from finnet.errors import DataError, FinnetWarning
from finnet.types import BoolArray, IntArray

__all__ = ["EXAMINED", "BadFileError", "Findings", "Line", "Origin", "Problem", "problems_of", "quality_table", "told"]

_Rows = TypeVar("_Rows")

EXAMINED = 100
"""Rows that break a rule of which examples are taken; the rest are counted."""

EXAMPLES = 3
"""Different values that a problem shows, each with its first line."""

SHOWN = 10
"""Errors that the message of a BadFileError shows; its table has them all."""

_ORDER = ("error", "warning", "note")


@dataclass(frozen=True)
class Problem:
    """What breaks one rule in one column.

    Parameters
    ----------
    rule, severity : str
    file : str
        The first file where it stands.
    line : int
        Its first line, counted from 1 with the header; in Parquet the row, counted from 1. 0 where no line is meant.
    column, value : str
        The file's name of the column, and what stands there: a few different values with their lines.
    count : int
        Rows, or files where no row is meant, that this problem stands for.
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


@dataclass(frozen=True)
class Line:
    """What is told of one problem, or of several that break one rule in columns of one file.

    Parameters
    ----------
    severity, rule : str
    found : str
        Where it stands and what.
    remedy : str
    """

    severity: str
    rule: str
    found: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.found} ({self.rule}); {self.remedy}"


class BadFileError(DataError):
    """Files break rules that are errors; `problems` holds every one of them, warnings included."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        errors = [problem for problem in problems if problem.severity == "error"]
        total = sum(problem.count for problem in errors)
        lines = list(map(str, told(errors)))
        rest = [f"... and {len(lines) - SHOWN} more of other kinds"] * (len(lines) > SHOWN)
        count = f"{total:,} errors" if total > 1 else "1 error"
        super().__init__("\n  ".join([f"{count} in the data:", *lines[:SHOWN], *rest]))


def told(problems: Sequence[Problem]) -> list[Line]:
    """One line per problem; columns of a file that break one rule with one remedy share theirs.

    Examples
    --------
    >>> found = [Problem("constant_column", "warning", "a.csv", 0, name, "5", 1, "drop it") for name in "bcd"]
    >>> [str(line) for line in told(found)]
    ['a.csv, columns b (5), c (5), d (5) (constant_column); drop it']
    """
    alike: dict[tuple[str, str, str, str], list[Problem]] = {}
    for problem in problems:
        alike.setdefault((problem.severity, problem.rule, problem.file, problem.remedy), []).append(problem)
    return [
        Line(severity, rule, _one(group[0]) if len(group) == 1 else _together(group), remedy)
        for (severity, rule, _, remedy), group in alike.items()
    ]


def _one(problem: Problem) -> str:
    one_line = problem.line > 0 and problem.count == 1
    place = [problem.file, *[f"line {problem.line}"] * one_line, *[f"column {problem.column}"] * bool(problem.column)]
    rows = f" in {problem.count:,} rows" if problem.count > 1 else ""
    return f"{', '.join(place)}: {problem.value}{rows}"


def _together(group: Sequence[Problem]) -> str:
    # One line that all share, such as that of the header, tells nothing.
    have_lines = len({problem.line for problem in group}) > 1

    def named(problem: Problem) -> str:
        line = f"line {problem.line}" if have_lines and problem.line and problem.count == 1 else ""
        words = ": ".join(filter(None, [line, problem.value]))
        return f"{problem.column} ({words})" if words else problem.column

    names = ", ".join(map(named, group[:EXAMPLES]))
    more = f" and {len(group) - EXAMPLES} more" if len(group) > EXAMPLES else ""
    cells = sum(problem.count for problem in group)
    rows = f", {cells:,} cells" if cells > len(group) else ""
    return f"{group[0].file}, columns {names}{more}{rows}"


@dataclass
class _Found:
    """A problem as it grows."""

    rule: str
    file: str
    line: int
    column: str
    remedy: str
    count: int = 0
    files: set[str] = field(default_factory=set)
    examples: dict[str, str] = field(default_factory=dict)

    def take(self, file: str, *, line: int, value: str, count: int) -> None:
        self.count += count
        self.files.add(file)
        # One more than are shown, which tells that there are others.
        if value and len(self.examples) <= EXAMPLES:
            other = "" if file == self.file else f"{Path(file).name} "
            self.examples.setdefault(value, f"{other}line {line}")

    def problem(self, severity: str) -> Problem:
        value = ", ".join(self.examples)
        if self.count > 1 and self.line:
            shown = [f"{text} ({place})" for text, place in list(self.examples.items())[:EXAMPLES]]
            value = ", ".join([*shown, *["..."] * (len(self.examples) > EXAMPLES)])
        others = len(self.files) - 1
        more = f", and {others:,} more file{'s' * (others > 1)}" if others else ""
        return Problem(self.rule, severity, self.file, self.line, self.column, value + more, self.count, self.remedy)


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
        """Origin of rows that all came from one file, by their lines, shape (n_rows,)."""
        return cls((path,), np.zeros(len(line), np.int32), line)

    @classmethod
    def joined(cls, parts: Sequence["Origin"]) -> Self:
        """Origin of the rows of several tables put below each other."""
        files = tuple(file for part in parts for file in part.files)
        # Positions in the files of each part, moved behind those of the parts before.
        starts = np.cumsum([0] + [len(part.files) for part in parts[:-1]])
        file = np.concatenate([part.file + start for part, start in zip(parts, starts, strict=True)])
        return cls(files, file, np.concatenate([part.line for part in parts]))

    def take(self, rows: IntArray | BoolArray) -> Self:
        """Origin of these rows, by number, shape (n_taken,), or as a mask, shape (n_rows,)."""
        return type(self)(self.files, self.file[rows], self.line[rows])


class Findings:
    """Problems of one source, in the order in which they were found: one per rule, column and remedy.

    `inspection` holds what was looked for, found or not, and the files that were read.

    Parameters
    ----------
    rules : mapping of str to str
        Severity ("error", "warning" or "ignore") that replaces the one in RULES; ConfigError where a rule is unknown or
        where an error is not negotiable.
    section : str
        Where the source stands in a job file, such as "data.prices", so that remedies can name its keys.

    Examples
    --------
    >>> findings = Findings({"no_final_newline": "warning"})
    >>> findings.add("no_final_newline", "prices.csv")
    >>> findings.table()[["rule", "severity", "file"]].values.tolist()
    [['no_final_newline', 'warning', 'prices.csv']]
    """

    def __init__(self, rules: Mapping[str, str] | None = None, *, section: str = "") -> None:
        self._rules = dict(rules or {})
        self._keys = f"{section}." if section else ""
        self._found: dict[tuple[str, str, str], _Found] = {}
        self.inspection = Inspection()
        for rule, severity in self._rules.items():
            require_negotiable(rule, severity)

    @property
    def ignored(self) -> list[str]:
        """Rules of which the settings asked not to hear."""
        return [rule for rule, severity in self._rules.items() if severity == "ignore"]

    def severity(self, rule: str) -> str:
        """ "error", "warning", "note" or "ignore", as stated for this read."""
        return self._rules.get(rule, RULES[rule].severity)

    def add(
        self,
        rule: str,
        file: str,
        *,
        line: int = 0,
        column: str = "",
        value: str = "",
        count: int = 1,
        remedy: str = "",
    ) -> None:
        """Note a problem, unless its rule is ignored; the same one elsewhere is counted with the first.

        `remedy` replaces the rule's own where more is known about the case.
        """
        if self.severity(rule) == "ignore":
            return
        remedy = (remedy or RULES[rule].remedy).replace("{keys}", self._keys)
        found = self._found.setdefault((rule, column, remedy), _Found(rule, file, line, column, remedy))
        found.take(file, line=line, value=value, count=count)

    def add_rows(self, rule: str, origin: Origin, *, column: str, values: Sequence[str], remedy: str = "") -> None:
        """Note a problem of the rows of `origin`; examples are taken from the first of them.

        `values` may end with the last row that is examined.
        """
        examined = min(len(origin.line), EXAMINED)
        for row in range(examined):
            file, line = origin.files[origin.file[row]], int(origin.line[row])
            self.add(rule, file, line=line, column=column, value=values[row], remedy=remedy)
        # A broken column has as many problems as rows: the rest is counted by file, not looked at one by one.
        for file in np.unique(origin.file[examined:]):
            count = int((origin.file[examined:] == file).sum())
            self.add(rule, origin.files[file], column=column, count=count, remedy=remedy)

    @property
    def problems(self) -> list[Problem]:
        """Everything found so far."""
        return [found.problem(self.severity(found.rule)) for found in self._found.values()]

    @property
    def has_errors(self) -> bool:
        """Whether anything found so far forbids reading."""
        return any(self.severity(found.rule) == "error" for found in self._found.values())

    def raise_errors(self) -> None:
        """Raise BadFileError with all problems, if one of them is an error."""
        if self.has_errors:
            raise BadFileError(self.problems)

    def checked(self, rows: _Rows | None) -> _Rows:
        """What was read, once none of it breaks a rule; to be called by the function that users call.

        Warns
        -----
        FinnetWarning
            Naming the rules by which reading dropped rows or emptied cells.
        """
        self.raise_errors()
        assert rows is not None
        changed = [problem for problem in self.problems if RULES[problem.rule].changes]
        if changed:
            rules = ", ".join(dict.fromkeys(problem.rule for problem in changed))
            text = f"reading changed the data ({rules}); first: {told(changed)[0]}; `check-data` lists them all"
            # Two levels up: the warning names the line that called the reader.
            warnings.warn(text, FinnetWarning, stacklevel=3)
        return rows

    def table(self) -> pd.DataFrame:
        """The quality table, shape (n_problems, 8): rule, severity, file, line, column, value, count, remedy."""
        return quality_table(self.problems)


def quality_table(problems: Sequence[Problem]) -> pd.DataFrame:
    """Problems as a table with a column for each of their fields, shape (n_problems, 8); errors first, notes last."""
    columns = [field.name for field in fields(Problem)]
    rows = pd.DataFrame([asdict(problem) for problem in problems], columns=columns)
    order = rows["severity"].map(_ORDER.index).astype(int)
    return rows.iloc[np.argsort(order.to_numpy(), kind="stable")].reset_index(drop=True)


def problems_of(table: pd.DataFrame) -> list[Problem]:
    """The problems of a quality table, as it may have been saved."""
    return [Problem(*row) for row in table[[field.name for field in fields(Problem)]].itertuples(index=False)]
