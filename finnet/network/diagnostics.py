"""Diagnostics: how gradients, weights and units of every layer fared, and plain advice where they fared badly."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from finnet.network.activations import Activation, Sigmoid, Tanh
from finnet.network.layers import Activate, Dense, Layer
from finnet.network.residual import Residual
from finnet.types import FloatArray

__all__ = ["LayerState", "Observer", "advise"]

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
    """

    epoch: int
    layer: int
    gradient_norm: float
    update_ratio: float
    dead: float
    saturated: float


class Observer:
    """Notes the state of every dense layer after each epoch; a few sums per layer and epoch.

    Parameters
    ----------
    layers : sequence of Layer of a single network, after `bind`
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._pairs = list(_dense_and_activation(layers))
        self._before = [dense.W.copy() for dense, _ in self._pairs]

    def observe(self, epoch: int, n_steps: int) -> list[LayerState]:
        """States after the epoch."""
        states = []
        for i, (dense, following) in enumerate(self._pairs):
            way = np.linalg.norm(dense.W - self._before[i]) / max(float(np.linalg.norm(dense.W)), 1e-30)
            self._before[i] = dense.W.copy()
            states.append(
                LayerState(
                    epoch=epoch,
                    layer=i + 1,
                    gradient_norm=float(np.sqrt(np.square(dense.dW).mean())),
                    update_ratio=float(way) / n_steps,
                    dead=_dead(following.result) if following else 0.0,
                    saturated=_saturated(following.result, following.activation) if following else 0.0,
                )
            )
        return states


def _dense_and_activation(layers: Sequence[Layer]) -> Iterator[tuple[Dense, Activate | None]]:
    flat = list(_flat(layers))
    for i, layer in enumerate(flat):
        if isinstance(layer, Dense):
            following = [later for later in flat[i + 1 : i + 3] if isinstance(later, Activate)]
            yield layer, following[0] if following else None


def _flat(layers: Sequence[Layer]) -> Iterator[Layer]:
    for layer in layers:
        if isinstance(layer, Residual):
            yield from _flat(layer.layers)
        else:
            yield layer


def _dead(A: FloatArray) -> float:
    return float((A == 0.0).all(axis=-2).mean()) if len(A) >= _ENOUGH_ROWS else 0.0


def _saturated(A: FloatArray, activation: Activation) -> float:
    match activation:
        case Sigmoid():
            return float((np.abs(A - 0.5) > 0.49).mean())
        case Tanh():
            return float((np.abs(A) > 0.98).mean())
    return 0.0


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
    return [*_gradient_advice(last), *_unit_advice(last), *_overfitting_advice(validation_loss)]


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


def _overfitting_advice(validation_loss: Sequence[float]) -> Iterator[str]:
    if len(validation_loss) < 10:
        return
    best = int(np.argmin(validation_loss))
    rise = validation_loss[-1] / validation_loss[best] - 1.0
    if best < len(validation_loss) / 2 and rise > 0.05:
        yield (
            f"the network overfits: validation loss was best in epoch {best + 1} and has risen by {rise:.0%} since;"
            " use early_stopping, dropout, l1 or l2"
        )
