"""What classifiers by one network or by many share: labels to targets, and outputs to probabilities and labels."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self, cast

import numpy as np
import numpy.typing as npt
from sklearn.base import ClassifierMixin

from finnet.errors import ConfigError, DataError
from finnet.estimators.fit_checks import has_validation
from finnet.estimators.network_base import Data, EstimatorOfNetworks
from finnet.estimators.objective import Objective, class_objective
from finnet.estimators.target_checks import class_weights, distinct, of_mean_one, positions, require_known
from finnet.network.batches import Examples
from finnet.network.losses import Loss
from finnet.types import FloatArray, IntArray

__all__ = ["ClassifierOfNetworks"]


class ClassifierOfNetworks(ClassifierMixin, EstimatorOfNetworks):  # type: ignore[misc]
    """Labels to targets, and outputs to probabilities and labels."""

    loss: str | Loss
    class_weight: Mapping[Any, float] | str | None
    classes_: npt.NDArray[Any]

    def fit(
        self,
        X: Data,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        *,
        X_val: Data | None = None,
        y_val: npt.ArrayLike | None = None,
        sample_weight_val: npt.ArrayLike | None = None,
    ) -> Self:
        """Train anew, or from the weights of the fit before where `warm_start` says so.

        Parameters
        ----------
        X : array or DataFrame of shape (n_rows, n_features), numeric, finite
        y : array of shape (n_rows,)
            Labels of at least two classes; DataError for fewer.
        sample_weight : array of shape (n_rows,), optional
        X_val, y_val : optional
            Validation rows, whose loss is noted every epoch and decides early stopping.
        sample_weight_val : array of shape (n_validation_rows,), optional
            How much each of them counts in that loss.
        """
        with self._all_or_nothing():
            rows, labels = self._checked(X, y, reset=not self._goes_on, warns=True)
            classes = distinct(labels, name="y")
            self._take_classes(classes, remedy="give rows of at least two classes")
            codes = positions(labels, classes)
            examples = _weighed_alike(self._coded(rows, codes, sample_weight=sample_weight))
            validation = None
            if has_validation(X_val, y_val):
                judges, judged = self._checked(cast(Data, X_val), y_val, name="y_val", reset=False, warns=False)
                judged_codes = self._codes(judged, name="y_val")
                validation = _weighed_alike(self._coded(judges, judged_codes, sample_weight=sample_weight_val))
            return self._fit(examples, self._task(codes), validation=validation)

    def partial_fit(
        self,
        X: Data,
        y: npt.ArrayLike,
        classes: npt.ArrayLike | None = None,
        *,
        sample_weight: npt.ArrayLike | None = None,
    ) -> Self:
        """Learn from rows that have just come, in one epoch over them, and go on from all that came before.

        The first call starts a new network, or goes on from the fitted one; later calls keep its settings and the
        memory of its optimizer, and a schedule counts calls. Early stopping holds nothing out and never stops: every
        chunk is forecast before it is learned from, which `history_` notes as validation_loss (prequential; Dawid
        1984), and the latest weights are kept, because in a stream the past may be over. Callbacks are not called.

        A call that is interrupted leaves everything as it was before. One in which training diverges raises
        TrainingError and leaves the weights as they were; the memory of the optimizer, the schedule, `history_` and
        `n_iter_` start anew with the next call.

        In an ensemble every member does so, in one process: those that were chosen, with their shares and settings,
        where it is fitted, and else all that `members` asks for, with equal ones. None is chosen or left out by its
        losses, but one that diverges leaves, with a FinnetWarning.

        Parameters
        ----------
        X : array or DataFrame of shape (n_rows, n_features), numeric, finite
        y : array of shape (n_rows,)
        classes : array, optional
            All labels that will ever come, in the first call; None takes those of its y. Later calls may name the same
            again, and no others.
        sample_weight : array of shape (n_rows,), optional
            Of rows beside each other: they have mean 1 over the rows of every call, so that no call counts more than
            another of as many rows. Weights of classes multiply them, also where all rows of a call are of one class.

        Examples
        --------
        >>> from finnet.estimators.network import NetworkClassifier
        >>> X = np.random.default_rng(0).standard_normal((2000, 2))
        >>> model = NetworkClassifier(hidden=(), learning_rate=0.05, batch_size=10, random_state=0)
        >>> for rows in np.split(np.arange(2000), 20):
        ...     model = model.partial_fit(X[rows], X[rows, 0] > 0.5, classes=[False, True])
        >>> bool(model.score(X, X[:, 0] > 0.5) > 0.95)
        True
        """
        if self.class_weight == "balanced":
            raise ConfigError('class_weight="balanced" needs all rows at once; give a weight per class, or call fit')
        is_new = not hasattr(self, "network_")
        with self._all_or_nothing():
            rows, labels = self._checked(X, y, reset=is_new, warns=is_new)
            named = distinct(labels, name="y") if classes is None else distinct(np.asarray(classes), name="classes")
            if is_new:
                self._take_classes(named, remedy="name all that will ever come in the first call, as classes=[...]")
            elif classes is not None and not np.array_equal(named, self.classes_):
                known, given = self.classes_.tolist(), named.tolist()
                raise DataError(f"classes={given} are not those that the network tells apart, {known}; fit a clone")
            # Labels are held against all classes, as a chunk may hold only some of them.
            codes = self._codes(labels, name="y")
            return self._learn(self._coded(rows, codes, sample_weight=sample_weight), self._task(codes))

    def _take_classes(self, classes: npt.NDArray[Any], *, remedy: str) -> None:
        """Take the classes that are to be told apart."""
        if self._goes_on and not np.array_equal(classes, self.classes_):
            known, found = self.classes_.tolist(), classes.tolist()
            raise DataError(f"warm_start=True goes on with classes {known}, y holds {found}; fit a clone")
        if len(classes) < 2:
            raise DataError(f"y holds one class only, {classes.tolist()[0]!r}; {remedy}")
        self.classes_ = classes

    def _task(self, codes: IntArray) -> Objective:
        return class_objective(codes, self.loss, n_classes=len(self.classes_))

    def _coded(self, X: FloatArray, codes: IntArray, *, sample_weight: npt.ArrayLike | None = None) -> Examples:
        """One column of 0 and 1 for two classes, one column per class for more."""
        n_classes = len(self.classes_)
        Y = codes[:, None] if n_classes == 2 else np.eye(n_classes)[codes]
        by_class = class_weights(self.class_weight, self.classes_, codes)
        return self._examples(X, Y, sample_weight, factors=None if by_class is None else by_class[codes])

    def _codes(self, labels: npt.NDArray[Any], *, name: str) -> IntArray:
        require_known(labels, self.classes_, name=name)
        return positions(labels, self.classes_)

    def predict_proba(self, X: Data) -> FloatArray:
        """Probabilities of shape (n_rows, n_classes), in the order of `classes_`."""
        P = self._outputs(X)
        return np.hstack([1.0 - P, P]) if len(self.classes_) == 2 else P

    def predict(self, X: Data) -> npt.NDArray[Any]:
        """The likeliest class of every row, shape (n_rows,)."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        return cast(npt.NDArray[Any], self.classes_[likeliest])


def _weighed_alike(examples: Examples) -> Examples:
    """The same with weights of mean 1, class by class and row by row together."""
    if examples.weights is None:
        return examples
    # In float64, as the sum of many float32 weights loses digits.
    return replace(examples, weights=of_mean_one(examples.weights.astype(np.float64)).astype(examples.weights.dtype))
