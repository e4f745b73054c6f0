"""Groups of loans by a column: levels, or ranges of a number."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from finnet.checks import nearest
from finnet.errors import ConfigError, DataError
from finnet.types import FloatArray

__all__ = ["MISSING", "GroupColumn", "group_names", "joined", "quartiles"]

MISSING = "missing"
_OTHERS = "other levels"
_MOST_NUMBERS = 12


@dataclass(frozen=True)
class GroupColumn:
    """A column whose values divide loans.

    Parameters
    ----------
    column : str
        In the loan file.
    limits : tuple of float
        Where ranges of a number end, ascending: [25, 60] makes below 25, 25 to below 60, 60 and above.
    join : mapping of str to tuple of str
        Levels of a category that make one group, by its name; levels that are not named stay groups of their own.
    """

    column: str
    limits: tuple[float, ...] = ()
    join: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.limits and self.join:
            raise ConfigError(f"limits divide a number and join a category; give one of them for {self.column!r}")
        empty = [name for name, levels in self.join.items() if not levels]
        if empty:
            raise ConfigError(f"join of {self.column!r} names no level for {empty[0]!r}; name some, or leave it out")
        named = [level for levels in self.join.values() for level in levels]
        twice = [level for level in named if named.count(level) > 1]
        if twice:
            raise ConfigError(f"join of {self.column!r} has the level {twice[0]!r} twice; each belongs to one group")
        if not np.isfinite(self.limits).all() or (np.diff(self.limits) <= 0).any():
            raise ConfigError(
                f"limits={list(self.limits)} of {self.column!r} do not ascend; give for instance [25, 60]"
            )


def joined(values: "pd.Series[Any]", join: Mapping[str, Sequence[str]]) -> "pd.Series[Any]":
    """A category whose levels are joined into groups, shape (n_loans,); levels that `join` does not name stay.

    Raises
    ------
    DataError
        Where the column is one of numbers, has no such level, or has one that is called as a group it is not part of.

    Examples
    --------
    >>> status = pd.Series(["A91", "A92", "A93"], dtype="category", name="status")
    >>> joined(status, {"men": ["A91", "A93"], "women": ["A92"]}).tolist()
    ['men', 'women', 'men']
    """
    if pd.api.types.is_numeric_dtype(values.dtype):
        raise DataError(f"column {values.name!r} holds numbers and has no levels to join; give limits instead")
    words = values.astype(object).map(str, na_action="ignore")
    levels = sorted(words.dropna().unique())
    for level in (level for named in join.values() for level in named):
        if level not in levels:
            raise DataError(f"column {values.name!r} has no level {level!r} to join; {nearest(level, levels)}")
    # Loans without a value are a group too, by that name.
    taken = [*levels, *[MISSING] * bool(words.isna().any())]
    for name in (name for name, named in join.items() if name in taken and name not in named):
        raise DataError(
            f"column {values.name!r} has loans of {name!r}, which the group joined under that name does not include;"
            " give the group another name, or name all its levels"
        )
    group_of = {level: name for name, named in join.items() for level in named}
    return words.map(lambda level: group_of.get(level, level), na_action="ignore").astype("category")


def quartiles(values: "pd.Series[Any]") -> tuple[float, ...]:
    """The different quartiles of a column of numbers, ascending; none of a category or of few different numbers.

    Parameters
    ----------
    values : Series of shape (n_loans,)
        Missing ones do not count.

    Examples
    --------
    >>> quartiles(pd.Series(np.arange(101.0))), quartiles(pd.Series([1.0, 2.0] * 9))
    ((25.0, 50.0, 75.0), ())
    """
    if not pd.api.types.is_numeric_dtype(values.dtype) or values.nunique() <= _MOST_NUMBERS:
        return ()
    return tuple(float(limit) for limit in np.unique(values.quantile([0.25, 0.5, 0.75])))


def group_names(
    values: "pd.Series[Any]", limits: Sequence[float] = (), *, most_levels: int | None = None
) -> "pd.Series[Any]":
    """The group of each loan in words, as an ordered category; missing values are a group of their own.

    Parameters
    ----------
    values : Series of shape (n_loans,)
        Categories or numbers; the groups have its index.
    limits : sequence of float
        Where ranges of a number end, ascending; without them each number is a group.
    most_levels : int, optional
        Of a category so many levels stay, those with most loans; the others become one group.

    Raises
    ------
    DataError
        Where limits are given for a category, or numbers have too many values to be groups.

    Examples
    --------
    >>> group_names(pd.Series([19.0, 25.0, 61.5, np.nan]), [25, 60]).tolist()
    ['below 25', '25 to below 60', '60 and above', 'missing']
    """
    if not pd.api.types.is_numeric_dtype(values.dtype):
        if len(limits):
            raise DataError(f"column {values.name!r} is a category and has no limits; leave limits out")
        return _of_levels(values.astype(object), most_levels)
    if len(limits):
        return _of_ranges(values, limits)
    if values.nunique() > _MOST_NUMBERS:
        raise DataError(
            f"column {values.name!r} has {values.nunique():,} different numbers, which are no groups; give limits, such"
            f" as {{ column = {str(values.name)!r}, limits = [25, 60] }}"
        )
    # All digits, by which codes may differ.
    names = values.astype(float).map(_digits, na_action="ignore")
    return _ordered(names, [_digits(value) for value in np.sort(values.dropna().unique())])


def _digits(value: float) -> str:
    return repr(float(value)).removesuffix(".0")


def _of_levels(values: "pd.Series[Any]", most: int | None) -> "pd.Series[Any]":
    names = values.map(str, na_action="ignore")
    sizes = names.value_counts()
    # The group of all others counts as one of the levels that stay.
    kept = list(sizes.index) if most is None or len(sizes) <= most else list(sizes.index[: most - 1])
    names = names.where(names.isin(kept) | names.isna(), _OTHERS)
    return _ordered(names, [*sorted(kept), _OTHERS])


def _of_ranges(values: "pd.Series[Any]", limits: Sequence[float]) -> "pd.Series[Any]":
    ends: FloatArray = np.asarray(limits, float)
    words = [f"below {ends[0]:,g}"]
    words += [f"{low:,g} to below {high:,g}" for low, high in pairwise(ends)]
    words += [f"{ends[-1]:,g} and above"]
    # A limit itself belongs to the range above it.
    number = np.searchsorted(ends, values.to_numpy(float), side="right")
    names = pd.Series(np.array(words, object)[number], index=values.index).where(values.notna())
    return _ordered(names, words)


def _ordered(names: "pd.Series[Any]", order: Sequence[str]) -> "pd.Series[Any]":
    # A level that the file itself calls "missing" or "other levels" joins the group of that name.
    present = set(names.dropna())
    kept = [word for word in dict.fromkeys(order) if word in present]
    kept += [MISSING] * bool(names.isna().any() and MISSING not in kept)
    # A column that is missing everywhere is one of numbers, which holds no words.
    return names.astype(object).fillna(MISSING).astype(pd.CategoricalDtype(kept, ordered=True))
