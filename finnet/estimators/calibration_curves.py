"""Calibration curves: log-odds of forecasts become log-odds that came true more nearly, in the same order."""

from typing import Any, ClassVar, Self

import numpy as np
from scipy.optimize import brentq, minimize
from scipy.special import expit, logit
from sklearn.isotonic import isotonic_regression

from finnet.types import FloatArray, IntArray

__all__ = ["AverageCalibrator", "IsotonicCalibrator", "LogitCalibrator", "shift_to"]

_STEEPEST = 6.0  # largest absolute logarithm of a slope; beyond it a curve is a constant, or a step
_INTERCEPT_SPREAD = 0.5  # of the log-odds that the intercept may move away from the rate of the rows
_LINE_ROWS = 25.0  # effective rows that the line counts for in each block of an isotonic curve
_FLATTEST = 0.05  # of the line's slope; no part of an isotonic curve is flatter
_DIGITS = 9  # of scores, by which an isotonic curve tells them apart
_STEP = 1e-6  # between two scores whose mean slope is asked for, at least
_FLOOR = 1e-9  # of the rate that a block is expected to have, since 0 and 1 have no log-odds


class LogitCalibrator:
    """p = sigmoid(slope * score + intercept) with a slope above 0, so that the order of scores is always kept.

    Platt's curve (1999), in the form of Cox (1958) where the score is a log-odds, by penalized likelihood: without
    evidence the slope is 1 and the mean probability the rate of the rows, and `effective` rows are what moves it from
    there. A two-parameter fit alone turns around or explodes on few rows, or on many that share their luck.

    Parameters
    ----------
    spread : float
        How far the slope may be from 1: the standard deviation of its logarithm before any row is seen.

    Examples
    --------
    >>> score, y = np.tile([-2.0, -1.0, 1.0, 2.0], 50), np.tile([0, 1, 0, 1], 50)
    >>> [round(LogitCalibrator().fit(score, y, effective=n).slope_, 2) for n in (200, 20, 2)]
    [0.43, 0.48, 0.68]
    """

    may_bend: ClassVar[bool] = True
    """Whether an `IsotonicCalibrator` may take the place of this line."""
    slope_: float
    intercept_: float

    def __init__(self, spread: float = 1.5) -> None:
        self.spread = spread

    def fit(
        self, score: FloatArray, y: IntArray, *, effective: float | None = None, weight: FloatArray | None = None
    ) -> Self:
        """Fit the curve to scores and labels, shape (n,) each, that are worth `effective` independent rows.

        Rows count by their weight, shape (n,), where there are any; without `effective` a row of weight 2 is two rows.
        """
        counts = np.ones(len(y)) if weight is None else weight
        total = float(counts.sum())
        scale = 1.0 if effective is None else effective / total
        # Centered scores make slope and level nearly independent; Laplace's rule keeps the rate off 0 and 1.
        center, rate = float(np.average(score, weights=counts)), (counts @ y + 1.0) / (total + 2.0)
        start = center + shift_to(rate, score, counts)

        def loss(point: FloatArray) -> tuple[float, FloatArray]:
            # The logarithm of the slope is searched, so that every slope is above 0.
            slope, level = np.exp(point[0]), point[1]
            z = slope * (score - center) + level
            error = scale * counts * (expit(z) - y)
            # Minus the logarithm of normal priors: half the squared distances from slope 1 and the rate of the rows.
            away = np.array([point[0] / self.spread, (level - start) / _INTERCEPT_SPREAD])
            # Log loss as a function of log-odds, which is finite however far these are from 0.
            value = scale * float(np.sum(counts * (np.logaddexp(0.0, z) - y * z))) + float(away @ away) / 2
            gradient = np.array([slope * float(error @ (score - center)), float(np.sum(error))])
            return value, gradient + away / np.array([self.spread, _INTERCEPT_SPREAD])

        bounds = [(-_STEEPEST, _STEEPEST), (None, None)]
        best = minimize(loss, np.array([0.0, start]), jac=True, method="L-BFGS-B", bounds=bounds).x
        self.slope_ = float(np.exp(best[0]))
        self.intercept_ = float(best[1]) - self.slope_ * center
        return self

    def log_odds(self, score: FloatArray) -> FloatArray:
        """Height of the curve at scores, shape (n,)."""
        return np.asarray(self.slope_ * score + self.intercept_)

    def mean_slopes(self, start: float, ends: FloatArray) -> FloatArray:
        """Mean slope of the curve from a score to each of others, shape (n,)."""
        return np.full(len(ends), self.slope_)

    def predict(self, score: FloatArray) -> FloatArray:
        """Probabilities, shape (n,)."""
        return np.asarray(expit(self.log_odds(score)))


def shift_to(rate: Any, score: FloatArray, counts: FloatArray) -> float:
    """What must be added to log-odds so that their mean probability is `rate`, rows counting as they do."""
    # At either end all probabilities are on one side of the rate, so that the root lies between.
    reach = float(np.abs(score).max()) + abs(float(logit(rate))) + 1.0
    return float(brentq(lambda shift: float(np.average(expit(score + shift), weights=counts)) - rate, -reach, reach))


class AverageCalibrator(LogitCalibrator):
    """The curve of an average of fits, learned from forecasts of single ones, each of rows that it had not seen.

    A single fit errs in ways of its own, which makes its forecasts more extreme than it knows, and which averaging
    takes away. So a slope below 1 of single fits says nothing of their average, and is not taken; a slope above 1,
    forecasts that are too timid, is, and so is the level. Nor is an isotonic curve: averaging takes away most where
    single fits err most, so that their average bends otherwise. `tests/benchmarks/bench_calibration.py` measures the
    curve on made books, whose true probabilities are known.

    Examples
    --------
    >>> score, y = np.tile([-2.0, -1.0, 1.0, 2.0], 50), np.tile([0, 1, 0, 1], 50)
    >>> curve = AverageCalibrator().fit(score, y)
    >>> curve.slope_, abs(curve.intercept_) < 1e-9
    (1.0, True)
    """

    may_bend = False

    def __init__(self) -> None:
        super().__init__(spread=0.05)

    def fit(
        self, score: FloatArray, y: IntArray, *, effective: float | None = None, weight: FloatArray | None = None
    ) -> Self:
        """Fit the curve to scores and labels as `LogitCalibrator` does; where its slope is below 1, only the level."""
        super().fit(score, y, effective=effective, weight=weight)
        if self.slope_ < 1.0:
            counts = np.ones(len(y)) if weight is None else weight
            self.slope_ = 1.0
            self.intercept_ = shift_to((counts @ y + 1.0) / (counts.sum() + 2.0), score, counts)
        return self


class IsotonicCalibrator(LogitCalibrator):
    """A curve through the centers of the blocks of an isotonic regression, straight between them in log-odds.

    The regression of labels on scores (Zadrozny & Elkan 2002) gives blocks, and a curve that is straight between their
    centers has no steps (Oron & Flournoy 2017). A block counts 25 effective rows more, which came true as often as the
    line of `LogitCalibrator` says; blocks of fewer than 25 join a neighbor. Between two centers the curve rises by at
    least a twentieth of the line's slope, and beyond the outermost it is parallel to the line, so that the order of
    scores is always kept, no two become alike, and no log-odds are infinite.

    Attributes
    ----------
    scores_, log_odds_ : ndarray of shape (n_blocks,)
        Centers, ascending, and the height of the curve there, ascending.
    slope_, intercept_ : float
        Of the line.

    Examples
    --------
    >>> score = np.repeat([-2.0, -1.0, 1.0, 2.0], 200)
    >>> y = (np.arange(800) % 200 < np.repeat([50, 52, 148, 150], 200)).astype(int)
    >>> curve = IsotonicCalibrator().fit(score, y)
    >>> for each in (LogitCalibrator().fit(score, y), curve):
    ...     each.predict(curve.scores_).round(2)
    array([0.21, 0.34, 0.66, 0.79])
    array([0.25, 0.27, 0.73, 0.75])
    """

    scores_: FloatArray
    log_odds_: FloatArray

    def fit(
        self, score: FloatArray, y: IntArray, *, effective: float | None = None, weight: FloatArray | None = None
    ) -> Self:
        """Fit the line as `LogitCalibrator` does, and bend it."""
        super().fit(score, y, effective=effective, weight=weight)
        counts = np.ones(len(y)) if weight is None else weight
        # Rows of weight 0 say nothing, and a level of them alone has no rate.
        score, y, counts = score[counts > 0], y[counts > 0], counts[counts > 0]
        # Scores that differ by rounding alone are one level, which no jump divides.
        levels, level = np.unique(np.round(score, _DIGITS), return_inverse=True)
        scale = 1.0 if effective is None else effective / counts.sum()
        rows, came_true = (scale * np.bincount(level, each) for each in (counts, counts * y))
        block = _blocks(isotonic_regression(came_true / rows, sample_weight=rows), rows)
        line, size = super().log_odds, np.bincount(block, rows)
        center, expected = (np.bincount(block, rows * each) / size for each in (levels, expit(line(levels))))
        expected = np.clip(expected, _FLOOR, 1.0 - _FLOOR)
        rate = (np.bincount(block, came_true) + _LINE_ROWS * expected) / (size + _LINE_ROWS)
        # By what the block is off, since the mean of the line's probabilities does not lie on the line.
        bent = line(center) + logit(rate) - logit(expected)
        # Small blocks are drawn to the line more than large ones, which may turn two neighbors around: so once more.
        least = _FLATTEST * self.slope_ * center
        self.scores_ = center
        self.log_odds_ = isotonic_regression(bent - least, sample_weight=size + _LINE_ROWS) + least
        return self

    def log_odds(self, score: FloatArray) -> FloatArray:
        """Height of the curve at scores, shape (n,)."""
        within = np.clip(score, self.scores_[0], self.scores_[-1])
        return np.asarray(np.interp(within, self.scores_, self.log_odds_) + self.slope_ * (score - within))

    def mean_slopes(self, start: float, ends: FloatArray) -> FloatArray:
        """Mean slope of the curve from a score to each of others, shape (n,); to a score so near the slope there."""
        steps = np.where(np.abs(ends - start) < _STEP, _STEP, ends - start)
        return np.asarray((self.log_odds(start + steps) - self.log_odds(np.array([start]))) / steps)


def _blocks(height: FloatArray, rows: FloatArray) -> IntArray:
    """Number of the block of each level, from 0, shape (n_levels,); small blocks are joined with those that follow.

    Examples
    --------
    >>> _blocks(np.array([0.1, 0.1, 0.2, 0.3, 0.4, 0.5]), np.array([20.0, 20.0, 10.0, 20.0, 30.0, 5.0]))
    array([0, 0, 1, 1, 2, 2])
    """
    step = np.cumsum(np.diff(height, prepend=height[0]) > 0)
    sizes = np.bincount(step, rows)
    left, number, held = float(sizes.sum()), np.zeros(len(sizes), np.int64), 0.0
    for k, size in enumerate(sizes):
        # What is left at the end joins the block before.
        starts = held >= _LINE_ROWS and left >= _LINE_ROWS
        number[k] = number[k - 1] + starts if k else 0
        held, left = size if starts else held + size, left - size
    return np.asarray(number[step])
