"""Checks of `fit`: settings and rows with which no network can be trained, and warnings where training went badly."""

import warnings
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from joblib import Parallel

from finnet.checks import is_whole, require_choice
from finnet.errors import ConfigError, DataError, FinnetWarning
from finnet.estimators.sample_weights import checked_sample_weight
from finnet.fitting import Rows
from finnet.network.batches import Examples
from finnet.network.losses import Loss, is_built_in
from finnet.types import BoolArray, FloatArray

__all__ = [
    "are_much_worse",
    "given_validation",
    "has_validation",
    "parallel_as_they_come",
    "require_columns_of_numbers",
    "require_hidden",
    "require_jobs",
    "require_normalization",
    "require_weight",
    "warn_if_worse",
    "warn_of_divergence",
    "warn_of_sizes",
    "warn_of_spread",
]

# Largest inputs of a column, and standard deviations of targets, beyond which networks learn badly and a warning comes.
_SMALLEST, _LARGEST = 1e-4, 1e4
_NARROW, _WIDE = 0.03, 300.0
_STEPS = 8  # of the smallest difference between numbers as large as the mean
# A loss so many times that of one forecast for all rows means divergence; so many rows tell a target's spread.
_WORSE, _ENOUGH_ROWS = 10.0, 4000


def require_columns_of_numbers(X: Any) -> None:
    """Raise DataError that names the first column of a table which holds dates, or anything else that is no number.

    Examples
    --------
    >>> require_columns_of_numbers(pd.DataFrame({"close": [101.5], "venue": ["Paris"]}))
    Traceback (most recent call last):
    finnet.errors.DataError: column 'venue' holds what is no number (could not convert string to float: 'Paris'); drop
    it, or put a TableEncoder in front
    """
    if not isinstance(X, pd.DataFrame):
        return
    for k, (name, dtype) in enumerate(X.dtypes.items()):
        if dtype.kind in "mM":
            raise DataError(f"column {name!r} holds dates; drop it, or make numbers of it, as days since the first")
        if dtype.kind == "O":
            try:
                # By position, as a name may come twice.
                X.iloc[:, k].astype(np.float64)
            except (TypeError, ValueError) as error:
                raise DataError(
                    f"column {name!r} holds what is no number ({error}); drop it, or put a TableEncoder in front"
                ) from error


def require_hidden(hidden: Any) -> None:
    """Raise ConfigError unless `hidden` holds one whole number above 0 per layer."""
    is_row = isinstance(hidden, tuple | list)
    if not is_row or not all(is_whole(units) and units >= 1 for units in hidden):
        raise ConfigError(f"hidden={hidden!r} is not one whole number above 0 per layer; use (64, 32), (64,) or ()")


def require_jobs(n_jobs: Any) -> None:
    """Raise ConfigError unless `n_jobs` is None or a whole number other than 0."""
    if n_jobs is not None and (not is_whole(n_jobs) or n_jobs == 0):
        raise ConfigError(f"n_jobs={n_jobs!r} is no number of processes; use 1, 2, ..., -1 for all cores, or None")


def parallel_as_they_come(n_jobs: int | None) -> Parallel:
    """A joblib Parallel that returns the result of each block of members as soon as the block is done.

    An interrupt then loses no block that another process has finished. ConfigError where joblib was set to a backend
    that returns results in order alone.
    """
    try:
        # Batches of one block, as joblib would otherwise hold back what is done until a whole batch is.
        return Parallel(n_jobs=n_jobs, batch_size=1, return_as="generator_unordered")
    except ValueError as error:
        raise ConfigError(f"members cannot be trained in parallel so ({error}); use the backend loky") from error


def require_normalization(normalization: str | None, *, batch_size: int) -> None:
    """Raise ConfigError unless `normalization` is None, "layer", or "batch" with batches that have several rows."""
    if normalization is None:
        return
    require_choice(normalization, ("batch", "layer"), name="normalization")
    if normalization == "batch" and batch_size == 1:
        raise ConfigError(
            'normalization="batch" compares the rows of a batch, and batch_size=1 leaves nothing to compare; use'
            ' batches of 8 or more, or normalization="layer"'
        )


def require_weight(examples: Examples, *, name: str) -> None:
    """Raise DataError where the rows that count, of any member, have weights that sum to zero."""
    _, weights = examples.targets()
    if weights is not None and not (weights.sum(axis=-2) > 0.0).all():
        raise DataError(f"sample_weight sums to zero over the {name} rows; give some of them a weight above zero")


def warn_of_sizes(X: FloatArray, names: npt.NDArray[Any] | None) -> None:
    """FinnetWarning that names the column of X (n_rows, n_columns) furthest from unit size, where one is far.

    Sizes are taken over a thousand rows or two.
    """
    some = X[:: max(1, len(X) // 1000)]
    # Largest absolute values, without a copy of the rows as np.abs would make one.
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


def warn_of_spread(Y: npt.NDArray[Any], loss: Loss, *, dtype: str) -> None:
    """FinnetWarning where a target's spread is far from unit size or lost beside its mean, over a few thousand rows.

    Targets have shape (n_rows, n_columns). Losses of one's own are left alone, as they need not compare forecasts with
    targets of their size.
    """
    if not is_built_in(loss):
        return
    some = Y[:: max(1, len(Y) // _ENOUGH_ROWS)].astype(np.float64)
    # The range tells equal targets from others; their standard deviation may be a rounding above 0.
    spreads, means = np.where(np.ptp(some, axis=0) > 0.0, some.std(axis=0), 0.0), np.abs(some.mean(axis=0))
    spread = spreads[np.abs(np.log(np.where(spreads > 0.0, spreads, 1.0))).argmax()]
    is_lost = (spreads > 0.0) & (spreads < _STEPS * np.finfo(dtype).eps * means)
    if is_lost.any():
        column = int(is_lost.argmax())
        found = f"{spreads[column]:.3g} around a mean of {means[column]:.3g}, which {dtype} cannot tell from none"
    elif spread > 0.0 and not _NARROW <= spread <= _WIDE:
        found = f"{spread:.3g}"
    else:
        return
    warnings.warn(
        f"y has a standard deviation of {found}; networks learn targets of about unit size: put a"
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


def are_much_worse(losses: FloatArray, constants: FloatArray, *, loss: Loss) -> BoolArray:
    """Which losses are so much worse than those of one forecast for all rows that training has diverged.

    Losses and constants have shape (n_networks,), or () of one network. Losses of one's own have no known least value,
    near which ratios say nothing: theirs need only be finite.

    Examples
    --------
    >>> from finnet.network.losses import MeanSquaredError
    >>> are_much_worse(np.array([0.6, 99.0, np.inf]), np.array(0.7), loss=MeanSquaredError())
    array([False,  True,  True])
    """
    is_beyond = (constants > 0.0) & (losses > _WORSE * constants)
    return np.asarray(~np.isfinite(losses) | (is_beyond & is_built_in(loss)))


def warn_if_worse(reached: float, constant: float, *, loss: Loss) -> None:
    """FinnetWarning where training ended much worse than one forecast for all rows, so that it has diverged."""
    if are_much_worse(np.array(reached), np.array(constant), loss=loss):
        warnings.warn(
            f"training ended at a loss of {reached:.3g}, where forecasting the mean for every row has {constant:.3g}:"
            " lower the learning rate, scale the inputs and the target to about unit size, or train for more epochs",
            FinnetWarning,
            stacklevel=4,
        )


def has_validation(X_val: Any, y_val: Any) -> bool:
    """Whether there are validation rows; DataError where one half of them is missing."""
    if (X_val is None) != (y_val is None):
        given, missing = ("y_val", "X_val") if X_val is None else ("X_val", "y_val")
        raise DataError(f"{given} is given without {missing}; give both, or neither")
    return X_val is not None


def given_validation(X_val: Any, y_val: Any, sample_weight_val: Any) -> Rows | None:
    """The validation rows that `fit` was given, X of shape (n_rows, n_columns); None where X or y is missing.

    Examples
    --------
    >>> given_validation([[0.0], [1.0]], [0, 1], [2, 1]).weight
    array([2., 1.])
    """
    if X_val is None or y_val is None:
        return None
    return Rows(X_val, y_val, checked_sample_weight(sample_weight_val, X_val))
