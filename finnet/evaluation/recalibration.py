"""Recalibration: how the log-odds of forecasts would have to be moved and stretched to fit what came true."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logit

from finnet.evaluation.clusters import design_effect
from finnet.types import FloatArray, IntArray

__all__ = ["Estimate", "Recalibration", "log_odds", "recalibration", "spiegelhalter_z"]

_NEAREST = 1e-6  # a forecast of 0 or 1 has no log-odds, and counts as one so near to it
_Z95 = 1.959964
_ALIKE = 0.05  # log-odds that differ by less, such as those of the prior rates of several folds, have no slope to tell
_STEPS = 60
_LARGEST = 15.0  # beyond such an estimate the likelihood has no maximum: one side of a score holds all events


class Estimate(NamedTuple):
    """A number and its 95 % interval, all NaN where the rows do not determine it."""

    value: float
    low: float
    high: float


_UNKNOWN = Estimate(float("nan"), float("nan"), float("nan"))


class Recalibration(NamedTuple):
    """What perfectly calibrated forecasts have as intercept 0 and slope 1."""

    intercept: Estimate
    slope: Estimate


def log_odds(probability: FloatArray) -> FloatArray:
    """Log-odds, shape (n,), of probabilities that are taken to be at least a millionth away from 0 and 1.

    Examples
    --------
    >>> log_odds(np.array([0.0, 0.5])).round(2)
    array([-13.82,   0.  ])
    """
    return np.asarray(logit(np.clip(probability, _NEAREST, 1.0 - _NEAREST)))


def recalibration(
    truth: FloatArray,
    probability: FloatArray,
    *,
    weight: FloatArray | None = None,
    clusters: Sequence[IntArray] = (),
) -> Recalibration:
    """Calibration intercept and slope with Wald intervals.

    The intercept is calibration-in-the-large: what must be added to the log-odds, with their slope left at 1; above 0
    forecasts are too low. The slope is that of a logistic regression of the truth on the log-odds: below 1 forecasts
    are too extreme, above 1 too timid.

    Parameters
    ----------
    truth : ndarray of shape (n,)
        0 or 1, or true probabilities where they are known.
    probability : ndarray of shape (n,)
    weight : ndarray of shape (n,), optional
        How much each row counts; intervals take weights as known.
    clusters : sequence of ndarray of int, shape (n,)
        Divisions by what rows share, as `design_effect` takes them; without any rows are independent.

    Returns
    -------
    Recalibration
        NaN for the slope of forecasts that are nearly alike, and where truths are all alike.

    Notes
    -----
    Cox (1958), Two further applications of a model for binary regression; Van Calster et al. (2019), Calibration: the
    Achilles heel of predictive analytics. With clusters the variance is multiplied by the ratio of the
    sandwich variance by clusters, whose scores are summed before they are squared (Liang & Zeger 1986), to that by
    rows. The sandwich itself is less steady where defaults are few.

    Examples
    --------
    >>> said, rate = np.repeat([0.1, 0.4], 1000), np.repeat([0.2, 0.3], 1000)
    >>> truth = (np.arange(2000) % 10 < 10 * rate).astype(float)
    >>> found = recalibration(truth, said)
    >>> round(found.intercept.value, 2), round(found.slope.value, 2)
    (-0.0, 0.3)
    """
    score = log_odds(probability)
    level, counts = np.ones((len(score), 1)), np.ones(len(score)) if weight is None else weight
    intercept = _estimate(level, truth, counts, clusters=clusters, offset=score)
    if np.ptp(score) < _ALIKE:
        return Recalibration(intercept, _UNKNOWN)
    # Centered: the slope stays the same, and the two columns are nearly independent, so that Newton's steps settle.
    X = np.column_stack([level, score - score.mean()])
    return Recalibration(intercept, _estimate(X, truth, counts, clusters=clusters))


def _estimate(
    X: FloatArray,
    truth: FloatArray,
    counts: FloatArray,
    *,
    clusters: Sequence[IntArray],
    offset: FloatArray | None = None,
) -> Estimate:
    """The last coefficient of a logistic regression of the truth on the columns of X, by Newton's method.

    Its error is that of weighted estimating equations, A^-1 B A^-1, which is A^-1 where all rows count alike.
    """
    base = np.zeros(len(X)) if offset is None else offset
    beta = np.zeros(X.shape[1])
    if offset is None:
        # The base rate, from which few steps are needed.
        beta[0] = float(log_odds(np.asarray([np.average(truth, weights=counts)]))[0])
    step = np.inf
    for _ in range(_STEPS):
        p = expit(X @ beta + base)
        information = X.T @ (X * (counts * p * (1.0 - p))[:, None])
        # Hardly any information in some direction, as where every forecast has become certain.
        if np.linalg.cond(information) > 1e12:
            return _UNKNOWN
        move = np.linalg.solve(information, X.T @ (counts * (truth - p)))
        # A full step from far away may overshoot into the flat ends of the curve.
        step = float(np.abs(move).max())
        beta += move / max(1.0, step)
        if step < 1e-9 or np.abs(beta).max() > _LARGEST:
            break
    if not step < 1e-9:
        return _UNKNOWN
    inverse, spread = np.linalg.inv(information), X.T @ (X * (counts**2 * p * (1.0 - p))[:, None])
    # What each row moves the coefficient by.
    influence = X @ inverse[-1] * (counts * (truth - p))
    error = float(np.sqrt((inverse @ spread @ inverse)[-1, -1] * design_effect(influence, clusters)))
    value, half = float(beta[-1]), _Z95 * error
    return Estimate(value, value - half, value + half)


def spiegelhalter_z(
    truth: FloatArray,
    probability: FloatArray,
    *,
    weight: FloatArray | None = None,
    clusters: Sequence[IntArray] = (),
) -> float:
    """How many standard deviations the Brier score lies from what perfectly calibrated forecasts would have.

    z = sum (y - p)(1 - 2p) / sqrt(sum (1 - 2p)^2 p (1 - p)), standard normal under calibration; NaN where all forecasts
    are 0, 1/2 or 1. Source: Spiegelhalter (1986), Probabilistic prediction in patient management and clinical trials.
    Where rows share luck, the root is multiplied by that of the design effect of the terms (y - p)(1 - 2p).

    Parameters
    ----------
    truth : ndarray of shape (n,)
        0 or 1.
    probability : ndarray of shape (n,)
        In [0, 1].
    weight : ndarray of shape (n,), optional
        How much each row counts; 1 each by default.
    clusters : sequence of ndarray of int, shape (n,)
        As `recalibration` takes them.

    Examples
    --------
    >>> round(spiegelhalter_z(np.array([1.0, 0.0]), np.array([0.2, 0.2])), 4)
    1.0607
    """
    counts = np.ones(len(truth)) if weight is None else weight
    each, variance = counts * (1.0 - 2.0 * probability), probability * (1.0 - probability)
    spread = float(np.sqrt(each**2 @ variance * design_effect((truth - probability) * each, clusters)))
    return float((truth - probability) @ each) / spread if spread > 0 else float("nan")
