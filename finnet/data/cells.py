"""Cells become numbers, text and categories by declared rules; nothing is inferred."""

import re
from collections.abc import Mapping

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from finnet.data.csv_format import MISSING, CsvFormat
from finnet.data.guesses import are_codes, date_formats, number_remedy
from finnet.data.quality import EXAMINED, Findings
from finnet.data.tables import Table
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = [
    "categories",
    "coded",
    "distinct",
    "is_missing",
    "is_number",
    "is_text",
    "mask",
    "matches",
    "note_cells",
    "note_type",
    "numbers",
    "plain",
    "shown",
    "texts",
]

NUMBER = r"^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$"
INFINITY = r"^[+-]?(?i:inf|infinity)$"
WHOLE = r"^([+-]?[0-9]+)\.0+$"
UNTIDY = r"^\s|\s$|[\x00-\x1f\x7f]"

LOOKED_AT = 300
"""Different cells from which a remedy is guessed."""


def numbers(table: Table, name: str, findings: Findings, *, remedies: Mapping[str, str] | None = None) -> FloatArray:
    """A column as float64, shape (n_rows,), NaN where missing; cells that are no finite number are noted, and NaN.

    Parameters
    ----------
    remedies : mapping of str to str, optional
        What to do where most cells are "words" or "dates"; the rule's own by default.

    Examples
    --------
    >>> from finnet.data.quality import Origin
    >>> table = Table({"open": pa.chunked_array([["1.5", "NA", "1,5"]])}, Origin.of_file("a.csv", np.arange(2, 5)))
    >>> findings = Findings()
    >>> numbers(table, "open", findings)
    array([1.5, nan, nan])
    >>> [(problem.rule, problem.line) for problem in findings.problems]
    [('not_a_number', 4)]
    """
    cells = table.columns[name]
    findings.inspection.look(
        {"not_a_number": "cells that are no numbers"}, file=table.file, columns=[name], rows=len(table)
    )
    if is_text(cells):
        values = _parse_numbers(table, name, findings, remedies=remedies or {})
    elif _is_numeric(cells.type):
        values = pc.cast(cells, pa.float64(), safe=False).to_numpy()
    else:
        note_type(findings, "not_a_number", table, name=name, remedy=(remedies or {}).get("dates", ""))
        return np.full(len(table), np.nan)
    # Words for missing that are numbers, such as -999, also count where cells are stored as numbers.
    pattern = f"{NUMBER}|{INFINITY}"
    missing = [float(word) for word in table.format.missing if re.match(pattern, word.strip())]
    values = np.where(np.isin(values, missing), np.nan, values)
    infinite = np.isinf(values)
    note_cells(findings, "not_finite", table, name=name, rows=infinite)
    return np.asarray(np.where(infinite, np.nan, values))


def _parse_numbers(table: Table, name: str, findings: Findings, *, remedies: Mapping[str, str]) -> FloatArray:
    cells = plain(table.columns[name])
    # The fast way, for columns that hold numbers alone. Arrow reads the text "nan" as a number, which is right only
    # where it is declared as missing.
    if table.format.is_plain and "nan" in (word.lower() for word in table.format.missing):
        try:
            return np.asarray(pc.cast(cells, pa.float64()).to_numpy())
        except pa.ArrowInvalid:
            pass  # some cells are empty or wrong: the slow way tells which
    # Each different text is parsed once and looked up by its code: columns repeat themselves.
    encoded = pc.fill_null(cells, "").combine_chunks().dictionary_encode()
    words = [word.strip() for word in encoded.dictionary.to_pylist()]
    parsed = [_number(word, table.format) for word in words]
    at = encoded.indices.to_numpy(zero_copy_only=False)
    is_wrong = np.array([value is None for value in parsed], bool)[at]
    values: FloatArray = np.array([np.nan if value is None else value for value in parsed], float)[at]
    if is_wrong.any():
        wrong = [word for word, value in zip(words, parsed, strict=True) if value is None]
        remedy = _remedy(wrong, remedies, is_most=bool(is_wrong.sum() >= (~np.isnan(values)).sum()))
        note_cells(findings, "not_a_number", table, name=name, rows=is_wrong, remedy=remedy)
    return np.asarray(values)


def _remedy(wrong: list[str], remedies: Mapping[str, str], *, is_most: bool) -> str:
    """What to declare or do about cells that are no numbers."""
    sample = wrong[:LOOKED_AT]
    if is_most and date_formats(sample):
        return remedies.get("dates", "")
    as_numbers, as_words = number_remedy(sample), remedies.get("words", "") if is_most else ""
    if as_numbers and as_words and are_codes(sample):
        return f"{as_words}; if its letters are a unit, {as_numbers}"
    return as_numbers or as_words


def _number(word: str, format: CsvFormat) -> float | None:
    """The number that a cell says as declared, NaN where it says that it is missing, None where it says neither.

    Examples
    --------
    >>> form = CsvFormat(thousands=",", units={"$": 1, "K": 1000, " months": 1})
    >>> [_number(word, form) for word in ("$1,250.50", "-$3K", "36 months", "12,34", "car")]
    [1250.5, -3000.0, 36.0, None, None]
    """
    if word in format.missing:
        return float("nan")
    factor = 1.0
    if not format.is_plain:
        word, factor = _without_units(word, format.units)
        if format.thousands and format.thousands in word:
            # Groups of exactly three, so that 12,34 is an error rather than 1234.
            whole = word.split(format.decimal)[0]
            if not re.fullmatch(rf"[+-]?[0-9]{{1,3}}({re.escape(format.thousands)}[0-9]{{3}})+", whole):
                return None
            word = word.replace(format.thousands, "")
        if format.decimal != ".":
            # With another decimal sign a point means nothing; an empty word is no number.
            word = "" if "." in word else word.replace(format.decimal, ".")
    is_sound = re.match(NUMBER, word) or re.match(INFINITY, word)
    return float(word) * factor if is_sound else None


def _without_units(word: str, units: Mapping[str, float]) -> tuple[str, float]:
    """The cell without what may stand around its number, and by what that multiplies it."""
    factor, sign = 1.0, ""
    # A sign may stand before a unit: -$5. It is put back before what is left.
    if word[:1] in ("-", "+"):
        sign, word = word[0], word[1:].strip()
    longest_first = sorted(((unit.strip(), by) for unit, by in units.items()), key=lambda unit: -len(unit[0]))
    found = True
    while found:
        found = False
        for unit, by in longest_first:
            if word != unit and (word.startswith(unit) or word.endswith(unit)):
                word = word.removeprefix(unit).strip() if word.startswith(unit) else word.removesuffix(unit).strip()
                factor, found = factor * by, True
                break
    return (word if word[:1] in ("-", "+") else sign + word), factor


def is_number(table: Table, name: str) -> tuple[BoolArray, BoolArray]:
    """Which cells of a column are numbers as declared and which are missing, shape (n_rows,) each."""
    cells = table.columns[name]
    if not is_text(cells):
        known = mask(pc.is_valid(cells)) & _is_numeric(cells.type)
        return known, mask(pc.is_null(cells))
    encoded = pc.fill_null(plain(cells), "").combine_chunks().dictionary_encode()
    parsed = [_number(word.strip(), table.format) for word in encoded.dictionary.to_pylist()]
    at = encoded.indices.to_numpy(zero_copy_only=False)
    # `value == value` is false for NaN alone, by which `_number` says "missing".
    known = np.array([value is not None and value == value for value in parsed], bool)[at]
    missing = np.array([value is not None and value != value for value in parsed], bool)[at]
    return known, missing


def is_missing(table: Table, name: str) -> BoolArray:
    """Which cells of a column are empty, null or a declared word for missing, shape (n_rows,)."""
    cells = table.columns[name]
    if not is_text(cells):
        return mask(pc.is_null(cells))
    trimmed = pc.utf8_trim_whitespace(pc.fill_null(plain(cells), ""))
    return mask(pc.is_in(trimmed, pa.array(table.format.missing, pa.string())))


def distinct(table: Table, name: str) -> list[str]:
    """Some of the different texts of a column that are not missing, blanks around them removed."""
    cells = pc.unique(plain(table.columns[name]).drop_null()).to_pylist()
    words = (cell.strip() for cell in cells)
    return [word for word in words if word not in table.format.missing][:LOOKED_AT]


def coded(table: Table, name: str, findings: Findings) -> tuple[IntArray, tuple[str, ...]]:
    """Codes of shape (n_rows,) into the distinct texts of a column, which are in alphabetical order.

    Blanks around a text and control characters in it are noted; the empty text is left to the caller.

    Examples
    --------
    >>> from finnet.data.quality import Origin
    >>> table = Table({"ticker": pa.chunked_array([["T", "NA", "T"]])}, Origin.of_file("a.csv", np.arange(2, 5)))
    >>> coded(table, "ticker", Findings())
    (array([1, 0, 1]), ('NA', 'T'))
    """
    cells = table.columns[name]
    if not is_text(cells):
        note_type(findings, "not_text", table, name=name)
        return np.zeros(len(table), int), ("",)
    encoded = pc.fill_null(plain(cells), "").combine_chunks().dictionary_encode()
    # Arrow numbers texts as they come; the inverse of their sorting gives each its place in the alphabet.
    words = np.array(encoded.dictionary.to_pylist(), object)
    rank = np.empty(len(words), np.int64)
    rank[np.argsort(words)] = np.arange(len(words))
    codes = encoded.indices.to_numpy(zero_copy_only=False)
    untidy = mask(pc.match_substring_regex(encoded.dictionary, UNTIDY))
    note_cells(findings, "untidy_text", table, name=name, rows=untidy[codes])
    return rank[codes], tuple(sorted(words))


def categories(table: Table, name: str, *, fold_case: bool = False) -> pd.Series:
    """A column as categories in alphabetical order, shape (n_rows,), without the blanks around them.

    Empty cells are missing, and so are the words that the format declares as missing. A code is one level however it is
    stored: 1 and 1.0. With `fold_case`, levels that differ only in case or blanks are one, in small letters.
    """
    encoded = pc.fill_null(plain(table.columns[name]), "").combine_chunks().dictionary_encode()
    # The usual words for missing are those of number columns: None or NA may well be a category.
    missing = ("",) if table.format.missing == MISSING else ("", *table.format.missing)
    words = [word.strip() for word in encoded.dictionary.to_pylist()]
    levels = [None if word in missing else re.sub(WHOLE, r"\1", word) for word in words]
    if fold_case:
        levels = [None if level is None else " ".join(level.casefold().split()) for level in levels]
    cells = np.array([*levels, None], object)[encoded.indices.to_numpy(zero_copy_only=False)]
    return pd.Series(pd.Categorical(cells, categories=sorted({level for level in levels if level})))


def matches(table: Table, name: str, word: str) -> BoolArray:
    """Which cells of a column say `word`, as text or as the same number; shape (n_rows,)."""
    cells = table.columns[name]
    encoded = (plain(cells) if is_text(cells) else cells).combine_chunks().dictionary_encode()
    # The last entry answers for null cells, whose code is set to its place.
    same = np.array([_says(cell, word) for cell in encoded.dictionary.to_pylist()] + [False])
    return np.asarray(same[pc.fill_null(encoded.indices, len(same) - 1).to_numpy(zero_copy_only=False)])


def _says(cell: object, word: str) -> bool:
    if isinstance(cell, bool):
        return word.casefold() in (str(cell).casefold(), str(int(cell)), f"{int(cell)}.0")
    text = str(cell).strip()
    is_number = re.fullmatch(NUMBER, word) is not None
    return text == word or (is_number and re.fullmatch(NUMBER, text) is not None and float(text) == float(word))


def texts(table: Table, name: str, findings: Findings) -> list[str]:
    """A column of free text, such as tweets, as it stands."""
    cells = table.columns[name]
    if not is_text(cells):
        note_type(findings, "not_text", table, name=name)
        return [""] * len(table)
    return [str(cell) for cell in pc.fill_null(plain(cells), "").to_pylist()]


def note_cells(findings: Findings, rule: str, table: Table, *, name: str, rows: BoolArray, remedy: str = "") -> None:
    """Note the cells of column `name` where `rows`, shape (n_rows,), is true, with what stands in them."""
    if rule in _SOUGHT:
        findings.inspection.look({rule: _SOUGHT[rule]}, file=table.file, columns=[name], rows=len(table))
    at = np.flatnonzero(rows)
    # Marked in place, although a Table is frozen: later checks of these rows must not blame them again.
    table.broken[at] = True
    if len(at):
        findings.add_rows(rule, table.origin.take(at), column=name, values=shown(table, name, at), remedy=remedy)


_SOUGHT = {
    "not_finite": "cells that are infinite",
    "untidy_text": "texts with blanks around them, or with control characters",
    "date_out_of_range": "dates before 1800 or after 2100",
    "date_after_today": "dates that have not come yet",
    "loss_out_of_range": "losses below 0 or above 1",
}


def shown(table: Table, name: str, rows: IntArray) -> list[str]:
    """The first EXAMINED cells of these rows, by number, shape (n_taken,), as the quality table shows them."""
    cells = plain(table.columns[name].take(pa.array(rows[:EXAMINED])))
    return [repr(cell)[:60] for cell in cells.to_pylist()]


def note_type(findings: Findings, rule: str, table: Table, *, name: str, remedy: str = "") -> None:
    """Note a whole column whose stored type cannot be read."""
    table.broken[:] = True
    findings.add(
        rule, table.file, column=name, value=f"stored as {table.columns[name].type}", count=len(table), remedy=remedy
    )


def is_text(cells: pa.ChunkedArray) -> bool:
    """Whether a column is stored as text, plain or as a dictionary."""
    kind = cells.type.value_type if pa.types.is_dictionary(cells.type) else cells.type
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))


def _is_numeric(kind: pa.DataType) -> bool:
    tests = (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal, pa.types.is_boolean)
    return any(test(kind) for test in tests)


def plain(cells: pa.ChunkedArray) -> pa.ChunkedArray:
    """A column as plain text, shape (n_rows,)."""
    return cells if cells.type == pa.string() else pc.cast(cells, pa.string())


def mask(cells: pa.ChunkedArray) -> BoolArray:
    """A truth column as an array, shape (n_rows,); null counts as false."""
    return np.asarray(pc.fill_null(cells, False).to_numpy(zero_copy_only=False), bool)
