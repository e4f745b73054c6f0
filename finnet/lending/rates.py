"""Rates of loans: means and areas under the curve with intervals, and equal rates tested, where rows share clients."""

from typing import NamedTuple

import numpy as np
from scipy import stats

from finnet.evaluation.metric_shapes import auc_contributions
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = [
    "FEWEST_TESTED",
    "Estimate",
    "auc_covariance",
    "auc_estimate",
    "equal_rates",
    "gap_estimate",
    "mean_estimate",
]

FEWEST_TESTED = 30
"""Loans of a group whose rate is tested against another, at least."""

_FEWEST = 10  # rows of a class, for an error of the AUC
_REACH = float(stats.norm.ppf(0.975))


class Estimate(NamedTuple):
    """A number and its standard error."""

    value: float
    error: float

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval, by the normal distribution."""
        return self.value - _REACH * self.error

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return self.value + _REACH * self.error

    def p_value(self, other: "Estimate | None" = None, covariance: float = 0.0) -> float:
        """Of the hypothesis that this is zero, or equal to another number, two-sided; NaN without an error.

        `covariance` is that of the two numbers, 0 where they are independent.
        """
        apart = self.value - (0.0 if other is None else other.value)
        error = float(np.hypot(self.error, 0.0 if other is None else other.error))
        if covariance != 0.0:
            error = float(np.sqrt(max(error**2 - 2.0 * covariance, 0.0)))
        return float(2 * stats.norm.sf(abs(apart) / error)) if error > 0 else float("nan")


def mean_estimate(values: FloatArray, unit: IntArray) -> Estimate:
    """The mean, with an error that takes units as independent, rows of one unit not.

    Sums of deviations by unit, squared, with the factor m / (m - 1) for m units (Liang & Zeger 1986).

    Parameters
    ----------
    values : ndarray of shape (n,)
    unit : ndarray of int, shape (n,)

    Examples
    --------
    >>> mean_estimate(np.array([1.0, 3.0]), np.array([0, 1]))
    Estimate(value=2.0, error=1.0)
    """
    if not len(values):
        return Estimate(float("nan"), float("nan"))
    mean = float(values.mean())
    number = np.unique(unit, return_inverse=True)[1]
    sums = np.bincount(number, values - mean)
    # Deviations of one unit are summed before they are squared, as what they share does not cancel out.
    m = len(sums)
    error = float(np.sqrt((sums**2).sum() * m / (m - 1)) / len(values)) if m > 1 else float("nan")
    return Estimate(mean, error)


def auc_estimate(truth: FloatArray, probability: FloatArray, unit: IntArray) -> Estimate:
    """The area under the ROC curve with the error of DeLong, DeLong & Clarke-Pearson 1988; NaN for one class.

    The error is NaN with fewer than ten rows of either class: one default above all others would make it 0.

    Parameters
    ----------
    truth, probability : ndarray of shape (n,)
    unit : ndarray of int, shape (n,)
        As in `mean_estimate`.

    Examples
    --------
    >>> auc_estimate(np.array([0, 0, 1, 1]), np.array([0.1, 0.4, 0.35, 0.8]), np.arange(4)).value
    0.75
    """
    area = mean_estimate(auc_contributions(truth, probability), unit)
    ones = int((truth == 1).sum())
    return area if min(ones, len(truth) - ones) >= _FEWEST else area._replace(error=float("nan"))


def auc_covariance(truth: FloatArray, probability: FloatArray, unit: IntArray, *, is_own: BoolArray) -> float:
    """Covariance of the areas of a part of the rows and of all others; 0 where no unit has rows in both.

    Parameters
    ----------
    truth, probability : ndarray of shape (n,)
        With rows of both classes in either part, else NaN.
    unit : ndarray of int, shape (n,)
        As in `mean_estimate`, from 0.
    is_own : ndarray of bool, shape (n,)
        Whether a row belongs to the part.

    Examples
    --------
    >>> truth, probability = np.array([0.0, 0, 1, 1] * 2), np.array([0.1, 0.4, 0.35, 0.8] * 2)
    >>> units = {"loans": np.arange(8), "clients with a loan in each": np.arange(8) % 4}
    >>> [round(auc_covariance(truth, probability, unit, is_own=np.arange(8) < 4), 3) for unit in units.values()]
    [0.0, 0.083]
    """
    m, sums = int(unit.max()) + 1, []
    for rows in (is_own, ~is_own):
        if not rows.any():
            return 0.0
        values = auc_contributions(truth[rows], probability[rows])
        sums.append(np.bincount(unit[rows], values - values.mean(), minlength=m) / rows.sum())
    return float(sums[0] @ sums[1]) * m / max(m - 1, 1)


def gap_estimate(truth: FloatArray, probability: FloatArray, unit: IntArray) -> tuple[Estimate, float]:
    """Observed less forecast rate, and the p-value of the hypothesis that every forecast is right.

    The score test of calibration in the large: sum(y - p) over the root of sum(p (1 - p)), the spread that outcomes
    have where forecasts are right, so that it keeps its size where defaults are few. Where rows belong to clients, the
    spread grows as the error of the mean does.

    Parameters
    ----------
    truth, probability : ndarray of shape (n,)
    unit : ndarray of int, shape (n,)
        As in `mean_estimate`.

    Examples
    --------
    >>> gap, p = gap_estimate(np.repeat([0.0, 1.0], [90, 10]), np.full(100, 0.2), np.arange(100))
    >>> round(gap.value, 3), round(p, 4)
    (-0.1, 0.0124)
    """
    gap = mean_estimate(truth - probability, unit)
    alone = mean_estimate(truth - probability, np.arange(len(truth)))
    # By how much clients widen the error of the mean gap; the spread under the hypothesis is widened alike.
    growth = gap.error / alone.error if alone.error > 0 else 1.0
    expected = float(np.sqrt((probability * (1 - probability)).sum())) / max(len(truth), 1)
    return gap, Estimate(gap.value, expected * growth).p_value()


def equal_rates(happened: FloatArray, is_own: BoolArray, unit: IntArray, *, weight: FloatArray | None = None) -> float:
    """The p-value, two-sided, of the hypothesis that a group and all other rows have one rate.

    The score test of two proportions: its spread is that of the pooled rate, as the hypothesis has it, so that it keeps
    its level in a small group where everybody or nobody is approved. The spread of a group's own rate is then 0. Rows
    of one unit (repeats of a loan, loans of a client) share a correlation, which is estimated from all pairs of rows of
    one unit and taken to be no less than 0; without such pairs it is the usual test.

    Parameters
    ----------
    happened : ndarray of shape (n,)
        1 where it happened (approved, defaulted) and 0 elsewhere.
    is_own : ndarray of bool, shape (n,)
        Whether a row belongs to the group.
    unit : ndarray of int, shape (n,)
        As in `mean_estimate`.
    weight : ndarray of shape (n,), optional
        What a row counts for; 1 each by default.

    Examples
    --------
    >>> women = np.arange(330) < 30
    >>> all_of_30_and_270_of_300 = np.where(women, 1.0, np.arange(330) % 10 > 0)
    >>> round(equal_rates(all_of_30_and_270_of_300, women, np.arange(330)), 3)
    0.069
    """
    share = np.ones(len(happened)) if weight is None else weight
    apart = happened - np.average(happened, weights=share)
    own = is_own - np.average(is_own, weights=share)
    spread = float(np.average(apart**2, weights=share))
    if spread == 0.0 or not own.any():
        return 1.0
    number = np.unique(unit, return_inverse=True)[1]

    def pairs(values: FloatArray) -> float:
        """Sum of the products of two different rows of one unit."""
        return float((np.bincount(number, values) ** 2).sum() - (values**2).sum())

    # Without two rows of one unit both sums are rounding errors, and there is no correlation.
    has_pairs = len(number) > number.max() + 1
    alike = min(max(pairs(share * apart) / (spread * pairs(share)), 0.0), 1.0) if has_pairs else 0.0
    variance = spread * (float(((share * own) ** 2).sum()) + alike * pairs(share * own))
    return float(2 * stats.norm.sf(abs(float((share * own) @ apart)) / np.sqrt(variance)))
