"""Wording: sections of loans with the meanings of codes beside the codes."""

from collections.abc import Collection
from dataclasses import fields, replace
from typing import TypeVar

import pandas as pd

from finnet.data.meanings import Meanings
from finnet.reporting.sections.section import ReportSection

__all__ = ["worded"]

_Section = TypeVar("_Section", bound=ReportSection)
_LEVELS = ("group", "segment")
"""Columns of tables of sections that hold a value of the column named in `column`."""


def worded(section: _Section, words: Meanings, *, numbers: Collection[str] = ()) -> _Section:
    """The section with groups and segments named with their meanings, as in "A14 (no checking account)".

    `numbers` are the columns of numbers, whose groups may each be one.

    It is done once for all sections, before they are saved, so that tables, sentences and drawings agree; files that
    machines read, such as scorecard.csv, keep the codes alone.
    """
    if not words.rows:
        return section
    tables = {field.name: getattr(section, field.name) for field in fields(section)}  # type: ignore[arg-type]
    held = {name: table for name, table in tables.items() if isinstance(table, pd.DataFrame) and "column" in table}
    return replace(section, **{name: _worded(table, words, numbers) for name, table in held.items()})  # type: ignore[type-var]


def _worded(table: pd.DataFrame, words: Meanings, numbers: Collection[str]) -> pd.DataFrame:
    rows, levels = table.to_dict("records"), [level for level in _LEVELS if level in table]

    def told(column: str, level: str) -> str:
        return words.beside(column, level, is_number=column in numbers)

    named = {level: [told(str(row["column"]), str(row[level])) for row in rows] for level in levels}
    return table.assign(**named)
