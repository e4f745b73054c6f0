"""Networks as files: one .npz of numbers and a JSON description, nothing that could run."""

import json
import os
from hashlib import sha256
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

import numpy as np

from finnet.errors import ConfigError, DataError
from finnet.network.activations import ACTIVATIONS, Activation
from finnet.network.initializers import Xavier
from finnet.network.layers import Activate, Dense, Dropout, Layer
from finnet.network.model import Network
from finnet.network.normalization import BatchNorm, LayerNorm
from finnet.network.residual import Residual

__all__ = ["load_network", "save_network"]

_SCHEMA = 1
_LIMIT_BYTES = 1 << 30
_ACTIVATION_CLASSES = {type(own).__name__: type(own) for own in ACTIVATIONS.values()}


def save_network(network: Network, path: str | Path) -> None:
    """Write a network to a .npz file, in one piece or not at all.

    User's own layers and activations have no description that could be read back, and raise ConfigError.

    Examples
    --------
    >>> import tempfile
    >>> from finnet.network.model import dense_network
    >>> network = dense_network((3, 4, 1))
    >>> network.initialize([np.random.default_rng(0)])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_network(network, Path(folder) / "network.npz")
    ...     loaded = load_network(Path(folder) / "network.npz")
    >>> bool((loaded.values == network.values).all())
    True
    """
    path = Path(path)
    description = {
        "schema": _SCHEMA,
        "layers": [_describe(layer) for layer in network.layers],
        "output": _describe_activation(network.output),
        "members": network.members,
        "dtype": str(network.values.dtype),
        "sha256": sha256(network.values.tobytes()).hexdigest(),
    }
    partial = path.with_name(path.name + ".partial")
    with partial.open("wb") as file:
        np.savez(file, description=np.frombuffer(json.dumps(description).encode(), np.uint8), values=network.values)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(path)


def load_network(path: str | Path) -> Network:
    """Read a network that `save_network` wrote; anything else, or a changed one, raises DataError."""
    path = Path(path)
    try:
        _require_small(path)
        with np.load(path, allow_pickle=False) as stored:
            description, values = json.loads(stored["description"].tobytes()), stored["values"]
    except (BadZipFile, KeyError, OSError, ValueError) as error:
        raise DataError(f"{path}: not a network written by finnet ({error}); train and save it again") from error
    return _rebuild(description, values, path)


def _require_small(path: Path) -> None:
    with ZipFile(path) as archive:
        size = sum(member.file_size for member in archive.infolist())
    if size > _LIMIT_BYTES:
        raise ValueError(f"it unpacks to {size} bytes, more than {_LIMIT_BYTES}")


def _rebuild(description: dict[str, Any], values: np.typing.NDArray[Any], path: Path) -> Network:
    if description.get("schema") != _SCHEMA:
        raise DataError(f"{path}: schema {description.get('schema')}, this finnet reads {_SCHEMA}; save it again")
    if sha256(values.tobytes()).hexdigest() != description["sha256"]:
        raise DataError(f"{path}: the numbers are not those that were saved; copy the file again")
    network = Network(
        [_restore(layer) for layer in description["layers"]],
        output=_restore_activation(description["output"]),
        members=description["members"],
        dtype=description["dtype"],
    )
    network.values[...] = values
    return network


def _describe(layer: Layer) -> dict[str, Any]:
    match layer:
        case Dense():
            return {"kind": "Dense", "n_in": layer.n_in, "n_out": layer.n_out}
        case Activate():
            return {"kind": "Activate", "n_out": layer.n_out, "activation": _describe_activation(layer.activation)}
        case Dropout():
            return {"kind": "Dropout", "n_out": layer.n_out, "rates": [float(rate) for rate in layer.rates]}
        case BatchNorm() | LayerNorm():
            return {"kind": type(layer).__name__, "n_out": layer.n_out}
        case Residual():
            return {"kind": "Residual", "layers": [_describe(inner) for inner in layer.layers]}
    raise ConfigError(f"{type(layer).__name__} is not a layer of finnet and cannot be stored")


def _restore(description: dict[str, Any]) -> Layer:
    match description:
        case {"kind": "Dense", "n_in": n_in, "n_out": n_out}:
            return Dense(n_in, n_out, initializer=Xavier())
        case {"kind": "Activate", "n_out": n_out, "activation": activation}:
            return Activate(n_out, _restore_activation(activation))
        case {"kind": "Dropout", "n_out": n_out, "rates": rates}:
            return Dropout(n_out, rates)
        case {"kind": "BatchNorm", "n_out": n_out}:
            return BatchNorm(n_out)
        case {"kind": "LayerNorm", "n_out": n_out}:
            return LayerNorm(n_out)
        case {"kind": "Residual", "layers": layers}:
            return Residual([_restore(inner) for inner in layers])
    raise DataError(f"unknown layer {description}")


def _describe_activation(activation: Activation) -> dict[str, Any]:
    name = type(activation).__name__
    if name not in _ACTIVATION_CLASSES:
        raise ConfigError(f"{name} is not an activation of finnet and cannot be stored")
    return {"name": name, "settings": dict(vars(activation))}


def _restore_activation(description: dict[str, Any]) -> Activation:
    return _ACTIVATION_CLASSES[description["name"]](**description["settings"])
