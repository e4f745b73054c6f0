"""Models of tables: an encoder that is fitted on the training rows alone, and a model of what it makes of them."""

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import clone
from sklearn.utils import get_tags
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted

from finnet.estimators.fit_checks import given_validation
from finnet.estimators.probabilities import WrappedClassifier
from finnet.estimators.regressors import WrappedRegressor, checked_numbers
from finnet.estimators.sample_weights import checked_sample_weight
from finnet.fitting import Rows, fit_beside, takes_validation
from finnet.types import FloatArray, IntArray

__all__ = ["EncodedClassifier", "EncodedRegressor"]


class _Encoded:
    """What both have in common: columns are those of the table that the encoder was given."""

    encoder: Any
    encoder_: Any

    def _fitted(self, model: Any, train: Rows, validation: Rows | None) -> Any:
        """The model fitted to encoded rows."""
        # The encoder learns from training rows alone: what it knew of validation rows would flatter their forecasts.
        self.encoder_ = clone(self.encoder).fit(train.X)
        if validation is not None:
            validation = validation._replace(X=self._inside(validation.X))
        return fit_beside(clone(model), train._replace(X=self._inside(train.X)), validation)

    def _inside(self, X: Any) -> Any:
        """Rows as the model inside takes them."""
        return self.encoder_.transform(X)

    @property
    def n_features_in_(self) -> int:
        """Number of columns given to `fit`."""
        return int(self.encoder_.n_features_in_)

    @property
    def feature_names_in_(self) -> npt.NDArray[Any]:
        """Names of the columns given to `fit`."""
        return np.asarray(self.encoder_.feature_names_in_)


def _has_spread(model: "EncodedClassifier") -> bool:
    return hasattr(model.classifier_, "spread")


class EncodedClassifier(_Encoded, WrappedClassifier):
    """A classifier of tables: the encoder is fitted on the training rows alone and applied to all others.

    Parameters
    ----------
    encoder : transformer
        Table to float matrix, for instance `TableEncoder`.
    classifier : classifier
        Of float matrices without missing values.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from finnet.features.encoding import TableEncoder
    >>> table = pd.DataFrame({"income": [1.0, 2.0, 3.0, None], "home": ["own", "rent", "rent", "own"]})
    >>> model = EncodedClassifier(TableEncoder(), LogisticRegression()).fit(table, np.array([1, 0, 0, 1]))
    >>> model.predict_proba(table).shape
    (4, 2)
    """

    def __init__(self, encoder: Any, classifier: Any) -> None:
        self.encoder = encoder
        self.classifier = classifier

    def fit(
        self,
        X: pd.DataFrame,
        y: IntArray,
        sample_weight: FloatArray | None = None,
        *,
        X_val: pd.DataFrame | None = None,
        y_val: IntArray | None = None,
        sample_weight_val: FloatArray | None = None,
    ) -> Self:
        """Fit encoder and classifier to a table X (n_rows, n_columns) and labels y (n_rows,).

        The encoder looks at rows as they stand, whatever their weights.
        """
        train = Rows(X, y, checked_sample_weight(sample_weight, X))
        self.classifier_ = self._fitted(self.classifier, train, given_validation(X_val, y_val, sample_weight_val))
        self.classes_ = self.classifier_.classes_
        return self

    @property
    def uses_validation(self) -> bool:
        """Whether the classifier has a use of its own for validation rows."""
        return takes_validation(self.classifier)

    def settled(self) -> Self:
        """An unfitted copy that takes the settings chosen, where the classifier chose any."""
        fitted = self.classifier_
        return type(self)(self.encoder, fitted.settled() if hasattr(fitted, "settled") else self.classifier)

    def predict_proba(self, X: pd.DataFrame) -> FloatArray:
        """Probabilities of shape (n_rows, n_classes), in the order of `classes_`."""
        check_is_fitted(self)
        return np.asarray(self.classifier_.predict_proba(self._inside(X)))

    @available_if(_has_spread)  # type: ignore[untyped-decorator]
    def spread(self, X: pd.DataFrame) -> FloatArray:
        """Standard deviation of the forecasts over the members of an ensemble, of shape (n_rows, n_outputs)."""
        return np.asarray(self.classifier_.spread(self._inside(X)))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.encoder).input_tags
        return tags


class EncodedRegressor(_Encoded, WrappedRegressor):
    """A regressor of tables: the encoder is fitted on the training rows alone and applied to all others.

    Parameters
    ----------
    encoder : transformer
        Table to float matrix, for instance `TableEncoder`.
    regressor : regressor
        Of float matrices without missing values.

    Examples
    --------
    >>> from sklearn.linear_model import Ridge
    >>> from finnet.features.encoding import TableEncoder
    >>> table = pd.DataFrame({"income": [1.0, 2.0, 3.0, None], "home": ["own", "rent", "rent", "own"]})
    >>> EncodedRegressor(TableEncoder(), Ridge()).fit(table, np.array([1.0, 2.0, 3.0, 2.0])).predict(table).shape
    (4,)
    """

    def __init__(self, encoder: Any, regressor: Any) -> None:
        self.encoder = encoder
        self.regressor = regressor

    def fit(
        self,
        X: pd.DataFrame,
        y: FloatArray,
        sample_weight: FloatArray | None = None,
        *,
        X_val: pd.DataFrame | None = None,
        y_val: FloatArray | None = None,
        sample_weight_val: FloatArray | None = None,
    ) -> Self:
        """Fit encoder and regressor to a table X (n_rows, n_columns) and numbers y (n_rows,).

        The encoder looks at rows as they stand, whatever their weights.
        """
        train = Rows(X, checked_numbers(X, y), checked_sample_weight(sample_weight, X))
        self.regressor_ = self._fitted(self.regressor, train, given_validation(X_val, y_val, sample_weight_val))
        return self

    def settled(self) -> Self:
        """An unfitted copy that takes the settings chosen, where the regressor chose any."""
        return type(self)(self.encoder, self._settled_regressor())

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        # Whatever the regressor inside could learn, `fit` takes one number per row.
        tags.input_tags, tags.target_tags.multi_output = get_tags(self.encoder).input_tags, False
        return tags
