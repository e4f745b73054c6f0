"""Meanings: what the columns and codes of a loan file stand for, in words that pages and reasons show."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self

import pandas as pd

from finnet.checks import nearest
from finnet.data.csv_format import CsvFormat
from finnet.data.inspection import SourceFile
from finnet.data.quality import Findings
from finnet.data.tables import read_table
from finnet.errors import ConfigError

__all__ = ["NO_MEANINGS", "Meanings"]

_COLUMNS = ("column", "value", "meaning")
_BETWEEN = ", "  # levels of one bin of a scorecard


@dataclass(frozen=True)
class Meanings:
    """What columns and their values stand for; without rows everything keeps its own name.

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
        """The meanings of a CSV or Parquet file with the columns column, value and meaning; what is wrong is noted."""
        remedy = "give the file the columns column, value and meaning"
        table = read_table(path, CsvFormat(), findings, needed=dict.fromkeys(_COLUMNS, remedy), wanted=_COLUMNS)
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
            elif (column, _key(value)) in found:
                findings.add("meaning_twice", path, line=line, column=column, value=f"{what} has a meaning already")
            else:
                found[column, _key(value)] = (line, column, value, meaning)
        source = findings.inspection.files[-1]
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
        known = {name: {_key(str(value)) for value in column.dropna().unique()} for name, column in columns.items()}
        sought = {
            "meaning_of_no_column": "meanings of columns that the loans lack",
            "meaning_of_no_value": "meanings of values that no loan has",
        }
        findings.inspection.look(sought, file=self.file, columns=None, rows=len(self.rows))
        for line, column, value, _ in self.rows:
            if column not in known and column not in others:
                words = nearest(column, [*known, *others])
                findings.add("meaning_of_no_column", self.file, line=line, column=column, value=words)
            elif value and column in known and _key(value) not in known[column]:
                findings.add("meaning_of_no_value", self.file, line=line, column=column, value=f"no loan has {value!r}")

    @cached_property
    def _by_key(self) -> dict[tuple[str, str], str]:
        return {(column, _key(value)): meaning for _, column, value, meaning in self.rows}

    def of_column(self, name: str) -> str:
        """The meaning of a column; its name where it has none."""
        return self._by_key.get((name, ""), name)

    def of_value(self, column: str, value: str) -> str:
        """The meaning of a value, written as pages write it; the value itself where it has none."""
        return self._meaning(column, value) or value

    def beside(self, column: str, value: str) -> str:
        """A value, or several levels of one bin, each with its meaning in brackets where it has one."""
        parts = [value] if self._meaning(column, value) else value.split(_BETWEEN)
        known = [(part, self._meaning(column, part)) for part in parts]
        return _BETWEEN.join(f"{part} ({meaning})" if meaning else part for part, meaning in known)

    def _meaning(self, column: str, value: str) -> str:
        # An empty value is no value: its meaning would be that of the column.
        return self._by_key.get((column, _key(value)), "") if value.strip() else ""


NO_MEANINGS = Meanings()
"""Of a job that names no file: columns and values keep their own names."""


def _key(value: str) -> str:
    """What two ways of writing one value share: 2,319 and 2319.0 are one number."""
    try:
        number = float(value.replace(",", ""))
    except ValueError:
        return value.strip()
    # Whole numbers may be codes, of which every digit counts; of others pages show six.
    return f"{number:.0f}" if number.is_integer() else f"{number:g}"
