"""What single networks and ensembles share: checked data, coded labels, settings by name."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from functools import cache, cached_property
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

from finnet.checks import require_choice, require_methods, require_whole
from finnet.errors import ConfigError, DataError
from finnet.estimators.door import has_validation, require_hidden, require_normalization, warn_of_sizes, warn_of_spread
from finnet.estimators.task import Task, class_task, number_task
from finnet.network.activations import Activation, activated, named_activation
from finnet.network.batches import Examples
from finnet.network.callbacks import Callback, require_callbacks
from finnet.network.initializers import Initializer
from finnet.network.layer import Layer
from finnet.network.losses import Loss
from finnet.network.model import Network
from finnet.network.optimizers import Optimizer, named_optimizer
from finnet.network.regularization import Clipping
from finnet.network.schedules import Schedule
from finnet.network.settings import Settings
from finnet.network.stopping import EarlyStopping
from finnet.types import FloatArray, IntArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "ClassifierOfNetworks",
    "Data",
    "EstimatorOfNetworks",
    "InDouble",
    "RandomState",
    "RegressorOfNetworks",
    "blas_threads",
    "generator",
]

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


def positions(labels: npt.NDArray[Any], classes: npt.NDArray[Any]) -> IntArray:
    """Where every label stands among the classes, which are sorted and hold all of them.

    Examples
    --------
    >>> positions(np.array(["up", "down", "up"]), np.array(["down", "up"]))
    array([1, 0, 1])
    """
    if len(classes) == 2:
        return np.asarray(labels == classes[1], np.int64)
    return np.searchsorted(classes, labels)


class InDouble:
    """A fitted network in float64, made when it is first asked for."""

    def __init__(self, network: Network) -> None:
        self._single = network

    @cached_property
    def network(self) -> Network:
        """The copy."""
        return self._single.astype("float64")


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
    warm_start: bool
    dtype: str
    network_: Network
    _double: "InDouble"

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
        if not isinstance(settings, Settings):
            raise ConfigError(f"{owner}__{next(iter(fields))} needs {owner} to be a settings object, not {settings!r}")
        setattr(self, owner, settings.changed(fields))

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
        require_whole(self.epochs, 1, name="epochs")
        require_whole(self.batch_size, 1, name="batch_size")
        require_choice(self.validation, ("stratified", "last"), name="validation")
        named_activation(self.activation)
        named_optimizer(self.optimizer)
        if self.schedule is not None:
            require_methods(self.schedule, ("factor",), name="schedule", such_as="Cosine()")
        if self.clipping is not None:
            require_methods(self.clipping, ("clip",), name="clipping", such_as="Clipping(norm=1.0)")
        require_callbacks(self.callbacks)
        require_normalization(self.normalization, batch_size=self.batch_size)
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
        network = self.network_ if X.dtype == self.dtype else self._double.network
        scores = network.scores(X.astype(network.values.dtype, copy=False)).astype(np.float64)
        return activated(network.output, scores)

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
        given = self._given(cast(Data, X_val), y_val) if has_validation(X_val, y_val) else None
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

        A call that is interrupted leaves everything as it was before. One in which training diverges raises
        TrainingError and leaves the weights as they were; the memory of the optimizer, the schedule, `history_` and
        `n_iter_` start anew with the next call.

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
        self._meet(targets)
        examples = _with_unit_weights(self._examples(rows, self._columns(targets, name="y"), sample_weight))
        task = self._task(examples)
        warn_of_spread(examples.Y, task.loss)
        given = self._given(cast(Data, X_val), y_val) if has_validation(X_val, y_val) else None
        return self._fit(examples, task, validation=given)

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

    def partial_fit(self, X: Data, y: npt.ArrayLike, sample_weight: npt.ArrayLike | None = None) -> Self:
        """Learn from rows that have just come, as classifiers do (see NetworkClassifier.partial_fit); y as in `fit`."""
        is_new = not hasattr(self, "network_")
        rows, targets = self._checked(X, y, reset=is_new, multi_output=True, y_numeric=True)
        if is_new:
            self._meet(targets)
        examples = self._examples(rows, self._columns(targets, name="y"), sample_weight)
        return self._learn(examples, self._task(examples))

    def _task(self, examples: Examples) -> Task:
        return number_task(examples.Y, self.loss)

    def predict(self, X: Data) -> FloatArray:
        """Forecasts of shape (n_rows,), or (n_rows, n_outputs) where there are several outputs, or quantiles."""
        P = self._outputs(X)
        return P if self._has_columns or P.shape[1] > 1 else P[:, 0]

    def _given(self, X_val: Data, y_val: npt.ArrayLike | None) -> Examples:
        rows, targets = self._checked(X_val, y_val, reset=False, multi_output=True, y_numeric=True)
        return self._examples(rows, self._columns(targets, name="y_val"))
