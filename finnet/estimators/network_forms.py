"""Network forms: classifiers by one network or by an ensemble as settings, classes and weights, and back."""

from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from finnet.errors import ConfigError, DataError
from finnet.estimators.archive import MAX_BYTES, Arrays, Description, checked_classes, keep
from finnet.estimators.ensemble import NetworkEnsembleClassifier
from finnet.estimators.network import NetworkClassifier
from finnet.network.activations import ACTIVATIONS, Sigmoid, Softmax, named_activation
from finnet.network.depth import Skippable
from finnet.network.model import Network, dense_network

__all__ = ["describe_ensemble", "describe_network", "restore_ensemble", "restore_network"]

_BUILT_FROM = ("activation", "normalization", "residual", "dtype")
_MOST_SCALED = MAX_BYTES // 8  # weights of all networks that share some, each of which gets a scaled copy
_Model = TypeVar("_Model", NetworkClassifier, NetworkEnsembleClassifier)


def describe_network(model: NetworkClassifier, arrays: Arrays) -> dict[str, Any]:
    """What a network was built from; its parameters go to `arrays`.

    ConfigError where its activation is no name, and so has no form in a file, or where it would not be loaded again.
    """
    n_shared, n_weights = int(model.batch_ensemble), model.network_.n_weights
    if n_shared * n_weights > _MOST_SCALED:
        raise ConfigError(
            f"batch_ensemble={n_shared} networks of {n_weights:,} weights cannot be saved; have at most"
            f" {_MOST_SCALED:,} together"
        )
    return {**_describe(model, arrays), "batch_ensemble": n_shared}


def describe_ensemble(model: NetworkEnsembleClassifier, arrays: Arrays) -> dict[str, Any]:
    """The same of the chosen members of an ensemble, their depths and their shares."""
    return {**_describe(model, arrays), "depths": _depths(model), "shares": keep(model.shares_, arrays)}


def restore_network(description: Description, arrays: Arrays) -> NetworkClassifier:
    """The network again; DataError where settings, classes and parameters do not fit each other."""
    (n_shared,) = _counts([description.get("batch_ensemble", 1)])
    model = NetworkClassifier(batch_ensemble=n_shared, **_settings(NetworkClassifier, description))
    return _restore(model, description, arrays, batch_ensemble=n_shared)


def restore_ensemble(description: Description, arrays: Arrays) -> NetworkEnsembleClassifier:
    """The chosen members again; DataError where they, their shares, settings and classes do not fit each other."""
    shares = arrays[description["shares"]]
    if shares.ndim != 1 or shares.dtype != np.float64 or not (shares > 0).all() or not np.isclose(shares.sum(), 1):
        raise DataError(f"shares {shares.tolist()} are not one per member, above zero, with sum 1")
    model = NetworkEnsembleClassifier(len(shares), **_settings(NetworkEnsembleClassifier, description))
    model.shares_ = shares
    depths = description.get("depths")
    if depths is not None:
        model.depth = min(_counts(depths)), max(depths)
    return _restore(model, description, arrays, members=len(shares), depths=depths)


def _describe(model: NetworkClassifier | NetworkEnsembleClassifier, arrays: Arrays) -> dict[str, Any]:
    if not isinstance(model.activation, str):
        raise ConfigError(
            f"a network with activation {model.activation!r} cannot be saved; name one of {[*ACTIVATIONS]}"
        )
    return {
        **{name: getattr(model, name) for name in _built_from(type(model))},
        "hidden": [int(units) for units in model.hidden],
        "n_features": int(model.n_features_in_),
        "classes": model.classes_.tolist(),
        "values": keep(model.network_.values, arrays),
    }


def _depths(model: NetworkEnsembleClassifier) -> list[int] | None:
    """Hidden layers that each chosen member uses; None where all use all."""
    off = [np.logical_not(layer.on) for layer in model.network_.layers if isinstance(layer, Skippable)]
    return (len(model.hidden) - np.sum(off, axis=0)).tolist() if np.any(off) else None


def _restore(model: _Model, description: Description, arrays: Arrays, **parts: Any) -> _Model:
    """The model with its fitted parts, out of a description that nobody has checked."""
    classes, values = checked_classes(description["classes"]), arrays[description["values"]]
    widths = [int(description["n_features"]), *model.hidden, 1 if len(classes) == 2 else len(classes)]
    _require_weights(widths, values.size, members=parts.get("members", 1), shared=parts.get("batch_ensemble", 1))
    network = _network(widths, model, **parts)
    if values.shape != network.values.shape or values.dtype != network.values.dtype:
        needed = f"{network.values.dtype} {network.values.shape}"
        raise DataError(f"the network needs weights {needed}, the file has {values.dtype} {values.shape}")
    network.restore(values)
    model.classes_, model.n_features_in_ = classes, widths[0]
    model.network_, model._double_network = network, network.astype("float64")
    return model


def _require_weights(widths: list[int], n_values: int, *, members: int, shared: int) -> None:
    """Raise DataError, before anything of that size is made, where the file has too few values for such networks."""
    weights = sum(n_in * n_out for n_in, n_out in pairwise(widths))
    if min(widths) < 1 or max(members * weights, shared * sum(widths)) > n_values or shared * weights > _MOST_SCALED:
        times = f"batch_ensemble={shared} times " if shared > 1 else ""
        raise DataError(f"{times}layers of {widths} units need more weights than the {n_values} of the file")


def _network(widths: list[int], model: _Model, **parts: Any) -> Network:
    settings = {name: getattr(model, name) for name in _built_from(type(model))}
    return dense_network(
        widths,
        **{**settings, "activation": named_activation(settings["activation"])},
        output=Sigmoid() if widths[-1] == 1 else Softmax(),
        **parts,
    )


def _built_from(kind: type[Any]) -> list[str]:
    return [name for name in _BUILT_FROM if name in kind().get_params()]


def _settings(kind: type[Any], description: Description) -> dict[str, Any]:
    settings = {name: description[name] for name in _built_from(kind)}
    return {**settings, "hidden": tuple(int(units) for units in description["hidden"])}


def _counts(values: Any) -> list[int]:
    if not isinstance(values, list) or not all(type(value) is int and value >= 1 for value in values):
        raise DataError(f"{values!r} stands where whole numbers from 1 on should")
    return values
