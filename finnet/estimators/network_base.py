"""What single networks and ensembles share: checked data, settings by name, forecasts."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import deepcopy
from functools import cached_property
from math import prod
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from finnet.checks import is_whole, require_choice, require_methods, require_whole
from finnet.errors import ConfigError, DataError
from finnet.estimators.fit_checks import (
    require_columns_of_numbers,
    require_hidden,
    require_normalization,
    warn_of_sizes,
)
from finnet.estimators.objective import Objective
from finnet.estimators.target_checks import (
    of_mean_one,
    require_numbers,
    require_targets,
)
from finnet.estimators.threads import one_blas_thread
from finnet.network.activations import Activation, activated, named_activation
from finnet.network.batches import Examples
from finnet.network.callbacks import Callback, require_callbacks
from finnet.network.initializers import Initializer
from finnet.network.model import Network
from finnet.network.optimizers import Optimizer, named_optimizer
from finnet.network.regularization import Clipping
from finnet.network.schedules import Schedule
from finnet.network.settings import Settings
from finnet.network.stopping import EarlyStopping
from finnet.types import FloatArray

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "Data",
    "EstimatorOfNetworks",
    "InDouble",
    "RandomState",
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
        # 128 bits, as many as NumPy takes from the system for a seed.
        return np.random.default_rng(random_state.randint(2**32, size=4, dtype=np.uint64))
    if random_state is not None and not (is_whole(random_state) and random_state >= 0):
        raise ConfigError(
            f"random_state={random_state!r} is no seed; use a whole number of 0 or more, a Generator, a RandomState or"
            " None"
        )
    return np.random.default_rng(random_state)


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
        """One row per layer of the fitted network: layer, units, parameters (of each member, where it has several)."""
        check_is_fitted(self)
        layers = self.network_.layers
        rows = [(repr(own), own.n_out, sum(prod(one.shape) for one in own.parameters)) for own in layers]
        return pd.DataFrame(rows, columns=["layer", "units", "parameters"])

    def plot_history(self, axes: "Axes | None" = None) -> "Axes":
        """Draw training and validation loss by epoch into these axes, or into a new figure; the axes again."""
        check_is_fitted(self)
        # Here, because matplotlib takes half a second that most fits can do without.
        from finnet.estimators.curves import draw_history

        model = cast(Any, self)
        return draw_history(model.history_, axes, best_epoch=getattr(model, "best_epoch_", None))

    def set_params(self, **params: Any) -> Self:
        """Set parameters; `optimizer__learning_rate` and the like replace the settings object by a changed copy."""
        nested: dict[str, dict[str, Any]] = {}
        for name in [name for name in params if "__" in name]:
            owner, _, field = name.partition("__")
            nested.setdefault(owner, {})[field] = params.pop(name)
        super().set_params(**params)
        for owner, fields in nested.items():
            settings = getattr(self, owner, None)
            if not isinstance(settings, Settings):
                first = next(iter(fields))
                raise ConfigError(f"{owner}__{first} needs {owner} to be a settings object, not {settings!r}")
            # All fields at once, because one may be possible only with another.
            setattr(self, owner, settings.changed(fields))
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "network_")

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = False
        return tags

    @abstractmethod
    def _fit(self, examples: Examples, objective: Objective, *, validation: Examples | None) -> Self:
        """Learn from examples; hold out some where early stopping needs validation and none is given."""

    @abstractmethod
    def _learn(self, examples: Examples, objective: Objective) -> Self:
        """Go on by one epoch over these rows, from nothing where there is nothing to go on from."""

    @abstractmethod
    def _forecast(self, X: FloatArray) -> FloatArray:
        """Forecasts of shape (n_rows, n_outputs) in float64, for X in float32 or float64."""

    @property
    def _goes_on(self) -> bool:
        return self.warm_start and hasattr(self, "network_")

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        """Put everything back as it was where learning is refused, fails or is interrupted.

        All but what learns online, which changes in place and is gone where it did not come to its end.
        """
        before = dict(vars(self))
        try:
            yield
        except BaseException:
            # To put attributes back is enough, as fits make new objects and write into none that were there.
            online = {name: vars(self)[name] for name in ("_trainer", "_online") if name in vars(self)}
            self.__dict__.clear()
            self.__dict__.update(before | online)
            raise

    def _require_layers_of_fitted(self, network: Network) -> None:
        """Raise ConfigError unless a network has parameters of the same shapes as the fitted one."""
        if _shapes(network) != _shapes(self.network_):
            raise ConfigError(
                "warm_start and partial_fit go on with the fitted network, whose layers are others; keep the columns,"
                " the outputs and the settings of layers, or fit a clone"
            )

    def _require_dtype_of_stream(self, network: Network) -> None:
        """Raise ConfigError where rows would come in another type than that of the network that learns online."""
        if network.values.dtype != self.dtype:
            raise ConfigError(
                f"dtype={self.dtype!r} was set after the stream was begun in {network.values.dtype!s}; set it back, or"
                " begin another with a clone"
            )

    def _divider(self, rng: np.random.Generator) -> np.random.Generator:
        """The generator that divides rows into learning and judging ones: `rng`, or that of the fit before.

        A warm start divides the same targets as before, so that rows which were learned from never judge.
        """
        self._divided_by = getattr(self, "_divided_by", rng) if self._goes_on else rng
        # A copy, so that drawing from it leaves it as it is for the fit after.
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
        with one_blas_thread():
            return self._forecast(rows)

    def _network_forecasts(self, X: FloatArray) -> FloatArray:
        """Of every member, in the type of X: float32 is faster, float64 rounds less.

        DataError where X is so large that forecasts are no numbers.
        """
        network = self.network_ if X.dtype == self.network_.values.dtype else self._double.network
        with np.errstate(over="ignore", invalid="ignore"):
            scores = network.scores(X.astype(network.values.dtype, copy=False)).astype(np.float64)
            P = activated(network.output, scores)
        if not np.isfinite(P).all():
            raise DataError(
                f"forecasts are no finite numbers where X reaches {np.abs(X).max():.3g}; scale it to about unit size"
            )
        return P

    def _stopping(self) -> EarlyStopping | None:
        if isinstance(self.early_stopping, EarlyStopping):
            return self.early_stopping
        return EarlyStopping() if self.early_stopping else None

    def _examples(
        self,
        X: FloatArray,
        Y: npt.NDArray[Any],
        sample_weight: npt.ArrayLike | None = None,
        *,
        factors: FloatArray | None = None,
    ) -> Examples:
        """With weights of mean 1, so that their scale changes neither losses nor steps, times the factors."""
        with np.errstate(over="ignore"):
            targets: FloatArray = np.ascontiguousarray(Y, dtype=self.dtype)
        if not np.isfinite(targets).all():
            raise DataError(f"y reaches {np.abs(Y).max():.3g}, beyond {self.dtype}; scale it to about unit size")
        if sample_weight is None and factors is None:
            return Examples(X, targets)
        weights = of_mean_one(_check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True))
        # The array is new, made by `of_mean_one`.
        weights *= 1.0 if factors is None else factors
        return Examples(X, targets, weights[:, None].astype(self.dtype))

    def _checked(
        self,
        X: Data,
        y: npt.ArrayLike | None,
        *,
        name: str = "y",
        reset: bool,
        warns: bool,
        y_numeric: bool = False,
        multi_output: bool = False,
    ) -> tuple[FloatArray, npt.NDArray[Any]]:
        """X in the network's dtype, and y; ValueError for what cannot be learned from, NaN included."""
        require_choice(self.dtype, ("float32", "float64"), name="dtype")
        require_columns_of_numbers(X)
        if y is not None:
            require_targets(y, name=name)
            if y_numeric:
                require_numbers(y, name=name)
        rules = {"y_numeric": y_numeric, "multi_output": multi_output}
        # What is beyond the type becomes infinite, which is refused; NumPy need not warn of it as well.
        with np.errstate(over="ignore", invalid="ignore"):
            checked = validate_data(self, X, y, reset=reset, dtype=np.dtype(self.dtype), order="C", **rules)
        if warns:
            warn_of_sizes(checked[0], getattr(self, "feature_names_in_", None))
        return cast(tuple[FloatArray, npt.NDArray[Any]], checked)


def _shapes(network: Network) -> list[tuple[int, int]]:
    return [parameter.shape for layer in network.layers for parameter in layer.parameters]
