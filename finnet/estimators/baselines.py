"""Baselines: what the network is compared with, each set up as its users would set it up."""

from typing import Any, Self

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted, validate_data

from finnet.estimators.calibration import LogitCalibrator
from finnet.estimators.probabilities import BinaryClassifier
from finnet.types import FloatArray, IntArray

__all__ = ["CappedSVC", "boosting", "decision_tree", "k_neighbors", "logistic_regression", "random_forest"]


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


class CappedSVC(BinaryClassifier):
    """A support vector machine (RBF kernel) on `max_rows` rows drawn at random, with probabilities from held-out rows.

    Its cost grows with the square of the rows, hence the stated cap. Rows are drawn from all that are given, alike in
    their labels: the last ones may be of one kind where a file is sorted, and of a few days where many symbols share a
    session. The signed distance becomes a probability through a logistic curve (Platt 1999) that rises, fitted on
    `X_val`, or on a fifth of the rows where none are given.

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
        self, X: FloatArray, y: IntArray, *, X_val: FloatArray | None = None, y_val: IntArray | None = None
    ) -> Self:
        """Fit the machine on rows drawn at random, and the curve on the validation rows."""
        X, y = validate_data(self, X, y)
        codes, draw = self._codes(y), check_random_state(self.random_state)
        if X_val is None or y_val is None:
            X, X_val, codes, later = train_test_split(X, codes, test_size=0.2, random_state=draw)
        else:
            later = (np.asarray(y_val) == self.classes_[1]).astype(np.int64)
        if len(codes) > self.max_rows:
            X, _, codes, _ = train_test_split(X, codes, train_size=self.max_rows, stratify=codes, random_state=draw)
        self.machine_ = SVC(C=self.C, gamma=self.gamma).fit(X, codes)
        self.n_rows_ = len(codes)
        # Distances are no log-odds, so that nothing speaks for a slope of 1.
        self.curve_ = LogitCalibrator(spread=3.0).fit(self.machine_.decision_function(X_val), later)
        return self

    def predict_proba(self, X: FloatArray) -> FloatArray:
        """Probabilities of the two classes, shape (n_rows, 2)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        up = self.curve_.predict(self.machine_.decision_function(X))
        return np.column_stack([1.0 - up, up])
