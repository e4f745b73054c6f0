"""Central differences of small networks, for every combination of what a network can be made of.

A pack of copies, each with one parameter moved, gives every difference in one forward pass; the gradient itself comes
from the case's own network. Nothing sits at a kink, by construction.
"""

from dataclasses import dataclass
from functools import cache, cached_property
from itertools import combinations, product

import numpy as np

from finnet.network.activations import ACTIVATIONS, Sigmoid, Softmax, Tanh
from finnet.network.layer import with_ones
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
ONE_OUTPUT = ("binary, fused", "binary, composed", "focal")
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


def relative_gradient_error(case: Case, *, seed: int) -> float:
    """Distance between backpropagation and central differences over the sum of their lengths, for the worst member."""
    problem = Problem(case, seed)
    analytic, numeric = problem.gradient(), problem.central_differences()
    lengths = np.linalg.norm(analytic, axis=-1) + np.linalg.norm(numeric, axis=-1)
    return float((np.linalg.norm(analytic - numeric, axis=-1) / lengths).max())


@dataclass(frozen=True)
class SameAgain:
    """A generator that has the same children at every birth, so that copies of a network drop the same units."""

    path: tuple[int, ...]

    @cached_property
    def bit_generator(self):
        return np.random.PCG64(self.path)

    def spawn(self, n_children):
        return [same_again(*self.path, child) for child in range(n_children)]


@cache
def same_again(*path: int) -> SameAgain:
    return SameAgain(path)


class Problem:
    """Penalized loss of a small float64 network as a function of its parameters."""

    def __init__(self, case: Case, seed: int) -> None:
        rng = np.random.default_rng([seed, 5])
        self.case, self.loss = case, LOSSES[case.loss]
        self.n_members, self.n_out = case.members or 1, 1 if case.loss in ONE_OUTPUT else 3
        lead = () if case.members is None else (case.members,)
        self.X = with_ones(rng.standard_normal((*lead, 7, 3)))
        self.weights = rng.uniform(0.2, 2.0, (*lead, 7, 1)) if case.is_weighted else None
        self.network = self._network(case.members)
        self.network.initialize([np.random.default_rng([seed, member]) for member in range(self.n_members)])
        self._reseed(self.network)
        move_from_kinks(self.network.layers, self.X)
        # Losses of probabilities are flat beyond scores of 16, where p counts as 1e-7: kept far away too.
        self.network.layers[-1].W *= 4.0 / max(4.0, np.abs(self._scores()).max())
        self.Y = self._targets(rng)

    def gradient(self):
        """By backpropagation, of shape (n_parameters,) or (n_members, n_parameters)."""
        scores = self._scores()
        self.network.backward(mean_gradient(self.loss, scores, self.Y, weights=self.weights))
        self.case.penalty.apply(self.network)
        return self.network.trained_gradients.copy()

    def central_differences(self, eps: float = 1e-6):
        """The same from the losses of copies that have each parameter moved by eps, up and down."""
        theta = self.network.trained
        steps = eps * np.eye(theta.shape[-1])
        own = theta.reshape(1, self.n_members, -1)
        above, below = (self.losses(own + sign * steps[:, None]) for sign in (1, -1))
        return ((above - below) / (2 * eps)).T.reshape(theta.shape)

    def losses(self, theta):
        """Penalized losses of shape (n_copies, n_members) for parameters (n_copies, n_members, n_parameters)."""
        n_copies = len(theta)
        copies = self._network(n_copies * self.n_members)
        copies.trained[...] = theta.reshape(len(copies.trained), -1)
        self._reseed(copies)
        X, Y = (np.tile(array, (n_copies, 1, 1)) for array in (self.X, self.Y))
        weights = None if self.weights is None else np.tile(self.weights, (n_copies, 1, 1))
        data = mean_loss(self.loss, copies.forward(X), Y, weights=weights)
        return (data + self.case.penalty.value(copies.trained[:, copies.is_weight])).reshape(n_copies, self.n_members)

    def _scores(self):
        self._reseed(self.network)
        return self.network.forward(self.X)

    def _network(self, members):
        return dense_network(
            (3, 4, 4, self.n_out), activation=ACTIVATIONS[self.case.activation], members=members,
            dropout=[self.case.dropout] * (members or 1), normalization=self.case.normalization,
            residual=self.case.residual, dtype="float64",
        )  # fmt: skip

    def _reseed(self, network):
        network.seed([same_again(member % self.n_members) for member in range(network.members or 1)])

    def _targets(self, rng):
        scores = self._scores()
        if "categorical" in self.case.loss:
            return np.eye(self.n_out)[rng.integers(self.n_out, size=scores.shape[:-1])]
        if self.n_out == 1:
            return rng.integers(2, size=scores.shape).astype(float)
        if self.case.loss == "quantile":
            return between(scores, rng)
        return scores + rng.choice([-1.0, 1.0], scores.shape) * rng.choice([0.3, 0.8], scores.shape)


def between(scores, rng):
    """One target per row, in the middle of a gap of at least 0.2 between its scores, or beyond them."""
    ends = scores.min(axis=-1, keepdims=True) - 0.6, scores.max(axis=-1, keepdims=True) + 0.6
    ordered = np.sort(np.concatenate([*ends, scores], axis=-1))
    gaps = np.diff(ordered)
    drawn = np.where(gaps >= 0.2, rng.random(gaps.shape), -1.0).argmax(axis=-1)[..., None]
    return np.take_along_axis(ordered[..., :-1] + gaps / 2, drawn, axis=-1)


def move_from_kinks(layers, X) -> None:
    """Shift biases so that no input of a kinked activation is near 0: to the widest gap between a unit's inputs."""
    for layer, following in zip(layers, [*layers[1:], None], strict=True):
        if isinstance(layer, Residual):
            move_from_kinks(layer.layers, X)
        Z = layer.forward(X)
        if isinstance(following, Activate):
            shift = layer.b if isinstance(layer, Dense) else layer.shift
            values = np.sort(Z[..., :-1], axis=-2)
            gap = np.diff(values, axis=-2).argmax(axis=-2)[..., None, :]
            low, high = (np.take_along_axis(values, place, axis=-2) for place in (gap, gap + 1))
            # A unit that is given the same by all rows, as all before it are off, has no gap: it stays on.
            shift -= np.where(high - low > 0.02, (low + high) / 2, values[..., :1, :] - 0.5)
            Z = layer.forward(X)
        X = Z
