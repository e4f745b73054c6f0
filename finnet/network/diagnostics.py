"""Diagnostics: how gradients, weights and units of every layer fared, and plain advice where they fared badly."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass

import numpy as np

from finnet.network.activations import Activation, Sigmoid, Tanh
from finnet.network.block import Block
from finnet.network.depth import Skippable
from finnet.network.layer import Layer
from finnet.network.layers import Activate, Dense
from finnet.network.shared import PerShared, SharedDense
from finnet.types import BoolArray, FloatArray, IntArray

__all__ = [
    "NOTHING_LEARNED",
    "LayerState",
    "Observer",
    "advise",
    "overfitting_advice",
    "typical",
]

# A unit that fires for half of the rows is silent in 16 independent ones by chance once in 65,536 times.
_ENOUGH_ROWS = 16
_EXPLODED = 1e3
_RISE, _NOTICEABLE = 0.1, 1e-3  # of what the loss had fallen, and of the loss itself
_VANISHED = 0.02
NOTHING_LEARNED = (
    "loss is not below that of forecasting the mean; try another learning rate, weaker penalties, more epochs or other"
    " columns"
)


@dataclass(frozen=True)
class LayerState:
    """One dense layer after one epoch; NaN in what is not known, as where a member of a pack passes the layer by.

    Gradients and units are those of the epoch's last whole batch, and gradients those of the loss alone, before
    penalties are added and before they are clipped.

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
        Share of units of the following activation that gave 0 to every row; NaN where the batch has under 16 rows. With
        dropout, of the units that it left to 16 rows or more, and to every one of these rows; NaN where these units are
        under half of all.
    saturated : float
        Share of its outputs within 1 % of an end of the activation's range, where that has two ends; before dropout.
    clip_rate : float
        Share of the epoch's steps whose gradient was clipped; the same for all layers, which are clipped together.
    weight_size : float
        Length of W, as a share of that at the start of training.
    """

    epoch: int
    layer: int
    gradient_norm: float
    update_ratio: float
    dead: float
    saturated: float
    clip_rate: float = 0.0
    weight_size: float = np.nan


class Observer:
    """Notes the state of every dense layer after each epoch; a few sums per layer and epoch.

    Parameters
    ----------
    layers : sequence of Layer, after `bind`
    """

    def __init__(self, layers: Sequence[Layer]) -> None:
        self._watched = list(_watched(layers))
        self.go_on()
        self._at_start = [_length(W) for W in self._before]
        self._units: list[tuple[FloatArray, FloatArray]] = []
        self._gradients: list[FloatArray] = []

    def go_on(self) -> None:
        """Compare the coming epoch with the weights that there are now."""
        self._before = [watched.dense.W.copy() for watched in self._watched]

    def look_at_units(self) -> None:
        """Note units as `forward` has just left them."""
        self._units = [_units(watched) for watched in self._watched]

    def look_at_gradients(self) -> None:
        """Note gradients as `backward` has just left them."""
        # Root mean squares, which do not depend on how many weights a layer has.
        denses = [watched.dense for watched in self._watched]
        self._gradients = [np.asarray(_length(dense.dW) / (dense.n_in * dense.n_out) ** 0.5) for dense in denses]

    def observe(self, epoch: int, n_steps: int, *, clip_rate: FloatArray | float = 0.0) -> list[list[LayerState]]:
        """States after the epoch, layer by layer, one list per member; a single network is the only one.

        `clip_rate` is a number, or of shape (n_members,).

        Units and gradients are those of the last look at them.
        """
        layers = [self._layer(i, n_steps, clip_rate=clip_rate) for i in range(len(self._watched))]
        members = zip(*layers, strict=True)
        return [[LayerState(epoch, i, *state) for i, state in enumerate(member, 1)] for member in members]

    def keep(self, members: IntArray) -> None:
        """Go on with these members of a pack alone, given by their numbers, shape (k,)."""
        self._before = [W[members] for W in self._before]
        self._at_start = [length[members] for length in self._at_start]

    def _layer(self, i: int, n_steps: int, *, clip_rate: FloatArray | float) -> list[tuple[float, ...]]:
        """From gradient_norm to weight_size, one tuple per member."""
        dense, before, norm = self._watched[i].dense, self._before[i], self._gradients[i]
        dead, saturated = self._units[i]
        # In place: the weights of the last epoch become the way from there, then make room for those of this one.
        before -= dense.W
        way, length = _length(before), np.maximum(_length(dense.W), 1e-30)
        before[...] = dense.W
        n_members = 1 if dense.W.ndim == 2 else len(dense.W)
        size = length / np.maximum(self._at_start[i], 1e-30)
        states = (norm, way / length / n_steps, dead, saturated, clip_rate, size)
        own = list(zip(*[_one_each(state, n_members) for state in states], strict=True))
        block = self._watched[i].block
        if block is None:
            return own
        unknown = (np.nan,)
        return [state if on else unknown * 4 + state[4:5] + unknown for state, on in zip(own, block.on, strict=True)]


def _one_each(state: FloatArray | float, n_members: int) -> list[float]:
    """One number per member; one for all of them is repeated."""
    return np.asarray(state).tolist() if np.ndim(state) else [float(state)] * n_members


@dataclass(frozen=True)
class _Watched:
    """A dense layer, the activation behind it, and the block by which members may pass it."""

    dense: Dense | SharedDense
    activate: Activate | None
    block: Skippable | None


def _length(W: FloatArray) -> FloatArray:
    """Euclidean length of all elements, one number per member."""
    return np.asarray(np.sqrt(np.square(W).sum(axis=(-2, -1))))


def _watched(layers: Sequence[Layer]) -> Iterator[_Watched]:
    flat = list(_flat(layers))
    for i, (layer, block) in enumerate(flat):
        if isinstance(layer, Dense | SharedDense):
            following = [later for later, _ in flat[i + 1 : i + 3] if isinstance(later, Activate)]
            yield _Watched(layer, following[0] if following else None, block)


def _flat(layers: Sequence[Layer], block: Skippable | None = None) -> Iterator[tuple[Layer, Skippable | None]]:
    """Layers one by one, each with the block by which it may be passed."""
    for layer in layers:
        if isinstance(layer, Skippable):
            yield from _flat(layer.layers, layer)
        elif isinstance(layer, Block):
            yield from _flat(layer.layers, block)
        else:
            yield (layer.layer if isinstance(layer, PerShared) else layer), block


def _units(watched: _Watched) -> tuple[FloatArray, FloatArray]:
    """Shares of dead and of saturated units; 0 where there is no activation, or no member used it."""
    activate = watched.activate
    if activate is None or activate.result is None:
        return np.zeros(()), np.zeros(())
    A, mask = activate.seen()
    dead, saturated = _dead(A, mask), _saturated(A, activate.activation, mask)
    # The networks that share these weights are one network.
    return (dead.mean(), saturated.mean()) if isinstance(watched.dense, SharedDense) else (dead, saturated)


def _dead(A: FloatArray, mask: BoolArray | None) -> FloatArray:
    is_silent = (A == 0.0).all(axis=-2)
    if mask is None:
        return np.asarray(is_silent.mean(axis=-1) if A.shape[-2] >= _ENOUGH_ROWS else np.nan)
    # A unit that dropout silenced in nearly all rows is not known to be dead.
    is_known = mask.sum(axis=-2) >= _ENOUGH_ROWS
    n_known = is_known.sum(axis=-1)
    shares = (is_silent & is_known).sum(axis=-1) / np.maximum(n_known, 1)
    return np.where(2 * n_known >= A.shape[-1], shares, np.nan)


def _saturated(A: FloatArray, activation: Activation, mask: BoolArray | None) -> FloatArray:
    match activation:
        case Sigmoid():
            is_saturated = np.abs(A - 0.5) > 0.49
        case Tanh():
            is_saturated = np.abs(A) > 0.98
        case _:
            return np.zeros(())
    return np.asarray(is_saturated.mean(axis=(-2, -1), where=True if mask is None else mask))


def typical(members: Sequence[Sequence[LayerState]]) -> list[LayerState]:
    """Median over members of the last state of every layer, of which `advise` says what holds for most members.

    Members that pass a layer by do not count in it.

    Examples
    --------
    >>> members = [[LayerState(4, 1, norm, 1e-3, 0.0, 0.0)] for norm in (0.1, 0.2, 9.0)]
    >>> typical(members)[0].gradient_norm
    0.2
    """
    last = [[state for state in states if state.epoch == states[-1].epoch] for states in members if states]
    return [LayerState(0, layer, *_medians(states)) for layer, states in enumerate(zip(*last, strict=True), 1)]


def _medians(states: Sequence[LayerState]) -> Iterator[float]:
    """Medians from gradient_norm to weight_size of what is known, NaN where nothing is, of which NumPy would warn."""
    for values in zip(*[astuple(state)[2:] for state in states], strict=True):
        known = [value for value in values if not np.isnan(value)]
        yield float(np.median(known)) if known else np.nan


def advise(states: Sequence[LayerState]) -> list[str]:
    """Plain sentences about what went wrong in training and what helps; empty where all is well.

    Parameters
    ----------
    states : sequence of LayerState
        Of all epochs; the last epoch is judged.

    Examples
    --------
    >>> states = [LayerState(1, 1, 1e-9, 1e-6, 0.0, 0.0), LayerState(1, 2, 1e-2, 1e-3, 0.0, 0.0)]
    >>> advise(states)[0]
    'gradients vanish: layer 1 gets 1e-07 of the last layer\\'s; use relu, normalization="batch", residual=True or an
    initializer of larger weights, as Orthogonal(gain=4.0) for sigmoid'
    """
    last = [state for state in states if state.epoch == states[-1].epoch] if states else []
    vanished = [*_vanished_advice(last)]
    if vanished:
        # Small gradients, long steps and dead units follow from that, and have no remedy of their own.
        return [*vanished, *_clipping_advice(last)]
    return [*_gradient_advice(last), *_clipping_advice(last), *_unit_advice(last)]


def _vanished_advice(last: Sequence[LayerState]) -> Iterator[str]:
    vanished = [state for state in last if state.weight_size < _VANISHED]
    if vanished:
        least = min(vanished, key=lambda state: state.weight_size)
        yield (
            f"weights of layer {least.layer} have shrunk to {least.weight_size:.1%} of their size at the start: l1, l2"
            " or weight decay is too strong for what there is to learn; lower it"
        )


def _gradient_advice(last: Sequence[LayerState]) -> Iterator[str]:
    known = [state for state in last if not np.isnan(state.gradient_norm)]
    if not known:
        return
    largest = max(known, key=lambda state: state.gradient_norm)
    # First over last: between layers of one network the sizes of gradients can be compared, whatever the loss's unit.
    ratio = last[0].gradient_norm / last[-1].gradient_norm if last[-1].gradient_norm > 0.0 else 1.0
    if ratio < 1e-3:
        yield (
            f"gradients vanish: layer 1 gets {ratio:.0e} of the last layer's; use relu,"
            ' normalization="batch", residual=True or an initializer of larger weights, as Orthogonal(gain=4.0) for'
            " sigmoid"
        )
    if ratio > 1e3:
        yield f"gradients explode: layer 1 gets {ratio:.0e} times the last layer's; use Clipping(norm=1.0)"
    elif largest.gradient_norm > _EXPLODED:
        yield (
            f"gradients explode: those of layer {largest.layer} have a size of {largest.gradient_norm:.0e}; use"
            ' Clipping(norm=1.0), normalization="batch" or an initializer of smaller weights, and scale the inputs and'
            " the target to about unit size"
        )


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


def overfitting_advice(validation_loss: Sequence[float], *, kept_epoch: int = 0) -> Iterator[str]:
    """A sentence where validation loss was best long ago and has risen since, by much of what it had fallen.

    Losses may have any sign. The least of the last quarter is compared with the least of all, so that noise alone is
    no rise; where the weights of an earlier epoch are restored, as by early stopping, its loss is, too.

    Parameters
    ----------
    validation_loss : sequence of float
        One per epoch, or empty.
    kept_epoch : int
        Counted from 1: the epoch whose weights are the final ones; 0 is the last.
    """
    n_epochs = len(validation_loss)
    if n_epochs < 10:
        return
    best = int(np.argmin(validation_loss))
    final = validation_loss[kept_epoch - 1]
    least, late = validation_loss[best], min(final, *validation_loss[-(n_epochs // 4) :])
    fall, rise = validation_loss[0] - least, late - least
    if best < n_epochs / 2 and rise > _RISE * fall and rise > _NOTICEABLE * abs(least):
        yield (
            f"the network overfits: validation loss was best in epoch {best + 1} and has risen from {least:.3g} to"
            f" {validation_loss[-1]:.3g} since; use early_stopping, dropout, l1 or l2"
        )
