"""Baselines: what the network is compared with, each set up as its users would set it up."""

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.ensemble import (
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import SVC, SVR
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from finnet.estimators.calibration_curves import LogitCalibrator
from finnet.estimators.probabilities import BinaryClassifier
from finnet.estimators.regressors import LevelByLevel
from finnet.estimators.sample_weights import checked_sample_weight
from finnet.fitting import Rows
from finnet.types import FloatArray, IntArray

__all__ = [
    "CappedSVC",
    "CappedSVR",
    "boosting",
    "boosting_of_numbers",
    "boosting_of_quantiles",
    "decision_tree",
    "decision_tree_of_numbers",
    "k_neighbors",
    "k_neighbors_of_numbers",
    "logistic_regression",
    "random_forest",
    "random_forest_of_numbers",
    "ridge_regression",
]


def decision_tree() -> DecisionTreeClassifier:
    """A single tree with leaves large enough to give a rate."""
    return DecisionTreeClassifier(max_depth=4, min_samples_leaf=50)


def random_forest() -> RandomForestClassifier:
    """A forest of 60 trees on one core."""
    return RandomForestClassifier(60, min_samples_leaf=20, n_jobs=1)


def boosting() -> HistGradientBoostingClassifier:
    """Gradient boosting of trees on binned features, stopped by the loss on the validation rows."""
    return HistGradientBoostingClassifier(
        max_iter=400, learning_rate=0.05, max_leaf_nodes=8, min_samples_leaf=50, early_stopping=True
    )


def k_neighbors() -> KNeighborsClassifier:
    """The share of ones among the nearest rows, by Euclidean distance of the encoded features."""
    return KNeighborsClassifier(100)


def logistic_regression() -> LogisticRegression:
    """Linear log-odds with a mild L2 penalty."""
    return LogisticRegression(C=0.1, max_iter=500)


def decision_tree_of_numbers() -> DecisionTreeRegressor:
    """A single tree with leaves large enough to give a mean."""
    return DecisionTreeRegressor(max_depth=4, min_samples_leaf=50)


def random_forest_of_numbers() -> RandomForestRegressor:
    """A forest of 60 trees on one core, each split among a third of the features (Breiman 2001)."""
    return RandomForestRegressor(60, min_samples_leaf=20, max_features=0.3, n_jobs=1)


def boosting_of_numbers() -> HistGradientBoostingRegressor:
    """Gradient boosting of trees on binned features, stopped by the loss on rows that it holds out itself."""
    return HistGradientBoostingRegressor(
        max_iter=400, learning_rate=0.05, max_leaf_nodes=8, min_samples_leaf=50, early_stopping=True
    )


def boosting_of_quantiles(levels: Sequence[float] = (0.1, 0.5, 0.9)) -> LevelByLevel:
    """Gradient boosting of trees by the pinball loss, one for each level."""
    return LevelByLevel(boosting_of_numbers().set_params(loss="quantile", quantile=0.5, random_state=0), levels)


def k_neighbors_of_numbers() -> KNeighborsRegressor:
    """The mean of the nearest rows, by Euclidean distance of the encoded features."""
    return KNeighborsRegressor(100)


def ridge_regression() -> Ridge:
    """A linear forecast with an L2 penalty that is mild on scaled features and some thousand rows."""
    return Ridge(alpha=100.0)


class CappedSVC(BinaryClassifier):
    """A support vector machine (RBF kernel) on `max_rows` rows drawn at random, with probabilities from held-out rows.

    Its cost grows with the square of the rows, hence the stated cap. Rows are drawn from all that are given, alike in
    their labels: the last ones may be of one kind where a file is sorted, and of a few days where many symbols share a
    session. The signed distance becomes a probability through a logistic curve (Platt 1999) that rises, fitted on
    `X_val`, or on a fifth of the rows where none are given. The draw takes rows as they stand; those drawn count by
    their weights.

    Parameters
    ----------
    C : float
        Price of a margin error.
    gamma : float or "scale"
        Inverse squared width of the kernel.
    max_rows : int
        Training rows of the machine.
    random_state : int, RandomState or None
        Of the draw.
    """

    def __init__(
        self,
        *,
        C: float = 1.0,
        gamma: float | str = "scale",
        max_rows: int = 2000,
        random_state: Any = 0,
    ) -> None:
        self.C = C
        self.gamma = gamma
        self.max_rows = max_rows
        self.random_state = random_state

    def fit(
        self,
        X: FloatArray,
        y: IntArray,
        sample_weight: FloatArray | None = None,
        *,
        X_val: FloatArray | None = None,
        y_val: IntArray | None = None,
        sample_weight_val: FloatArray | None = None,
    ) -> Self:
        """Fit the machine on rows drawn from X (n_rows, n_features) and labels y (n_rows,), and its curve on others.

        The curve learns from the validation rows, or from a fifth of X where none are given.
        """
        X, y = validate_data(self, X, y)
        codes, draw = self._codes(y), check_random_state(self.random_state)
        train = Rows(X, codes, checked_sample_weight(sample_weight, X))
        if X_val is None or y_val is None:
            # Distances of rows that the machine learned from are too large; the curve needs those of rows left out.
            kept, held = train_test_split(np.arange(len(codes)), test_size=0.2, random_state=draw)
            train, later = train.take(kept), train.take(held)
        else:
            later_codes = (np.asarray(y_val) == self.classes_[1]).astype(np.int64)
            later = Rows(X_val, later_codes, checked_sample_weight(sample_weight_val, X_val))
        if len(train.y) > self.max_rows:
            numbers = np.arange(len(train.y))
            # Stratified, as few rows drawn of many might hold hardly any of the rarer label.
            kept, _ = train_test_split(numbers, train_size=self.max_rows, stratify=train.y, random_state=draw)
            train = train.take(kept)
        self.machine_ = SVC(C=self.C, gamma=self.gamma).fit(train.X, train.y, sample_weight=train.weight)
        self.n_rows_ = len(train.y)
        distance = self.machine_.decision_function(later.X)
        # Distances are no log-odds, so that nothing speaks for a slope of 1.
        self.curve_ = LogitCalibrator(spread=3.0).fit(distance, np.asarray(later.y, np.int64), weight=later.weight)
        return self

    def predict_proba(self, X: FloatArray) -> FloatArray:
        """Probabilities of the two classes, shape (n_rows, 2)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        up = self.curve_.predict(self.machine_.decision_function(X))
        return np.column_stack([1.0 - up, up])


class CappedSVR(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A support vector regression (RBF kernel) on `max_rows` rows drawn at random from all that are given.

    Its cost grows with the square of the rows, hence the stated cap. Targets are scaled to mean 0 and standard
    deviation 1, so that `epsilon` and `C` mean the same whether returns are of a day or of a year.

    Parameters
    ----------
    C : float
        Price of an error beyond epsilon.
    epsilon : float
        Error that costs nothing, in standard deviations of the targets.
    gamma : float or "scale"
        Inverse squared width of the kernel.
    max_rows : int
        Training rows of the machine.
    random_state : int, RandomState or None
        Of the draw.

    Examples
    --------
    >>> X = np.linspace(-1, 1, 200)[:, None]
    >>> CappedSVR(max_rows=100).fit(X, 0.001 * X[:, 0]).predict(np.array([[0.5]])).round(4)
    array([0.0005])
    """

    def __init__(
        self,
        *,
        C: float = 1.0,
        epsilon: float = 0.1,
        gamma: float | str = "scale",
        max_rows: int = 2000,
        random_state: Any = 0,
    ) -> None:
        self.C = C
        self.epsilon = epsilon
        self.gamma = gamma
        self.max_rows = max_rows
        self.random_state = random_state

    def fit(self, X: FloatArray, y: FloatArray, sample_weight: FloatArray | None = None) -> Self:
        """Fit the machine on rows drawn from X (n_rows, n_features) and numbers y (n_rows,)."""
        X, y = validate_data(self, X, y, y_numeric=True)
        weight = checked_sample_weight(sample_weight, X)
        if len(y) > self.max_rows:
            rows = np.sort(check_random_state(self.random_state).permutation(len(y))[: self.max_rows])
            X, y, weight = X[rows], y[rows], None if weight is None else weight[rows]
        # Targets that are all the same have no spread, and are divided by 1.
        self.n_rows_, self.center_, self.spread_ = len(y), float(np.mean(y)), float(np.std(y)) or 1.0
        machine = SVR(C=self.C, epsilon=self.epsilon, gamma=self.gamma)
        self.machine_ = machine.fit(X, (y - self.center_) / self.spread_, sample_weight=weight)
        return self

    def predict(self, X: FloatArray) -> FloatArray:
        """Forecasts of shape (n_rows,)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        return np.asarray(self.center_ + self.spread_ * self.machine_.predict(X))
