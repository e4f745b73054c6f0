"""finnet's answers to the problems that PyTorch was asked, and PyTorch's, stored or live."""

from importlib import import_module
from pathlib import Path

import numpy as np

from finnet.network.activations import ACTIVATIONS
from finnet.network.layer import with_ones
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

HERE = Path(__file__).parent
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
    with np.load(HERE / f"{file}.npz") as arrays:
        return {name.split("/")[1]: arrays[name] for name in arrays if name.split("/")[0] == case}


def live(file, case):
    make = import_module("tests.network.oracle.make")
    return make.gradient(case) if file == "gradients" else make.losses(case)


def take_parameters(ours, theta):
    """Those of a stored problem, which come weights first."""
    ours.trained[ours.is_weight], ours.trained[~ours.is_weight] = np.split(theta, [ours.n_weights])


def weights_first(ours, flat):
    return np.concatenate([flat[ours.is_weight], flat[~ours.is_weight]])


def our_gradient(case, problem):
    """Of the loss of a stored problem with respect to all parameters, shape (n_parameters,)."""
    ours, loss = CASES[case]
    take_parameters(ours, problem["theta"])
    ours.backward(mean_gradient(loss, ours.forward(with_ones(problem["X"])), problem["Y"]))
    return weights_first(ours, ours.trained_gradients)


def our_losses(optimizer, problem):
    """Before each of as many full-batch steps as PyTorch took, shape (n_steps,)."""
    ours, loss, curve = network(), SigmoidCrossEntropy(), []
    take_parameters(ours, problem["theta"])
    updater = Updater(OPTIMIZERS[optimizer], ours.trained, ours.trained_gradients, is_weight=ours.is_weight)
    for _ in problem["losses"]:
        scores = ours.forward(with_ones(problem["X"]))
        curve.append(float(mean_loss(loss, scores, problem["Y"])))
        ours.backward(mean_gradient(loss, scores, problem["Y"]))
        updater.update()
    return np.array(curve)
