"""Backpropagation agrees with central differences, for every combination; nothing sits at a kink, by construction."""

from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import pytest

from finnet.network.activations import ACTIVATIONS, Sigmoid, Softmax, Tanh
from finnet.network.layers import Activate, Dense
from finnet.network.losses import (
    BinaryCrossEntropy,
    CategoricalCrossEntropy,
    Composed,
    FocalLoss,
    Huber,
    MeanAbsoluteError,
    MeanSquaredError,
    QuantileLoss,
    loss_on_scores,
    mean_gradient,
    mean_loss,
)
from finnet.network.model import dense_network
from finnet.network.regularization import Penalty
from finnet.network.residual import Residual

LOSSES = {
    "mse": MeanSquaredError(),
    "mae": MeanAbsoluteError(),
    "huber": Huber(delta=0.5),
    "quantile": QuantileLoss(levels=(0.1, 0.5, 0.8)),
    "mse of tanh": loss_on_scores(MeanSquaredError(), Tanh()),
    "mse of softmax": loss_on_scores(MeanSquaredError(), Softmax()),
    "binary, fused": loss_on_scores(BinaryCrossEntropy(), Sigmoid()),
    "binary, composed": Composed(Sigmoid(), BinaryCrossEntropy()),
    "categorical, fused": loss_on_scores(CategoricalCrossEntropy(), Softmax()),
    "categorical, composed": Composed(Softmax(), CategoricalCrossEntropy()),
    "focal": loss_on_scores(FocalLoss(gamma=2.0), Sigmoid()),
}
FACTORS = {
    "activation": tuple(ACTIVATIONS),
    "loss": tuple(LOSSES),
    "penalty": (Penalty(), Penalty(l1=0.1), Penalty(l2=0.3)),
    "dropout": (0.0, 0.4),
    "normalization": (None, "batch", "layer"),
    "residual": (False, True),
    "is_weighted": (False, True),
    "members": (None, 2),
}


@dataclass(frozen=True)
class Case:
    activation: str
    loss: str
    penalty: Penalty
    dropout: float
    normalization: str | None
    residual: bool
    is_weighted: bool
    members: int | None

    def __repr__(self) -> str:
        return "-".join(str(value) for value in vars(self).values())


def every_case() -> list[Case]:
    return [Case(*values) for values in product(*FACTORS.values())]


def pairwise_cases(seed: int = 0) -> list[Case]:
    """Cases such that every pair of values of two factors occurs in at least one (greedy, Cohen et al. 1997)."""
    rng, values = np.random.default_rng(seed), list(FACTORS.values())
    pairs = {(i, a, j, b) for i, j in combinations(range(len(values)), 2) for a in values[i] for b in values[j]}
    chosen = []
    while pairs:
        i, a, j, b = min(pairs, key=repr)
        tries = [[options[rng.integers(len(options))] for options in values] for _ in range(30)]
        for draw in tries:
            draw[i], draw[j] = a, b
        best = max(tries, key=lambda draw: len(_pairs(draw) & pairs))
        pairs -= _pairs(best)
        chosen.append(Case(*best))
    return chosen


def _pairs(draw):
    return {(i, draw[i], j, draw[j]) for i, j in combinations(range(len(draw)), 2)}


def relative_gradient_error(case: Case, *, seed: int, eps: float = 1e-6) -> float:
    """Distance between backpropagation and central differences, over the sum of their lengths."""
    problem = Problem(case, seed)
    analytic = problem.gradient().copy()
    theta, numeric = problem.network.trained, np.zeros_like(analytic)
    for i in range(theta.shape[-1]):
        kept = theta[..., i].copy()
        theta[..., i] = kept + eps
        above = problem.value()
        theta[..., i] = kept - eps
        numeric[..., i] = (above - problem.value()) / (2 * eps)
        theta[..., i] = kept
    return np.linalg.norm(analytic - numeric) / (np.linalg.norm(analytic) + np.linalg.norm(numeric))


class Problem:
    """Penalized loss of a small float64 network as a function of its parameters."""

    def __init__(self, case: Case, seed: int) -> None:
        rng = np.random.default_rng([seed, 5])
        n_out = 1 if case.loss in ("binary, fused", "binary, composed", "focal") else 3
        lead = () if case.members is None else (case.members,)
        self.case, self.loss = case, LOSSES[case.loss]
        self.network = dense_network(
            (3, 4, 4, n_out), activation=ACTIVATIONS[case.activation], dropout=[case.dropout] * (case.members or 1),
            normalization=case.normalization, residual=case.residual, members=case.members, dtype="float64",
        )  # fmt: skip
        self.network.initialize([np.random.default_rng([seed, member]) for member in range(case.members or 1)])
        self.X = rng.standard_normal((*lead, 7, 3))
        self.weights = rng.uniform(0.2, 2.0, (*lead, 7, 1)) if case.is_weighted else None
        self._reseed()
        move_from_kinks(self.network.layers, self.X)
        self.Y = self._targets(rng, n_out)

    def value(self):
        scores = self._forward()
        data = mean_loss(self.loss, scores, self.Y, weights=self.weights)
        return data + self.case.penalty.value(self.network.weights)

    def gradient(self):
        self.network.backward(mean_gradient(self.loss, self._forward(), self.Y, weights=self.weights))
        self.case.penalty.apply(self.network)
        return self.network.trained_gradients

    def _forward(self):
        self._reseed()
        return self.network.forward(self.X)

    def _reseed(self):
        self.network.seed([np.random.default_rng(member) for member in range(self.case.members or 1)])

    def _targets(self, rng, n_out):
        scores = self._forward()
        if "categorical" in self.case.loss:
            return np.eye(n_out)[rng.integers(n_out, size=scores.shape[:-1])]
        if n_out == 1:
            return rng.integers(2, size=scores.shape).astype(float)
        away = rng.choice([-1.0, 1.0], scores.shape) * rng.choice([0.3, 0.8], scores.shape)
        return (scores + away)[..., :1] + 0.0 if self.case.loss == "quantile" else scores + away


def move_from_kinks(layers, X) -> None:
    """Shift biases so that no input of a kinked activation is near 0: to the widest gap between a unit's inputs."""
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        if isinstance(layer, Residual):
            move_from_kinks(layer.layers, X)
        Z = layer.forward(X)
        if isinstance(following, Activate):
            shift = layer.b if isinstance(layer, Dense) else layer.shift
            values = np.sort(Z, axis=-2)
            gap = np.diff(values, axis=-2).argmax(axis=-2)[..., None, :]
            low = np.take_along_axis(values, gap, axis=-2)
            shift -= (low + np.take_along_axis(values, gap + 1, axis=-2)) / 2
            Z = layer.forward(X)
        X = Z


@pytest.mark.parametrize("case", pairwise_cases(), ids=repr)
def test_backward_matches_central_differences(case):
    assert relative_gradient_error(case, seed=0) <= 1e-6


@pytest.mark.full
@pytest.mark.parametrize("seed", range(1, 4))
@pytest.mark.parametrize("case", pairwise_cases(seed=1), ids=repr)
def test_backward_matches_central_differences_for_more_seeds(case, seed):
    assert relative_gradient_error(case, seed=seed) <= 1e-6


@pytest.mark.full
def test_backward_matches_central_differences_on_the_whole_grid():
    errors = np.array([relative_gradient_error(case, seed=seed) for seed, case in enumerate(every_case())])
    assert errors.max() <= 1e-6
