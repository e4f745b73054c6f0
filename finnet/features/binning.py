"""Binning: a column cut into a few bins whose risk can be read off a table, every row in exactly one of them."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise
from math import ceil, exp, inf, isfinite, log, pi, sqrt
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.optimize import brentq
from sklearn.tree import DecisionTreeClassifier

from finnet.errors import ConfigError
from finnet.types import FloatArray, IntArray

__all__ = ["BINNINGS", "Bins", "LevelBins", "NumberBins", "level_bins", "number_bins", "tree_bins"]

MISSING, OTHER = "missing", "any other"

BINNINGS = ("quantile", "tree")
"""How edges of numbers are found: by `number_bins`, or by `tree_bins`."""

_CHANCE = 0.05  # of columns that say nothing in which a tree cuts all the same


@dataclass(frozen=True)
class NumberBins:
    """Bins of a column of numbers: intervals, then a bin for each special code, then one for what is missing.

    Parameters
    ----------
    edges : tuple of float
        Rising; each is the lowest number of the interval above it. None of them leaves one interval for all numbers.
    codes : tuple of float
        Numbers that stand for something else, such as -999 for "not asked", and are in no interval.

    Raises
    ------
    ConfigError
        Where edges do not rise, a code comes twice, or one of them is not finite.

    Examples
    --------
    >>> bins = NumberBins((1000.0, 2500.0), codes=(-999.0,))
    >>> bins.labels
    ['below 1000', '1000 to below 2500', '2500 or more', 'code -999', 'missing']
    >>> bins.place(np.array([999.0, 1000.0, 9000.0, -999.0, np.nan]))
    array([0, 1, 2, 3, 4])
    """

    edges: tuple[float, ...]
    codes: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for number in (*self.edges, *self.codes):
            if not isfinite(number):
                raise ConfigError(f"{number} is no edge or code of a bin; give finite numbers")
        for low, high in pairwise(self.edges):
            if not low < high:
                raise ConfigError(f"edges do not rise: {low:g} stands before {high:g}; put them in order, each once")
        _require_once(self.codes, what="code")

    @property
    def labels(self) -> list[str]:
        """What each bin holds, in words."""
        ends = [-inf, *self.edges, inf]
        intervals = [_interval_label(low, high) for low, high in pairwise(ends)]
        return [*intervals, *(f"code {shown(code)}" for code in self.codes), MISSING]

    def place(self, column: npt.ArrayLike) -> IntArray:
        """Number of the bin of every row, shape (n_rows,); NaN is missing."""
        values = np.asarray(column, np.float64)
        # An edge belongs to the interval above it. Codes and gaps are placed as numbers first, and put right below.
        bins = np.searchsorted(self.edges, values, side="right")
        for place, code in enumerate(self.codes, start=len(self.edges) + 1):
            bins[values == code] = place
        bins[np.isnan(values)] = len(self.edges) + 1 + len(self.codes)
        return bins


@dataclass(frozen=True)
class LevelBins:
    """Bins of a column of categories: groups of levels, then one for any other level, then one for what is missing.

    Parameters
    ----------
    groups : tuple of tuple of str
        Levels that share a bin; a level that is in none of them, such as one never seen, is in the bin of any other.

    Raises
    ------
    ConfigError
        Where a group is empty or a level comes twice.

    Examples
    --------
    >>> bins = LevelBins((("own",), ("rent", "family")))
    >>> bins.labels
    ['own', 'rent, family', 'any other', 'missing']
    >>> bins.place(pd.Series(["family", "boat", None, "own"], dtype=object))
    array([1, 2, 3, 0])
    """

    groups: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        if not all(self.groups):
            raise ConfigError("a group holds no level; leave it out, or name its levels")
        _require_once([level for group in self.groups for level in group], what="level")

    @property
    def labels(self) -> list[str]:
        """What each bin holds, in words."""
        return [*(", ".join(group) for group in self.groups), OTHER, MISSING]

    def place(self, column: "pd.Series[Any]") -> IntArray:
        """Number of the bin of every row, shape (n_rows,); what pandas takes for missing is missing."""
        places = {level: place for place, group in enumerate(self.groups) for level in group}
        levels, other = column.astype(object), len(self.groups)
        bins = np.array([places.get(level, other) for level in levels], np.int64)
        bins[levels.isna().to_numpy()] = other + 1
        return bins


Bins: TypeAlias = NumberBins | LevelBins


def number_bins(column: FloatArray, *, most: int, least_share: float, codes: Sequence[float] = ()) -> NumberBins:
    """At most so many intervals with about as many rows each, edges being numbers that come in the column.

    The outcome is not looked at, so that what the bins say of it is not flattered by their choice. A number that fills
    a bin alone, such as the zero of a count, begins one. An interval that would hold less than `least_share` of the
    rows is joined with the one beside it. Of the codes, those that come get bins of their own.

    Examples
    --------
    >>> column = np.array([0.0, 0.0, 0.0, 0.0, 1.0, 2.0, 3.0, -9.0, np.nan])
    >>> number_bins(column, most=3, least_share=0.1, codes=(-9.0, -8.0))
    NumberBins(edges=(1.0,), codes=(-9.0,))
    """
    come = _codes_in(column, codes)
    values, counts = np.unique(column[~(np.isnan(column) | np.isin(column, come))], return_counts=True)
    least = max(1.0, least_share * len(column))
    edges = _edges(values, counts, size=max(counts.sum() / most, least), least=least)
    return NumberBins(tuple(islice(edges, most - 1)), come)


def tree_bins(
    column: FloatArray, outcome: IntArray, *, most: int, least_share: float, codes: Sequence[float] = ()
) -> NumberBins:
    """At most so many intervals between whose neighbors the share of bad outcomes changes, as a decision tree finds.

    The tree looks at this column alone and cuts where the likelihood rises most, each part with `least_share` of the
    rows at least, as long as a cut is better than all but 5 % of the best cuts of columns that say nothing. Edges are
    numbers that come in the column; codes that come and missing cells have bins of their own, which the tree does not
    look at. What the bins say of the outcomes `outcome` (n_rows,), 0 or 1, is flattered by their choice.

    Examples
    --------
    >>> column, outcome = np.arange(80.0), (np.arange(80) >= 50).astype(int)
    >>> tree_bins(column, outcome, most=4, least_share=0.1)
    NumberBins(edges=(50.0,), codes=())
    """
    come = _codes_in(column, codes)
    seen = ~(np.isnan(column) | np.isin(column, come))
    # Trees compare in float32, which holds ranks exactly and not every number.
    values, rank = np.unique(column[seen], return_inverse=True)
    least = max(1, ceil(least_share * len(column)))
    if most < 2 or len(rank) < 2 * least or len(set(outcome[seen])) < 2:
        return NumberBins((), come)
    needed = _rise_of_chance(least / len(rank)) / (2.0 * log(2.0) * len(rank))  # in bits per row, as the tree counts
    tree = DecisionTreeClassifier(
        criterion="entropy", max_leaf_nodes=most, min_samples_leaf=least, min_impurity_decrease=needed, random_state=0
    )
    # Leaves have no children, which scikit-learn marks by -1; the others hold a cut.
    found = tree.fit(rank[:, None], outcome[seen]).tree_
    # A cut lies between two ranks, and the value of the upper one is the lowest number of the interval above.
    above = np.floor(found.threshold[found.children_left >= 0]).astype(int) + 1
    return NumberBins(tuple(values[np.sort(above)].tolist()), come)


def _rise_of_chance(share: float) -> float:
    """What twice the log-likelihood rises by at the best cut of a column that says nothing, at most in 95 % of cases.

    Both parts hold at least this share of the rows. Miller & Siegmund (1982), Maximally selected chi square statistics.
    """
    # Parts of half the rows leave one place to cut, for which the logarithm below would be 0.
    share = min(share, 0.49)

    def excess(b: float) -> float:
        density = exp(-b * b / 2.0) / sqrt(2.0 * pi)
        return density * ((b - 1.0 / b) * 2.0 * log((1.0 - share) / share) + 4.0 / b) - _CHANCE

    # b bounds the largest standardized difference between two parts; twice the log-likelihood rises by its square.
    return float(brentq(excess, 1.5, 10.0)) ** 2


def _codes_in(column: FloatArray, codes: Sequence[float]) -> tuple[float, ...]:
    """Those of the codes that come in a column, rising."""
    return tuple(sorted(float(code) for code in set(codes) if (column == code).any()))


def _edges(values: FloatArray, counts: IntArray, *, size: float, least: float) -> Iterator[float]:
    """The lowest number of each interval but the first, from distinct values and how often each comes."""
    ends, done, start = np.cumsum(counts), 0, 0
    # The value that fills the interval; none does in the last one.
    while (stop := int(np.searchsorted(ends, done + size))) < len(values):
        fills_alone = stop > start and counts[stop] >= size
        if fills_alone and ends[stop - 1] - done >= least:
            stop -= 1
        done, start = ends[stop], stop + 1
        # The rest is too little for an interval of its own, and stays with the one before.
        if ends[-1] - done < least:
            return
        yield float(values[start])


def level_bins(column: "pd.Series[Any]", *, least_share: float) -> LevelBins:
    """A bin for each level that at least this share of the rows has, most frequent first; rarer ones are any other.

    The column has shape (n_rows,); what is missing in it is no level.

    Examples
    --------
    >>> level_bins(pd.Series(["own", "rent", "rent", "boat", "rent", "own"]), least_share=0.2)
    LevelBins(groups=(('rent',), ('own',)))
    """
    counts = Counter(column.dropna().tolist())
    ranked = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return LevelBins(tuple((level,) for level, n in ranked if n >= least_share * len(column)))


def shown(value: float) -> str:
    """A number with as many digits as it takes to read it back, and no more.

    Examples
    --------
    >>> shown(2500.0), shown(0.35)
    ('2500', '0.35')
    """
    return repr(float(value)).removesuffix(".0")


def _interval_label(low: float, high: float) -> str:
    """An interval in words; minus or plus infinity stands for an end that it does not have."""
    if low == -inf:
        return "any number" if high == inf else f"below {shown(high)}"
    return f"{shown(low)} or more" if high == inf else f"{shown(low)} to below {shown(high)}"


def _require_once(values: Sequence[Any], *, what: str) -> None:
    twice = [value for value, n in Counter(values).items() if n > 1]
    if twice:
        raise ConfigError(f"{what} {twice[0]!r} comes twice; every {what} is in one bin alone")
