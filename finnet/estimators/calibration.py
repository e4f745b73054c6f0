"""Calibrators: fitted on rows that trained nothing, they turn scores into probabilities that mean what they say."""

from typing import Any, Self

import numpy as np
import pandas as pd
from scipy.special import expit, logit
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_is_fitted

from finnet.errors import DataError
from finnet.estimators.probabilities import WrappedClassifier
from finnet.estimators.targets import require_known
from finnet.fitting import Rows, fit_in_blocks
from finnet.types import FloatArray, IntArray

__all__ = ["CalibratedClassifier", "LogitCalibrator"]

_CLIP = 1e-6


class LogitCalibrator:
    """p = sigmoid(a score + b), by maximum likelihood (Platt 1999, in the form of Cox 1958 where the score is a logit).

    A slope below zero would turn the order of the scores around on the word of a few rows; it counts as zero.

    Examples
    --------
    >>> curve = LogitCalibrator().fit(np.array([-2.0, -1.0, 1.0, 2.0]), np.array([0, 1, 0, 1]))
    >>> bool(curve.slope_ > 0)
    True
    """

    def fit(self, score: FloatArray, y: IntArray) -> Self:
        """Fit slope and intercept on scores and labels, shape (n,) each."""
        self.slope_, self.intercept_ = 0.0, _rate_logit(y)
        scale = float(np.std(score))
        if scale > 0 and 0 < np.mean(y) < 1:
            curve = LogisticRegression(C=1e6, max_iter=1000).fit((score / scale)[:, None], y)
            if curve.coef_[0, 0] > 0:
                self.slope_, self.intercept_ = float(curve.coef_[0, 0]) / scale, float(curve.intercept_[0])
        return self

    def predict(self, score: FloatArray) -> FloatArray:
        """Probabilities, shape (n,)."""
        return np.asarray(expit(self.slope_ * score + self.intercept_))


def _rate_logit(y: IntArray) -> float:
    # One row of each kind is added, so that a block of one class alone does not promise certainty.
    return float(logit((np.sum(y) + 1) / (len(y) + 2)))


class CalibratedClassifier(WrappedClassifier):
    """A classifier whose log-odds are corrected by a `LogitCalibrator` fitted on the calibration block.

    Without a calibration block the probabilities stay as they are; with one there must be two classes.
    """

    def __init__(self, classifier: Any) -> None:
        self.classifier = classifier

    def fit(
        self,
        X: pd.DataFrame,
        y: IntArray,
        *,
        X_val: pd.DataFrame | None = None,
        y_val: IntArray | None = None,
        X_cal: pd.DataFrame | None = None,
        y_cal: IntArray | None = None,
    ) -> Self:
        """Fit the classifier without the calibration rows, then the calibrator on them alone."""
        validation = None if X_val is None or y_val is None else Rows(X_val, y_val)
        self.classifier_ = fit_in_blocks(clone(self.classifier), Rows(X, y), validation=validation)
        self.classes_, self.calibrator_ = self.classifier_.classes_, None
        if X_cal is not None and y_cal is not None:
            if len(self.classes_) != 2:
                raise DataError(f"{self.classes_} are not two classes, which calibration needs; fit without X_cal")
            require_known(np.asarray(y_cal), self.classes_, name="y_cal")
            later = (np.asarray(y_cal) == self.classes_[1]).astype(np.int64)
            self.calibrator_ = LogitCalibrator().fit(self._score(X_cal), later)
        return self

    def predict_proba(self, X: pd.DataFrame) -> FloatArray:
        """Probabilities of shape (n_rows, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        if self.calibrator_ is None:
            return np.asarray(self.classifier_.predict_proba(X), float)
        p = self.calibrator_.predict(self._score(X))
        return np.column_stack([1.0 - p, p])

    def _score(self, X: pd.DataFrame) -> FloatArray:
        p = np.asarray(self.classifier_.predict_proba(X), float)[:, 1]
        return np.asarray(logit(np.clip(p, _CLIP, 1.0 - _CLIP)))
