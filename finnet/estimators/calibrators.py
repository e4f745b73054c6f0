"""Calibrators: they learn from forecasts of rows that a model had not seen, and never change the order."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted

from finnet.errors import DataError
from finnet.estimators.calibration_curves import AverageCalibrator, IsotonicCalibrator, LogitCalibrator, shift_to
from finnet.estimators.probabilities import WrappedClassifier
from finnet.estimators.sample_weights import checked_sample_weight
from finnet.fitting import InnerFolds, Rows, cross_fit, fit_beside
from finnet.types import FloatArray, IntArray
from finnet.weights import effective_number

__all__ = [
    "AverageCalibrator",
    "CalibratedClassifier",
    "HeldOut",
    "IsotonicCalibrator",
    "LogitCalibrator",
    "choose_calibrator",
    "effective_rows",
]

_FEWEST_TO_BEND = 500.0  # effective rows; with fewer there are too few blocks to tell a bend from luck


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
    errors = counts * (rows.y - expit(rows.score + shift_to(np.clip(rate, 0.01, 0.99), rows.score, counts)))
    shared = max(_shared_luck(rows, terms) for terms in (errors, errors * (rows.score - middle)))
    return effective_number(counts) / shared


def _shared_luck(rows: HeldOut, terms: FloatArray) -> float:
    """By how much the variance of the sum of terms, shape (n,), is more than if rows were independent; at least 1."""
    stretch, alone = np.unique(rows.stretch, return_inverse=True)[1], float(terms @ terms)
    together = float(np.sum(np.bincount(stretch, weights=terms) ** 2))
    return max(rows.overlap, 1.0, together / alone if alone > 0 else 1.0)


def choose_calibrator(
    rows: HeldOut, kind: type[LogitCalibrator] = LogitCalibrator
) -> tuple[LogitCalibrator, dict[str, Any]]:
    """The calibrator of these forecasts, and how it was found; slope 1 and intercept 0 where none helps.

    Curves are judged by the log loss of the forecasts of one model by a curve fitted without them. A line is taken
    where it lowers the loss. Where the kind may bend and 500 effective rows or more were held out, an isotonic curve is
    taken where its loss is lower still by more than one standard error of the difference.

    Returns
    -------
    calibrator, facts
        Facts: rows, effective_rows, slope, intercept (of an isotonic curve those of its line), loss_before and
        loss_after on forecasts that no curve was fitted on, loss_line and, where there was one, loss_isotonic, of which
        loss_after is that of the curve taken, else of the line; taken, kind ("identity", "line" or "isotonic"), and
        reversed: whether higher forecasts came true less often than lower ones.
    """
    effective, parts = effective_rows(rows), np.unique(rows.part)
    bends = kind.may_bend and effective >= _FEWEST_TO_BEND and len(parts) > 1
    kinds = {"line": kind} | ({"isotonic": IsotonicCalibrator} if bends else {})
    # Infinite where only one model made all forecasts, so that nothing can judge a curve, and none is taken.
    losses = {name: np.full(len(rows.y), np.inf) for name in kinds}
    for part in parts if len(parts) > 1 else ():
        left_out = rows.part == part
        others = rows.take(~left_out)
        # A part of the rows is worth its share of the effective ones.
        worth = effective * np.mean(~left_out)
        for name, own in kinds.items():
            fitted = own().fit(others.score, others.y, effective=worth, weight=others.counts)
            losses[name][left_out] = _log_losses(fitted.log_odds(rows.score[left_out]), rows.y[left_out])
    losses["identity"], counts = _log_losses(rows.score, rows.y), rows.counts
    loss = {name: float(np.average(values, weights=counts)) for name, values in losses.items()}
    taken = "line" if loss["line"] < loss["identity"] else "identity"
    if bends and _is_clearly_above_zero(losses[taken] - losses["isotonic"], rows):
        taken = "isotonic"
    curve = kinds.get(taken, kind)().fit(rows.score, rows.y, effective=effective, weight=counts)
    if taken == "identity":
        curve.slope_, curve.intercept_ = 1.0, 0.0
    score, rate = (float(np.average(values, weights=counts)) for values in (rows.score, rows.y))
    facts: dict[str, Any] = {
        "rows": len(rows.y),
        "effective_rows": effective,
        "loss_before": loss["identity"],
        "loss_after": loss["line" if taken == "identity" else taken],
        **{f"loss_{name}": loss[name] for name in kinds},
        "reversed": float(counts * (rows.score - score) @ (rows.y - rate)) < 0.0,
        "taken": taken != "identity",
        "kind": taken,
        "slope": curve.slope_,
        "intercept": curve.intercept_,
    }
    return curve, facts


def _is_clearly_above_zero(gain: FloatArray, rows: HeldOut) -> bool:
    """Whether the mean of what rows gain, shape (n,), is more than one standard error above 0."""
    counts = rows.counts
    mean = float(np.average(gain, weights=counts))
    terms = counts * (gain - mean)
    return bool(mean * counts.sum() > np.sqrt(float(terms @ terms) * _shared_luck(rows, terms)))


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
        Of its log-odds, an `IsotonicCalibrator` where the rows clearly say so; None where they stay as they are.
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

    def mean_slopes(self, X: pd.DataFrame, reference: pd.DataFrame) -> FloatArray:
        """By how much calibration stretches log-odds from a reference, one row, to each row of X, shape (n_rows,)."""
        if self.calibrator_ is None:
            return np.ones(len(X))
        start, ends = (self._score(self.classifier_.predict_proba(rows)[:, 1]) for rows in (reference, X))
        return self.calibrator_.mean_slopes(float(start[0]), ends)

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
