"""ONNX: fitted networks as float32 graphs that other runtimes can run (extra `onnx`)."""

import importlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from sklearn.utils.validation import check_is_fitted

from finnet.errors import ConfigError
from finnet.estimators.classifier_base import ClassifierOfNetworks
from finnet.estimators.ensemble import NetworkEnsembleClassifier, NetworkEnsembleRegressor
from finnet.estimators.network import NetworkClassifier, NetworkRegressor
from finnet.estimators.network_base import EstimatorOfNetworks
from finnet.files import replace_file
from finnet.network.activations import (
    ELU,
    GELU,
    SELU,
    Identity,
    LeakyReLU,
    ReLU,
    Sigmoid,
    SiLU,
    Softmax,
    Softplus,
    Tanh,
)
from finnet.network.depth import Skippable
from finnet.network.layers import Activate, Dense
from finnet.network.normalization import BatchNorm, LayerNorm
from finnet.network.residual import Residual
from finnet.network.shared import SharedDense
from finnet.types import FloatArray

__all__ = ["OPSET", "Attribute", "Graph", "Step", "export_onnx", "network_graph"]

OPSET = 17
"""Version of the ONNX operators in exported graphs."""

Attribute = float | Sequence[int]
"""What an operator is set to: a number, or axes."""

_EXPORTED = (NetworkClassifier, NetworkRegressor, NetworkEnsembleClassifier, NetworkEnsembleRegressor)
_IR_VERSION = 8  # of the file format, the one that came with the opset
_EPSILON = 1e-5  # what the normalization layers add to variances


class Step(NamedTuple):
    """One node of a graph: an ONNX operator, the names of what goes in and comes out, and its attributes."""

    operator: str
    inputs: tuple[str, ...]
    output: str
    attributes: Mapping[str, Attribute]


class Graph:
    """Steps in order, the first from "X", and the constants that they use.

    Examples
    --------
    >>> graph = Graph()
    >>> graph.add("Mul", "X", graph.constant(2.0))
    'mul_1'
    >>> graph.steps, graph.constants
    ([Step(operator='Mul', inputs=('X', 'constant_1'), output='mul_1', attributes={})],
     {'constant_1': array(2., dtype=float32)})
    """

    def __init__(self) -> None:
        self.steps: list[Step] = []
        self.constants: dict[str, FloatArray] = {}

    def constant(self, values: FloatArray | float) -> str:
        """Name of a new constant of the shape of `values`, float32."""
        name = f"constant_{len(self.constants) + 1}"
        self.constants[name] = np.array(values, np.float32)
        return name

    def add(self, operator: str, *inputs: str, **attributes: Attribute) -> str:
        """Name of the output of a new step."""
        name = f"{operator.lower()}_{len(self.steps) + 1}"
        self.steps.append(Step(operator, inputs, name, attributes))
        return name

    def end(self, Z: str, *, name: str) -> None:
        """Give the last output the name by which it is asked for."""
        self.steps.append(Step("Identity", (Z,), name, {}))


_Write = Callable[[Graph, Any, str], str]


def export_onnx(model: EstimatorOfNetworks, path: Path | str) -> None:
    """Write a fitted network or ensemble as an ONNX file, whole or not at all.

    The graph takes "X", float32 of shape (n_rows, n_features), prepared like the rows that `fit` saw. A classifier
    gives "probabilities" of shape (n_rows, n_classes), with its classes as a JSON list under `classes` in the metadata;
    a regressor gives "forecasts" of shape (n_rows, n_outputs).

    Outputs agree to 1e-6 with what the model forecasts for float32 rows, where inputs and targets have about unit size
    as the network wants them. Float32 is no finer than that: forecasts far above 1 agree to about 1e-5 of their size,
    and a network of float64 loses its further digits.

    Parameters
    ----------
    model : NetworkClassifier, NetworkRegressor, NetworkEnsembleClassifier or NetworkEnsembleRegressor
    path : Path or str

    Raises
    ------
    ConfigError
        The model, a layer or an activation is of a kind that has no form in ONNX, or onnx is not installed.

    Examples
    --------
    >>> model = NetworkRegressor((2,), epochs=1, random_state=0).fit(np.eye(4), np.arange(4.0))
    >>> export_onnx(model, "model.onnx")  # doctest: +SKIP
    """
    graph = network_graph(model)
    replace_file(Path(path), _onnx_bytes(graph, model))


def network_graph(model: EstimatorOfNetworks) -> Graph:
    """The forecasts of a fitted model step by step, without the need for onnx.

    Examples
    --------
    >>> model = NetworkRegressor((2,), activation="relu", epochs=1, random_state=0).fit(np.eye(4), np.arange(4.0))
    >>> [step.operator for step in network_graph(model).steps]
    ['MatMul', 'Add', 'Relu', 'MatMul', 'Add', 'Identity']
    """
    if type(model) not in _EXPORTED:
        names = ", ".join(known.__name__ for known in _EXPORTED)
        raise ConfigError(
            f"a {type(model).__name__} cannot be exported to ONNX; use one of {names}, or the fitted one inside it"
        )
    check_is_fitted(model)
    graph, Z = Graph(), "X"
    for layer in model.network_.layers:
        Z = _layer(graph, layer, Z)
    P = _activated(graph, model.network_.output, Z)
    if model.network_.members is not None:
        # P has shape (n_members, n_rows, n_outputs); the mean of P * share * n_members is the average by shares.
        weights = model.shares_[:, None, None] * len(model.shares_)
        P = graph.add("ReduceMean", graph.add("Mul", P, graph.constant(weights)), axes=(0,), keepdims=0)
    if isinstance(model, ClassifierOfNetworks) and len(model.classes_) == 2:
        P = graph.add("Concat", graph.add("Sub", graph.constant(1.0), P), P, axis=-1)
    graph.end(P, name=_output_name(model))
    return graph


def _output_name(model: EstimatorOfNetworks) -> str:
    return "probabilities" if isinstance(model, ClassifierOfNetworks) else "forecasts"


def _layer(graph: Graph, layer: Any, Z: str) -> str:
    if type(layer) in _NOT_EXPORTED:
        raise ConfigError(f"a network with {_NOT_EXPORTED[type(layer)]} cannot be exported to ONNX; fit it without")
    return _writer(layer, _LAYERS, name="layer")(graph, layer, Z)


def _writer(part: object, known: Mapping[type[object], _Write], *, name: str) -> _Write:
    if type(part) not in known:
        names = ", ".join(kind.__name__ for kind in known)
        raise ConfigError(f"{name} {part!r} cannot be exported to ONNX; use {names}")
    return known[type(part)]


def _dense(graph: Graph, layer: Dense, Z: str) -> str:
    return graph.add("Add", graph.add("MatMul", Z, graph.constant(layer.W)), graph.constant(layer.b))


def _activate(graph: Graph, layer: Activate, Z: str) -> str:
    return _activated(graph, layer.activation, Z)


def _batch_norm(graph: Graph, layer: BatchNorm, Z: str) -> str:
    centered = graph.add("Sub", Z, graph.constant(layer.mean))
    # Running statistics are constants, so that division and gain are one factor. The mean is subtracted before it, as
    # finnet does: float32 would lose digits of slope * mean where the mean is large.
    slope = layer.gain / np.sqrt(layer.variance + _EPSILON)
    return graph.add("Add", graph.add("Mul", centered, graph.constant(slope)), graph.constant(layer.shift))


def _layer_norm(graph: Graph, layer: LayerNorm, Z: str) -> str:
    ones = graph.constant(np.ones(layer.n_out))
    standardized = graph.add("LayerNormalization", Z, ones, axis=-1, epsilon=_EPSILON)
    return graph.add("Add", graph.add("Mul", standardized, graph.constant(layer.gain)), graph.constant(layer.shift))


def _residual(graph: Graph, layer: Residual, Z: str) -> str:
    inner = Z
    for own in layer.layers:
        inner = _layer(graph, own, inner)
    return graph.add("Add", Z, inner)


# Kinds by type alone, not by isinstance: a user's subclass may compute something else.
_NOT_EXPORTED: Mapping[type[object], str] = {
    SharedDense: "batch_ensemble above 1",
    Skippable: "a depth that differs from member to member",
}
_LAYERS: Mapping[type[object], _Write] = {
    Dense: _dense,
    Activate: _activate,
    BatchNorm: _batch_norm,
    LayerNorm: _layer_norm,
    Residual: _residual,
}


def _activated(graph: Graph, activation: Any, Z: str) -> str:
    return _writer(activation, _ACTIVATIONS, name="activation")(graph, activation, Z)


def _silu(graph: Graph, activation: SiLU, Z: str) -> str:
    return graph.add("Mul", Z, graph.add("Sigmoid", Z))


def _gelu(graph: Graph, activation: GELU, Z: str) -> str:
    """Z/2 * (1 + tanh(slope * (Z + cubic * Z^3))), which is an operator of its own from opset 20 on alone."""
    cube = graph.add("Mul", graph.add("Mul", Z, Z), Z)
    inner = graph.add("Add", Z, graph.add("Mul", cube, graph.constant(activation.cubic)))
    T = graph.add("Tanh", graph.add("Mul", inner, graph.constant(activation.slope)))
    half = graph.add("Mul", Z, graph.constant(0.5))
    return graph.add("Mul", half, graph.add("Add", T, graph.constant(1.0)))


_ACTIVATIONS: Mapping[type[object], _Write] = {
    Identity: lambda graph, activation, Z: Z,
    Sigmoid: lambda graph, activation, Z: graph.add("Sigmoid", Z),
    Tanh: lambda graph, activation, Z: graph.add("Tanh", Z),
    ReLU: lambda graph, activation, Z: graph.add("Relu", Z),
    LeakyReLU: lambda graph, activation, Z: graph.add("LeakyRelu", Z, alpha=activation.slope),
    ELU: lambda graph, activation, Z: graph.add("Elu", Z, alpha=activation.alpha),
    SELU: lambda graph, activation, Z: graph.add("Selu", Z, alpha=activation.alpha, gamma=activation.scale),
    SiLU: _silu,
    GELU: _gelu,
    Softplus: lambda graph, activation, Z: graph.add("Softplus", Z),
    Softmax: lambda graph, activation, Z: graph.add("Softmax", Z, axis=-1),
}


def _onnx_bytes(graph: Graph, model: Any) -> bytes:
    """The content of the ONNX file, checked by onnx itself."""
    try:
        onnx: Any = importlib.import_module("onnx")
    except ImportError as error:
        raise ConfigError("ONNX files need onnx, which is not installed; pip install 'finnet[onnx]'") from error
    name, n_out = _output_name(model), model.network_.layers[-1].n_out
    width = len(model.classes_) if isinstance(model, ClassifierOfNetworks) else n_out
    nodes = [onnx.helper.make_node(s.operator, s.inputs, [s.output], **s.attributes) for s in graph.steps]
    constants = [onnx.numpy_helper.from_array(values, name=key) for key, values in graph.constants.items()]
    X, P = _value_info(onnx, "X", model.n_features_in_), _value_info(onnx, name, width)
    proto = onnx.helper.make_model(
        onnx.helper.make_graph(nodes, "network", [X], [P], constants),
        opset_imports=[onnx.helper.make_opsetid("", OPSET)],
        producer_name="finnet",
        ir_version=_IR_VERSION,
    )
    if isinstance(model, ClassifierOfNetworks):
        onnx.helper.set_model_props(proto, {"classes": json.dumps(model.classes_.tolist(), default=str)})
    onnx.checker.check_model(proto, full_check=True)
    # Equal models give equal bytes.
    return bytes(proto.SerializeToString(deterministic=True))


def _value_info(onnx: Any, name: str, width: int) -> Any:
    """ONNX's description of an array of shape (n_rows, width), float32, that goes in or comes out."""
    return onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, ["n_rows", width])
