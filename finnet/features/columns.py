"""Columns as they are: numbers and texts told apart in training, and columns of other rows held to the same kinds."""

from typing import Any

import numpy as np
import pandas as pd

from finnet.errors import DataError

__all__ = ["as_level", "as_number", "require_distinct", "with_kinds"]

# What pandas infers of object columns that hold numbers; "empty" is one of gaps alone.
_NUMBERS_AS_OBJECTS = {"integer", "floating", "mixed-integer-float", "decimal", "boolean", "empty"}

_LARGEST = float(np.finfo(np.float64).max)


def require_distinct(columns: pd.DataFrame) -> None:
    """Raise DataError where a column comes twice, or names are of several levels."""
    if columns.columns.nlevels > 1:
        first = columns.columns[0]
        raise DataError(f"columns have names of {len(first)} levels, such as {first!r}; give each a name of one")
    twice = columns.columns[columns.columns.duplicated()]
    if len(twice):
        raise DataError(f"column {twice[0]!r} comes twice; give every column a name of its own")


def with_kinds(columns: pd.DataFrame) -> pd.DataFrame:
    """The table, shape (n_rows, n_columns), with floats for columns of numbers, truths or nothing, else texts."""
    return pd.DataFrame(
        {name: as_number(column) if _holds_numbers(column) else _text(column) for name, column in columns.items()},
        index=columns.index,
    )


def _holds_numbers(column: pd.Series) -> bool:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return False
    if pd.api.types.is_numeric_dtype(column.dtype):
        return True
    return pd.api.types.infer_dtype(column, skipna=True) in _NUMBERS_AS_OBJECTS


def as_number(column: pd.Series) -> pd.Series:
    """The column as floats, shape (n_rows,), NaN where missing; DataError that names it for anything else."""
    try:
        if isinstance(column.dtype, pd.CategoricalDtype) or not _holds_numbers(column):
            raise ValueError(f"such as {column.dropna().iloc[0]!r}")
        values = column.to_numpy(np.float64, na_value=np.nan)
    except OverflowError as error:
        row = next(row for row, value in enumerate(column) if isinstance(value, int) and abs(value) > int(_LARGEST))
        raise DataError(
            f"column {column.name!r} holds a number beyond {_LARGEST:.2g} in row {row}; make it missing or smaller"
        ) from error
    except (TypeError, ValueError) as error:
        raise DataError(
            f"column {column.name!r} was a number in fit and is {column.dtype} now ({error}); make it a number again,"
            " with NaN where it is missing"
        ) from error
    infinite = np.isinf(values)
    if infinite.any():
        raise DataError(
            f"column {column.name!r} is infinite in {infinite.sum()} rows, first in row {infinite.argmax()}; make them"
            " missing or finite"
        )
    return pd.Series(values, index=column.index, name=column.name)


def as_level(column: pd.Series, known: np.ndarray) -> pd.Series:
    """The column as texts, shape (n_rows,), None where missing.

    DataError where numbers stand in place of levels `known` (n_levels,) of which none is a number.
    """
    # Levels that are codes, such as "1", may come as numbers in other rows; names may not.
    if _holds_numbers(column) and column.notna().any() and len(known) and not any(map(_is_number, known)):
        raise DataError(
            f"column {column.name!r} was text in fit, such as {known[0]!r}, and is {column.dtype} now; give the levels"
            " by the same names"
        )
    return _text(column)


def _is_number(level: str | None) -> bool:
    try:
        return level is not None and np.isfinite(float(level))
    except ValueError:
        return False


def _text(column: pd.Series) -> pd.Series:
    """Texts with None where missing."""
    texts: Any = column.astype(object)
    return pd.Series(
        [None if gone else str(value) for value, gone in zip(texts, texts.isna(), strict=True)],
        index=column.index,
        dtype=object,
    )
