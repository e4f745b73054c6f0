"""Naive forecasts: what any model must beat before it may be called useful."""

from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.utils.validation import _num_samples, check_is_fitted, validate_data

from finnet.checks import require_columns
from finnet.errors import DataError
from finnet.estimators.probabilities import BinaryClassifier
from finnet.features.encoding import as_table
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = ["AlwaysUp", "BestColumn", "Persistence", "PriorRate"]

# A naive class must not hang on a rounding: its probability is at least this far on its side of one half.
_EDGE = 1e-6


def _two_columns(probability: FloatArray) -> FloatArray:
    return np.column_stack([1.0 - probability, probability])


class PriorRate(BinaryClassifier):
    """The rate of ones among the training rows for everyone; its class is the majority's.

    Examples
    --------
    >>> PriorRate().fit(np.zeros((4, 1)), np.array([0, 0, 0, 1])).predict_proba(np.zeros((1, 1)))
    array([[0.75, 0.25]])
    """

    def fit(self, X: pd.DataFrame, y: IntArray) -> Self:
        """Count the ones; `X` is not looked at."""
        _, y = validate_data(self, X, y, skip_check_array=True)
        self.rate_ = float(np.mean(self._codes(y)))
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.no_validation, tags.input_tags.sparse, tags.classifier_tags.poor_score = True, True, True
        return tags

    def predict_proba(self, X: pd.DataFrame) -> FloatArray:
        """Probabilities of the two classes, shape (n_rows, 2)."""
        check_is_fitted(self)
        return _two_columns(np.full(_num_samples(X), self.rate_))


class AlwaysUp(PriorRate):
    """Up, always: the training rate of ups, or a hair above one half where that rate is lower.

    Examples
    --------
    >>> AlwaysUp().fit(np.zeros((4, 1)), np.array([0, 0, 0, 1])).predict_proba(np.zeros((1, 1))).round(2)
    array([[0.5, 0.5]])
    """

    def fit(self, X: pd.DataFrame, y: IntArray) -> Self:
        """Count the ups; `X` is not looked at."""
        super().fit(X, y)
        self.rate_ = max(self.rate_, 0.5 + _EDGE)
        return self


class Persistence(BinaryClassifier):
    """The direction of the last bar again, as sure as that was right among the training rows.

    Parameters
    ----------
    column : str or int
        Feature whose sign is the last direction: its name, or its position among the columns given to `fit`, counted
        from 0. Columns of an array are called "x0" and on.

    Attributes
    ----------
    column_ : str
        Name of that feature, by which tables to come are read.

    Examples
    --------
    >>> X = pd.DataFrame({"return_1": [1.0, 2.0, -1.0, 1.0]})
    >>> Persistence().fit(X, np.array([1, 1, 0, 0])).predict_proba(X)[:, 1]
    array([0.75, 0.75, 0.25, 0.75])
    >>> Persistence(0).fit(X, np.array([1, 1, 0, 0])).column_
    'return_1'
    """

    def __init__(self, column: str | int = "return_1") -> None:
        self.column = column

    def fit(self, X: pd.DataFrame, y: IntArray) -> Self:
        """Count how often the sign of the column was right."""
        X = as_table(X, self, reset=True)
        self.column_ = self._named(X.columns)
        right = self._rose(X) == (self._codes(y) == 1)
        self.hit_rate_ = max(float(right.mean()), 0.5 + _EDGE)
        return self

    def predict_proba(self, X: pd.DataFrame) -> FloatArray:
        """Probabilities of down and up, shape (n_rows, 2)."""
        check_is_fitted(self)
        rose = self._rose(as_table(X, self, reset=False))
        return _two_columns(np.where(rose, self.hit_rate_, 1.0 - self.hit_rate_))

    def _named(self, columns: pd.Index) -> str:
        """The name of the column to read; DataError where there is no such column."""
        if isinstance(self.column, str):
            require_columns(columns, [self.column], name="the features that persistence reads")
            return self.column
        is_position = isinstance(self.column, int | np.integer) and not isinstance(self.column, bool)
        if not is_position or self.column not in range(len(columns)):
            raise DataError(
                f"column={self.column!r} is no position among {len(columns)} columns; use 0 to {len(columns) - 1}, or a"
                " name"
            )
        return str(columns[self.column])

    def _rose(self, X: pd.DataFrame) -> BoolArray:
        require_columns(X.columns, [self.column_], name="the features that persistence reads")
        return np.asarray(X[self.column_].to_numpy(float) > 0)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan, tags.classifier_tags.poor_score = True, True
        return tags


class BestColumn(BinaryClassifier):
    """A logistic curve on the one numeric column that ordered the training rows best (by |AUC - 1/2|).

    Missing values count as the median. `column_` names the column chosen.

    Examples
    --------
    >>> X = pd.DataFrame({"noise": [1.0, 2.0, 1.0, 2.0], "signal": [1.0, 2.0, 3.0, 4.0]})
    >>> BestColumn().fit(X, np.array([0, 0, 1, 1])).column_
    'signal'
    """

    def fit(self, X: pd.DataFrame, y: IntArray) -> Self:
        """Choose the column and fit its curve."""
        numbers, codes = as_table(X, self, reset=True).select_dtypes("number"), self._codes(y)
        if codes.min() == codes.max():
            raise DataError(f"y holds one class only, {self.classes_[codes[0]]}; give rows of two classes")
        if numbers.columns.empty:
            raise DataError("no column is a number; give at least one")
        self.median_, self.scale_ = numbers.median().fillna(0.0), numbers.std().fillna(0.0).replace(0.0, 1.0)
        filled = numbers.fillna(self.median_)
        edge = {str(name): abs(roc_auc_score(codes, filled[name]) - 0.5) for name in filled}
        self.column_ = str(max(edge, key=edge.__getitem__))
        self.curve_ = LogisticRegression().fit(self._score(numbers), codes)
        return self

    def predict_proba(self, X: pd.DataFrame) -> FloatArray:
        """Probabilities of the two classes, shape (n_rows, 2)."""
        check_is_fitted(self)
        return np.asarray(self.curve_.predict_proba(self._score(as_table(X, self, reset=False))))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan, tags.input_tags.categorical, tags.input_tags.string = True, True, True
        return tags

    def _score(self, X: pd.DataFrame) -> FloatArray:
        center, scale = float(self.median_[self.column_]), float(self.scale_[self.column_])
        return (X[[self.column_]].fillna(center).to_numpy(float) - center) / scale
