"""What single networks and ensembles share: checked data, coded labels, rows held out, settings by name."""

import warnings
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
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

from finnet.checks import is_whole, require_choice, require_methods, require_whole
from finnet.errors import ConfigError, DataError, FinnetWarning
from finnet.estimators.task import Task, class_task, number_task
from finnet.network.activations import Activation, named_activation
from finnet.network.batches import Examples
from finnet.network.callbacks import Callback, require_callbacks
from finnet.network.initializers import Initializer
from finnet.network.layers import Layer
from finnet.network.losses import Loss
from finnet.network.model import Network
from finnet.network.optimizers import Optimizer, named_optimizer
from finnet.network.regularization import Clipping
from finnet.network.schedules import Schedule
from finnet.network.stopping import EarlyStopping
from finnet.types import FloatArray, IntArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "ClassifierOfNetworks",
    "Data",
    "EstimatorOfNetworks",
    "RandomState",
    "RegressorOfNetworks",
    "blas_threads",
    "generator",
    "held_out",
    "require_hidden",
    "require_weight",
    "stratified_order",
]

_SMALLEST, _LARGEST = 1e-4, 1e4
_WORSE, _ENOUGH_ROWS = 10.0, 4000
_VALIDATIONS = ("stratified", "last")

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


def held_out(y: FloatArray | IntArray, fraction: float, *, how: str, rng: np.random.Generator) -> IntArray:
    """Row numbers of the validation block: a share of the rows spread evenly over the sorted targets, or the last rows.

    Parameters
    ----------
    y : ndarray of shape (n_rows,)
    fraction : float in (0, 1)
    how : "stratified" or "last"
    rng : Generator
        Breaks ties among equal targets.

    Examples
    --------
    >>> y = np.array([0, 1] * 10)
    >>> y[held_out(y, 0.2, how="stratified", rng=np.random.default_rng(0))].mean()
    np.float64(0.5)
    >>> held_out(y, 0.2, how="last", rng=np.random.default_rng(0))
    array([16, 17, 18, 19])
    """
    require_choice(how, _VALIDATIONS, name="validation")
    n, n_held = len(y), max(1, round(fraction * len(y)))
    if n_held >= n:
        raise DataError(f"n_samples={n} leaves no row to hold out; give more rows, X_val, or early_stopping=False")
    if how == "last":
        return np.arange(n - n_held, n)
    picks = (np.arange(n_held) + rng.random()) * n / n_held
    return np.sort(stratified_order(y, rng)[picks.astype(np.int64)])


def stratified_order(y: FloatArray | IntArray, rng: np.random.Generator) -> IntArray:
    """Row numbers by rising target, in random order among equal ones: rows far apart in it differ in target."""
    return np.lexsort((rng.random(len(y)), y))


@cache
def blas_threads() -> ThreadpoolController:
    """The door to BLAS threads: one per fit, because more give other bits and slow small networks down."""
    return ThreadpoolController()


def require_hidden(hidden: Any) -> None:
    """Raise ConfigError unless `hidden` holds one whole number above 0 per layer."""
    is_row = isinstance(hidden, tuple | list)
    if not is_row or not all(is_whole(units) and units >= 1 for units in hidden):
        raise ConfigError(f"hidden={hidden!r} is not one whole number above 0 per layer; use (64, 32), (64,) or ()")


def require_weight(examples: Examples, *, name: str) -> None:
    """Raise DataError where the rows that count, of any member, have weights that sum to zero."""
    _, weights = examples.targets()
    if weights is not None and not (weights.sum(axis=-2) > 0.0).all():
        raise DataError(f"sample_weight sums to zero over the {name} rows; give some of them a weight above zero")


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


def warn_if_worse(loss: float, constant: float) -> None:
    """FinnetWarning where training ended much worse than one forecast for all rows, so that it has diverged."""
    if 0.0 < _WORSE * constant < loss:
        warnings.warn(
            f"training ended at a loss of {loss:.3g}, where forecasting the mean for every row has {constant:.3g}:"
            " lower the learning rate, scale the inputs and the target to about unit size, or train for more epochs",
            FinnetWarning,
            stacklevel=4,
        )


class EstimatorOfNetworks(BaseEstimator):  # type: ignore[misc]
    """Settings by name, and data checked and turned into examples."""

    hidden: tuple[int, ...]
    activation: str | Activation
    optimizer: str | Optimizer
    batch_size: int
    epochs: int
    early_stopping: bool | EarlyStopping
    validation: str
    schedule: Schedule | None
    clipping: Clipping | None
    normalization: str | None
    initializer: str | Initializer
    callbacks: Sequence[Callback]
    dtype: str
    network_: Network

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
        nested: dict[str, dict[str, Any]] = {}
        for name in [name for name in params if "__" in name]:
            owner, _, field = name.partition("__")
            nested.setdefault(owner, {})[field] = params.pop(name)
        super().set_params(**params)
        for owner, fields in nested.items():
            self._replace_settings(owner, fields)
        return self

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags

    def _replace_settings(self, owner: str, fields: Mapping[str, Any]) -> None:
        """All at once, because one may be possible only with another."""
        settings = getattr(self, owner, None)
        for field in fields:
            if not hasattr(settings, "get_params"):
                raise ConfigError(f"{owner}__{field} needs {owner} to be a settings object, not {settings!r}")
            if field not in cast(Any, settings).get_params():
                raise ConfigError(f"{settings!r} has no setting {field!r}")
        setattr(self, owner, replace(cast(Any, settings), **fields))

    @abstractmethod
    def _fit(self, examples: Examples, task: Task, *, validation: Examples | None) -> Self:
        """Learn from examples; hold out some where early stopping needs validation and none is given."""

    @abstractmethod
    def _forecast(self, X: FloatArray) -> FloatArray:
        """Forecasts of shape (n_rows, n_outputs) in float64, for X in float32 or float64."""

    def _require_settings(self) -> None:
        """Raise ConfigError for settings that no network can have."""
        require_hidden(self.hidden)
        require_whole(self.epochs, 1, name="epochs")
        require_whole(self.batch_size, 1, name="batch_size")
        require_choice(self.validation, _VALIDATIONS, name="validation")
        named_activation(self.activation)
        named_optimizer(self.optimizer)
        if self.schedule is not None:
            require_methods(self.schedule, ("factor",), name="schedule", such_as="Cosine()")
        if self.clipping is not None:
            require_methods(self.clipping, ("clip",), name="clipping", such_as="Clipping(norm=1.0)")
        require_callbacks(self.callbacks)
        self._require_normalization()
        if not isinstance(self.early_stopping, bool | np.bool_ | EarlyStopping):
            raise ConfigError(
                f"early_stopping={self.early_stopping!r} is neither True, False nor an object; use EarlyStopping(...)"
            )

    def _require_normalization(self) -> None:
        if self.normalization is None:
            return
        require_choice(self.normalization, ("batch", "layer"), name="normalization")
        if self.normalization == "batch" and self.batch_size == 1:
            raise ConfigError(
                'normalization="batch" compares the rows of a batch, and batch_size=1 leaves nothing to compare; use'
                ' batches of 8 or more, or normalization="layer"'
            )

    def _outputs(self, X: Data) -> FloatArray:
        check_is_fitted(self)
        rows: FloatArray = validate_data(self, X, reset=False, dtype=[np.float64, np.float32], order="C")
        with blas_threads().limit(limits=1, user_api="blas"):
            return self._forecast(rows)

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
        require_choice(self.dtype, ("float32", "float64"), name="dtype")
        # What is beyond the type becomes infinite, which is refused; NumPy need not warn of it as well.
        with np.errstate(over="ignore", invalid="ignore"):
            checked = validate_data(self, X, y, reset=reset, dtype=np.dtype(self.dtype), order="C", **rules)
        if reset:
            warn_of_sizes(checked[0], getattr(self, "feature_names_in_", None))
        return cast(tuple[FloatArray, npt.NDArray[Any]], checked)


def _count(layer: Layer) -> int:
    return sum(prod(parameter.shape) for parameter in layer.parameters)


def _both_or_none(X_val: Any, y_val: Any) -> bool:
    """Whether there are validation rows; DataError where one half of them is missing."""
    if (X_val is None) != (y_val is None):
        given, missing = ("y_val", "X_val") if X_val is None else ("X_val", "y_val")
        raise DataError(f"{given} is given without {missing}; give both, or neither")
    return X_val is not None


def _with_unit_weights(examples: Examples) -> Examples:
    """The same with weights of mean 1, so that their scale does not change the learning rate."""
    if examples.weights is None:
        return examples
    return replace(examples, weights=examples.weights / examples.weights.mean())


class ClassifierOfNetworks(ClassifierMixin, EstimatorOfNetworks):  # type: ignore[misc]
    """Labels to targets, and outputs to probabilities and labels."""

    loss: str | Loss
    class_weight: Mapping[Any, float] | str | None

    def fit(
        self,
        X: Data,
        y: npt.ArrayLike,
        sample_weight: npt.ArrayLike | None = None,
        *,
        X_val: Data | None = None,
        y_val: npt.ArrayLike | None = None,
    ) -> Self:
        """Train a new network.

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
        check_classification_targets(labels)
        self._meet(np.unique(labels))
        codes = np.searchsorted(self.classes_, labels)
        examples = _with_unit_weights(self._coded(rows, codes, sample_weight=sample_weight))
        given = self._given(cast(Data, X_val), y_val) if _both_or_none(X_val, y_val) else None
        return self._fit(examples, self._task(codes), validation=given)

    def _meet(self, classes: npt.NDArray[Any]) -> None:
        """Take the classes that are to be told apart."""
        if len(classes) < 2:
            raise DataError(f"y holds one class only, {classes[0]}; give rows of at least two classes")
        self.classes_ = classes

    def _task(self, codes: IntArray) -> Task:
        return class_task(codes, self.loss, n_classes=len(self.classes_))

    def _coded(self, X: FloatArray, codes: IntArray, *, sample_weight: npt.ArrayLike | None = None) -> Examples:
        """One column of 0 and 1 for two classes, one column per class for more."""
        n_classes = len(self.classes_)
        Y = codes[:, None] if n_classes == 2 else np.eye(n_classes)[codes]
        if self.class_weight is None:
            return self._examples(X, Y, sample_weight)
        weights = compute_sample_weight(self.class_weight, self.classes_[codes])
        if sample_weight is not None:
            weights = weights * _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        return self._examples(X, Y, weights)

    def _given(self, X_val: Data, y_val: npt.ArrayLike | None) -> Examples:
        rows, labels = self._checked(X_val, y_val, reset=False)
        return _with_unit_weights(self._coded(rows, self._codes(labels, name="y_val")))

    def _codes(self, labels: npt.NDArray[Any], *, name: str) -> IntArray:
        unknown = np.setdiff1d(labels, self.classes_)
        if len(unknown):
            known = ", ".join(str(known) for known in self.classes_)
            raise DataError(f"{name} holds class {unknown[0]}, which is none of {known}; drop those rows or fit anew")
        return np.searchsorted(self.classes_, labels)

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
        """Train a new network.

        Parameters
        ----------
        X : array or DataFrame of shape (n_rows, n_features), numeric, finite
        y : array of shape (n_rows,) or (n_rows, n_outputs)
        sample_weight : array of shape (n_rows,), optional
        X_val, y_val : optional
            Validation rows, whose loss is noted every epoch and decides early stopping.
        """
        rows, targets = self._checked(X, y, multi_output=True, y_numeric=True)
        self._meet(targets)
        examples = _with_unit_weights(self._examples(rows, self._columns(targets, name="y"), sample_weight))
        given = self._given(cast(Data, X_val), y_val) if _both_or_none(X_val, y_val) else None
        return self._fit(examples, self._task(examples), validation=given)

    def _meet(self, targets: npt.NDArray[Any]) -> None:
        """Take the shape that targets have."""
        self._has_columns, self._n_columns = targets.ndim == 2, targets[0].size

    def _columns(self, targets: npt.NDArray[Any], *, name: str) -> npt.NDArray[Any]:
        """Targets of shape (n_rows, n_columns); DataError where there are other columns than before."""
        columns = targets.reshape(len(targets), -1)
        if columns.shape[1] != self._n_columns:
            raise DataError(
                f"{name} has {columns.shape[1]} columns, the targets that the network learns have {self._n_columns};"
                " give it as many, or fit anew"
            )
        return columns

    def _task(self, examples: Examples) -> Task:
        return number_task(examples.Y, self.loss)

    def predict(self, X: Data) -> FloatArray:
        """Forecasts of shape (n_rows,), or (n_rows, n_outputs) where there are several outputs, or quantiles."""
        P = self._outputs(X)
        return P if self._has_columns or P.shape[1] > 1 else P[:, 0]

    def _given(self, X_val: Data, y_val: npt.ArrayLike | None) -> Examples:
        rows, targets = self._checked(X_val, y_val, reset=False, multi_output=True, y_numeric=True)
        return self._examples(rows, self._columns(targets, name="y_val"))
