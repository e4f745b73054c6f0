"""Checks at the door: each names what was given, what is allowed and what to do."""

import re
import warnings
from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from math import inf
from numbers import Real
from typing import Any

import numpy as np

from finnet.errors import ConfigError, DataError, NotSavedError
from finnet.types import FloatArray

__all__ = [
    "is_whole",
    "nearest",
    "require_at_least",
    "require_choice",
    "require_column",
    "require_columns",
    "require_date_format",
    "require_finite_row",
    "require_methods",
    "require_number",
    "require_positive",
    "require_share",
    "require_whole",
    "require_within",
]


def nearest(name: str, known: Collection[str]) -> str:
    """A hint naming the known word closest to `name`, or all known words where none is close.

    Examples
    --------
    >>> nearest("adm", ["adam", "sgd"])
    "did you mean 'adam'?"
    """
    close = get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else f"use one of {', '.join(sorted(known))}"


def require_choice(value: str, known: Collection[str], *, name: str) -> None:
    """Raise ConfigError unless `value` is one of `known`."""
    if value not in known:
        raise ConfigError(f"{name}={value!r} is not known; {nearest(str(value), known)}")


def require_column(column: str, known: Collection[str], *, key: str) -> None:
    """Raise ConfigError unless the data has the column that the key of a job file names.

    Examples
    --------
    >>> require_column("incom", ["income", "age"], key="segments.columns")
    Traceback (most recent call last):
    finnet.errors.ConfigError: segments.columns: unknown column 'incom'; did you mean 'income'?
    """
    if column not in known:
        raise ConfigError(f"{key}: unknown column {column!r}; {nearest(column, known)}")


def require_at_least(value: float, low: float, *, name: str) -> None:
    """Raise ConfigError unless `value >= low`."""
    # Not `value < low`, which is false for NaN.
    if not value >= low:
        raise ConfigError(f"{name}={value} is too small; use {low} or more")


def require_within(value: float, low: float, high: float, *, name: str) -> None:
    """Raise ConfigError unless `low <= value <= high`."""
    require_at_least(value, low, name=name)
    if value > high:
        raise ConfigError(f"{name}={value} is too large; use {high:,} or less")


def require_number(value: Any, *, name: str, below: float = inf, zero: bool = True) -> None:
    """Raise ConfigError unless `value` is a number in [0, below), or above 0 with `zero=False`."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if not is_number or not 0 <= value < below or (value == 0 and not zero):
        least = "of 0 or more" if zero else "above 0"
        raise ConfigError(f"{name}={value!r} is not a number {least}{f' and below {below:g}' if below < inf else ''}")


def is_whole(value: Any) -> bool:
    """Whether `value` is an int, Python's or NumPy's, and no bool."""
    # Not isinstance(value, int), which a bool is too.
    return type(value) is int or isinstance(value, np.integer)


def require_whole(value: Any, least: int, *, name: str) -> None:
    """Raise ConfigError unless `value` is a whole number of `least` or more."""
    if not is_whole(value) or value < least:
        raise ConfigError(f"{name}={value!r} is not a whole number of {least} or more")


def require_methods(value: Any, methods: Sequence[str], *, name: str, such_as: str) -> None:
    """Raise ConfigError unless `value` is an object, not a class, that has all of `methods`."""
    if isinstance(value, type):
        raise ConfigError(f"{name}={value.__name__} is a class; give an object of it, {value.__name__}(...)")
    for method in methods:
        try:
            found = getattr(value, method)
        # An AttributeError as well, but one that tells the user what a loaded model lacks.
        except NotSavedError:
            raise
        except AttributeError:
            found = None
        if not callable(found):
            raise ConfigError(f"{name}={value!r} has no {method}(); give an object such as {such_as}")


def require_share(value: float, *, name: str, zero: bool = True) -> None:
    """Raise ConfigError unless `value` is a share below one: in [0, 1), or in (0, 1) with `zero=False`."""
    if not (0 <= value < 1) or (value == 0 and not zero):
        raise ConfigError(f"{name}={value} is not a share; use a number in {'[' if zero else '('}0, 1)")


def require_date_format(value: str, *, name: str) -> None:
    """Raise ConfigError unless strptime can read with this format the day, month or year that it has written with it.

    Examples
    --------
    >>> require_date_format("%d%d", name="csv.date_format")
    Traceback (most recent call last):
    finnet.errors.ConfigError: csv.date_format='%d%d' reads no dates; use for instance '%d.%m.%Y' or '%Y%m%d'
    """
    # In UTC, so that an offset is written too.
    day = datetime(2003, 2, 14, tzinfo=UTC)
    # A format may leave out the day or the month, which strptime then reads as the first one.
    firsts = (day.date(), day.replace(day=1).date(), day.replace(month=1, day=1).date())
    try:
        with warnings.catch_warnings():
            # From Python 3.13 on strptime warns of a format without a year, which reads 1900 and is refused below.
            warnings.simplefilter("ignore", DeprecationWarning)
            is_read = datetime.strptime(day.strftime(value), value).date() in firsts
    except (ValueError, re.error):
        is_read = False
    if not is_read:
        raise ConfigError(f"{name}={value!r} reads no dates; use for instance '%d.%m.%Y' or '%Y%m%d'")


def require_positive(values: FloatArray, *, name: str) -> None:
    """Raise DataError unless every value of an array of any shape is a finite number above zero."""
    bad = np.flatnonzero(~(np.isfinite(values) & (values > 0)).ravel())
    if len(bad):
        raise DataError(
            f"{name} has {len(bad)} values that are not above zero, first {np.ravel(values)[bad[0]]} at {bad[0]};"
            " remove or repair them"
        )


def require_finite_row(values: FloatArray, *, name: str) -> FloatArray:
    """The values as floats, shape (n,); DataError unless they are one row of finite numbers."""
    values = np.asarray(values, float)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise DataError(f"{name} must be one row of finite numbers; drop what is missing first")
    return values


def require_columns(found: Collection[str], needed: Sequence[str], *, name: str) -> None:
    """Raise DataError unless all of `needed` are among the `found` columns."""
    missing = [column for column in needed if column not in found]
    if missing:
        raise DataError(f"{name} lacks column {missing[0]!r}; {nearest(missing[0], found)}")
