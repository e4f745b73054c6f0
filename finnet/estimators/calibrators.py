"""Calibrators: they learn from forecasts of rows that a model had not seen, and never change the order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.optimize import brentq, minimize
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from finnet.errors import DataError
from finnet.estimators.probabilities import WrappedClassifier
from finnet.estimators.sample_weights import checked_sample_weight
from finnet.fitting import InnerFolds, Rows, cross_fit, fit_beside
from finnet.types import FloatArray, IntArray
from finnet.weights import effective_number

__all__ = [
    "AverageCalibrator",
    "CalibratedClassifier",
    "HeldOut",
    "LogitCalibrator",
    "choose_calibrator",
    "effective_rows",
]

_STEEPEST = 6.0  # largest absolute logarithm of a slope; beyond it a curve is a constant, or a step
_INTERCEPT_SPREAD = 0.5  # of the log-odds that the intercept may move away from the rate of the rows


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
        start = center + _shift_to(rate, score, counts)

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

    def predict(self, score: FloatArray) -> FloatArray:
        """Probabilities, shape (n,)."""
        return np.asarray(expit(self.slope_ * score + self.intercept_))


def _shift_to(rate: Any, score: FloatArray, counts: FloatArray) -> float:
    """What must be added to log-odds so that their mean probability is `rate`, rows counting as they do."""
    # At either end all probabilities are on one side of the rate, so that the root lies between.
    reach = float(np.abs(score).max()) + abs(float(logit(rate))) + 1.0
    return float(brentq(lambda shift: float(np.average(expit(score + shift), weights=counts)) - rate, -reach, reach))


class AverageCalibrator(LogitCalibrator):
    """The curve of an average of fits, learned from forecasts of single ones, each of rows that it had not seen.

    A single fit errs in ways of its own, which makes its forecasts more extreme than it knows, and which averaging
    takes away. So a slope below 1 of single fits says nothing of their average, and is not taken; a slope above 1,
    forecasts that are too timid, is, and so is the level. `tests/benchmarks/bench_calibration.py` measures it on made
    books, whose true probabilities are known.

    Examples
    --------
    >>> score, y = np.tile([-2.0, -1.0, 1.0, 2.0], 50), np.tile([0, 1, 0, 1], 50)
    >>> curve = AverageCalibrator().fit(score, y)
    >>> curve.slope_, abs(curve.intercept_) < 1e-9
    (1.0, True)
    """

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
            self.intercept_ = _shift_to((counts @ y + 1.0) / (counts.sum() + 2.0), score, counts)
        return self


@dataclass(frozen=True, eq=False)
class HeldOut:
    """Log-odds of rows by models that had not seen them, shape (n,) each.

    Parameters
    ----------
    score, y : float and int arrays
        Log-odds and labels of 0 and 1.
    part : int array
        Which model forecast the row.
    stretch : int array
        Rows with the same number may share their luck.
    overlap : float
        Labels of one entity that run at the same time.
    weight : float array, optional
        How much each row counts; 1 each by default.
    """

    score: FloatArray
    y: IntArray
    part: IntArray
    stretch: IntArray
    overlap: float = 1.0
    weight: FloatArray | None = None

    @property
    def counts(self) -> FloatArray:
        """How much each row counts, 1 on average, shape (n,)."""
        return np.ones(len(self.y)) if self.weight is None else self.weight / self.weight.mean()

    def take(self, rows: np.ndarray) -> "HeldOut":
        """These rows alone, by their positions (n_taken,) or a mask (n,)."""
        weight = None if self.weight is None else self.weight[rows]
        return HeldOut(self.score[rows], self.y[rows], self.part[rows], self.stretch[rows], self.overlap, weight)


def effective_rows(rows: HeldOut) -> float:
    """How many independent rows would say as much about level and slope of the forecasts.

    The variance of the sum of errors over stretches is compared with what it would be if rows were independent, for the
    errors and for the errors times the score; the larger ratio counts, and is at least the overlap of labels. Rows of
    unequal weight are worth Kish's effective number of them to begin with.

    Examples
    --------
    >>> score, y = np.tile([-1.0, -0.5, 0.5, 1.0], 25), np.repeat([0, 1, 1, 0, 1], 20)
    >>> round(effective_rows(HeldOut(score, y, y, np.arange(100) // 20)), 1)
    5.7
    """
    counts = rows.counts
    rate, middle = (np.average(values, weights=counts) for values in (rows.y, rows.score))
    # About the rate of the rows, as a level that is off everywhere would count as luck that all stretches share. No
    # finite shift gives a rate of 0 or 1.
    errors = counts * (rows.y - expit(rows.score + _shift_to(np.clip(rate, 0.01, 0.99), rows.score, counts)))
    stretch = np.unique(rows.stretch, return_inverse=True)[1]
    ratios = [rows.overlap, 1.0]
    for factor in (np.ones(len(errors)), rows.score - middle):
        share = errors * factor
        alone = float(share @ share)
        if alone > 0:
            ratios.append(float(np.sum(np.bincount(stretch, weights=share) ** 2)) / alone)
    return effective_number(counts) / max(ratios)


def choose_calibrator(
    rows: HeldOut, kind: type[LogitCalibrator] = LogitCalibrator
) -> tuple[LogitCalibrator, dict[str, Any]]:
    """The calibrator of these forecasts, and how it was found; slope 1 and intercept 0 where none helps.

    It is taken where its curves, each fitted without the forecasts of one model, lower the log loss of those forecasts.

    Returns
    -------
    calibrator, facts
        Facts: rows, effective_rows, slope, intercept, loss_before and loss_after on forecasts that no curve was fitted
        on, taken, and reversed: whether higher forecasts came true less often than lower ones.
    """
    effective = effective_rows(rows)
    curve = kind().fit(rows.score, rows.y, effective=effective, weight=rows.counts)
    # Infinite where only one model made all forecasts, so that nothing can judge a curve, and none is taken.
    parts, after = np.unique(rows.part), np.full(len(rows.y), np.inf)
    for part in parts if len(parts) > 1 else ():
        left_out = rows.part == part
        others = rows.take(~left_out)
        # A part of the rows is worth its share of the effective ones.
        worth = effective * np.mean(~left_out)
        fitted = kind().fit(others.score, others.y, effective=worth, weight=others.counts)
        after[left_out] = _log_losses(fitted.slope_ * rows.score[left_out] + fitted.intercept_, rows.y[left_out])
    before, counts = _log_losses(rows.score, rows.y), rows.counts
    means = {"loss_before": before, "loss_after": after, "score": rows.score, "rate": rows.y}
    mean = {name: float(np.average(values, weights=counts)) for name, values in means.items()}
    facts: dict[str, Any] = {"rows": len(rows.y), "effective_rows": effective}
    facts |= {name: mean[name] for name in ("loss_before", "loss_after")}
    facts |= {"reversed": float(counts * (rows.score - mean["score"]) @ (rows.y - mean["rate"])) < 0.0}
    facts["taken"] = facts["loss_after"] < facts["loss_before"]
    if not facts["taken"]:
        curve.slope_, curve.intercept_ = 1.0, 0.0
    return curve, facts | {"slope": curve.slope_, "intercept": curve.intercept_}


def _log_losses(score: FloatArray, y: IntArray) -> FloatArray:
    return np.asarray(np.logaddexp(0.0, score) - y * score)


class CalibratedClassifier(WrappedClassifier):
    """A classifier that is cross-fitted, and calibrated by what each fit forecast of rows that it had not seen.

    Fitted without `folds` it is the classifier alone, and its probabilities stay as they are.

    Parameters
    ----------
    classifier : classifier
        Fitted once for each inner fold; see `finnet.fitting.cross_fit`.

    Attributes
    ----------
    classifier_ : CrossFit or classifier
        What was fitted.
    calibrator_ : LogitCalibrator or None
        Of its log-odds; None where they stay as they are.
    calibration_ : dict or None
        How the calibrator was found; see `choose_calibrator`.
    """

    calibrator_: LogitCalibrator | None
    calibration_: Mapping[str, Any] | None

    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier

    def fit(
        self,
        X: pd.DataFrame,
        y: IntArray,
        sample_weight: FloatArray | None = None,
        *,
        folds: InnerFolds | None = None,
    ) -> Self:
        """Fit the classifier on each inner fold, then the calibrator on the forecasts of the rows held out.

        X is a table of shape (n_rows, n_columns), y holds a label for each row; `folds` are positions among these rows.
        """
        weight = checked_sample_weight(sample_weight, X)
        # A fit before may have had a calibrator.
        self.calibrator_ = self.calibration_ = None
        self.floor_ = 0.0
        if folds is None:
            self.classifier_ = fit_beside(clone(self.classifier), Rows(X, y, weight))
        else:
            self.classifier_ = cross_fit(clone(self.classifier), Rows(X, y, weight), folds)
        self.classes_ = self.classifier_.classes_
        if folds is not None and folds.calibrate:
            self._calibrate(np.asarray(y), folds, weight=weight)
        return self

    def predict_proba(self, X: pd.DataFrame) -> FloatArray:
        """Probabilities of shape (n_rows, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        P = np.asarray(self.classifier_.predict_proba(X), float)
        if self.calibrator_ is None:
            return P
        p = self.calibrator_.predict(self._score(P[:, 1]))
        return np.column_stack([1.0 - p, p])

    def _calibrate(self, y: np.ndarray, folds: InnerFolds, *, weight: FloatArray | None) -> None:
        if len(self.classes_) != 2:
            raise DataError(f"{self.classes_} are not two classes, which calibration needs; fit without folds")
        codes, rows = (y == self.classes_[1]).astype(np.int64), folds.judged
        # No one knows from so many rows that an event never happens; and a probability of 0 or 1 has no log-odds.
        self.floor_ = 1.0 / (len(rows) + 2.0)
        part, offset = np.zeros(len(y), np.int64), np.zeros(len(y))
        counts = np.ones(len(y)) if weight is None else weight / weight.mean()
        for k, (fit, left_out) in enumerate(zip(folds.fit, folds.held_out, strict=True)):
            part[left_out] = k
            offset[left_out] = _rate_logit(codes[fit], counts[fit]) - _rate_logit(codes, counts)
        # A fit knows the rate of its own rows alone, which is the lower the more ones it was not shown: that alone
        # would turn the order of forecasts of different fits around.
        score = self._score(self.classifier_.held_out[rows, 1]) - offset[rows]
        held_out = HeldOut(score, codes[rows], part[rows], folds.stretch[rows], folds.overlap, counts[rows])
        self.calibrator_, self.calibration_ = choose_calibrator(held_out)

    def _score(self, p: FloatArray) -> FloatArray:
        """Log-odds, between the ends of what can be known; different probabilities stay different."""
        return np.asarray(logit((1.0 - self.floor_) * p + self.floor_ / 2.0))


def _rate_logit(codes: IntArray, counts: FloatArray) -> float:
    return float(logit((counts @ codes + 1.0) / (counts.sum() + 2.0)))
