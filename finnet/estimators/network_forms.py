"""Network forms: classifiers by one network or by an ensemble as settings, classes and weights, and back."""

from itertools import pairwise
from typing import Any, TypeVar

import numpy as np

from finnet.errors import ConfigError, DataError
from finnet.estimators.archive import Arrays, Description, keep
from finnet.estimators.ensemble import NetworkEnsembleClassifier
from finnet.estimators.network import NetworkClassifier
from finnet.network.activations import ACTIVATIONS, Sigmoid, Softmax, named_activation
from finnet.network.model import Network, dense_network

__all__ = ["describe_ensemble", "describe_network", "restore_ensemble", "restore_network"]

_BUILT_FROM = ("activation", "normalization", "residual", "dtype")
_Model = TypeVar("_Model", NetworkClassifier, NetworkEnsembleClassifier)


def describe_network(model: NetworkClassifier, arrays: Arrays) -> dict[str, Any]:
    """What a network was built from; its parameters go to `arrays`.

    ConfigError where its activation is no name, and so has no form in a file.
    """
    return _describe(model, arrays)


def describe_ensemble(model: NetworkEnsembleClassifier, arrays: Arrays) -> dict[str, Any]:
    """The same of the chosen members of an ensemble, and their shares."""
    return {**_describe(model, arrays), "shares": keep(model.shares_, arrays)}


def restore_network(description: Description, arrays: Arrays) -> NetworkClassifier:
    """The network again; DataError where settings, classes and parameters do not fit each other."""
    return _restore(NetworkClassifier(**_settings(NetworkClassifier, description)), description, arrays)


def restore_ensemble(description: Description, arrays: Arrays) -> NetworkEnsembleClassifier:
    """The chosen members again; DataError where they, their shares, settings and classes do not fit each other."""
    shares = arrays[description["shares"]]
    if shares.ndim != 1 or shares.dtype != np.float64 or not (shares > 0).all() or not np.isclose(shares.sum(), 1):
        raise DataError(f"shares {shares.tolist()} are not one per member, above zero, with sum 1")
    model = NetworkEnsembleClassifier(len(shares), **_settings(NetworkEnsembleClassifier, description))
    model.shares_ = shares
    return _restore(model, description, arrays, members=len(shares))


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


def _restore(model: _Model, description: Description, arrays: Arrays, *, members: int | None = None) -> _Model:
    """The model with its fitted parts, out of a description that nobody has checked."""
    classes, values = _classes(description), arrays[description["values"]]
    widths = [int(description["n_features"]), *model.hidden, 1 if len(classes) == 2 else len(classes)]
    # Checked before anything of that size is made.
    if min(widths) < 1 or (members or 1) * sum(n_in * n_out for n_in, n_out in pairwise(widths)) > values.size:
        raise DataError(f"layers of {widths} units need more weights than the {values.size} of the file")
    network = _network(widths, model, members=members)
    if values.shape != network.values.shape or values.dtype != network.values.dtype:
        needed = f"{network.values.dtype} {network.values.shape}"
        raise DataError(f"the network needs weights {needed}, the file has {values.dtype} {values.shape}")
    network.restore(values)
    model.classes_, model.n_features_in_ = classes, widths[0]
    model.network_, model._double_network = network, network.astype("float64")
    return model


def _network(widths: list[int], model: _Model, *, members: int | None) -> Network:
    settings = {name: getattr(model, name) for name in _built_from(type(model))}
    return dense_network(
        widths,
        **{**settings, "activation": named_activation(settings["activation"])},
        output=Sigmoid() if widths[-1] == 1 else Softmax(),
        members=members,
    )


def _built_from(kind: type[Any]) -> list[str]:
    return [name for name in _BUILT_FROM if name in kind().get_params()]


def _settings(kind: type[Any], description: Description) -> dict[str, Any]:
    settings = {name: description[name] for name in _built_from(kind)}
    return {**settings, "hidden": tuple(int(units) for units in description["hidden"])}


def _classes(description: Description) -> np.ndarray:
    classes = np.array(description["classes"])
    if classes.ndim != 1 or len(np.unique(classes)) < max(len(classes), 2):
        raise DataError(f"classes {classes.tolist()} are not two or more different ones")
    return classes
