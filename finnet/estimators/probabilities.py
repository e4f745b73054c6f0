"""What finnet's classifiers other than networks share: labels from probabilities, and scikit-learn's contract."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils import assert_all_finite, get_tags
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _num_samples, column_or_1d

from finnet.errors import DataError
from finnet.estimators.target_checks import require_targets
from finnet.types import FloatArray, IntArray

__all__ = ["BinaryClassifier", "ProbabilityClassifier", "WrappedClassifier"]


class ProbabilityClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """The likeliest class of every row, from `predict_proba`.

    Examples
    --------
    >>> class Coin(ProbabilityClassifier):
    ...     classes_ = np.array(["heads", "tails"])
    ...     def predict_proba(self, X):
    ...         return np.array([[0.4, 0.6]] * len(X))
    >>> Coin().predict([0, 0])
    array(['tails', 'tails'], dtype='<U5')
    """

    classes_: npt.NDArray[Any]

    def predict_proba(self, X: Any) -> FloatArray:
        """Probabilities of shape (n_rows, n_classes), in the order of `classes_`."""
        raise NotImplementedError

    def predict(self, X: Any) -> npt.NDArray[Any]:
        """The likeliest class of every row, shape (n_rows,); the first of those that are equally likely."""
        P = self.predict_proba(X)
        return np.asarray(self.classes_[P.argmax(axis=1)])


class WrappedClassifier(ProbabilityClassifier):
    """Features and kinds of input are those of the classifier inside, `classifier_` once it is fitted."""

    classifier: Any
    classifier_: Any

    @property
    def n_features_in_(self) -> int:
        """Number of features given to `fit`."""
        return int(self.classifier_.n_features_in_)

    @property
    def feature_names_in_(self) -> npt.NDArray[Any]:
        """Their names, where they have names."""
        return np.asarray(self.classifier_.feature_names_in_)

    def __sklearn_tags__(self) -> Any:
        tags, inner = super().__sklearn_tags__(), get_tags(self.classifier)
        tags.input_tags, tags.classifier_tags = inner.input_tags, inner.classifier_tags
        return tags


class BinaryClassifier(ProbabilityClassifier):
    """A classifier of two labels: 0 and 1, of which training rows may lack one, or any other two."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        return tags

    def _codes(self, y: npt.ArrayLike) -> IntArray:
        """Take the classes of y; 1 where a label is the second of them, else 0."""
        labels = column_or_1d(y, warn=True)
        assert_all_finite(labels, input_name="y")
        check_classification_targets(labels)
        known = np.unique(labels)
        # Training rows of a short window may hold zeros alone. That is no error, as both labels are known without them.
        self.classes_ = np.array([0, 1]) if np.isin(known, (0, 1)).all() else known
        if len(self.classes_) != 2:
            kind = "multiclass" if len(known) > 2 else "one class"
            raise DataError(
                f"Only binary classification is supported. The type of the target is {kind}: y holds {known};"
                " give rows of two classes"
            )
        return np.asarray(labels == self.classes_[1], np.int64)

    def _two_codes(self, X: pd.DataFrame | FloatArray, y: npt.ArrayLike) -> IntArray:
        """As `_codes`, of one label for each row of X (n_rows, n_columns); DataError where they are of one class."""
        if y is None:
            raise DataError("fit requires y to be passed, but the target y is None; give one label for each row")
        require_targets(y, name="y")
        n_rows = _num_samples(X)
        if not n_rows:
            raise DataError("X has no rows; give rows of two classes")
        codes = self._codes(y)
        if len(codes) != n_rows:
            raise DataError(f"y has {len(codes)} labels, X has {n_rows} rows; give one for each")
        if codes.min() == codes.max():
            only = self.classes_.tolist()[codes[0]]
            raise DataError(f"y holds one class only, {only!r}; give rows that defaulted and rows that did not")
        return codes
