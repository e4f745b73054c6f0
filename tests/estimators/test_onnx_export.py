import json
import sys

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression

from finnet.errors import ConfigError
from finnet.estimators.ensemble import NetworkEnsembleClassifier, NetworkEnsembleRegressor
from finnet.estimators.network import NetworkClassifier, NetworkRegressor
from finnet.estimators.onnx_export import OPSET, export_onnx, network_graph
from finnet.estimators.saving import model_from_bytes, model_to_bytes
from finnet.network.activations import ACTIVATIONS, ELU, LeakyReLU

SMALL = {"epochs": 3, "learning_rate": 0.01, "random_state": 0}
PACK = {"members": 5, "hidden": (8,), "epochs": 3, "folds": 2, "batch_size": 64, "random_state": 0}
MODELS = [
    *(NetworkClassifier((8, 6), activation=activation, **SMALL) for activation in ACTIVATIONS),
    NetworkClassifier((6,), activation=LeakyReLU(slope=0.2), **SMALL),
    NetworkClassifier((6,), activation=ELU(alpha=0.5), **SMALL),
    NetworkClassifier((), **SMALL),
    NetworkClassifier((8, 8, 8), normalization="batch", dropout=0.3, **SMALL),
    NetworkClassifier((8, 8, 8), normalization="layer", residual=True, **SMALL),
    NetworkClassifier((8, 8), normalization="batch", residual=True, dtype="float64", **SMALL),
    NetworkEnsembleClassifier(**PACK),
    NetworkRegressor((8, 8), activation="gelu", **SMALL),
    NetworkRegressor((8, 8), residual=True, normalization="layer", **SMALL),
    NetworkEnsembleRegressor(**PACK),
]
OPERATORS = {
    "Identity": lambda X: X,
    "Add": np.add,
    "Sub": np.subtract,
    "Mul": np.multiply,
    "MatMul": np.matmul,
    "Concat": lambda *parts, axis: np.concatenate(parts, axis),
    "ReduceMean": lambda X, axes, keepdims: X.mean(axes, keepdims=bool(keepdims)),
    "Relu": lambda X: np.maximum(X, 0),
    "Tanh": np.tanh,
    "Sigmoid": lambda X: 1 / (1 + np.exp(-X)),
    "LeakyRelu": lambda X, alpha: np.where(X > 0, X, alpha * X),
    "Elu": lambda X, alpha: np.where(X > 0, X, alpha * np.expm1(X)),
    "Selu": lambda X, alpha, gamma: gamma * np.where(X > 0, X, alpha * np.expm1(X)),
    "Softplus": lambda X: np.logaddexp(X, 0),
    "Softmax": lambda X, axis: np.exp(X) / np.exp(X).sum(axis, keepdims=True),
    "LayerNormalization": lambda X, scale, axis, epsilon: (
        scale * (X - X.mean(axis, keepdims=True)) / np.sqrt(X.var(axis, keepdims=True) + epsilon)
    ),
}


def rows(n=300, features=5, seed=0):
    """float32 rows in float64, so that both precisions see the same numbers."""
    return np.random.default_rng(seed).standard_normal((n, features)).astype("float32").astype("float64")


def fitted(model, n_targets=3):
    """The model after a fit to three classes, or to two columns of numbers."""
    X = rows()
    scores = np.stack([X[:, 0] * X[:, 1], X[:, 2], -X[:, 3]], axis=1)[:, :n_targets]
    classes = np.array(["down", "flat", "up"])[scores.argmax(1)] if n_targets > 1 else (scores[:, 0] > 0)
    return clone(model).fit(X, classes if hasattr(model, "predict_proba") else scores[:, :2])


def forecasts(model, X):
    return model.predict_proba(X) if hasattr(model, "predict_proba") else model.predict(X).reshape(len(X), -1)


def in_numpy(graph, X):
    values = {"X": X, **graph.constants}
    for step in graph.steps:
        inputs = [values[name] for name in step.inputs]
        values[step.output] = OPERATORS[step.operator](*inputs, **step.attributes)
    return values[graph.steps[-1].output]


def in_onnxruntime(path, X):
    pytest.importorskip("onnx", reason="needs the extra onnx", exc_type=ImportError)
    runtime = pytest.importorskip("onnxruntime", reason="needs the extra onnx", exc_type=ImportError)
    session = runtime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    return session, session.run(None, {"X": X.astype("float32")})[0]


@pytest.fixture
def onnx():
    return pytest.importorskip("onnx", reason="needs the extra onnx", exc_type=ImportError)


@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_graph_gives_what_the_model_forecasts(model, n_targets):
    model = fitted(model, n_targets)
    # The graph rounds parameters to float32, as the file stores them.
    np.testing.assert_allclose(
        in_numpy(network_graph(model), rows(50, seed=1)), forecasts(model, rows(50, seed=1)), atol=1e-6
    )


@pytest.mark.parametrize("n_targets", [1, 3])
@pytest.mark.parametrize("model", MODELS, ids=repr)
def test_onnxruntime_agrees_to_one_in_a_million(onnx, model, n_targets, tmp_path):
    model, X = fitted(model, n_targets), rows(500, seed=1)
    export_onnx(model, tmp_path / "model.onnx")
    _, outputs = in_onnxruntime(tmp_path / "model.onnx", X)
    for seen in (X, X.astype("float32")):
        np.testing.assert_allclose(outputs, forecasts(model, seen), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("n_rows", [1, 3000])
def test_onnxruntime_agrees_on_a_wide_network_with_large_inputs(onnx, n_rows, tmp_path):
    X, wide = 3 * rows(600, 60), (3 * rows(n_rows, 60, seed=2)).astype("float32")
    model = NetworkClassifier((256, 128), epochs=10, random_state=0).fit(X, X[:, 0] > X[:, 1])
    export_onnx(model, tmp_path / "model.onnx")
    _, outputs = in_onnxruntime(tmp_path / "model.onnx", wide)
    np.testing.assert_allclose(outputs, model.predict_proba(wide), rtol=0, atol=1e-6)


def test_file_states_opset_names_and_classes(onnx, tmp_path):
    export_onnx(fitted(NetworkClassifier(**SMALL)), tmp_path / "model.onnx")
    session, outputs = in_onnxruntime(tmp_path / "model.onnx", rows(4))
    assert onnx.load(tmp_path / "model.onnx").opset_import[0].version == OPSET
    assert session.get_inputs()[0].shape == ["n_rows", 5]
    assert (session.get_outputs()[0].name, outputs.shape, outputs.dtype) == ("probabilities", (4, 3), np.float32)
    assert json.loads(session.get_modelmeta().custom_metadata_map["classes"]) == ["down", "flat", "up"]


def test_equal_models_give_equal_files(onnx, tmp_path):
    for name in ("a", "b"):
        export_onnx(fitted(NetworkRegressor(**SMALL)), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_names_what_cannot_be_exported(tmp_path):
    with pytest.raises(ConfigError, match="a LogisticRegression cannot be exported to ONNX; use one of NetworkClas"):
        export_onnx(LogisticRegression(), tmp_path / "model.onnx")


def test_names_the_activation_that_has_no_form_in_onnx():
    model = fitted(NetworkClassifier((4,), activation=Doubled(), **SMALL))
    with pytest.raises(ConfigError, match=r"activation Doubled\(\) cannot be exported to ONNX; use Identity, Sigmoid"):
        network_graph(model)


def test_asks_for_a_fit_first(tmp_path):
    with pytest.raises(NotFittedError):
        export_onnx(NetworkClassifier(), tmp_path / "model.onnx")


def test_names_the_extra_where_onnx_is_missing(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ConfigError, match=r"pip install 'finnet\[onnx\]'"):
        export_onnx(fitted(NetworkClassifier(**SMALL)), tmp_path / "model.onnx")
    assert not list(tmp_path.iterdir())


class Doubled:
    """A user's own activation."""

    in_place = False

    def value(self, Z, out):
        return np.multiply(Z, 2.0, out=out)

    def gradient(self, Z, A, dA):
        dA *= 2.0
        return dA

    def __repr__(self):
        return "Doubled()"


def test_networks_that_share_weights_are_refused_by_the_name_of_the_setting():
    model = NetworkClassifier((4,), batch_ensemble=3, **SMALL).fit(np.eye(4), [0, 1, 0, 1])
    with pytest.raises(ConfigError, match="with batch_ensemble above 1 cannot be exported to ONNX; fit it without"):
        network_graph(model)


def test_members_of_different_depth_are_refused_by_the_name_of_the_setting():
    model = NetworkEnsembleRegressor(**{**PACK, "hidden": (8, 8), "depth": (1, 2), "selection": "all"})
    with pytest.raises(ConfigError, match=r"with a depth that differs .* cannot be exported to ONNX; fit it without"):
        network_graph(model.fit(np.eye(20), np.arange(20.0) / 20))


@pytest.mark.parametrize("model", [MODELS[-3], MODELS[-1]], ids=["network", "ensemble"])
def test_a_regressor_that_was_saved_is_exported_as_it_was_before(model):
    graph, again = (network_graph(copy) for copy in (fitted(model), model_from_bytes(model_to_bytes(fitted(model)))))
    assert again.steps == graph.steps
    np.testing.assert_array_equal(in_numpy(again, rows()), in_numpy(graph, rows()))
