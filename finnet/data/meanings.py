"""Meanings: what the columns and codes of a loan file stand for, in words that pages and reasons show."""

import re
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from numbers import Real
from typing import Any, Self

import pandas as pd

from finnet.checks import nearest
from finnet.data.cells import NUMBER, WHOLE
from finnet.data.inspection import SourceFile
from finnet.data.quality import Findings
from finnet.data.sniffing import text_format
from finnet.data.tables import read_table
from finnet.errors import ConfigError

__all__ = ["NO_MEANINGS", "Meanings"]

_COLUMNS = ("column", "value", "meaning")


@dataclass(frozen=True)
class Meanings:
    """What columns and their values stand for; without rows everything keeps its own name.

    A level has the meaning of its own text alone, so that 07 and 7 are two; 1.0 is 1, as where files are read. A number
    has the meaning of its text or else of any text that is the same number.

    Parameters
    ----------
    file : str
        Where they stand.
    rows : tuple of (int, str, str, str)
        Line, column, value and meaning; an empty value has the meaning of the column itself.
    sha256, bytes : str, int
        Of the file, where it was read by a version that notes them.

    Examples
    --------
    >>> meanings = Meanings("meanings.csv", ((2, "status", "", "Checking account"), (3, "status", "A14", "none")))
    >>> meanings.of_column("status"), meanings.of_column("age")
    ('Checking account', 'age')
    >>> meanings.beside("status", "A14"), meanings.beside("status", "A11")
    ('A14 (none)', 'A11')
    """

    file: str = ""
    rows: tuple[tuple[int, str, str, str], ...] = ()
    sha256: str = ""
    bytes: int = 0

    @classmethod
    def read(cls, path: str, findings: Findings) -> Self:
        """The meanings of a CSV or Parquet file with the columns column, value and meaning; what is wrong is noted.

        Delimiter and encoding of a CSV file are found out: a spreadsheet saves it as it likes.
        """
        remedy, own = "give the file the columns column, value and meaning", Findings()
        table = read_table(path, text_format(path), own, needed=dict.fromkeys(_COLUMNS, remedy), wanted=_COLUMNS)
        _take(own, findings)
        if table is None:
            return cls(path)
        # A Parquet file may hold codes as numbers, 0 among them, which is not an empty cell.
        cells = [
            ["" if cell is None else str(cell).strip() for cell in table.columns[name].to_pylist()] for name in _COLUMNS
        ]
        found: dict[tuple[str, str], tuple[int, str, str, str]] = {}
        for line, column, value, meaning in zip(table.origin.line.tolist(), *cells, strict=True):
            what = repr(value) if value else "the column"
            if not meaning:
                findings.add("no_meaning", path, line=line, column=column, value=f"{what} is given no meaning")
            elif (column, _level(value)) in found:
                findings.add("meaning_twice", path, line=line, column=column, value=f"{what} has a meaning already")
            else:
                found[column, _level(value)] = (line, column, value, meaning)
        source = own.inspection.files[-1]
        return cls(path, tuple(found.values()), source.sha256, source.bytes)

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> Self:
        """The meanings that a job holds, as `content` gives them; ConfigError for anything else."""
        try:
            rows = tuple((int(line), str(a), str(b), str(c)) for line, a, b, c in content["rows"])
            # Jobs that were saved before do not say what the file was.
            return cls(str(content["file"]), rows, str(content.get("sha256", "")), int(content.get("bytes", 0)))
        except (LookupError, TypeError, ValueError) as error:
            raise ConfigError("meanings is no path; give that of a file, such as meanings.csv") from error

    @property
    def content(self) -> dict[str, Any]:
        """All of it as a job file can hold it."""
        own = asdict(self)
        # A job that was saved without stays what it was.
        return own if self.sha256 else {"file": own["file"], "rows": own["rows"]}

    def check(self, columns: Mapping[str, "pd.Series[Any]"], findings: Findings, *, others: Collection[str]) -> None:
        """Note lines about columns that are neither here nor among the `others` of the file, and values never seen.

        The first are errors, since a meaning that is shown nowhere was written in vain. The second are warnings: lists
        of codes are usually longer than what a file has of them.
        """
        if not self.rows:
            return
        if self.sha256:
            findings.inspection.files.append(SourceFile(self.file, self.sha256, self.bytes, len(self.rows)))
        levels = {name: set(column.dropna().unique()) for name, column in columns.items()}
        numbers = [name for name, column in columns.items() if pd.api.types.is_numeric_dtype(column.dtype)]
        sought = {
            "meaning_of_no_column": "meanings of columns that the loans lack",
            "meaning_of_no_value": "meanings of values that no loan has",
        }
        findings.inspection.look(sought, file=self.file, columns=None, rows=len(self.rows))
        seen: set[tuple[str, float | str | None]] = set()
        for line, column, value, _ in self.rows:
            own = _number(value) if column in numbers and value else _level(value)
            if column not in levels and column not in others:
                words = nearest(column, list(dict.fromkeys([*levels, *others])))
                findings.add("meaning_of_no_column", self.file, line=line, column=column, value=words)
            elif value and column in levels and own not in levels[column]:
                words = f"no loan has {value!r}"
                findings.add("meaning_of_no_value", self.file, line=line, column=column, value=words)
            elif (column, own) in seen:
                # Such as 0.5 and 0.50, which only the column tells to be one.
                words = f"{value!r} has a meaning already"
                findings.add("meaning_twice", self.file, line=line, column=column, value=words)
            seen.add((column, own))

    @cached_property
    def _by_level(self) -> dict[tuple[str, str], str]:
        return {(column, _level(value)): meaning for _, column, value, meaning in self.rows}

    @cached_property
    def _by_number(self) -> dict[tuple[str, float], str]:
        found = {(column, _number(value)): meaning for _, column, value, meaning in self.rows}
        return {(column, number): meaning for (column, number), meaning in found.items() if number is not None}

    def of_column(self, name: str) -> str:
        """The meaning of a column; its name where it has none."""
        return self._by_level.get((name, ""), name)

    def of_value(self, column: str, value: Any, *, words: str = "") -> str:
        """The meaning of a level or a number; where it has none the `words` for it, by default its text."""
        return self._meaning(column, value) or words or str(value)

    def beside(self, column: str, value: Any, *, words: str = "", is_number: bool = False) -> str:
        """The `words` for a level or a number, by default its text, with its meaning in brackets where it has one.

        `is_number` says that a text stands for a number where it is one.
        """
        meaning, words = self._meaning(column, value, is_number=is_number), words or str(value)
        return f"{words} ({meaning})" if meaning else words

    def _meaning(self, column: str, value: Any, *, is_number: bool = False) -> str:
        level = _level(str(value))
        # An empty value is no value: its meaning would be that of the column.
        if not level or value is None:
            return ""
        number = _number(level) if is_number else float(value) if isinstance(value, Real) else None
        by_number = "" if number is None else self._by_number.get((column, number), "")
        return self._by_level.get((column, level), by_number)


NO_MEANINGS = Meanings()
"""Of a job that names no file: columns and values keep their own names."""


def _take(own: Findings, findings: Findings) -> None:
    """Add what was found in a file that has no keys in a job file, so that none can mend it."""
    whole = "save it as CSV in UTF-8, its first line column,value,meaning and nothing below the table"
    for problem in own.problems:
        remedy = whole if "csv." in problem.remedy else problem.remedy
        # Values of several rows have their lines already.
        line = problem.line if problem.count == 1 else 0
        findings.add(
            problem.rule,
            problem.file,
            line=line,
            column=problem.column,
            value=problem.value,
            count=problem.count,
            remedy=remedy,
        )
    findings.inspection.files += own.inspection.files
    findings.inspection.add(own.inspection)


def _level(text: str) -> str:
    """A text as the reader of loans makes a level of it: 1.0 is 1."""
    return re.sub(WHOLE, r"\1", text.strip())


def _number(text: str) -> float | None:
    """The number that a text is, as the reader of loans takes it; None where it is none."""
    return float(text) if re.fullmatch(NUMBER, text) else None
