"""Designs of the default-risk classifier: how a table is shown to a network, and how that network is trained."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, cast

import numpy as np

from finnet.estimators.objective import class_objective
from finnet.estimators.risk_monotone import Monotone
from finnet.estimators.threads import one_blas_thread
from finnet.features.bins import PiecewiseLinear
from finnet.network.activations import ReLU, Sigmoid
from finnet.network.batches import Examples
from finnet.network.history import History
from finnet.network.layers import Dense
from finnet.network.losses import BinaryCrossEntropy, SigmoidCrossEntropy
from finnet.network.model import Network, dense_network
from finnet.network.optimizers import AdamW
from finnet.network.shared import LossOfAverage, MeanOverShared, SharedDense
from finnet.network.stopping import EarlyStopping
from finnet.network.training import Training, train
from finnet.types import FloatArray, IntArray

__all__ = ["DESIGNS", "Bag", "Design", "Shown", "TrainedBag", "risk_network", "train_bag"]

_MANY_ROWS, _VERY_MANY_ROWS = 7_000, 40_000
_ROWS_AT_ONCE = 8_192  # that are forecast
_BINS_IN_ALL = 160  # by quantiles, and as many by trees


class Shown(NamedTuple):
    """Rows as designs see them: `plain` (n_rows, n_encoded), float32, and `numbers` (n_rows, n_numbers), with gaps."""

    plain: FloatArray
    numbers: FloatArray

    def take(self, rows: IntArray | slice) -> "Shown":
        """Some of the rows."""
        return Shown(self.plain[rows], self.numbers[rows])

    def followed_by(self, others: "Shown") -> "Shown":
        """These rows, and others behind them."""
        return Shown(*(np.concatenate(parts) for parts in zip(self, others, strict=True)))


@dataclass(frozen=True)
class Design:
    """What a network of one kind sees and how it learns.

    `uses_bins` puts the bins of every number beside the plain columns. `hidden` are its units where rows are few.
    """

    uses_bins: bool
    hidden: tuple[int, ...]
    learning_rate: float
    weight_decay: float


# Bins show where the risk of a single number turns; plain columns with strong decay are right where many numbers say
# nearly the same.
DESIGNS = {
    "binned": Design(uses_bins=True, hidden=(96, 96), learning_rate=3e-3, weight_decay=0.02),
    "plain": Design(uses_bins=False, hidden=(64, 64), learning_rate=4e-3, weight_decay=0.5),
}


@dataclass(frozen=True, eq=False)
class Bag:
    """A network that learned from some of the rows, and the bins that it sees, where its design has any."""

    design: str
    bins: PiecewiseLinear | None
    network: Network

    def forecast(self, shown: Shown) -> FloatArray:
        """Probability of the second class, shape (n_rows,)."""
        # In blocks, since what networks see of a large table, in float64, would be many times its size.
        parts = [shown.take(slice(k, k + _ROWS_AT_ONCE)) for k in range(0, len(shown.plain), _ROWS_AT_ONCE)]
        return np.concatenate([self._double.predict(self.encoded(part).astype(np.float64))[:, 0] for part in parts])

    def encoded(self, shown: Shown) -> FloatArray:
        """What the network sees: the plain columns, then the bins of every number; shape (n_rows, n_inputs)."""
        return _encoded(shown, self.bins)

    @cached_property
    def _double(self) -> Network:
        # Products round by how many rows there are; in float64 nobody sees it.
        return self.network.astype("float64")


class TrainedBag(NamedTuple):
    """A bag right after training: its forecasts of the rows that stopped it, and what happened epoch by epoch."""

    bag: Bag
    forecast: FloatArray
    history: History


def train_bag(
    name: str,
    shown: Shown,
    y: IntArray,
    *,
    learned: IntArray,
    judged: IntArray,
    members: int,
    seed: int,
    weight: FloatArray | None = None,
    signs: IntArray | None = None,
) -> TrainedBag:
    """A network of the design `name` that learned from some rows and was stopped by others.

    Parameters
    ----------
    shown : Shown
    y : ndarray of 0 and 1, of shape (n_rows,)
    learned, judged : ndarray of int
        Rows by number.
    members : int
        Networks that share weights.
    seed : int
    weight : ndarray of shape (n_rows,), optional
        How much each row counts in the losses; bins are cut as rows stand.
    signs : ndarray of {-1, 0, 1}, of shape (n_numbers,), optional
        Of every number: whether the forecast falls with it, does as it likes, or rises; None where none is bound.
    """
    design, (weights_rng, training_rng) = DESIGNS[name], np.random.default_rng(seed).spawn(2)
    bins = None
    if design.uses_bins and shown.numbers.shape[1]:
        bins = PiecewiseLinear(_n_bins(shown.numbers.shape[1])).fit(shown.numbers[learned], y[learned])
    Y = y[:, None].astype(np.float32)
    weights = None if weight is None else (weight / weight.mean())[:, None].astype(np.float32)
    examples = Examples(_encoded(shown, bins), Y, weights)
    network = risk_network((examples.X.shape[1], *_hidden(design, len(learned))), members=members)
    network.initialize([weights_rng])
    constraint = None if signs is None else Monotone(network, _input_signs(signs, bins, examples.X.shape[1]))
    objective, learning = class_objective(y, "cross_entropy", n_classes=2), examples.among(learned)
    cast(Dense | SharedDense, network.layers[-1]).b[...] = objective.start(learning)
    loss = SigmoidCrossEntropy()
    bag = Bag(name, bins, network)
    with one_blas_thread():
        history = train(
            network,
            loss if members == 1 else MeanOverShared(loss),
            learning,
            rng=training_rng,
            validation=examples.among(judged),
            settings=_training(design, len(learned)),
            judge=None if members == 1 else LossOfAverage(BinaryCrossEntropy(), Sigmoid()),
            constraint=constraint,
        )
        return TrainedBag(bag, bag.forecast(shown.take(judged)), history)


def risk_network(widths: tuple[int, ...], *, members: int) -> Network:
    """A network of these inputs and hidden units, or as many as there are members that share its weights."""
    return dense_network((*widths, 1), activation=ReLU(), output=Sigmoid(), dropout=(0.1,), batch_ensemble=members)


def _encoded(shown: Shown, bins: PiecewiseLinear | None) -> FloatArray:
    return shown.plain if bins is None else np.concatenate([shown.plain, bins.transform(shown.numbers)], axis=1)


def _input_signs(signs: IntArray, bins: PiecewiseLinear | None, n_inputs: int) -> IntArray:
    """Of what the network sees: a number's quantile, first of all, and the shares of its bins, last, rise with it."""
    of_inputs = np.zeros(n_inputs, np.int64)
    of_inputs[: len(signs)] = signs
    if bins is not None:
        of_bins = np.repeat(signs, [max(0, len(edges) - 1) for edges in bins.edges_])
        of_inputs[n_inputs - len(of_bins) :] = of_bins
    return of_inputs


def _n_bins(n_numbers: int) -> int:
    """Fewer bins for each where numbers are many, because each costs a row of weights."""
    return int(np.clip(_BINS_IN_ALL // n_numbers, 3, 12))


def _hidden(design: Design, n_rows: int) -> tuple[int, ...]:
    return (64, 64) if n_rows > _MANY_ROWS else design.hidden


def _training(design: Design, n_rows: int) -> Training:
    """Where rows are many an epoch is long: fewer without improvement end it, and weights are averaged over epochs."""
    return Training(
        epochs=100,
        batch_size=int(np.clip(n_rows / 80, 32, 256)),
        optimizer=AdamW(learning_rate=design.learning_rate, weight_decay=design.weight_decay),
        early_stopping=EarlyStopping(patience=_patience(n_rows)),
        averaging=0.7 if n_rows > _MANY_ROWS else 0.0,
    )


def _patience(n_rows: int) -> int:
    if n_rows > _VERY_MANY_ROWS:
        return 4
    return 6 if n_rows > _MANY_ROWS else 10
