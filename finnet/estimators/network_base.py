"""What single networks and ensembles share: checked data, coded labels, rows held out, settings by name."""

import warnings
from abc import abstractmethod
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from functools import cache
from math import prod
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin, MultiOutputMixin, RegressorMixin
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from threadpoolctl import ThreadpoolController

from finnet.checks import require_choice
from finnet.errors import ConfigError, DataError, FinnetWarning
from finnet.network.activations import Activation, Identity, Sigmoid, Softmax
from finnet.network.batches import Examples
from finnet.network.layer import Layer
from finnet.network.losses import (
    LOSSES,
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    FocalLoss,
    Loss,
    loss_on_scores,
    mean_loss,
    named_loss,
)
from finnet.network.model import Network
from finnet.network.settings import Settings
from finnet.network.stopping import EarlyStopping
from finnet.types import BoolArray, FloatArray, IntArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "ClassifierOfNetworks",
    "Data",
    "EstimatorOfNetworks",
    "RandomState",
    "RegressorOfNetworks",
    "Task",
    "are_much_worse",
    "blas_threads",
    "generator",
    "require_hidden",
    "warn_if_worse",
    "warn_of_divergence",
]

_SMALLEST, _LARGEST = 1e-4, 1e4
_NARROW, _WIDE = 0.03, 300.0
_WORSE, _ENOUGH_ROWS = 10.0, 4000

RandomState = int | np.random.RandomState | np.random.Generator | None
Data = npt.ArrayLike | pd.DataFrame


def generator(random_state: RandomState) -> np.random.Generator:
    """The Generator itself, or a new one seeded by the int, by a draw of the RandomState, or by the system.

    Examples
    --------
    >>> bool(generator(3).random() == generator(3).random())
    True
    """
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**32, size=4, dtype=np.uint64))
    return np.random.default_rng(random_state)


@cache
def blas_threads() -> ThreadpoolController:
    """The door to BLAS threads: one per fit, because more give other bits and slow small networks down."""
    return ThreadpoolController()


@dataclass(frozen=True)
class Task:
    """What a network is to learn: loss, output, and what a stratified block is spread over."""

    strata: FloatArray | IntArray
    loss: Loss
    output: Activation

    def start(self, examples: Examples) -> FloatArray:
        """Scores that forecast the mean target, where training starts."""
        Y, weights = examples.targets()
        mean = np.average(Y.astype(np.float64), axis=0, weights=None if weights is None else weights[:, 0])
        if isinstance(self.output, Identity):
            return np.asarray(mean)
        share = np.clip(mean, 1e-4, 1.0 - 1e-4)
        return np.asarray(np.log(share) - np.log(1.0 - share) if isinstance(self.output, Sigmoid) else np.log(share))

    def constant_loss(self, examples: Examples, judged: Examples | None = None) -> float:
        """Mean loss of forecasting the mean target of the examples, for them or for the rows judged."""
        Y, weights = (examples if judged is None else judged).targets()
        scores = np.broadcast_to(self.start(examples).astype(Y.dtype), Y.shape)
        return float(mean_loss(loss_on_scores(self.loss, self.output), scores, Y, weights=weights))


def require_hidden(hidden: Any) -> None:
    """Raise ConfigError unless `hidden` holds one whole number above 0 per layer."""
    is_row = isinstance(hidden, tuple | list)
    if not is_row or not all(isinstance(units, int | np.integer) and units >= 1 for units in hidden):
        raise ConfigError(f"hidden={hidden!r} is not one whole number above 0 per layer; use (64, 32), (64,) or ()")


def positions(labels: npt.NDArray[Any], classes: npt.NDArray[Any]) -> IntArray:
    """Where every label stands among the classes, which are sorted and hold all of them.

    Examples
    --------
    >>> positions(np.array(["up", "down", "up"]), np.array(["down", "up"]))
    array([1, 0, 1])
    """
    if len(classes) == 2:
        return np.asarray(labels == classes[1], dtype=np.int64)
    return np.searchsorted(classes, labels)


def warn_of_sizes(X: FloatArray, names: npt.NDArray[Any] | None) -> None:
    """FinnetWarning that names the column furthest from unit size, where one is far, over a few thousand rows."""
    some = X[:: max(1, len(X) // _ENOUGH_ROWS)]
    sizes = np.maximum(some.max(axis=0), -some.min(axis=0))
    distance = np.abs(np.log10(np.where(sizes > 0.0, sizes, 1.0)))
    column = int(distance.argmax())
    if not _SMALLEST <= sizes[column] <= _LARGEST and sizes[column] > 0.0:
        name = column if names is None else repr(names[column])
        warnings.warn(
            f"column {name} has sizes up to {sizes[column]:.3g}; networks learn from inputs of about unit size: put a"
            " StandardScaler or a TableEncoder in front",
            FinnetWarning,
            stacklevel=4,
        )


def warn_of_spread(Y: FloatArray, loss: Loss) -> None:
    """FinnetWarning where a target's spread is far from unit size, over a few thousand rows.

    Losses of one's own are left alone, as they need not compare forecasts with targets of their size.
    """
    spreads = Y[:: max(1, len(Y) // _ENOUGH_ROWS)].astype(np.float64).std(axis=0)
    spread = spreads[np.abs(np.log(np.where(spreads > 0.0, spreads, 1.0))).argmax()]
    if isinstance(loss, tuple(map(type, LOSSES.values()))) and spread > 0.0 and not _NARROW <= spread <= _WIDE:
        warnings.warn(
            f"y has a standard deviation of {spread:.3g}; networks learn targets of about unit size: put a"
            " TransformedTargetRegressor with a StandardScaler around",
            FinnetWarning,
            stacklevel=3,
        )


def warn_of_divergence(n_diverged: int, n_networks: int) -> None:
    """FinnetWarning where some networks of an ensemble have diverged, which take no part in its forecasts.

    Where all have, `warn_if_worse` says so.
    """
    if 0 < n_diverged < n_networks:
        warnings.warn(
            f"{n_diverged} of {n_networks} networks diverged: lower the learning rate, of a range its upper end, scale"
            " the inputs and the target to about unit size, or clip gradients",
            FinnetWarning,
            stacklevel=4,
        )


def are_much_worse(losses: FloatArray, constants: FloatArray) -> BoolArray:
    """Which losses are so much worse than those of one forecast for all rows that training has diverged."""
    return (constants > 0.0) & (losses > _WORSE * constants)


def warn_if_worse(loss: float, constant: float) -> None:
    """FinnetWarning where training ended much worse than one forecast for all rows, so that it has diverged."""
    if are_much_worse(np.array(loss), np.array(constant)):
        warnings.warn(
            f"training ended at a loss of {loss:.3g}, where forecasting the mean for every row has {constant:.3g}:"
            " lower the learning rate, scale the inputs and the target to about unit size, or train for more epochs",
            FinnetWarning,
            stacklevel=4,
        )


class EstimatorOfNetworks(BaseEstimator):  # type: ignore[misc]
    """Settings by name, and data checked and turned into examples."""

    hidden: tuple[int, ...]
    early_stopping: bool | EarlyStopping
    warm_start: bool
    dtype: str
    network_: Network
    _double_network: Network

    def summary(self) -> pd.DataFrame:
        """Table of the fitted network's layers: layer, units, parameters (of each member, where there are several)."""
        check_is_fitted(self)
        rows = [(repr(layer), layer.n_out, _count(layer)) for layer in self.network_.layers]
        return pd.DataFrame(rows, columns=["layer", "units", "parameters"])

    def plot_history(self, axes: "Axes | None" = None) -> "Axes":
        """Draw training and validation loss by epoch into these axes, or into a new figure; the axes again."""
        check_is_fitted(self)
        # Here, because matplotlib takes half a second that most fits can do without.
        from finnet.estimators.curves import draw_history

        return draw_history(cast(Any, self).history_, axes)

    def set_params(self, **params: Any) -> Self:
        """Set parameters; `optimizer__learning_rate` and the like replace the settings object by a changed copy."""
        nested = {name: value for name, value in params.items() if "__" in name}
        super().set_params(**{name: value for name, value in params.items() if name not in nested})
        for name, value in nested.items():
            owner, _, field = name.partition("__")
            self._replace_setting(owner, field, value)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags

    def _replace_setting(self, owner: str, field: str, value: Any) -> None:
        settings = getattr(self, owner, None)
        if not isinstance(settings, Settings):
            raise ConfigError(f"{owner}__{field} needs {owner} to be a settings object, not {settings!r}")
        setattr(self, owner, settings.changed(field, value))

    @abstractmethod
    def _fit(self, examples: Examples, task: Task, *, validation: Examples | None) -> Self:
        """Learn from examples; hold out some where early stopping needs validation and none is given."""

    @abstractmethod
    def _learn(self, examples: Examples, task: Task) -> Self:
        """Go on by one epoch over these rows, from nothing where there is nothing to go on from."""

    @abstractmethod
    def _forecast(self, X: FloatArray) -> FloatArray:
        """Forecasts of shape (n_rows, n_outputs) in float64, for X in float32 or float64."""

    @property
    def _goes_on(self) -> bool:
        return self.warm_start and hasattr(self, "network_")

    def _require_layers_of_fitted(self, network: Network) -> None:
        """Raise ConfigError unless a network has parameters of the same shapes as the fitted one."""
        if _shapes(network) != _shapes(self.network_):
            raise ConfigError(
                "warm_start and partial_fit go on with the fitted network, whose layers are others; keep the columns,"
                " the outputs and the settings of layers, or fit a clone"
            )

    def _divider(self, rng: np.random.Generator) -> np.random.Generator:
        """What divides rows into those to learn from and those that judge: `rng`, or that of the fit before.

        A warm start divides the same targets as before, so that rows which were learned from never judge.
        """
        self._divided_by = getattr(self, "_divided_by", rng) if self._goes_on else rng
        return deepcopy(self._divided_by)

    def _require_settings(self) -> None:
        """Raise ConfigError for settings that no network can have."""
        require_hidden(self.hidden)
        if not isinstance(self.early_stopping, bool | np.bool_ | EarlyStopping):
            raise ConfigError(
                f"early_stopping={self.early_stopping!r} is neither True, False nor an object; use EarlyStopping(...)"
            )

    def _outputs(self, X: Data) -> FloatArray:
        check_is_fitted(self)
        rows: FloatArray = validate_data(self, X, reset=False, dtype=[np.float64, np.float32], order="C")
        with blas_threads().limit(limits=1, user_api="blas"):
            return self._forecast(rows)

    def _network_forecasts(self, X: FloatArray) -> FloatArray:
        """Of every member, in the type of X: float32 is faster, float64 the same row by row and in bulk."""
        network = self.network_ if X.dtype == self.dtype else self._double_network
        scores = network.scores(X.astype(network.values.dtype, copy=False)).astype(np.float64)
        return network.output.value(scores, scores)

    def _stopping(self) -> EarlyStopping | None:
        if isinstance(self.early_stopping, EarlyStopping):
            return self.early_stopping
        return EarlyStopping() if self.early_stopping else None

    def _examples(self, X: FloatArray, Y: npt.NDArray[Any], sample_weight: npt.ArrayLike | None = None) -> Examples:
        with np.errstate(over="ignore"):
            targets: FloatArray = np.ascontiguousarray(Y, dtype=self.dtype)
        if not np.isfinite(targets).all():
            raise DataError(f"y reaches {np.abs(Y).max():.3g}, beyond {self.dtype}; scale it to about unit size")
        if sample_weight is None:
            return Examples(X, targets)
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        if not weights.sum() > 0.0:
            raise DataError("sample_weight sums to zero; give at least one row a weight above zero")
        if weights.max() > np.finfo(self.dtype).max:
            raise DataError(f"sample_weight reaches {weights.max():.3g}, beyond {self.dtype}; divide it by its mean")
        return Examples(X, targets, weights[:, None].astype(self.dtype))

    def _checked(
        self, X: Data, y: npt.ArrayLike | None, *, reset: bool = True, **rules: bool
    ) -> tuple[FloatArray, npt.NDArray[Any]]:
        """X in the network's dtype, and y; ValueError for what cannot be learned from, NaN included."""
        # What is beyond the type becomes infinite, which is refused; NumPy need not warn of it as well.
        with np.errstate(over="ignore", invalid="ignore"):
            checked = validate_data(self, X, y, reset=reset, dtype=np.dtype(self.dtype), order="C", **rules)
        if reset:
            warn_of_sizes(checked[0], getattr(self, "feature_names_in_", None))
        return cast(tuple[FloatArray, npt.NDArray[Any]], checked)


def _count(layer: Layer) -> int:
    return sum(prod(parameter.shape) for parameter in layer.parameters)


def _shapes(network: Network) -> list[tuple[int, int]]:
    return [parameter.shape for layer in network.layers for parameter in layer.parameters]


def _with_unit_weights(examples: Examples) -> Examples:
    """The same with weights of mean 1, so that their scale does not change the learning rate."""
    if examples.weights is None:
        return examples
    return replace(examples, weights=examples.weights / examples.weights.mean())


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
        """
        rows, labels = self._checked(X, y)
        classes = np.unique(labels)
        # Each twice, as many labels that come once each are taken for numbers.
        check_classification_targets(np.repeat(classes, 2))
        self._meet(classes)
        codes = positions(labels, classes)
        examples = _with_unit_weights(self._coded(rows, codes, sample_weight=sample_weight))
        given = None if X_val is None else self._given(X_val, y_val)
        return self._fit(examples, self._task(codes), validation=given)

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

        In an ensemble every member does so, in one process: those that were chosen, with their shares, where it is
        fitted, and else all that `members` asks for, with equal ones. None is chosen or left out by its losses, but one
        that diverges leaves, with a FinnetWarning.

        Parameters
        ----------
        X : array or DataFrame of shape (n_rows, n_features), numeric, finite
        y : array of shape (n_rows,)
        classes : array, optional
            All labels that will ever come, in the first call; None takes those of its y.
        sample_weight : array of shape (n_rows,), optional
            As it is: a row of weight 2 moves the network twice as far.

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
        rows, labels = self._checked(X, y, reset=is_new)
        check_classification_targets(labels)
        if is_new:
            self._meet(np.unique(labels if classes is None else np.asarray(classes)))
        codes = self._codes(labels, name="y")
        return self._learn(self._coded(rows, codes, sample_weight=sample_weight), self._task(codes))

    def _meet(self, classes: npt.NDArray[Any]) -> None:
        """Take the classes that are to be told apart."""
        if self._goes_on and not np.array_equal(classes, self.classes_):
            raise DataError(f"warm_start=True goes on with classes {self.classes_}, y holds {classes}; fit a clone")
        if len(classes) < 2:
            raise DataError(f"y holds one class only, {classes[0]}; give rows of at least two classes")
        self.classes_ = classes

    def _task(self, codes: IntArray) -> Task:
        is_binary = len(self.classes_) == 2
        return Task(codes, self._loss(is_binary=is_binary), Sigmoid() if is_binary else Softmax())

    def _loss(self, *, is_binary: bool) -> Loss:
        if self.loss == "cross_entropy":
            return BinaryCrossEntropy() if is_binary else CategoricalCrossEntropy()
        if isinstance(self.loss, str):
            require_choice(self.loss, ("cross_entropy", "focal", "mse"), name="loss")
        loss = named_loss(self.loss)
        if isinstance(loss, FocalLoss) and not is_binary:
            raise ConfigError(f'loss={self.loss!r} tells two classes apart, y holds {len(self.classes_)}; use "mse"')
        return loss

    def _coded(self, X: FloatArray, codes: IntArray, *, sample_weight: npt.ArrayLike | None = None) -> Examples:
        """One column of 0 and 1 for two classes, one column per class for more."""
        n_classes = len(self.classes_)
        Y = codes[:, None] if n_classes == 2 else np.eye(n_classes)[codes]
        if self.class_weight is None:
            return self._examples(X, Y, sample_weight)
        by_class = compute_sample_weight(self.class_weight, self.classes_[codes])
        return self._examples(X, Y, by_class if sample_weight is None else by_class * sample_weight)

    def _given(self, X_val: Data, y_val: npt.ArrayLike | None) -> Examples:
        rows, labels = self._checked(X_val, y_val, reset=False)
        return _with_unit_weights(self._coded(rows, self._codes(labels, name="y_val")))

    def _codes(self, labels: npt.NDArray[Any], *, name: str) -> IntArray:
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            known = ", ".join(str(known) for known in self.classes_)
            raise DataError(f"{name} holds class {unknown[0]}, which is none of {known}; drop those rows or fit anew")
        return positions(labels, self.classes_)

    def predict_proba(self, X: Data) -> FloatArray:
        """Probabilities of shape (n_rows, n_classes), in the order of `classes_`."""
        P = self._outputs(X)
        return np.hstack([1.0 - P, P]) if len(self.classes_) == 2 else P

    def predict(self, X: Data) -> npt.NDArray[Any]:
        """The likeliest class of every row."""
        likeliest = self.predict_proba(X).argmax(axis=1)
        return cast(npt.NDArray[Any], self.classes_[likeliest])


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
    ) -> Self:
        """Train anew, or from the weights of the fit before where `warm_start` says so.

        Parameters
        ----------
        X : array or DataFrame of shape (n_rows, n_features), numeric, finite
        y : array of shape (n_rows,) or (n_rows, n_outputs)
        sample_weight : array of shape (n_rows,), optional
        X_val, y_val : optional
            Validation rows, whose loss is noted every epoch and decides early stopping.
        """
        rows, targets = self._checked(X, y, multi_output=True, y_numeric=True)
        self._has_columns = targets.ndim == 2
        examples = _with_unit_weights(self._examples(rows, targets.reshape(len(rows), -1), sample_weight))
        task = self._task(examples)
        warn_of_spread(examples.Y, task.loss)
        given = None if X_val is None else self._given(X_val, y_val)
        return self._fit(examples, task, validation=given)

    def partial_fit(self, X: Data, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Learn from rows that have just come, as classifiers do (see NetworkClassifier.partial_fit); y as in `fit`."""
        is_new = not hasattr(self, "network_")
        rows, targets = self._checked(X, y, reset=is_new, multi_output=True, y_numeric=True)
        if is_new:
            self._has_columns = targets.ndim == 2
        examples = self._examples(rows, targets.reshape(len(rows), -1), sample_weight)
        return self._learn(examples, self._task(examples))

    def _task(self, examples: Examples) -> Task:
        return Task(examples.Y[:, 0], named_loss(self.loss), Identity())

    def predict(self, X: Data) -> FloatArray:
        """Forecasts of shape (n_rows,), or (n_rows, n_outputs) where there are several outputs."""
        P = self._outputs(X)
        return P if self._has_columns or P.shape[1] > 1 else P[:, 0]

    def _given(self, X_val: Data, y_val: npt.ArrayLike | None) -> Examples:
        rows, targets = self._checked(X_val, y_val, reset=False, multi_output=True, y_numeric=True)
        return self._examples(rows, targets.reshape(len(rows), -1))
