"""Shapes of metrics: how a metric follows from weighted rows, and how much each row moves it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, Self

import numpy as np
from scipy.sparse import csr_array

from finnet.types import FloatArray, IntArray

__all__ = ["Contributions", "Loss", "Rank", "Ranking", "Sums", "auc_contributions", "ks_contributions", "mean_of"]

# Values times draws worked on at once, so that their arrays stay in the processor's cache.
_STEP_WEIGHTS = 200_000
# Of the sums, for the slope of a metric by central differences.
_STEP = 1e-5

Loss = Callable[[FloatArray, FloatArray], FloatArray]


class Contributions(Protocol):
    """A function that says what each row moves a metric by; rows count as one each where they have no weight."""

    def __call__(self, truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> FloatArray:
        """Numbers whose mean, weighted, is the metric, shape (n,)."""
        ...


@dataclass(frozen=True)
class Sums:
    """A metric that is a function of weighted sums over rows: `combine(weight @ terms(truth, probability))`.

    What stands as `probability` is the forecast, whatever its kind: of quantiles an array of shape (n, n_levels).

    Parameters
    ----------
    terms : function of (truth, probability) to an array of shape (n, k)
    combine : function of sums of shape (..., k) to values of shape (...)
    rows : function of (truth, probability) to an array of shape (n,), optional
        Where the metric is a plain mean over rows: what is averaged.
    """

    terms: Loss
    combine: Callable[[FloatArray], FloatArray]
    rows: Loss | None = None

    def value(self, truth: FloatArray, probability: FloatArray, weight: FloatArray | None) -> float:
        """The metric of rows with weights of shape (n,); every weight is 1 by default."""
        terms = self.terms(truth, probability)
        return float(self.combine(terms.sum(axis=0) if weight is None else weight @ terms))

    def contributions(self, truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> FloatArray:
        """Numbers whose weighted mean is the metric and whose spread gives its standard error, shape (n,).

        By the delta method: the weighted mean of what is returned is a ratio of sums, as the metric is.
        """
        if self.rows is not None:
            return self.rows(truth, probability)
        terms = self.terms(truth, probability)
        sums = terms.sum(axis=0) if weight is None else weight @ terms
        n = float(len(terms) if weight is None else weight.sum())
        steps = np.diag(np.maximum(np.abs(sums), 1.0) * _STEP)
        slope = (self.combine(sums + steps) - self.combine(sums - steps)) / (2 * np.diag(steps))
        return np.asarray(self.combine(sums) + n * (terms - sums / n) @ slope)


def mean_of(loss: Loss) -> Sums:
    """The metric that is the mean over rows of a loss, itself of shape (n,).

    Examples
    --------
    >>> mean_of(lambda truth, forecast: np.abs(truth - forecast)).value(np.ones(2), np.array([1.0, 2.0]), None)
    0.5
    """

    def terms(truth: FloatArray, forecast: FloatArray) -> FloatArray:
        return np.column_stack([loss(truth, forecast), np.ones(len(truth))])

    return Sums(terms, lambda sums: sums[..., 0] / sums[..., 1], rows=loss)


@dataclass(frozen=True, eq=False)
class Ranking:
    """Rows sorted by their forecast once, so that rank metrics of many sets of weights need no further sorting.

    Parameters
    ----------
    ones, zeros : sparse array of shape (n_values, n_units)
        How many rows of each unit with truth 1, or 0, have each distinct forecast, lowest first; or their weight.
    """

    ones: csr_array
    zeros: csr_array

    @classmethod
    def of(
        cls,
        truth: FloatArray,
        probability: FloatArray,
        unit: IntArray,
        *,
        n_units: int,
        weight: FloatArray | None = None,
    ) -> Self:
        """The ranking of rows that count by the weight of their unit, times their own; all arrays of shape (n,)."""
        counts = np.ones(len(truth)) if weight is None else weight
        values, value = np.unique(probability, return_inverse=True)
        shape = (len(values), n_units)
        # Entries of one value and unit are added up when the array is made.
        parts = [csr_array((kind * counts, (value, unit)), shape=shape) for kind in (truth == 1, truth != 1)]
        return cls(*parts)

    def area(self, weights: FloatArray) -> FloatArray:
        """Area under the ROC curve, shape (draws,); NaN where one class has no weight.

        Parameters
        ----------
        weights : ndarray of shape (draws, n_units)
        """
        beaten, zeros_below = np.zeros((2, len(weights)))
        for ones, zeros in self._steps(weights):
            zeros_upto = np.cumsum(zeros, axis=0)
            # Values come in ascending order: zeros of all steps before lie below each one of this step. Ties count
            # half.
            beaten += zeros_below * ones.sum(axis=0) + np.einsum("vd,vd->d", ones, zeros_upto - 0.5 * zeros)
            zeros_below = zeros_below + zeros_upto[-1]
        return np.asarray(beaten / np.prod(self._totals(weights), axis=0))

    def gap(self, weights: FloatArray) -> FloatArray:
        """Largest distance between the distributions of ones and zeros, shapes as in `area`."""
        widest, lead = np.zeros((2, len(weights)))
        n_ones, n_zeros = self._totals(weights)
        for ones, zeros in self._steps(weights):
            leads = lead + np.cumsum(ones / n_ones - zeros / n_zeros, axis=0)
            widest, lead = np.maximum(widest, np.abs(leads).max(axis=0)), leads[-1]
        return widest

    def _totals(self, weights: FloatArray) -> FloatArray:
        """Weight of all ones and of all zeros, shape (2, draws), with NaN for none."""
        # A sample may lack a class; NaN then leaves it out of the interval.
        totals = np.array([weights @ part.sum(axis=0) for part in (self.ones, self.zeros)])
        return np.where(totals > 0, totals, np.nan)

    def _steps(self, weights: FloatArray) -> Iterator[tuple[FloatArray, FloatArray]]:
        """Weight of ones and of zeros at each value, shape (some values, draws), lowest values first."""
        step = max(1, _STEP_WEIGHTS // max(len(weights), 1))
        by_unit = np.ascontiguousarray(weights.T)
        for start in range(0, self.ones.shape[0], step):
            yield self.ones[start : start + step] @ by_unit, self.zeros[start : start + step] @ by_unit


@dataclass(frozen=True)
class Rank:
    """A metric that depends only on the order of the forecasts.

    Parameters
    ----------
    read : function of (ranking, weights) to values of shape (draws,)
    contributions : function of (truth, probability, weight) to an array of shape (n,)
        Its mean, weighted, is the metric, its spread gives the standard error.
    """

    read: Callable[[Ranking, FloatArray], FloatArray]
    contributions: Contributions

    def value(self, truth: FloatArray, probability: FloatArray, weight: FloatArray | None) -> float:
        """The metric of rows with weights of shape (n,), by default 1 each; NaN where one class is missing."""
        n = len(truth)
        # Each row a unit of its own, so that weights of units are those of rows.
        ranking = Ranking.of(truth, probability, np.arange(n), n_units=n)
        return float(self.read(ranking, np.ones((1, n)) if weight is None else weight[None, :])[0])


def auc_contributions(truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> FloatArray:
    """Share of the other class that each row stands on the right side of, scaled so that the mean is the AUC.

    With m ones among n rows a one counts AUC + n/m (share of zeros below it - AUC), a zero likewise: the structural
    components of DeLong, DeLong & Clarke-Pearson 1988. NaN where a class is missing. Where rows have weights, these
    stand for numbers of rows, and the weighted mean is the AUC.

    Parameters
    ----------
    truth, probability : ndarray of shape (n,)
    weight : ndarray of shape (n,), optional

    Returns
    -------
    ndarray of shape (n,)

    Examples
    --------
    >>> auc_contributions(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])).tolist()
    [1.25, 0.25, 0.25, 1.25]
    """
    ones = truth == 1
    if ones.all() or not ones.any():
        return np.full(len(truth), np.nan)
    counts = np.ones(len(truth)) if weight is None else weight
    n, m = float(counts.sum()), float(counts[ones].sum())
    right = np.empty(len(truth))
    right[ones] = _share_below(probability[~ones], probability[ones], counts[~ones])
    right[~ones] = 1.0 - _share_below(probability[ones], probability[~ones], counts[ones])
    area = float(np.average(right[ones], weights=counts[ones]))
    return np.asarray(area + np.where(ones, n / m, n / (n - m)) * (right - area))


def _share_below(values: FloatArray, at: FloatArray, counts: FloatArray) -> FloatArray:
    """Share of `values`, each counted so often, below each number of `at`, ties counting half."""
    # Half the sum of what lies below and of what lies at or below counts ties half.
    order = np.argsort(values)
    ordered, upto = values[order], np.concatenate([[0.0], np.cumsum(counts[order])])
    both = upto[np.searchsorted(ordered, at, "left")] + upto[np.searchsorted(ordered, at, "right")]
    return np.asarray(both / (2 * upto[-1]))


def ks_contributions(truth: FloatArray, probability: FloatArray, weight: FloatArray | None = None) -> FloatArray:
    """How each row moves the gap between the two distributions at the forecast where it is widest, shape (n,).

    The mean, weighted where rows are, is the Kolmogorov-Smirnov distance; the place of the widest gap is taken as
    known. NaN where a class is missing.

    Examples
    --------
    >>> ks_contributions(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8])).tolist()
    [1.5, -0.5, 0.5, 0.5]
    """
    ones = truth == 1
    if ones.all() or not ones.any():
        return np.full(len(truth), np.nan)
    counts = np.ones(len(truth)) if weight is None else weight
    n, m = float(counts.sum()), float(counts[ones].sum())
    # The gap may only be read where a value ends: within ties it depends on their order.
    order = np.argsort(probability, kind="stable")
    gaps = np.cumsum(counts[order] * np.where(ones[order], -1.0 / m, 1.0 / (n - m)))
    ends = np.flatnonzero(np.diff(probability[order], append=np.inf) > 0)
    widest = int(ends[np.abs(gaps[ends]).argmax()])
    gap, below = float(gaps[widest]), probability <= probability[order[widest]]
    moved = np.where(ones, -n / m, n / (n - m)) * below
    # Each class is centered by itself, so that rows say how the gap moves and not how many of a class there are.
    for rows in (ones, ~ones):
        moved[rows] -= np.average(moved[rows], weights=counts[rows])
    return np.asarray(np.sign(gap) * (gap + moved))
