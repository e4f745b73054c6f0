"""Level rates: how often the rows of each level of a category came true, and how well one column alone orders rows."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from finnet.types import FloatArray, IntArray

__all__ = ["LevelRates", "auc_of_levels", "auc_of_ranks"]

_PARTS = 5
_ROWS_OF_ALL = 10.0  # rows of the rate of all that each level is given: three rows of a kind are no certainty


@dataclass(frozen=True, eq=False)
class LevelRates:
    """The rate of ones of each level, as if it had ten rows more that came true as often as all.

    Parameters
    ----------
    levels : tuple of str
    rates : ndarray of shape (n_levels,)
        In the order of the levels.
    missing : float
        Of rows without a value, smoothed in the same way.
    other : float
        Of a level that training rows did not have: the rate of all.

    Examples
    --------
    >>> home, y = pd.Series(["own", "own", "rent", None] * 10), np.tile([0, 0, 1, 1], 10)
    >>> rates = LevelRates.of(home, y)
    >>> rates.predict(pd.Series(["own", "rent", "boat", None])).round(2).tolist()
    [0.17, 0.75, 0.5, 0.75]
    """

    levels: tuple[str, ...]
    rates: FloatArray
    missing: float
    other: float

    @classmethod
    def of(cls, column: "pd.Series[Any]", codes: IntArray, counts: FloatArray | None = None) -> Self:
        """The rates of a column of n rows whose outcomes are 0 and 1, shape (n,); rows count by `counts` (n,)."""
        numbers, names = _levels(column)
        weight = np.ones(len(codes)) if counts is None else counts
        rates = _smoothed(numbers, codes, weight, size=len(names) + 1)
        return cls(names, rates[:-1], float(rates[-1]), float(np.average(codes, weights=weight)))

    def predict(self, column: "pd.Series[Any]") -> FloatArray:
        """The rate of the level of each row, shape (n_rows,)."""
        numbers, names = _levels(column)
        known = dict(zip(self.levels, self.rates.tolist(), strict=True))
        # Missing is number -1, and so stands last.
        return np.array([*(known.get(name, self.other) for name in names), self.missing])[numbers]


def auc_of_levels(column: "pd.Series[Any]", codes: IntArray, counts: FloatArray) -> float:
    """AUC of the rates of a category's levels, each row by the rates of rows in the other four fifths.

    So a column of very many levels, each of a few rows, tells nothing by knowing its own rows.

    Examples
    --------
    >>> y, counts = np.tile([0, 0, 1, 0], 25), np.ones(100)
    >>> auc_of_levels(pd.Series(np.tile(["a", "a", "b", "a"], 25)), y, counts)
    1.0
    >>> auc_of_levels(pd.Series(map(str, range(100))), y, counts)
    0.5
    """
    numbers, names = _levels(column)
    score = np.empty(len(codes))
    for held_out in _parts(codes):
        rates = _smoothed(numbers[~held_out], codes[~held_out], counts[~held_out], size=len(names) + 1)
        score[held_out] = rates[numbers[held_out]]
    return float(roc_auc_score(codes, score, sample_weight=counts))


def auc_of_ranks(ranks: FloatArray, codes: IntArray, counts: FloatArray) -> float:
    """AUC of ranks in 0 to 1, shape (n,), each row in the direction that rows of the other four fifths show.

    Examples
    --------
    >>> auc_of_ranks(np.linspace(1.0, 0.0, 100), np.arange(100) // 50, np.ones(100))
    1.0
    """
    score = np.empty(len(codes))
    for held_out in _parts(codes):
        own, ones, weight = ranks[~held_out], (counts * codes)[~held_out], counts[~held_out]
        # Ones whose mean rank is below that of all rows: the column falls.
        falls = (ones @ own) * weight.sum() < (weight @ own) * ones.sum()
        score[held_out] = (0.5 - ranks[held_out]) if falls else (ranks[held_out] - 0.5)
    return float(roc_auc_score(codes, score, sample_weight=counts))


def _levels(column: "pd.Series[Any]") -> tuple[IntArray, tuple[str, ...]]:
    """The number of each row's level, -1 where it is missing, and the levels as text."""
    numbers, levels = pd.factorize(column)
    # As text, which a saved model holds; levels of other kinds that read alike, 1 and "1", are one.
    merged, distinct = pd.factorize(np.array([*map(str, levels), None], object))
    return merged[numbers], tuple(map(str, distinct))


def _smoothed(numbers: IntArray, codes: IntArray, counts: FloatArray, *, size: int) -> FloatArray:
    """Rates of `size` levels, the last of them of rows numbered -1."""
    base = float(counts @ codes) / max(float(counts.sum()), np.finfo(float).tiny)
    rows = np.bincount(numbers % size, weights=counts, minlength=size)
    ones = np.bincount(numbers % size, weights=counts * codes, minlength=size)
    return np.asarray((ones + _ROWS_OF_ALL * base) / (rows + _ROWS_OF_ALL))


def _parts(codes: IntArray) -> list[np.ndarray]:
    """Five masks of shape (n_rows,), each of neighbors, with zeros and ones alike in all of them.

    Neighbors, because rows of one client or day often stand together and would tell of each other.
    """
    part = np.empty(len(codes), np.int64)
    for code in (0, 1):
        rows = np.flatnonzero(codes == code)
        part[rows] = np.arange(len(rows)) * _PARTS // max(len(rows), 1)
    return [part == number for number in range(_PARTS)]
