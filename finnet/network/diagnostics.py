"""Diagnostics: how gradients, weights and units of every layer fared, and plain advice where they fared badly."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from finnet.network.activations import Activation, Sigmoid, Tanh
from finnet.network.block import Block
from finnet.network.layer import Layer
from finnet.network.layers import Activate, Dense
from finnet.network.shared import PerShared, SharedDense
from finnet.types import FloatArray, IntArray

__all__ = ["LayerState", "Observer", "advise", "overfitting_advice", "typical"]

_ENOUGH_ROWS = 16


@dataclass(frozen=True)
class LayerState:
    """One dense layer after one epoch, as of its last batch.

    Attributes
    ----------
    epoch, layer : int
        Counted from 1, the layer from the input.
    gradient_norm : float
        Root mean square of the elements of dW.
    update_ratio : float
        Way that W went in the epoch, over its length, per step; around 1e-3 is healthy, and long ways that turn back
        look shorter than they were.
    dead : float
        Share of units of the following activation that gave 0 to every row; 0 where the batch has under 16 rows.
    saturated : float
        Share of its outputs within 1 % of an end of the activation's range, where that has two ends.
    clip_rate : float
        Share of the epoch's steps whose gradient was clipped; the same for all layers, which are clipped together.
    """

    epoch: int
    layer: int
    gradient_norm: float
    update_ratio: float
    dead: float
    saturated: float
    clip_rate: float = 0.0


class Observer:
    """Notes the state of every dense layer after each epoch; a few sums per layer and epoch.

    Parameters
    ----------
    layers : sequence of Layer, after `bind`
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._pairs = list(_dense_and_activation(layers))
        self._before = [dense.W.copy() for dense, _ in self._pairs]

    def observe(self, epoch: int, n_steps: int, *, clip_rate: FloatArray | float = 0.0) -> list[list[LayerState]]:
        """States after the epoch, layer by layer, one list per member; a single network is the only one."""
        layers = [self._layer(i, n_steps, clip_rate=clip_rate) for i in range(len(self._pairs))]
        members = zip(*layers, strict=True)
        return [[LayerState(epoch, i, *state) for i, state in enumerate(member, 1)] for member in members]

    def keep(self, members: IntArray) -> None:
        """Go on with these members of a pack alone."""
        self._before = [W[members] for W in self._before]

    def _layer(self, i: int, n_steps: int, *, clip_rate: FloatArray | float) -> list[tuple[float, ...]]:
        """From gradient_norm to clip_rate, one tuple per member."""
        dense, following = self._pairs[i]
        way = _length(dense.W - self._before[i]) / np.maximum(_length(dense.W), 1e-30)
        self._before[i] = dense.W.copy()
        dead, saturated = _units(following)
        if isinstance(dense, SharedDense):
            dead, saturated = dead.mean(), saturated.mean()
        norm = _length(dense.dW) / (dense.n_in * dense.n_out) ** 0.5
        n_members = 1 if dense.W.ndim == 2 else len(dense.W)
        states = (norm, way / n_steps, dead, saturated, clip_rate)
        return list(zip(*[_one_each(state, n_members) for state in states], strict=True))


def _one_each(state: FloatArray | float, n_members: int) -> list[float]:
    """One number per member; one for all of them is repeated."""
    return np.asarray(state).tolist() if np.ndim(state) else [float(state)] * n_members


def _length(W: FloatArray) -> FloatArray:
    """Euclidean length of all elements, one number per member."""
    return np.asarray(np.sqrt(np.square(W).sum(axis=(-2, -1))))


def _dense_and_activation(layers: Sequence[Layer]) -> Iterator[tuple[Dense | SharedDense, Activate | None]]:
    flat = list(_flat(layers))
    for i, layer in enumerate(flat):
        if isinstance(layer, Dense | SharedDense):
            following = [later for later in flat[i + 1 : i + 3] if isinstance(later, Activate)]
            yield layer, following[0] if following else None


def _flat(layers: Sequence[Layer]) -> Iterator[Layer]:
    for layer in layers:
        if isinstance(layer, Block):
            yield from _flat(layer.layers)
        elif isinstance(layer, PerShared):
            yield layer.layer
        else:
            yield layer


def _units(activate: Activate | None) -> tuple[FloatArray, FloatArray]:
    """Shares of dead and of saturated units; 0 where there is no activation, or no member used it."""
    if activate is None or activate.result is None:
        return np.zeros(()), np.zeros(())
    A = activate.result[..., :-1]
    return _dead(A), _saturated(A, activate.activation)


def _dead(A: FloatArray) -> FloatArray:
    return np.asarray((A == 0.0).all(axis=-2).mean(axis=-1) if A.shape[-2] >= _ENOUGH_ROWS else 0.0)


def _saturated(A: FloatArray, activation: Activation) -> FloatArray:
    match activation:
        case Sigmoid():
            return np.asarray((np.abs(A - 0.5) > 0.49).mean(axis=(-2, -1)))
        case Tanh():
            return np.asarray((np.abs(A) > 0.98).mean(axis=(-2, -1)))
    return np.zeros(())


def typical(members: Sequence[Sequence[LayerState]]) -> list[LayerState]:
    """Median over members of the last state of every layer, of which `advise` says what holds for most members.

    Examples
    --------
    >>> members = [[LayerState(4, 1, norm, 1e-3, 0.0, 0.0)] for norm in (0.1, 0.2, 9.0)]
    >>> typical(members)[0].gradient_norm
    0.2
    """
    last = [[state for state in states if state.epoch == states[-1].epoch] for states in members if states]
    return [
        LayerState(0, layer, *np.median([astuple(state)[2:] for state in states], axis=0).tolist())
        for layer, states in enumerate(zip(*last, strict=True), 1)
    ]


def advise(states: Sequence[LayerState], validation_loss: Sequence[float] = ()) -> list[str]:
    """Plain sentences about what went wrong in training and what helps; empty where all is well.

    Parameters
    ----------
    states : sequence of LayerState
        Of all epochs; the last epoch is judged.
    validation_loss : sequence of float
        One per epoch, or empty.

    Examples
    --------
    >>> states = [LayerState(1, 1, 1e-9, 1e-6, 0.0, 0.0), LayerState(1, 2, 1e-2, 1e-3, 0.0, 0.0)]
    >>> advise(states)[0]
    'gradients vanish: layer 1 gets 1e-07 of the last layer\\'s; use relu, normalization="batch" or residual=True'
    """
    last = [state for state in states if state.epoch == states[-1].epoch] if states else []
    return [*_gradient_advice(last), *_clipping_advice(last), *_unit_advice(last), *overfitting_advice(validation_loss)]


def _gradient_advice(last: Sequence[LayerState]) -> Iterator[str]:
    if len(last) < 2 or last[-1].gradient_norm == 0.0:
        return
    ratio = last[0].gradient_norm / last[-1].gradient_norm
    if ratio < 1e-3:
        yield (
            f"gradients vanish: layer 1 gets {ratio:.0e} of the last layer's; use relu,"
            ' normalization="batch" or residual=True'
        )
    if ratio > 1e3:
        yield f"gradients explode: layer 1 gets {ratio:.0e} times the last layer's; use Clipping(norm=1.0)"


def _clipping_advice(last: Sequence[LayerState]) -> Iterator[str]:
    if last and last[0].clip_rate > 0.5:
        yield f"{last[0].clip_rate:.0%} of the steps were clipped; lower the learning rate or raise the limit"


def _unit_advice(last: Sequence[LayerState]) -> Iterator[str]:
    for state in last:
        if state.dead > 0.5:
            yield (
                f"{state.dead:.0%} of the units of layer {state.layer} are dead; lower the learning rate or use"
                " leaky_relu"
            )
        if state.saturated > 0.5:
            yield f"layer {state.layer} is {state.saturated:.0%} saturated; scale the inputs or lower the learning rate"
        if state.update_ratio > 0.1:
            yield f"weights of layer {state.layer} move by {state.update_ratio:.0%} per step; lower the learning rate"


def overfitting_advice(validation_loss: Sequence[float]) -> Iterator[str]:
    """A sentence where validation loss was best long ago and has risen since."""
    if len(validation_loss) < 10:
        return
    best = int(np.argmin(validation_loss))
    rise = validation_loss[-1] / validation_loss[best] - 1.0
    if best < len(validation_loss) / 2 and rise > 0.05:
        yield (
            f"the network overfits: validation loss was best in epoch {best + 1} and has risen by {rise:.0%} since;"
            " use early_stopping, dropout, l1 or l2"
        )
