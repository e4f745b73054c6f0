"""Inspection: which files were read, and what was looked for in them, whatever came of it."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import file_digest
from typing import NamedTuple

import pandas as pd

from finnet.files import open_regular

__all__ = ["Inspection", "SourceFile", "checks_table", "digest_of"]


class SourceFile(NamedTuple):
    """A file that was read: what it is, wherever it lies and whenever it was written.

    Parameters
    ----------
    path : str
    sha256, bytes : str, int
        Of the file as it lies on the disk, compressed where it is; `sha256sum` gives the same.
    rows : int
        Of its table.
    """

    path: str
    sha256: str
    bytes: int
    rows: int


def digest_of(path: str) -> tuple[str, int]:
    """SHA-256 of a file as it lies on the disk, and its bytes; OSError for what is no regular file."""
    with open_regular(path) as file:
        return file_digest(file, "sha256").hexdigest(), file.tell()


@dataclass
class _Check:
    """What was looked for by one rule."""

    sought: str
    columns: dict[str | None, None] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)

    def count(self, columns: Mapping[str | None, None], rows: Mapping[str, int]) -> None:
        """Count columns, and the rows of each file once, however often they were looked at."""
        self.columns |= columns
        self.rows |= {file: max(n, self.rows.get(file, 0)) for file, n in rows.items()}


class Inspection:
    """The files that one source was read from, and every rule by which they were checked.

    Examples
    --------
    >>> inspection = Inspection()
    >>> for column in ("income", "age"):
    ...     inspection.look({"constant_column": "columns of one value"}, file="a.csv", columns=[column], rows=500)
    >>> checks_table([inspection])[["sought", "columns", "n_columns", "rows"]].to_numpy().tolist()
    [['columns of one value', 'income, age', 2, 500]]
    """

    def __init__(self) -> None:
        self.files: list[SourceFile] = []
        self._checks: dict[str, _Check] = {}

    def look(self, sought: Mapping[str, str], *, file: str, columns: Collection[str] | None, rows: int) -> None:
        """Note that so many rows of a file were checked, in these columns; `columns` is None where whole rows were.

        `sought` says by rule what was looked for, with its limit, as a noun: "columns of one value".
        """
        for rule, words in sought.items():
            check = self._checks.setdefault(rule, _Check(words))
            # A check of whole rows has None for a column, so that one of no column stays apart.
            check.count(dict.fromkeys([None] if columns is None else columns), {file: rows})

    def add(self, other: "Inspection") -> None:
        """Count the checks of another source with those here, rule by rule."""
        for rule, check in other._checks.items():
            self._checks.setdefault(rule, _Check(check.sought)).count(check.columns, check.rows)

    def rows(self) -> Iterable[tuple[str, str, str, int, int]]:
        """Rule, what was looked for, names and number of columns (-1 for whole rows), and rows, check by check."""
        for rule, check in self._checks.items():
            names = [name for name in check.columns if name is not None]
            n_columns = -1 if None in check.columns else len(names)
            yield rule, check.sought, ", ".join(names), n_columns, sum(check.rows.values())


def checks_table(inspections: Iterable[Inspection], *, ignored: Collection[str] = ()) -> pd.DataFrame:
    """Every check of several sources, a row for each rule: `rule`, `sought`, `columns`, `n_columns`, `rows`, `ignored`.

    `columns` are names joined by commas; `n_columns` is -1 where whole rows were checked. `ignored` are the rules whose
    findings the settings asked not to hear of.
    """
    every = Inspection()
    for inspection in inspections:
        every.add(inspection)
    found = [(*row, row[0] in ignored) for row in every.rows()]
    return pd.DataFrame(found, columns=["rule", "sought", "columns", "n_columns", "rows", "ignored"])
