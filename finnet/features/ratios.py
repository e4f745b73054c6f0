"""Ratios and differences of two numbers, found by what a forecast has left unexplained."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy.stats import chi2, rankdata

from finnet.types import FloatArray, IntArray

__all__ = ["Ratio", "find_ratios", "unit_ranks"]

_BINS = 16
_MOST = 12  # ratios that are kept
_MOST_NUMBERS = 40  # that are paired; those that say most of the residuals by themselves
_ALIKE = 0.9  # correlation of ranks from which on two ratios say the same
# Chance, at most, that a table of noise has one ratio that is kept. Whoever asks for ratios judges them once more, on
# rows left out, so that a strict level would only lose some.
_LEVEL = 0.5


@dataclass(frozen=True)
class Ratio:
    """`first` over `second`, or with `is_difference` less it; missing where either is, or where `second` is 0.

    Examples
    --------
    >>> Ratio("debt", "income").of(pd.DataFrame({"debt": [1.0, 2.0], "income": [4.0, 0.0]}))
    array([0.25,  nan])
    """

    first: str
    second: str
    is_difference: bool = False

    @property
    def name(self) -> str:
        """What the new column is called."""
        return f"{self.first} {'-' if self.is_difference else '/'} {self.second}"

    @property
    def parents(self) -> tuple[str, ...]:
        """Columns that it is made of."""
        return self.first, self.second

    def of(self, table: pd.DataFrame) -> FloatArray:
        """Values of shape (n_rows,), from the columns of a table."""
        one, other = (table[name].to_numpy(np.float64) for name in (self.first, self.second))
        if self.is_difference:
            return np.asarray(one - other)
        with np.errstate(all="ignore"):
            quotient = one / np.where(other == 0.0, np.nan, other)
        return np.where(np.isfinite(quotient), quotient, np.nan)


def find_ratios(
    numbers: pd.DataFrame, y: IntArray, forecast: FloatArray, *, weight: FloatArray | None = None
) -> tuple[Ratio, ...]:
    """The ratios and differences whose bins hold more or fewer ones than was forecast, at most twelve, strongest first.

    Bins are sixteenths of the rows. Their surplus of ones, squared and over its variance, is that of a score test, and
    a ratio is kept where it is larger than chance would make the largest of all in half of the tables. Of ratios with
    nearly the same order of rows the strongest stands for all.

    Parameters
    ----------
    numbers : DataFrame of float columns
    y : ndarray of 0 and 1, of shape (n_rows,)
    forecast : ndarray of shape (n_rows,)
        Probability of 1, by models that have not seen the row.
    weight : ndarray of shape (n_rows,), optional
        How much each row counts in the surplus; 1 each by default.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> table = pd.DataFrame(rng.uniform(1.0, 2.0, (4000, 3)), columns=["debt", "income", "age"])
    >>> y = (table["debt"] > table["income"]).to_numpy(int)
    >>> [ratio.name for ratio in find_ratios(table, y, np.full(4000, 0.5))][0]
    'debt / income'
    """
    counts = np.ones(len(y)) if weight is None else weight / weight.mean()
    surplus, variance = counts * (y - forecast), counts**2 * forecast * (1.0 - forecast)
    alone = {name: _strength(_bins(numbers[name].to_numpy()), surplus, variance) for name in numbers.columns}
    # In order of names, so that the order of columns in a table decides nothing.
    telling = sorted(sorted(alone, key=lambda name: -alone[name])[:_MOST_NUMBERS])
    candidates = [
        ratio
        for one, other in combinations(telling, 2)
        for ratio in (Ratio(one, other), Ratio(other, one), Ratio(one, other, is_difference=True))
    ]
    scored = [(_strength(_bins(ratio.of(numbers)), surplus, variance), ratio) for ratio in candidates]
    # Bonferroni's bound: all that were tried share the chance that one of them is kept in noise.
    least = chi2.isf(_LEVEL / max(1, len(scored)), _BINS)
    scored.sort(key=lambda pair: -pair[0])
    kept: list[Ratio] = []
    orders: list[FloatArray] = []
    for strength, ratio in scored:
        if strength < least or len(kept) == _MOST:
            break
        order = unit_ranks(ratio.of(numbers))
        # Orders have mean 0 and length 1, so that their product is the correlation of ranks.
        if all(abs(float(order @ other)) < _ALIKE for other in orders):
            kept.append(ratio)
            orders.append(order)
    return tuple(kept)


def _bins(values: FloatArray) -> IntArray:
    """The sixteenth of the rows in which each value lies; a bin of its own where it is missing."""
    known = ~np.isnan(values)
    bins = np.full(len(values), _BINS, np.int64)
    if known.any():
        edges = np.quantile(values[known], np.linspace(0.0, 1.0, _BINS + 1)[1:-1])
        bins[known] = np.searchsorted(edges, values[known])
    return bins


def _strength(bins: IntArray, surplus: FloatArray, variance: FloatArray) -> float:
    """Score statistic of the bins (n_rows,): surplus of ones in each, squared and over its variance, summed."""
    sums, variances = (np.bincount(bins, weights=values, minlength=_BINS + 1) for values in (surplus, variance))
    # The sum is near chi-square only where bins hold enough rows; near-empty ones would add chance.
    is_filled = variances > 1.0
    return float((sums[is_filled] ** 2 / variances[is_filled]).sum())


def unit_ranks(values: FloatArray) -> FloatArray:
    """Ranks with mean 0 and length 1, shape (n_rows,); missing values lie in the middle.

    The product of two is Spearman's correlation of ranks, or 0 where a column does not vary.

    Examples
    --------
    >>> one, other = unit_ranks(np.array([1.0, 2.0, 9.0])), unit_ranks(np.array([1.0, 3.0, 2.0]))
    >>> round(float(one @ other), 3)
    0.5
    """
    known = ~np.isnan(values)
    ranks = np.zeros(len(values))
    ranks[known] = rankdata(values[known])
    ranks[known] -= ranks[known].mean()
    return np.asarray(ranks / max(float(np.linalg.norm(ranks)), 1e-12))
