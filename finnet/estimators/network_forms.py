"""Network forms: estimators by one network or by an ensemble as settings, outputs and weights, and back."""

from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
import pandas as pd

from finnet.errors import ConfigError, DataError
from finnet.estimators.archive import MAX_BYTES, Arrays, Description, checked_classes, checked_names, keep
from finnet.estimators.classifier_base import ClassifierOfNetworks
from finnet.estimators.ensemble import NetworkEnsembleClassifier, NetworkEnsembleRegressor
from finnet.estimators.fitted_settings import require_unchanged
from finnet.estimators.network import NetworkClassifier, NetworkRegressor
from finnet.estimators.network_base import InDouble
from finnet.estimators.settings_forms import describe_settings, restore_settings
from finnet.network.activations import Activation, Identity, Sigmoid, Softmax, named_activation
from finnet.network.depth import Skippable
from finnet.network.history import History
from finnet.network.model import dense_network

__all__ = ["describe_ensemble", "describe_network", "restore_ensemble", "restore_network"]

_MOST_SCALED = MAX_BYTES // 8  # weights of all networks that share some, each of which gets a scaled copy
# Settings that members have of their own: in every ensemble, and where they are given.
_DRAWN = {"learning_rate", "dropout", "l1", "l2", "fold"}
_OWN = _DRAWN | {"weight_decay", "patience"}
_Single = NetworkClassifier | NetworkRegressor
_Ensemble = NetworkEnsembleClassifier | NetworkEnsembleRegressor
_Model = TypeVar("_Model", bound=_Single | _Ensemble)


def describe_network(model: _Single, arrays: Arrays) -> dict[str, Any]:
    """Settings and losses of a network; its parameters go to `arrays`.

    ConfigError where its activation is not finnet's, and so has no form in a file, or where it would not be loaded
    again.
    """
    n_shared, n_weights = int(model.batch_ensemble), model.network_.n_weights
    if n_shared * n_weights > _MOST_SCALED:
        raise ConfigError(
            f"batch_ensemble={n_shared} networks of {n_weights:,} weights cannot be saved; have at most"
            f" {_MOST_SCALED:,} together"
        )
    form = _describe(model, arrays)
    own = model._history
    train, validation = (keep(np.array(losses), arrays) for losses in (own.train_loss, own.validation_loss))
    history = {"train_loss": train, "validation_loss": validation, "best_epoch": int(own.best_epoch)}
    return {**form, "history": history}


def describe_ensemble(model: _Ensemble, arrays: Arrays) -> dict[str, Any]:
    """Settings of an ensemble, and the numbers, parameters, depths, settings and shares of its chosen members."""
    own = {name: column.tolist() for name, column in model._chosen_settings().items() if name in _OWN}
    # One column for each layer that members may pass by; without any, all members use all layers.
    off = [np.logical_not(layer.on) for layer in model.network_.layers if isinstance(layer, Skippable)]
    depths = (len(model.hidden) - np.sum(off, axis=0)).tolist() if np.any(off) else None
    chosen = {"numbers": model._chosen_numbers().tolist(), "depths": depths, "own": own}
    return {**_describe(model, arrays), **chosen, "shares": keep(model.shares_, arrays)}


def restore_network(kind: type[_Single], description: Description, arrays: Arrays) -> _Single:
    """The network again; DataError where settings, outputs, losses and parameters do not fit each other."""
    model = kind(**restore_settings(kind, description["settings"]))
    history = description["history"]
    train, validation = (arrays[history[name]] for name in ("train_loss", "validation_loss"))
    (best,) = _checked_counts([history["best_epoch"]])
    if {train.ndim, validation.ndim} != {1} or len(validation) not in (0, len(train)) or best > len(train):
        raise DataError(f"losses of {train.shape} and {validation.shape} epochs, the best in {best}, are no history")
    model._history = History(train.tolist(), validation.tolist(), best_epoch=best)
    (n_shared,) = _checked_counts([model.batch_ensemble])
    return _restore(model, description, arrays, batch_ensemble=n_shared)


def restore_ensemble(kind: type[_Ensemble], description: Description, arrays: Arrays) -> _Ensemble:
    """The chosen members again; DataError where they, their shares, settings and outputs do not fit each other."""
    shares, depths = arrays[description["shares"]], description["depths"]
    if shares.ndim != 1 or shares.dtype != np.float64 or not (shares > 0).all() or not np.isclose(shares.sum(), 1):
        raise DataError(f"shares {shares.tolist()} are not one per member, above zero, with sum 1")
    model = kind(**restore_settings(kind, description["settings"]))
    numbers = pd.Index(_checked_numbers(description["numbers"], len(shares)), name="member")
    # When the model trains on, these stand in for `members_`, which no file holds.
    model.shares_, model._loaded_settings = (
        shares,
        pd.DataFrame(_checked_settings(description["own"], len(shares)), index=numbers),
    )
    return _restore(
        model, description, arrays, members=len(shares), depths=None if depths is None else _checked_counts(depths)
    )


def _describe(model: _Single | _Ensemble, arrays: Arrays) -> dict[str, Any]:
    names = getattr(model, "feature_names_in_", None)
    settings = describe_settings(model)
    require_unchanged(model)
    return {
        "settings": settings,
        "n_features": int(model.n_features_in_),
        "features": None if names is None else list(names),
        **_describe_outputs(model),
        "values": keep(model.network_.values, arrays),
    }


def _describe_outputs(model: _Single | _Ensemble) -> dict[str, Any]:
    if isinstance(model, ClassifierOfNetworks):
        return {"classes": model.classes_.tolist()}
    shape = {"n_columns": int(model._n_columns), "has_columns": bool(model._has_columns)}
    return {"n_outputs": model.network_.layers[-1].n_out, **shape}


def _restore(model: _Model, description: Description, arrays: Arrays, **parts: Any) -> _Model:
    """The model with its fitted parts, out of a description that nobody has checked."""
    values = arrays[description["values"]]
    n_outputs, output = _restore_outputs(model, description)
    widths = _checked_counts([description["n_features"], *model.hidden, n_outputs])
    # Before the network is made: a file of a few bytes may ask for layers that fill the memory.
    _require_weights(widths, values.size, members=parts.get("members", 1), shared=parts.get("batch_ensemble", 1))
    network = dense_network(
        widths,
        activation=named_activation(model.activation),
        output=output,
        normalization=model.normalization,
        residual=model.residual,
        dtype=model.dtype,
        **parts,
    )
    if values.shape != network.values.shape or values.dtype != network.values.dtype:
        needed = f"{network.values.dtype} {network.values.shape}"
        raise DataError(f"the network needs weights {needed}, the file has {values.dtype} {values.shape}")
    network.restore(values)
    model.n_features_in_ = widths[0]
    names = description["features"]
    if names is not None:
        if len(checked_names(names)) != widths[0]:
            raise DataError(f"{len(names)} names of {widths[0]} features")
        model.feature_names_in_ = np.asarray(names, object)
    model.network_, model._double = network, InDouble(network)
    return model


def _restore_outputs(model: _Single | _Ensemble, description: Description) -> tuple[int, Activation]:
    """How many outputs the network has, and what makes forecasts of them."""
    if isinstance(model, ClassifierOfNetworks):
        model.classes_ = checked_classes(description["classes"])
        return (1, Sigmoid()) if len(model.classes_) == 2 else (len(model.classes_), Softmax())
    if not isinstance(description["has_columns"], bool):
        raise DataError(f"has_columns={description['has_columns']!r} is neither true nor false")
    model._has_columns, (model._n_columns,) = description["has_columns"], _checked_counts([description["n_columns"]])
    return description["n_outputs"], Identity()


def _checked_settings(settings: Any, n: int) -> dict[str, list[float]]:
    """Settings of n members by name, one number for each member; DataError for anything else."""
    if not isinstance(settings, dict) or not _DRAWN <= settings.keys() <= _OWN:
        raise DataError(f"{settings!r} stands where settings of members should, by name")
    for name, values in settings.items():
        kinds = {int} if name in ("patience", "fold") else {int, float}
        if not isinstance(values, list) or len(values) != n or not {*map(type, values)} <= kinds:
            raise DataError(f"{name}={values!r} of members is not one number for each of {n}")
        if not all(0 <= value < MAX_BYTES for value in values):
            raise DataError(f"{name}={values!r} of members are not all sensible numbers of 0 or more")
    return settings


def _checked_numbers(numbers: Any, n: int) -> np.ndarray:
    """Numbers of n members, shape (n,), rising from 0 or more; DataError for anything else."""
    if not isinstance(numbers, list) or {*map(type, numbers)} != {int} or numbers != sorted({*numbers}):
        raise DataError(f"{numbers!r} stands where whole numbers should, one above the other")
    if len(numbers) != n or numbers[0] < 0:
        raise DataError(f"numbers {numbers} are not those of {n} members")
    return np.array(numbers, np.int64)


def _require_weights(widths: list[int], n_values: int, *, members: int, shared: int) -> None:
    """Raise DataError, before anything of that size is made, where the file has too few values for such networks."""
    weights = sum(n_in * n_out for n_in, n_out in pairwise(widths))
    if max(members * weights, shared * sum(widths)) > n_values or shared * weights > _MOST_SCALED:
        times = f"batch_ensemble={shared} times " if shared > 1 else ""
        raise DataError(f"{times}layers of {widths} units need more weights than the {n_values} of the file")


def _checked_counts(values: Any) -> list[int]:
    """Whole numbers of 1 or more; DataError for anything else."""
    # By type, as isinstance takes a truth for a whole number.
    if not isinstance(values, list) or not all(type(value) is int and value >= 1 for value in values):
        raise DataError(f"{values!r} stands where whole numbers from 1 on should")
    return values
