"""What regressors by one network or by many share: numbers to targets, and outputs to numbers."""

from typing import Any, Self, cast

import numpy.typing as npt
from sklearn.base import MultiOutputMixin, RegressorMixin
from sklearn.utils.validation import check_is_fitted

from finnet.errors import ConfigError, DataError
from finnet.estimators.fit_checks import has_validation, warn_of_spread
from finnet.estimators.network_base import Data, EstimatorOfNetworks
from finnet.estimators.objective import Objective, number_objective
from finnet.network.batches import Examples
from finnet.network.losses import Loss, QuantileLoss, named_loss
from finnet.types import FloatArray

__all__ = ["RegressorOfNetworks"]


class RegressorOfNetworks(RegressorMixin, MultiOutputMixin, EstimatorOfNetworks):  # type: ignore[misc]
    """Numbers to targets, and outputs to numbers."""

    loss: str | Loss

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
        y : array of shape (n_rows,) or (n_rows, n_outputs)
        sample_weight : array of shape (n_rows,), optional
        X_val, y_val : optional
            Validation rows, whose loss is noted every epoch and decides early stopping.
        sample_weight_val : array of shape (n_validation_rows,), optional
            How much each of them counts in that loss.
        """
        with self._all_or_nothing():
            rows, targets = self._checked(X, y, reset=not self._goes_on, warns=True, y_numeric=True, multi_output=True)
            self._take_shape(targets)
            columns = self._columns(targets, name="y")
            examples = self._examples(rows, columns, sample_weight)
            objective = self._task(examples)
            warn_of_spread(columns, objective.loss, dtype=self.dtype)
            validation = None
            if has_validation(X_val, y_val):
                judges, judged = self._checked(
                    cast(Data, X_val),
                    y_val,
                    name="y_val",
                    reset=False,
                    warns=False,
                    y_numeric=True,
                    multi_output=True,
                )
                validation = self._examples(judges, self._columns(judged, name="y_val"), sample_weight_val)
            return self._fit(examples, objective, validation=validation)

    def _take_shape(self, targets: npt.NDArray[Any]) -> None:
        """Take the shape that targets have."""
        self._has_columns, self._n_columns = targets.ndim == 2, targets[0].size

    def _columns(self, targets: npt.NDArray[Any], *, name: str) -> npt.NDArray[Any]:
        """Targets of shape (n_rows, n_columns); DataError where there are other columns than before."""
        # One column where targets came without columns.
        columns = targets.reshape(len(targets), -1)
        if columns.shape[1] != self._n_columns:
            raise DataError(
                f"{name} has {columns.shape[1]} columns, the targets that the network learns have {self._n_columns};"
                " give it as many, or fit anew"
            )
        return columns

    def partial_fit(self, X: Data, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Learn from rows that have just come, as classifiers do (see NetworkClassifier.partial_fit).

        X has shape (n_rows, n_features); y is as in `fit`, with as many columns in every call.
        """
        is_new = not hasattr(self, "network_")
        with self._all_or_nothing():
            rows, targets = self._checked(X, y, reset=is_new, warns=is_new, y_numeric=True, multi_output=True)
            if is_new:
                self._take_shape(targets)
            examples = self._examples(rows, self._columns(targets, name="y"), sample_weight)
            return self._learn(examples, self._task(examples))

    @property
    def forecast_kind(self) -> str:
        """ "quantile" where the loss is one of quantiles, else "mean"."""
        return "quantile" if isinstance(named_loss(self.loss), QuantileLoss) else "mean"

    @property
    def levels(self) -> tuple[float, ...]:
        """Levels of the quantiles, in the order of the columns that `predict` gives; none for means."""
        loss = named_loss(self.loss)
        return loss.levels if isinstance(loss, QuantileLoss) else ()

    def _task(self, examples: Examples) -> Objective:
        return number_objective(examples.Y, self.loss)

    def predict(self, X: Data) -> FloatArray:
        """Forecasts of shape (n_rows,), or (n_rows, n_outputs) where there are several outputs, or quantiles."""
        P = self._outputs(X)
        return P if self._has_columns or P.shape[1] > 1 else P[:, 0]

    def score(self, X: Data, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> float:
        """R^2 of the forecasts of X (n_rows, n_features), for y of the shape that `predict` gives.

        ConfigError where there are several quantiles of every target, which have none.
        """
        check_is_fitted(self)
        n_outputs = self.network_.layers[-1].n_out
        if n_outputs > self._n_columns:
            raise ConfigError(
                f"loss={self.loss!r} forecasts {n_outputs} quantiles of every target, and R^2 needs one forecast; score"
                " the columns of predict, with sklearn.metrics.mean_pinball_loss"
            )
        return float(super().score(X, y, sample_weight))
