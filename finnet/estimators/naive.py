"""Naive forecasts: what any model must beat before it may be called useful."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import roc_auc_score
from sklearn.utils.validation import _num_samples, check_is_fitted, validate_data

from finnet.checks import require_columns
from finnet.errors import ConfigError, DataError
from finnet.estimators.calibration_curves import LogitCalibrator
from finnet.estimators.level_rates import LevelRates, auc_of_levels, auc_of_ranks
from finnet.estimators.probabilities import BinaryClassifier
from finnet.estimators.regressors import checked_numbers
from finnet.estimators.sample_weights import checked_sample_weight
from finnet.features.encoding import as_table, middle_ranks
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = [
    "AlwaysUp",
    "BestColumn",
    "LastValue",
    "Persistence",
    "PriorRate",
    "TrainingMean",
    "TrainingQuantiles",
    "Zero",
]

# A naive class must not hang on a rounding: its probability is at least this far on its side of one half.
_EDGE = 1e-6


def _column_name(column: str | int, columns: pd.Index) -> str:
    """The name of the column to read; DataError where there is no such column."""
    if isinstance(column, str):
        require_columns(columns, [column], name="the features that persistence reads")
        return column
    is_position = isinstance(column, int | np.integer) and not isinstance(column, bool)
    if not is_position or column not in range(len(columns)):
        raise DataError(
            f"column={column!r} is no position among {len(columns)} columns; use 0 to {len(columns) - 1}, or a name"
        )
    return str(columns[column])


def _two_columns(probability: FloatArray) -> FloatArray:
    return np.column_stack([1.0 - probability, probability])


class PriorRate(BinaryClassifier):
    """The rate of ones among the training rows for everyone; its class is the majority's.

    Examples
    --------
    >>> PriorRate().fit(np.zeros((4, 1)), np.array([0, 0, 0, 1])).predict_proba(np.zeros((1, 1)))
    array([[0.75, 0.25]])
    """

    def fit(self, X: pd.DataFrame, y: IntArray, sample_weight: FloatArray | None = None) -> Self:
        """Count the ones of y (n_rows,) by their weights; `X` is not looked at."""
        _, y = validate_data(self, X, y, skip_check_array=True)
        self.rate_ = float(np.average(self._codes(y), weights=checked_sample_weight(sample_weight, X)))
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

    def fit(self, X: pd.DataFrame, y: IntArray, sample_weight: FloatArray | None = None) -> Self:
        """Count the ups of y (n_rows,) by their weights; `X` is not looked at."""
        super().fit(X, y, sample_weight)
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

    def fit(self, X: pd.DataFrame, y: IntArray, sample_weight: FloatArray | None = None) -> Self:
        """Count how often the sign of the column of X (n_rows, n_columns) was that of y (n_rows,), by weights."""
        X = as_table(X, self, reset=True)
        self.column_ = _column_name(self.column, X.columns)
        right = self._rose(X) == (self._codes(y) == 1)
        # A sign that was wrong more often than right is followed all the same: turning it around would be a model.
        self.hit_rate_ = max(float(np.average(right, weights=checked_sample_weight(sample_weight, X))), 0.5 + _EDGE)
        return self

    def predict_proba(self, X: pd.DataFrame) -> FloatArray:
        """Probabilities of down and up, shape (n_rows, 2)."""
        check_is_fitted(self)
        rose = self._rose(as_table(X, self, reset=False))
        return _two_columns(np.where(rose, self.hit_rate_, 1.0 - self.hit_rate_))

    def _rose(self, X: pd.DataFrame) -> BoolArray:
        require_columns(X.columns, [self.column_], name="the features that persistence reads")
        return np.asarray(X[self.column_].to_numpy(float) > 0)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan, tags.classifier_tags.poor_score = True, True
        return tags


class BestColumn(BinaryClassifier):
    """A forecast by the one column that ordered the training rows best.

    A number forecasts by a logistic curve on its ranks, which rises where higher values came true more often, else
    falls: ranks have no outliers that could turn it around. A rank is the share of training values below, ties halved,
    between two of them interpolated. Missing values count as the middle where columns are compared; in the forecast
    they have a rate of their own. A category, text or truth value forecasts by the rates of its levels; a level unknown
    to `fit` has the rate of all.

    Among numbers alone the best is the one of the largest |AUC - 1/2|. Where there are categories every column is
    judged by the AUC of forecasts of rows that they were not learned from, so that a column of very many levels does
    not win by knowing its rows. Rows count by their weights, but for the ranks. `column_` names the column chosen,
    `levels_` holds the rates of its levels, None where it is a number.

    Examples
    --------
    >>> X = pd.DataFrame({"noise": [1.0, 2.0, 1.0, 2.0], "signal": [1.0, 2.0, 3.0, 4.0]})
    >>> BestColumn().fit(X, np.array([0, 0, 1, 1])).column_
    'signal'
    >>> X = pd.DataFrame({"noise": np.arange(100.0) % 7, "home": ["own", "own", "own", "rent"] * 25})
    >>> BestColumn().fit(X, np.tile([0, 0, 0, 1], 25)).column_
    'home'
    """

    column_: str
    levels_: LevelRates | None

    def fit(self, X: pd.DataFrame, y: IntArray, sample_weight: FloatArray | None = None) -> Self:
        """Choose the column of X (n_rows, n_columns) and fit its curve or rates to the labels y (n_rows,)."""
        table, codes = as_table(X, self, reset=True), self._codes(y)
        weight = checked_sample_weight(sample_weight, X)
        counts = np.ones(len(codes)) if weight is None else weight
        known = np.unique(codes[counts > 0])
        if len(known) < 2:
            raise DataError(f"y holds one class only, {self.classes_[known].tolist()}; give rows of two classes")
        if table.columns.empty:
            raise DataError("the table has no columns; give at least one")
        numbers, categories = table.select_dtypes("number"), table.select_dtypes(exclude="number")
        ranks = numbers.rank(pct=True).fillna(0.5)
        edge = {str(name): roc_auc_score(codes, ranks[name], sample_weight=weight) - 0.5 for name in ranks}
        if categories.columns.empty:
            self.column_ = max(edge, key=lambda name: abs(edge[name]))
        else:
            judged = {name: auc_of_ranks(ranks[name].to_numpy(float), codes, counts) for name in edge}
            judged |= {str(name): auc_of_levels(categories[name], codes, counts) for name in categories}
            # Of equal ones the first in the table.
            self.column_ = max(map(str, table), key=judged.__getitem__)
        if self.column_ in edge:
            self.levels_ = None
            self._fit_curve(numbers[self.column_].to_numpy(float), codes, counts, edge=edge[self.column_])
        else:
            self.levels_ = LevelRates.of(categories[self.column_], codes, counts)
        return self

    @property
    def single_column_(self) -> dict[str, str]:
        """The `column` chosen, and how it `moves` the forecast: "up" or "down" with higher values, or by "levels"."""
        moves = "levels" if self.levels_ is not None else "up" if self.direction_ > 0 else "down"
        return {"column": self.column_, "moves": moves}

    def _fit_curve(self, values: FloatArray, codes: IntArray, counts: FloatArray, *, edge: float) -> None:
        # A column of gaps alone is chosen only where none tells anything; zeros give all its rows one forecast.
        if np.isnan(values).all():
            values = np.zeros(len(values))
        given = ~np.isnan(values)
        self.values_, self.ranks_ = middle_ranks(values[given])
        self.direction_ = 1.0 if edge >= 0.0 else -1.0
        self.curve_ = LogitCalibrator(spread=3.0).fit(self._score(values[given]), codes[given], weight=counts[given])
        # As if one row more had the rate of all, so that a single missing value promises nothing.
        ones = counts[~given] @ codes[~given] + np.average(codes, weights=counts)
        self.missing_rate_ = float(ones / (counts[~given].sum() + 1.0))

    def predict_proba(self, X: pd.DataFrame) -> FloatArray:
        """Probabilities of the two classes, shape (n_rows, 2)."""
        check_is_fitted(self)
        column = as_table(X, self, reset=False)[self.column_]
        if self.levels_ is not None:
            return _two_columns(self.levels_.predict(column))
        values = column.to_numpy(float)
        forecast = self.curve_.predict(self._score(values))
        return _two_columns(np.where(np.isnan(values), self.missing_rate_, forecast))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan, tags.input_tags.categorical, tags.input_tags.string = True, True, True
        return tags

    def _score(self, values: FloatArray) -> FloatArray:
        """Middle ranks less one half, turned so that higher ones came true more often."""
        return self.direction_ * (np.interp(values, self.values_, self.ranks_) - 0.5)


def _checked_targets(model: Any, X: pd.DataFrame, y: FloatArray) -> FloatArray:
    """Targets of shape (n_rows,), checked; the model notes the columns of X, whose values are not looked at."""
    validate_data(model, X, skip_check_array=True)
    return checked_numbers(X, y)


class _NaiveRegressor(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """What naive forecasts of numbers share that look at no column."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.no_validation, tags.input_tags.sparse, tags.regressor_tags.poor_score = True, True, True
        return tags


class TrainingMean(_NaiveRegressor):
    """The mean of the training rows for everyone: the historical mean of Campbell & Thompson (2008).

    Examples
    --------
    >>> TrainingMean().fit(np.zeros((3, 1)), np.array([1.0, 2.0, 6.0])).predict(np.zeros((2, 1)))
    array([3., 3.])
    """

    def fit(self, X: pd.DataFrame, y: FloatArray, sample_weight: FloatArray | None = None) -> Self:
        """Take the weighted mean of y (n_rows,); `X` is not looked at."""
        numbers = _checked_targets(self, X, y)
        self.value_ = float(np.average(numbers, weights=checked_sample_weight(sample_weight, X)))
        return self

    def predict(self, X: pd.DataFrame) -> FloatArray:
        """The mean for every row, shape (n_rows,)."""
        check_is_fitted(self)
        return np.full(_num_samples(X), self.value_)


class Zero(_NaiveRegressor):
    """Zero for everyone: no return is expected.

    Examples
    --------
    >>> Zero().fit(np.zeros((3, 1)), np.array([1.0, 2.0, 6.0])).predict(np.zeros((2, 1)))
    array([0., 0.])
    """

    def fit(self, X: pd.DataFrame, y: FloatArray) -> Self:
        """Learn nothing; `X` is not looked at."""
        _checked_targets(self, X, y)
        self.value_ = 0.0
        return self

    def predict(self, X: pd.DataFrame) -> FloatArray:
        """Zero for every row, shape (n_rows,)."""
        check_is_fitted(self)
        return np.full(_num_samples(X), self.value_)


class TrainingQuantiles(_NaiveRegressor):
    """The quantiles of the training rows for everyone, each row counting as one.

    Parameters
    ----------
    levels : sequence of float

    Examples
    --------
    >>> model = TrainingQuantiles((0.1, 0.9)).fit(np.zeros((11, 1)), np.arange(11.0))
    >>> model.predict(np.zeros((1, 1)))
    array([[1., 9.]])
    """

    forecast_kind = "quantile"

    def __init__(self, levels: Sequence[float] = (0.1, 0.5, 0.9)) -> None:
        self.levels = levels

    def fit(self, X: pd.DataFrame, y: FloatArray) -> Self:
        """Take the quantiles of y (n_rows,); `X` is not looked at."""
        if not len(self.levels) or not all(0 < level < 1 for level in self.levels):
            raise ConfigError(f"levels={self.levels!r} are not between 0 and 1; write (0.1, 0.5, 0.9)")
        self.values_ = np.quantile(_checked_targets(self, X, y), self.levels)
        return self

    def predict(self, X: pd.DataFrame) -> FloatArray:
        """The quantiles for every row, shape (n_rows, n_levels)."""
        check_is_fitted(self)
        return np.tile(self.values_, (_num_samples(X), 1))


class LastValue(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """What a column says, again: the last return, or the volatility of the last bars.

    Where the column has a gap, the mean of the training rows is forecast. It has to be in the unit of the labels:
    `volatility_20` is, for `forward_volatility`.

    Parameters
    ----------
    column : str or int
        Feature that holds the last value: its name, or its position among the columns given to `fit`, as in
        Persistence.

    Attributes
    ----------
    column_ : str
        Name of that feature, by which tables to come are read.

    Examples
    --------
    >>> X = pd.DataFrame({"volatility_20": [0.01, 0.02, np.nan]})
    >>> LastValue("volatility_20").fit(X, np.array([0.02, 0.01, 0.03])).predict(X)
    array([0.01, 0.02, 0.02])
    """

    def __init__(self, column: str | int = "return_1") -> None:
        self.column = column

    def fit(self, X: pd.DataFrame, y: FloatArray, sample_weight: FloatArray | None = None) -> Self:
        """Find the column of X (n_rows, n_columns), and take the weighted mean of y (n_rows,) for its gaps."""
        X = as_table(X, self, reset=True)
        self.column_ = _column_name(self.column, X.columns)
        # Read once, so that a column that holds no numbers fails here, not in a forecast.
        self._last_values(X)
        numbers = checked_numbers(X, y)
        self.value_ = float(np.average(numbers, weights=checked_sample_weight(sample_weight, X)))
        return self

    def predict(self, X: pd.DataFrame) -> FloatArray:
        """The column, shape (n_rows,)."""
        check_is_fitted(self)
        values = self._last_values(as_table(X, self, reset=False))
        return np.where(np.isnan(values), self.value_, values)

    def _last_values(self, X: pd.DataFrame) -> FloatArray:
        require_columns(X.columns, [self.column_], name="the features that persistence reads")
        return X[self.column_].to_numpy(float)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan, tags.regressor_tags.poor_score = True, True
        return tags
