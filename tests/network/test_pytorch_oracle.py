"""PyTorch as a second oracle: its stored answers everywhere, and PyTorch itself where it is installed."""

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from finnet.network.activations import ACTIVATIONS
from finnet.network.losses import (
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    mean_gradient,
    mean_loss,
)
from finnet.network.model import dense_network
from finnet.network.optimizers import SGD, Adagrad, Adam, AdamW, RMSProp, Updater

ORACLE = Path(__file__).parent / "oracle"
OPTIMIZERS = {
    "sgd": SGD(learning_rate=0.1),
    "momentum": SGD(learning_rate=0.1, momentum=0.9),
    "nesterov": SGD(learning_rate=0.1, momentum=0.9, nesterov=True),
    "adagrad": Adagrad(learning_rate=0.1),
    "rmsprop": RMSProp(learning_rate=0.01),
    "adam": Adam(learning_rate=0.01),
    "adamw": AdamW(learning_rate=0.01, weight_decay=0.1),
}


def network(activation="tanh", *, outputs=1, **options):
    return dense_network((3, 5, 5, outputs), activation=ACTIVATIONS[activation], dtype="float64", **options)


CASES = {
    **{name: (network(name), SigmoidCrossEntropy()) for name in ACTIVATIONS},
    "mse": (network(outputs=3), MeanSquaredError()),
    "mae": (network(outputs=3), MeanAbsoluteError()),
    "huber": (network(outputs=3), Huber(delta=0.5)),
    "binary_cross_entropy": (network(outputs=3), SigmoidCrossEntropy()),
    "categorical_cross_entropy": (network(outputs=3), SoftmaxCrossEntropy()),
    "batch": (network(normalization="batch"), MeanSquaredError()),
    "layer": (network(normalization="layer"), MeanSquaredError()),
    "residual": (network(residual=True), MeanSquaredError()),
    "all": (network("gelu", normalization="batch", residual=True, outputs=3), SoftmaxCrossEntropy()),
}


def stored(file, case):
    with np.load(ORACLE / f"{file}.npz") as arrays:
        return {name.split("/")[1]: arrays[name] for name in arrays if name.split("/")[0] == case}


def live(file, case):
    make = import_module("tests.network.oracle.make")
    return make.gradient(case) if file == "gradients" else make.losses(case)


no_torch = pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed")
both_oracles = pytest.mark.parametrize("answer", [stored, pytest.param(live, marks=no_torch)])


@both_oracles
@pytest.mark.parametrize("case", CASES)
def test_gradients_equal_those_of_pytorch(answer, case):
    (ours, loss), theirs = CASES[case], answer("gradients", case)
    ours.trained[...] = theirs["theta"]
    ours.backward(mean_gradient(loss, ours.forward(theirs["X"]), theirs["Y"]))
    np.testing.assert_allclose(ours.trained_gradients, theirs["gradient"], rtol=1e-10, atol=1e-12)


@both_oracles
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_fifty_losses_equal_those_of_pytorch(answer, name):
    ours, loss, theirs = network(), SigmoidCrossEntropy(), answer("losses", name)
    ours.trained[...] = theirs["theta"]
    updater = Updater(OPTIMIZERS[name], ours.trained, ours.trained_gradients, n_weights=ours.n_weights)
    for expected in theirs["losses"]:
        scores = ours.forward(theirs["X"])
        assert float(mean_loss(loss, scores, theirs["Y"])) == pytest.approx(expected, rel=1e-10)
        ours.backward(mean_gradient(loss, scores, theirs["Y"]))
        updater.update()


def test_stored_files_are_small():
    assert sum(path.stat().st_size for path in ORACLE.glob("*.npz")) < 300_000
